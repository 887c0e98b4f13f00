"""The characters that a font can show."""

import struct
from functools import cache
from pathlib import Path


@cache
def code_points(path: Path) -> frozenset[int]:
    """Return the code points of a font by its format 12 cmap.

    See OpenType 1.9, cmap, 'Segmented coverage'.
    """
    font = path.read_bytes()
    (tables,) = struct.unpack_from(">H", font, 4)
    directory = {
        tag: at for tag, _, at, _ in struct.iter_unpack(">4sLLL", font[12 : 12 + 16 * tables])
    }
    cmap = directory[b"cmap"]
    points: set[int] = set()
    for number in range(struct.unpack_from(">H", font, cmap + 2)[0]):
        at = cmap + struct.unpack_from(">HHL", font, cmap + 4 + 8 * number)[2]
        if struct.unpack_from(">H", font, at)[0] == 12:  # noqa: PLR2004 - the number of the format
            (groups,) = struct.unpack_from(">L", font, at + 12)
            for low, high, _ in struct.iter_unpack(">LLL", font[at + 16 : at + 16 + 12 * groups]):
                points.update(range(low, high + 1))
    return frozenset(points)
