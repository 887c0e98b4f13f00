"""Copying of TIFF pages into a TIFF of their own.

Strips are copied without decoding, so that nothing is lost.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_OFFSETS = {273: 279, 324: 325}  # strips and tiles: tag of their offsets to tag of their lengths
# Tags that point to further directories, which are no pages.
_OMITTED = {330, 34665, 34853, 40965, 513, 514}
_COMPRESSION, _OLD_JPEG = 259, 6
_SHORT, _LONG, _MOST_PAGES, _MOST_STRIPS = 3, 4, 5_000, 1_000_000


@dataclass(frozen=True, slots=True)
class _Entry:
    tag: int
    kind: int
    count: int
    value: bytes


def pages_of(data: bytes, pages: Sequence[int]) -> bytes:
    """Return a TIFF of the pages with these indexes (from 0), in this order.

    Raises ValueError for what is no classic TIFF.
    """
    try:
        return _pages(data, pages)
    except (struct.error, IndexError, KeyError) as error:
        raise ValueError("not a TIFF that can be split") from error


def _pages(data: bytes, pages: Sequence[int]) -> bytes:
    order = {b"II*\x00": "<", b"MM\x00*": ">"}[data[:4]]
    directories = _directories(data, order)
    out = bytearray(data[:4] + b"\0\0\0\0")
    link = 4
    for page in pages:
        entries = [
            _entry(data, order, directories[page] + 2 + 12 * at)
            for at in range(_number(data, order, "H", directories[page]))
        ]
        kept = [entry for entry in entries if entry.tag not in _OMITTED]
        moved = _moved(data, order, kept, out)
        link = _append(out, order, moved, link)
    return bytes(out)


def _number(data: bytes, order: str, form: str, at: int) -> int:
    return int(struct.unpack_from(order + form, data, at)[0])


def _directories(data: bytes, order: str) -> list[int]:
    offsets: list[int] = []
    at = _number(data, order, "I", 4)
    while at:
        if at in offsets or len(offsets) >= _MOST_PAGES:
            raise ValueError("a TIFF whose pages go in a circle")
        offsets.append(at)
        at = _number(data, order, "I", at + 2 + 12 * _number(data, order, "H", at))
    return offsets


def _entry(data: bytes, order: str, at: int) -> _Entry:
    tag, kind, count = struct.unpack_from(order + "HHI", data, at)
    size = _SIZES[kind] * count
    start = at + 8 if size <= 4 else _number(data, order, "I", at + 8)  # noqa: PLR2004
    value = data[start : start + size]
    if len(value) != size:
        raise ValueError("a TIFF that is cut off")
    return _Entry(tag, kind, count, value)


def _moved(data: bytes, order: str, entries: Sequence[_Entry], out: bytearray) -> list[_Entry]:
    """Copy the strips to the end of `out`, and return the entries with their new offsets."""
    by_tag = {entry.tag: entry for entry in entries}
    moved = []
    if _COMPRESSION in by_tag and _numbers(by_tag[_COMPRESSION], order) == (_OLD_JPEG,):
        raise ValueError("a TIFF whose JPEG lies beside its strips")
    for entry in entries:
        if entry.tag not in _OFFSETS:
            moved.append(entry)
            continue
        places, lengths = _numbers(entry, order), _numbers(by_tag[_OFFSETS[entry.tag]], order)
        if len(places) != len(lengths) or len(places) > _MOST_STRIPS:
            raise ValueError("a TIFF whose strips disagree")
        copied = []
        for place, length in zip(places, lengths, strict=True):
            if not length:
                raise ValueError("a TIFF that does not state the length of a strip")
            strip = data[place : place + length]
            if len(strip) != length:
                raise ValueError("a TIFF that is cut off")
            out += b"\0" * (len(out) % 2)
            copied.append(len(out))
            out += strip
        moved.append(
            _Entry(entry.tag, _LONG, len(copied), struct.pack(f"{order}{len(copied)}I", *copied))
        )
    return moved


def _numbers(entry: _Entry, order: str) -> tuple[int, ...]:
    return struct.unpack(f"{order}{entry.count}{'H' if entry.kind == _SHORT else 'I'}", entry.value)


def _append(out: bytearray, order: str, entries: Sequence[_Entry], link: int) -> int:
    """Write one directory and link the one before to it; returns the offset of its own link."""
    placed = []
    for entry in entries:
        value = entry.value.ljust(4, b"\0")
        if len(value) > 4:  # noqa: PLR2004 - as above
            out += b"\0" * (len(out) % 2)
            value = struct.pack(order + "I", len(out))
            out += entry.value
        placed.append(struct.pack(order + "HHI", entry.tag, entry.kind, entry.count) + value)
    out += b"\0" * (len(out) % 2)
    struct.pack_into(order + "I", out, link, len(out))
    out += struct.pack(order + "H", len(placed)) + b"".join(placed)
    out += b"\0\0\0\0"
    return len(out) - 4
