"""List what a bag holds, folder or zip, without trusting a name, a size or a link in it; nothing is unpacked."""

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
_RATIO_FROM = (
    16 << 20
)  # an empty page compresses a thousandfold; only what would fill a disk is a bomb
_DIRECTORY = MAX_MEMBERS * 1024
_END, _END64, _LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_END_BYTES, _END64_BYTES, _LOCATOR_BYTES = 22, 56, 20


class BadBagError(Exception):
    """A bag that may not be opened any further; carries its finding."""

    def __init__(self, code: str, why: str) -> None:
        """Make the finding; `why` is our own word and repeats nothing of the bag."""
        super().__init__(code)
        self.found: Finding = finding(code, "bag", why=why)


def walked(root: Path) -> dict[str, PayloadFile]:
    """The files of a folder by their path in it; raises BadBagError for links, special files and names that lead out."""
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
    with os.scandir(folder) as found:
        for number, entry in enumerate(found):
            _within(number, 0)
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(Path(entry.path), depth + 1)
            else:
                yield entry


def zipped(path: Path) -> dict[str, PayloadFile]:
    """The members of a zip by their path in the bag, whether or not the bag has a folder of its own in the zip; raises BadBagError."""
    with path.open("rb") as source:
        if _directory_size(source) > _DIRECTORY:
            raise BadBagError("BAG_UNSAFE", "文件过多或过大")
    files: dict[str, PayloadFile] = {}
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _within(len(members), sum(one.file_size for one in members))
        _no_overlap(members)
        for one in members:
            name = safe_name(_decoded(one).removesuffix("/"))
            _plain_member(one)
            if one.is_dir():
                continue
            if name in files:
                raise BadBagError("BAG_UNSAFE", "成员重名")
            files[name] = PayloadFile(path, name, one.file_size, one.filename)
    if "bagit.txt" not in files:
        tops = {name.split("/", 1)[0] for name in files}
        if len(tops) == 1:
            top = f"{tops.pop()}/"
            files = {name.removeprefix(top): one for name, one in files.items()}
    return _distinct(files)


def _plain_member(one: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(one.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise BadBagError("BAG_UNSAFE", "含有符号链接")
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise BadBagError("BAG_UNSAFE", "含有特殊文件")
    if one.flag_bits & 1:
        raise BadBagError("BAG_UNSAFE", "压缩包已加密")
    if one.file_size > max(_RATIO_FROM, MAX_RATIO * one.compress_size):
        raise BadBagError("BAG_UNSAFE", "压缩比异常")


def _directory_size(source: BinaryIO) -> int:
    """How long the central directory says it is: reading it costs memory before any member can be looked at."""
    size = source.seek(0, os.SEEK_END)
    source.seek(max(0, size - 65_600))
    tail = source.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + _END_BYTES:
        raise zipfile.BadZipFile
    stated = [int(struct.unpack_from("<I", tail, at + 12)[0])]
    if tail[max(0, at - _LOCATOR_BYTES) : at].startswith(_LOCATOR):
        source.seek(min(int(struct.unpack_from("<Q", tail, at - 12)[0]), size))
        # A reader may trust the place that the locator names or the one just before it.
        records = (
            source.read(_END64_BYTES),
            tail[max(0, at - _LOCATOR_BYTES - _END64_BYTES) : at - _LOCATOR_BYTES],
        )
        whole = [one for one in records if one.startswith(_END64) and len(one) == _END64_BYTES]
        stated += [int(struct.unpack_from("<Q", one, 40)[0]) for one in whole]
    return max(stated)


def _no_overlap(members: Iterable[zipfile.ZipInfo]) -> None:
    # Members that share their compressed bytes make a bomb whose every ratio looks harmless.
    spans = sorted((one.header_offset, one.header_offset + one.compress_size) for one in members)
    if any(end > start for (_, end), (start, _) in pairwise(spans)):
        raise BadBagError("BAG_UNSAFE", "成员相互重叠")


def _decoded(one: zipfile.ZipInfo) -> str:
    """The name as UTF-8: without the flag zipfile reads CP437, which garbles the names that other tools wrote."""
    # `filename` ends at the first NUL, so that `a.exe\0.jpg` would pass for what it is not.
    name = one.orig_filename
    if one.flag_bits & 0x800 or name.isascii():
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        raise BadBagError("BAG_INVALID", "文件名编码不是 UTF-8") from None


def _within(members: int, total: int) -> None:
    if members > MAX_MEMBERS or total > MAX_BYTES:
        raise BadBagError("BAG_UNSAFE", "文件过多或过大")


def safe_name(name: str) -> str:
    """A member's name, given back when it is one on every system; raises BadBagError for one that leads out, hides or deceives."""
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
    """Refuse names that some system takes for one, and a file that is also a folder."""
    folded = {twin_key(name) for name in files}
    folders = {
        key.rsplit("/", depth)[0] for key in folded for depth in range(1, key.count("/") + 1)
    }
    if len(folded) != len(files) or folded & folders:
        raise BadBagError("BAG_UNSAFE", "含有无法区分的文件名")
    return dict(sorted(files.items()))


def twin_key(name: str) -> str:
    """What two names share that some file system holds for the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def private_names(files: Mapping[str, object]) -> bool:
    """Whether a name uses characters that mean something on the machine only that made them."""
    return any(unicodedata.category(char) == "Co" for name in files for char in name)
