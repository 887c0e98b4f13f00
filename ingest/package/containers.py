"""Listing of the files of a bag, folder or zip; nothing is unpacked.

No name, size or link in a bag is trusted.
"""

import os
import re
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from archive.reference.findings import Finding, finding
from ingest.package.payload import PayloadFile

MAX_MEMBERS, MAX_BYTES, MAX_RATIO, MAX_NAME, MAX_DEPTH = 5_000, 1 << 30, 200, 255, 20
# Below it no ratio is checked: an empty page compresses a thousandfold, and only what would fill a
# disk is a bomb.
_RATIO_FROM = 16 << 20
_DIRECTORY = MAX_MEMBERS * 1024
_END, _END64, _LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_END_BYTES, _END64_BYTES, _LOCATOR_BYTES = 22, 56, 20


class BadBagError(Exception):
    """A bag that may not be read any further; carries its finding."""

    def __init__(self, code: str, why: str) -> None:
        """Create the finding; `why` is our own wording and repeats nothing of the bag."""
        super().__init__(code)
        self.finding: Finding = finding(code, "bag", why=why)


def folder_files(root: Path) -> dict[str, PayloadFile]:
    """Return the files of a folder by their path in it.

    Raises BadBagError for links, special files and names that lead out of the folder.
    """
    files: dict[str, PayloadFile] = {}
    total = 0
    for entry in _entries(root, 0):
        if entry.is_symlink():
            raise BadBagError("BAG_UNSAFE", "含有符号链接")
        if not entry.is_file(follow_symlinks=False):
            raise BadBagError("BAG_UNSAFE", "含有特殊文件")
        size = entry.stat(follow_symlinks=False).st_size
        total += size
        _within(len(files) + 1, total)
        name = safe_name(Path(entry.path).relative_to(root).as_posix())
        files[name] = PayloadFile(root, name, size)
    return _distinct(files)


def _entries(folder: Path, depth: int) -> Iterator[os.DirEntry[str]]:
    if depth > MAX_DEPTH:
        raise BadBagError("BAG_UNSAFE", "文件夹嵌套过深")
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            _within(number, 0)
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(Path(entry.path), depth + 1)
            else:
                yield entry


def zip_files(path: Path) -> dict[str, PayloadFile]:
    """Return the members of a zip by their path in the bag.

    The bag may or may not have a folder of its own in the zip. Raises BadBagError.
    """
    with path.open("rb") as source:
        if _directory_size(source) > _DIRECTORY:
            raise BadBagError("BAG_UNSAFE", "文件过多或过大")
    files: dict[str, PayloadFile] = {}
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _within(len(members), sum(member.file_size for member in members))
        _no_overlap(members)
        for member in members:
            name = safe_name(_decoded(member).removesuffix("/"))
            _plain_member(member)
            if member.is_dir():
                continue
            if name in files:
                raise BadBagError("BAG_UNSAFE", "成员重名")
            files[name] = PayloadFile(path, name, member.file_size, member.filename)
    if "bagit.txt" not in files:
        tops = {name.split("/", 1)[0] for name in files}
        if len(tops) == 1:
            top = f"{tops.pop()}/"
            files = {name.removeprefix(top): file for name, file in files.items()}
    return _distinct(files)


