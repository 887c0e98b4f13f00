"""Listing of the files of a bag, folder or zip; nothing is unpacked.

No name, size or link in a bag is trusted.
"""

import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
_METHODS = frozenset(
    {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
)
_UTF8_FLAG, _UNICODE_PATH, _UNICODE_PATH_HEAD = 0x800, 0x7075, 5
_LEFT_BY_SYSTEMS = frozenset({".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini"})


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
        for member, written in zip(members, member_names(members), strict=True):
            name = safe_name(written.removesuffix("/"))
            _plain_member(member)
            if written.endswith("/"):
                continue
            if name in files:
                raise BadBagError("BAG_UNSAFE", "成员重名")
            files[name] = PayloadFile(path, name, member.file_size, member.filename)
    return _distinct(_below_top(files))


def _below_top(files: dict[str, PayloadFile]) -> dict[str, PayloadFile]:
    """Return the files of a zip by their path below the folder that holds `bagit.txt`.

    That folder may lie in others. Raises BadBagError for two bags in one zip and for files beside
    the bag, other than those that a system leaves.
    """
    declarations = [name for name in files if name.rpartition("/")[2] == "bagit.txt"]
    tops = {name.removesuffix("bagit.txt") for name in declarations}
    tops = {top for top in tops if not any(top.startswith(f"{other}data/") for other in tops)}
    if len(tops) > 1:
        raise BadBagError("BAG_INVALID", "一个压缩包内有多个归档信息包，请分别送达")
    if not tops:
        firsts = {f"{name.split('/', 1)[0]}/" for name in files if not left_by_a_system(name)}
        tops = firsts if len(firsts) == 1 else {""}
    (top,) = tops
    outside = [name for name in files if not name.startswith(top)]
    if any(not left_by_a_system(name) for name in outside):
        raise BadBagError("BAG_INVALID", "压缩包内、归档信息包之外另有文件")
    return {name.removeprefix(top): file for name, file in files.items()}


def _plain_member(member: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise BadBagError("BAG_UNSAFE", "含有符号链接")
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise BadBagError("BAG_UNSAFE", "含有特殊文件")
    if member.flag_bits & 1:
        raise BadBagError("BAG_UNSAFE", "压缩包已加密")
    if member.compress_type not in _METHODS:
        raise BadBagError("BAG_INVALID", "压缩方法不受支持，请用 Deflate 或仅存储")
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


def member_names(members: Sequence[zipfile.ZipInfo]) -> list[str]:
    """Return the names of all members, decoded, with forward slashes.

    Names without the flag for UTF-8 are UTF-8 or GB18030, all of a zip the same: zipfile takes
    them for CP437. Where no name has a forward slash, the zip is of a system that writes
    backslashes in their place; in any other a backslash stays one. Raises BadBagError.
    """
    stated = [_unicode_path(member) for member in members]
    unknown = [
        # `filename` ends at the first NUL, which would disguise `a.exe\0.jpg`.
        member.orig_filename.encode("cp437")
        for member, name in zip(members, stated, strict=True)
        if name is None
    ]
    encoding = _encoding(unknown)
    names = [
        member.orig_filename.encode("cp437").decode(encoding) if name is None else name
        for member, name in zip(members, stated, strict=True)
    ]
    if not any("/" in name.removesuffix("/") for name in names):
        names = [name.replace("\\", "/") for name in names]
    return names


def _unicode_path(member: zipfile.ZipInfo) -> str | None:
    """Return the name of a member where the zip says that it is Unicode, else None.

    By the flag, by being ASCII, or by the extra field 0x7075 of Info-ZIP (APPNOTE 4.6.9), which
    holds only while its checksum is that of the plain name.
    """
    name = member.orig_filename
    if member.flag_bits & _UTF8_FLAG or name.isascii():
        return name
    at, extra = 0, member.extra
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        field = extra[at + 4 : at + 4 + size]
        if kind == _UNICODE_PATH and len(field) > _UNICODE_PATH_HEAD and field[0] == 1:
            (checksum,) = struct.unpack_from("<I", field, 1)
            if checksum == zlib.crc32(name.encode("cp437")):
                return field[_UNICODE_PATH_HEAD:].decode("utf-8", "replace")
        at += 4 + size
    return None


def _encoding(names: Iterable[bytes]) -> str:
    """Return the encoding that all of these names have: UTF-8, else GB18030."""
    for encoding in ("utf-8", "gb18030"):
        try:
            for name in names:
                name.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    raise BadBagError("BAG_INVALID", "压缩包内的文件名既不是 UTF-8 也不是 GB18030 编码")


def left_by_a_system(name: str) -> bool:
    """Return whether a file is one that macOS or Windows leaves in folders and zips."""
    *folders, base = name.split("/")
    return "__MACOSX" in folders or base.startswith("._") or base.lower() in _LEFT_BY_SYSTEMS


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
