"""Pictures in a PDF whose data ends too early: viewers leave the rest empty in silence."""

import zlib
from typing import Any

from pikepdf import Array, Name, Stream

_END_OF_JPEG, _TAIL = b"\xff\xd9", 4_096
_COMPONENTS = {"/DeviceGray": 1, "/CalGray": 1, "/DeviceRGB": 3, "/CalRGB": 3, "/Lab": 3}
_COMPONENTS |= {"/DeviceCMYK": 4, "/Indexed": 1, "/Separation": 1, "/G": 1, "/RGB": 3}
_MOST = 256 << 20


def is_cut(picture: Stream) -> bool:
    """Return whether the data of a picture ends before the picture does.

    Of codings that are not looked into it is not said.
    """
    filters = picture.get("/Filter")
    names = [str(name) for name in filters] if isinstance(filters, Array) else [str(filters)]
    if names == ["/DCTDecode"]:
        return _END_OF_JPEG not in picture.read_raw_bytes()[-_TAIL:]
    if names not in (["None"], ["/FlateDecode"]):
        return False
    raw = picture.read_raw_bytes()
    if names == ["None"]:
        return len(raw) < _bytes_of(picture)
    inflate = zlib.decompressobj()
    try:
        rows = inflate.decompress(raw, _MOST)
    except zlib.error:
        return True
    return len(rows) < min(_MOST, _bytes_of(picture))


def _bytes_of(picture: Stream) -> int:
    """Return how long the rows of a picture are at least; 0 where that is not known."""
    try:
        width, height = int(picture.Width), int(picture.Height)
        if picture.get("/ImageMask", False):
            return (width + 7) // 8 * height
        bits = int(picture.get("/BitsPerComponent", 8))
        return (width * _components(picture.get("/ColorSpace")) * bits + 7) // 8 * height
    except (AttributeError, TypeError, ValueError):
        return 0


def _components(space: Any) -> int:  # noqa: ANN401 - pikepdf's types are partial
    if isinstance(space, Name):
        return _COMPONENTS.get(str(space), 0)
    if not isinstance(space, Array) or not len(space):
        return 0
    kind = str(space[0])
    if kind == "/DeviceN":
        return len(space[1])
    if kind == "/ICCBased":
        return int(space[1].get("/N", 0))
    return _COMPONENTS.get(kind, 0)
