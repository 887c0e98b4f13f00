"""Reading of BagIt bags (RFC 8493), as folder or zip.

A bag is read into its payload and the findings on its manifests.
"""

import hashlib
import lzma
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archive.reference.findings import Finding, finding
from archive.reference.machine_faults import is_of_machine
from ingest.errors import PackageChangedError
from ingest.package.containers import BadBagError, folder_files, private_names, zip_files
from ingest.package.payload import PayloadFile

_LINE = re.compile(r"^([0-9a-fA-F]+)[ \t]+\*?(\S.*)$")
_MANIFEST = re.compile(r"^(tag)?manifest-(md5|sha1|sha256|sha512)\.txt$")
_MAX_TAG_BYTES = 8 << 20
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    PackageChangedError,
)


@dataclass(frozen=True, slots=True)
class Bag:
    """A bag as read.

    `payload` is keyed by path below `data/`. `content_digest` is a digest of the content that is
    the same for folder and zip.
    """

    name: str
    payload: Mapping[str, PayloadFile]
    content_digest: str
    findings: tuple[Finding, ...]


def read_bag(path: Path) -> Bag:
    """Return the bag at `path`, read and checked.

    Never raises for the content of the bag: every fault is a finding, and the payload is empty
    when it may not be trusted. Raises OSError when the machine can't read (a full disk, too many
    open files): that is no fault of the bag.
    """
    try:
        files = zip_files(path) if path.is_file() else folder_files(path)
        files, findings = _checked(files)
    except BadBagError as error:
        return Bag(path.name, {}, _raw_digest(path), (error.finding,))
    except _UNREADABLE as error:
        if isinstance(error, OSError) and is_of_machine(error):
            raise
        return Bag(
            path.name, {}, _raw_digest(path), (finding("BAG_INVALID", "bag", why="无法读取"),)
        )
    payload = {
        name.removeprefix("data/"): file for name, file in files.items() if name.startswith("data/")
    }
    return Bag(path.name, payload, _digest(payload), tuple(findings))


def _digest(payload: Mapping[str, PayloadFile]) -> str:
    lines = sorted(f"{file.sha256}  {name}\n" for name, file in payload.items())
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _raw_digest(path: Path) -> str:
    """Return a digest that tells unreadable deliveries apart.

    It is that of the bytes for a file, else that of the name.
    """
    try:
        if path.is_file():
            with path.open("rb") as source:
                return hashlib.file_digest(source, "sha256").hexdigest()
    except OSError:
        pass
    return hashlib.sha256(os.fsencode(path.name)).hexdigest()


def _checked(files: dict[str, PayloadFile]) -> tuple[dict[str, PayloadFile], list[Finding]]:
    if "fetch.txt" in files:
        raise BadBagError("BAG_UNSAFE", "含有 fetch.txt")
    _declaration(files)
    if "manifest-sha256.txt" not in files:
        raise BadBagError("BAG_INVALID", "缺少 manifest-sha256.txt")
    manifests = {
        name: _manifest(_text(file), name) for name, file in files.items() if _MANIFEST.match(name)
    }
    methods = {name.split("-")[1].removesuffix(".txt") for name in manifests} | {"sha256"}
    digests = {name: _digests(file, methods) for name, file in files.items()}
    files = {name: replace(file, sha256=digests[name]["sha256"]) for name, file in files.items()}
    findings = [
        row for name in sorted(manifests) for row in _listed(name, manifests[name], digests)
    ]
    findings += _tags(manifests, files)
    findings += _oxum(files)
    if private_names(files):
        findings.append(finding("NAME_PRIVATE", "data"))
    return files, findings


def _declaration(files: Mapping[str, PayloadFile]) -> None:
    text = _text(files["bagit.txt"]) if "bagit.txt" in files else ""
    if not re.search(r"^BagIt-Version:\s*(1\.0|0\.97)\s*$", text, re.MULTILINE):
        raise BadBagError("BAG_INVALID", "缺少 bagit.txt 或版本不符")
    encoding = re.search(r"^Tag-File-Character-Encoding:\s*(\S+)\s*$", text, re.MULTILINE)
    if encoding and encoding[1].upper() not in {"UTF-8", "UTF8", "US-ASCII"}:
        raise BadBagError("BAG_INVALID", "标签文件的编码须为 UTF-8")


