"""Reading of BagIt bags (RFC 8493), as folder or zip.

A bag is read into its payload and the findings on its manifests.
"""

import hashlib
import lzma
import os
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archive.reference.findings import Finding, finding
from archive.reference.machine_faults import is_of_machine
from ingest.errors import PackageChangedError
from ingest.package.containers import (
    BadBagError,
    folder_files,
    left_by_a_system,
    private_names,
    zip_files,
)
from ingest.package.payload import PayloadFile
from ingest.package.tag_files import (
    Declaration,
    Manifest,
    declared,
    manifest_kind,
    payload_oxums,
    read_manifest,
    tag_text,
)

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

    `payload` is keyed by path below `data/`, composed (NFC). `content_digest` is a digest of the
    content that is the same for folder and zip.
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
    files = {unicodedata.normalize("NFC", name): file for name, file in files.items()}
    if "fetch.txt" in files:
        raise BadBagError("BAG_UNSAFE", "含有 fetch.txt")
    declaration = declared(files)
    manifests, findings = _manifests(files, declaration)
    methods = {manifest.method for manifest in manifests}
    names = {name for manifest in manifests for name in manifest.lines}
    left = {name for name in files if left_by_a_system(name)}
    # What a system left after the bag was made is no part of it; what the bag lists is checked.
    files = {name: file for name, file in files.items() if name not in left - names}
    digests = {name: _digests(file, methods) for name, file in files.items()}
    files = {name: replace(file, sha256=digests[name]["sha256"]) for name, file in files.items()}
    findings += [row for entry in manifests for row in _listed(entry, digests, declaration)]
    findings += _tags(manifests, files)
    findings += _oxum(files, declaration)
    if left:
        findings.append(finding("BAG_SYSTEM_FILES", "bag", count=len(left)))
    if private_names(files):
        findings.append(finding("NAME_PRIVATE", "data"))
    return {name: file for name, file in files.items() if name not in left}, findings


def _manifests(
    files: Mapping[str, PayloadFile], declaration: Declaration
) -> tuple[list[Manifest], list[Finding]]:
    """Return the manifests in order of name, and notes on those whose method is not known.

    Raises BadBagError when there is none of sha256.
    """
    kinds = {name: kind for name in sorted(files) if (kind := manifest_kind(name))}
    if ("sha256", False) not in kinds.values():
        raise BadBagError("BAG_INVALID", "缺少 manifest-sha256.txt")
    manifests = [
        read_manifest(name, tag_text(files[name], declaration.encoding), files)
        for name, (method, _) in kinds.items()
        if method
    ]
    unknown = [name for name, (method, _) in kinds.items() if not method]
    return manifests, [finding("BAG_DIGEST_UNKNOWN", "bag") for _ in unknown[:1]]


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
    manifest: Manifest, digests: Mapping[str, Mapping[str, str]], declaration: Declaration
) -> Iterator[Finding]:
    """Yield the findings of comparing a manifest with the files of the bag (RFC 8493 §3).

    Every payload file must stand in every payload manifest, every listed file must exist, and
    every digest must be right. Before BagIt 1.0 a file stood in one of several manifests, which
    must be ours.
    """
    lines, of_tags = manifest.lines, manifest.of_tags
    payload = {name for name in digests if name.startswith("data/")} if not of_tags else set()
    if payload - lines.keys() and not (declaration.early and manifest.method != "sha256"):
        yield finding("BAG_INVALID", manifest.name, why="有文件未列入清单")
    if lines.keys() - digests.keys() or any(name.startswith("data/") is of_tags for name in lines):
        yield finding("BAG_INVALID", manifest.name, why="清单所列的文件缺失")
    for name, digest in sorted(lines.items()):
        if name in digests and digests[name][manifest.method] != digest:
            yield finding("GD-1-14", manifest.name)


def _tags(manifests: Iterable[Manifest], files: Mapping[str, PayloadFile]) -> Iterator[Finding]:
    """Yield a finding when a tag file stands in no tag manifest.

    RFC 8493 makes the tag manifest optional, so its lack refuses nothing; but then nothing
    proves that the manifest itself is as it was sent.
    """
    tags = {
        name
        for name in files
        if not name.startswith("data/") and (manifest_kind(name) or ("", False))[1] is False
    }
    proven: set[str] = set().union(*(entry.lines for entry in manifests if entry.of_tags))
    if tags - proven:
        yield finding("BAG_UNPROVEN", "tagmanifest-sha256.txt")


def _oxum(files: Mapping[str, PayloadFile], declaration: Declaration) -> Iterator[Finding]:
    payload = [file.size for name, file in files.items() if name.startswith("data/")]
    info = files.get("bag-info.txt")
    for line in payload_oxums(tag_text(info, declaration.encoding)) if info else []:
        stated = re.fullmatch(r"([0-9]{1,15})\.([0-9]{1,9})", line)
        if not stated or (int(stated[1]), int(stated[2])) != (sum(payload), len(payload)):
            yield finding("BAG_INVALID", "bag-info.txt", why="Payload-Oxum 与实际不符")
