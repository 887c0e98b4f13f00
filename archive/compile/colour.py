"""Colour spaces of scans (ISO 19005-2 6.2.4).

DeviceGray and DeviceRGB stand under the sRGB output intent; CMYK always goes through an ICC
profile.
"""

import struct
from functools import cache
from itertools import product

import pikepdf

_SPACES = {b"GRAY": 1, b"RGB ": 3, b"CMYK": 4}
_CLASSES = {b"scnr", b"mntr", b"prtr", b"spac"}
_GRID = 7
_DEVICE = {1: pikepdf.Name.DeviceGray, 3: pikepdf.Name.DeviceRGB}


def colour_space(pdf: pikepdf.Pdf, components: int, icc: bytes | None) -> pikepdf.Object:
    """Return the colour space of an image with 1, 3 or 4 components.

    That is its own profile where PDF/A admits it, else the device space.
    """
    if icc and fit_for_pdfa(icc, components):
        return _icc_based(pdf, icc, components)
    if components == len("CMYK"):
        return _icc_based(pdf, plain_cmyk_icc(), components)
    return _DEVICE[components]


def fit_for_pdfa(icc: bytes, components: int) -> bool:
    """Return whether PDF/A admits a profile (ISO 19005-2 6.2.4.2).

    It must have the right length, class, version (up to 4) and number of components.
    """
    if len(icc) < 132 or icc[36:40] != b"acsp" or struct.unpack(">I", icc[:4])[0] != len(icc):
        return False
    return icc[12:16] in _CLASSES and icc[8] <= 4 and _SPACES.get(icc[16:20]) == components


def _icc_based(pdf: pikepdf.Pdf, icc: bytes, components: int) -> pikepdf.Object:
    return pikepdf.Array([pikepdf.Name.ICCBased, pdf.make_stream(icc, N=components)])


@cache
def plain_cmyk_icc() -> bytes:
    """Build an ICC v2 input profile for CMYK scans that carry none.

    It is the plain conversion, red = (1-c)(1-k), as a table to Lab.
    """
    steps = [index / (_GRID - 1) for index in range(_GRID)]
    table = b"".join(
        bytes(_lab((1 - c) * (1 - k), (1 - m) * (1 - k), (1 - y) * (1 - k)))
        for c, m, y, k in product(steps, repeat=4)
    )
    straight = bytes(range(256))
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut = (
        b"mft1"
        + bytes(4)
        + bytes([4, 3, _GRID, 0])
        + identity
        + straight * 4
        + table
        + straight * 3
    )
    name = b"Plain CMYK\0"
    desc = b"desc" + bytes(4) + struct.pack(">I", len(name)) + name + bytes(8) + bytes(3 + 67)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    tags = [
        (b"desc", desc),
        (b"wtpt", white),
        (b"cprt", b"text" + bytes(4) + b"CC0\0"),
        (b"A2B0", lut),
    ]
    return _profile(tags)


def _profile(tags: list[tuple[bytes, bytes]]) -> bytes:
    directory, body, at = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for signature, data in tags:
        padded = data + bytes(-len(data) % 4)
        directory += signature + struct.pack(">II", at + len(body), len(data))
        body += padded
    head = (
        struct.pack(">I", at + len(body))
        + bytes(4)
        + struct.pack(">I", 0x02100000)
        + b"scnrCMYKLab "
        + struct.pack(">6H", 2024, 1, 1, 0, 0, 0)
        + b"acsp"
    )
    head += bytes(28) + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + directory + body


def _lab(*rgb: float) -> tuple[int, int, int]:
    """Convert sRGB to Lab (D50) in the 8-bit encoding of ICC v2."""
    r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in rgb)
    x = (0.4360747 * r + 0.3850649 * g + 0.1430804 * b) / 0.9642
    y = 0.2225045 * r + 0.7168786 * g + 0.0606169 * b
    z = (0.0139322 * r + 0.0971045 * g + 0.7141733 * b) / 0.8249
    fx, fy, fz = (
        v ** (1 / 3) if v > 216 / 24389 else (24389 / 27 * v + 16) / 116 for v in (x, y, z)
    )
    lightness, a, b2 = 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)
    levels = (lightness * 2.55, a + 128, b2 + 128)
    return tuple(max(0, min(255, round(v))) for v in levels)  # type: ignore[return-value]
