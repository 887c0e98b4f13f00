"""Read a BagIt bag (RFC 8493), folder or zip, without trusting a name, a size or a link in it."""

import hashlib
import lzma
import os
import re
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from archive.findings import Finding, finding

MAX_MEMBERS, MAX_BYTES, MAX_RATIO, MAX_NAME = 5_000, 1 << 30, 200, 255
_LINE = re.compile(r"^([0-9a-fA-F]{64})[ \t]+\*?(\S.*)$")


@dataclass(frozen=True, slots=True)
class Bag:
    """A bag as read: payload by path below `data/`, a digest of its content that is the same for folder and zip, and what was found."""

    name: str
    payload: dict[str, bytes]
    content_digest: str
    findings: tuple[Finding, ...]


class _BadBagError(Exception):
    def __init__(self, code: str, why: str) -> None:
        self.found = finding(code, "bag", why=why)


def read_bag(path: Path) -> Bag:
    """Read and check a bag. Never raises for what is in it: everything wrong is a finding, and the payload is empty when it may not be trusted."""
    try:
        files = _unzipped(path) if path.is_file() else _walked(path)
        findings = tuple(_checked(files))
    except _BadBagError as error:
        return Bag(path.name, {}, _raw_digest(path), (error.found,))
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, NotImplementedError, ValueError):
        return Bag(path.name, {}, _raw_digest(path), (finding("BAG_INVALID", "bag", why="无法读取"),))
    payload = {name.removeprefix("data/"): data for name, data in files.items() if name.startswith("data/")}
    return Bag(path.name, payload, _digest(payload), findings)


def _digest(payload: dict[str, bytes]) -> str:
    lines = sorted(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in payload.items())
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _raw_digest(path: Path) -> str:
    """Tell two unreadable deliveries apart: by their bytes when they are files, else by name."""
    try:
        data = path.read_bytes() if path.is_file() else os.fsencode(path.name)
    except OSError:
        data = os.fsencode(path.name)
    return hashlib.sha256(data).hexdigest()


def _walked(root: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total = 0
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            raise _BadBagError("BAG_UNSAFE", "含有符号链接")
        if path.is_dir():
            continue
        if not path.is_file():
            raise _BadBagError("BAG_UNSAFE", "含有特殊文件")
        total += path.stat().st_size
        _within(len(files) + 1, total)
        files[_safe(path.relative_to(root).as_posix())] = path.read_bytes()
    return _no_twins(files)


def _unzipped(path: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _within(len(members), sum(one.file_size for one in members))
        for one in members:
            name = _safe(one.filename.rstrip("/"))
            if (one.external_attr >> 16) & 0o170000 == 0o120000:  # noqa: PLR2004 - S_IFLNK
                raise _BadBagError("BAG_UNSAFE", "含有符号链接")
            if one.is_dir():
                continue
            if one.flag_bits & 1:
                raise _BadBagError("BAG_UNSAFE", "压缩包已加密")
            if one.file_size > MAX_RATIO * max(one.compress_size, 1024) or name in files:
                raise _BadBagError("BAG_UNSAFE", "压缩比异常或成员重名")
            with archive.open(one) as source:
                data = source.read(one.file_size + 1)
            if len(data) != one.file_size:
                raise _BadBagError("BAG_UNSAFE", "成员大小与目录不符")
            files[name] = data
    if "bagit.txt" not in files:
        tops = {name.split("/", 1)[0] for name in files}
        if len(tops) == 1:
            top = f"{tops.pop()}/"
            files = {name.removeprefix(top): data for name, data in files.items()}
    return _no_twins(files)


def _within(members: int, total: int) -> None:
    if members > MAX_MEMBERS or total > MAX_BYTES:
        raise _BadBagError("BAG_UNSAFE", "文件过多或过大")


def _safe(name: str) -> str:
    parts = name.split("/")
    bad = "\x00" in name or "\\" in name or not name or name.startswith("/") or re.match(r"^[A-Za-z]:", name)
    wide = unicodedata.normalize("NFKC", name).split("/")
    if bad or any(part in {"", ".", ".."} for part in parts) or ".." in wide:
        raise _BadBagError("BAG_UNSAFE", "含有越界的文件名")
    if any(len(part.encode("utf-8", "surrogateescape")) > MAX_NAME for part in parts):
        raise _BadBagError("BAG_UNSAFE", "文件名过长")
    if any(unicodedata.category(char) in {"Cc", "Cf"} for char in name):
        raise _BadBagError("BAG_UNSAFE", "文件名含有控制字符")
    return name


def _no_twins(files: dict[str, bytes]) -> dict[str, bytes]:
    if len({unicodedata.normalize("NFC", name).casefold() for name in files}) != len(files):
        raise _BadBagError("BAG_UNSAFE", "含有无法区分的文件名")
    return files


def _checked(files: dict[str, bytes]) -> list[Finding]:
    if "fetch.txt" in files:
        raise _BadBagError("BAG_UNSAFE", "含有 fetch.txt")
    declaration = files.get("bagit.txt", b"").decode("utf-8", "replace")
    if not re.search(r"^BagIt-Version:\s*(1\.0|0\.97)\s*$", declaration, re.MULTILINE):
        raise _BadBagError("BAG_INVALID", "缺少 bagit.txt 或版本不符")
    if "manifest-sha256.txt" not in files:
        raise _BadBagError("BAG_INVALID", "缺少 manifest-sha256.txt")
    manifest = _manifest(files["manifest-sha256.txt"])
    payload = {name for name in files if name.startswith("data/")}
    found = []
    if payload - manifest.keys():
        found.append(finding("BAG_INVALID", "manifest-sha256.txt", why="有文件未列入清单"))
    if manifest.keys() - payload:
        found.append(finding("BAG_INVALID", "manifest-sha256.txt", why="清单所列的文件缺失"))
    listed = manifest | (_manifest(files["tagmanifest-sha256.txt"]) if "tagmanifest-sha256.txt" in files else {})
    found += [
        finding("GD-1-14", "manifest-sha256.txt")
        for name, digest in sorted(listed.items())
        if name in files and hashlib.sha256(files[name]).hexdigest() != digest.lower()
    ]
    oxum = re.search(r"^Payload-Oxum:\s*(\d+)\.(\d+)\s*$", files.get("bag-info.txt", b"").decode("utf-8", "replace"), re.MULTILINE)
    if oxum and (int(oxum[1]), int(oxum[2])) != (sum(len(files[name]) for name in payload), len(payload)):
        found.append(finding("BAG_INVALID", "bag-info.txt", why="Payload-Oxum 与实际不符"))
    return found


def _manifest(text: bytes) -> dict[str, str]:
    lines = [line for line in text.decode("utf-8", "replace").splitlines() if line.strip()]
    matches = [_LINE.match(line) for line in lines]
    if not all(matches):
        raise _BadBagError("BAG_INVALID", "清单格式有误")
    return {match[2].replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%"): match[1] for match in matches if match}