def _text(file: PayloadFile) -> str:
    if file.size > _MAX_TAG_BYTES:
        raise BadBagError("BAG_UNSAFE", "标签文件过大")
    try:
        return file.read().decode("utf-8")
    except UnicodeDecodeError:
        raise BadBagError("BAG_INVALID", "标签文件不是 UTF-8 编码") from None


def _digests(file: PayloadFile, methods: set[str]) -> dict[str, str]:
    # md5 and sha1 are checked where a bag has them; we rely on sha256 alone.
    hashes: dict[str, Any] = {
        method: hashlib.new(method, usedforsecurity=False) for method in methods
    }
    for chunk in file.chunks():
        for digest in hashes.values():
            digest.update(chunk)
    return {method: digest.hexdigest() for method, digest in hashes.items()}


def _listed(
    manifest: str, lines: Mapping[str, str], digests: Mapping[str, Mapping[str, str]]
) -> Iterator[Finding]:
    """Yield the findings of comparing a manifest with the files of the bag (RFC 8493 §3).

    Every payload file must stand in every payload manifest, every listed file must exist, and
    every digest must be right.
    """
    method = manifest.split("-")[1].removesuffix(".txt")
    of_tags = manifest.startswith("tag")
    payload = {name for name in digests if name.startswith("data/")} if not of_tags else set()
    if payload - lines.keys():
        yield finding("BAG_INVALID", manifest, why="有文件未列入清单")
    if lines.keys() - digests.keys() or any(name.startswith("data/") is of_tags for name in lines):
        yield finding("BAG_INVALID", manifest, why="清单所列的文件缺失")
    for name, digest in sorted(lines.items()):
        if name in digests and digests[name][method] != digest.lower():
            yield finding("GD-1-14", manifest)


def _tags(
    manifests: Mapping[str, Mapping[str, str]], files: Mapping[str, PayloadFile]
) -> Iterator[Finding]:
    """Yield a finding when a tag file stands in no tag manifest.

    RFC 8493 makes the tag manifest optional, so its lack refuses nothing; but then nothing
    proves that the manifest itself is as it was sent.
    """
    tags = {
        name
        for name in files
        if not name.startswith("data/") and not name.startswith("tagmanifest-")
    }
    proven: set[str] = set().union(
        *(lines for name, lines in manifests.items() if name.startswith("tag"))
    )
    if tags - proven:
        yield finding("BAG_UNPROVEN", "tagmanifest-sha256.txt")


def _oxum(files: Mapping[str, PayloadFile]) -> Iterator[Finding]:
    text = _text(files["bag-info.txt"]) if "bag-info.txt" in files else ""
    payload = [file.size for name, file in files.items() if name.startswith("data/")]
    for line in re.findall(r"^Payload-Oxum:[ \t]*(.*?)[ \t]*$", text, re.MULTILINE):
        stated = re.fullmatch(r"([0-9]{1,15})\.([0-9]{1,9})", line)
        if not stated or (int(stated[1]), int(stated[2])) != (sum(payload), len(payload)):
            yield finding("BAG_INVALID", "bag-info.txt", why="Payload-Oxum 与实际不符")


def _manifest(text: str, name: str) -> dict[str, str]:
    method = name.split("-")[1].removesuffix(".txt")
    length = hashlib.new(method, usedforsecurity=False).digest_size * 2
    lines: dict[str, str] = {}
    for line in re.split(r"\r\n|\r|\n", text):
        if not line.strip():
            continue
        match = _LINE.match(line)
        if not match or len(match[1]) != length:
            raise BadBagError("BAG_INVALID", "清单格式有误")
        path = (
            match[2]
            .replace("%0A", "\n")
            .replace("%0D", "\r")
            .replace("%25", "%")
            .removeprefix("./")
        )
        if path in lines:
            raise BadBagError("BAG_INVALID", "清单重复列出同一文件")
        lines[path] = match[1]
    return lines