def _plain_member(member: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise BadBagError("BAG_UNSAFE", "含有符号链接")
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise BadBagError("BAG_UNSAFE", "含有特殊文件")
    if member.flag_bits & 1:
        raise BadBagError("BAG_UNSAFE", "压缩包已加密")
    if member.file_size > max(_RATIO_FROM, MAX_RATIO * member.compress_size):
        raise BadBagError("BAG_UNSAFE", "压缩比异常")


def _directory_size(source: BinaryIO) -> int:
    """Return the largest size in bytes that a zip states for its central directory.

    It is checked first because reading the directory costs memory before any member is seen.
    """
    size = source.seek(0, os.SEEK_END)
    source.seek(max(0, size - 65_600))
    tail = source.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + _END_BYTES:
        raise zipfile.BadZipFile
    stated = [int(struct.unpack_from("<I", tail, at + 12)[0])]
    if tail[max(0, at - _LOCATOR_BYTES) : at].startswith(_LOCATOR):
        source.seek(min(int(struct.unpack_from("<Q", tail, at - 12)[0]), size))
        # A reader may trust the offset in the locator or the record just before the locator.
        records = (
            source.read(_END64_BYTES),
            tail[max(0, at - _LOCATOR_BYTES - _END64_BYTES) : at - _LOCATOR_BYTES],
        )
        whole = [
            record
            for record in records
            if record.startswith(_END64) and len(record) == _END64_BYTES
        ]
        stated += [int(struct.unpack_from("<Q", record, 40)[0]) for record in whole]
    return max(stated)


def _no_overlap(members: Iterable[zipfile.ZipInfo]) -> None:
    # Members that share their compressed bytes make a bomb whose every ratio looks harmless.
    spans = sorted(
        (member.header_offset, member.header_offset + member.compress_size) for member in members
    )
    if any(end > start for (_, end), (start, _) in pairwise(spans)):
        raise BadBagError("BAG_UNSAFE", "成员相互重叠")


def _decoded(member: zipfile.ZipInfo) -> str:
    """Return the name of a member as UTF-8.

    Without the UTF-8 flag zipfile decodes CP437, which garbles the names that other tools wrote.
    """
    # `filename` ends at the first NUL, which would disguise `a.exe\0.jpg`.
    name = member.orig_filename
    if member.flag_bits & 0x800 or name.isascii():
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        raise BadBagError("BAG_INVALID", "文件名编码不是 UTF-8") from None


def _within(members: int, total: int) -> None:
    if members > MAX_MEMBERS or total > MAX_BYTES:
        raise BadBagError("BAG_UNSAFE", "文件过多或过大")


def safe_name(name: str) -> str:
    """Return the name of a member unchanged when every system takes it as it is.

    Raises BadBagError for a name that leads out of the bag, hides characters or deceives.
    """
    parts = name.split("/")
    bad = (
        "\x00" in name
        or "\\" in name
        or not name
        or name.startswith("/")
        or re.match(r"^[A-Za-z]:", name)
    )
    wide = re.split(r"[/\\]", unicodedata.normalize("NFKC", name))
    if bad or any(part in {"", ".", ".."} for part in parts) or ".." in wide or "‥" in name:
        raise BadBagError("BAG_UNSAFE", "含有越界的文件名")
    if (
        any(len(part.encode("utf-8", "surrogateescape")) > MAX_NAME for part in parts)
        or len(parts) > MAX_DEPTH
    ):
        raise BadBagError("BAG_UNSAFE", "文件名过长")
    kinds = {unicodedata.category(char) for char in name}
    if "Cs" in kinds:
        raise BadBagError("BAG_INVALID", "文件名编码不是 UTF-8")
    if kinds & {"Cc", "Cf", "Zl", "Zp"}:
        raise BadBagError("BAG_UNSAFE", "文件名含有控制字符")
    if any(part != part.rstrip(". ") for part in parts):
        raise BadBagError("BAG_UNSAFE", "文件名以点或空格结尾")
    return name


def _distinct(files: dict[str, PayloadFile]) -> dict[str, PayloadFile]:
    """Return the files sorted by name.

    Raises BadBagError for names that some system takes for the same, and for a file that is
    also a folder.
    """
    folded = {collision_key(name) for name in files}
    folders = {
        key.rsplit("/", depth)[0] for key in folded for depth in range(1, key.count("/") + 1)
    }
    if len(folded) != len(files) or folded & folders:
        raise BadBagError("BAG_UNSAFE", "含有无法区分的文件名")
    return dict(sorted(files.items()))


def collision_key(name: str) -> str:
    """Return a key that is the same for names which some file system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def private_names(files: Mapping[str, object]) -> bool:
    """Return whether a name uses private-use characters.

    They mean something only on the machine that wrote them.
    """
    return any(unicodedata.category(char) == "Co" for name in files for char in name)
