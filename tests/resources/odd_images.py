"""Scans in codings that decoders are known to read wrongly, each with what it shows.

Every maker draws `TRUTH`, or says what else.
"""

import io
import struct
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageDraw

Samples = NDArray[np.generic]
Tags = Mapping[int, int | Sequence[int]]
SIZE = (120, 160)
"""Width and height of `TRUTH`."""


def _truth() -> Image.Image:
    image = Image.new("RGB", SIZE, (250, 240, 230))
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, 40, 40), fill=(200, 0, 0))
    pen.rectangle((60, 80, 119, 159), fill=(0, 90, 200))
    pen.rectangle((10, 120, 40, 150), fill=(0, 0, 0))
    pen.rectangle((90, 5, 115, 40), fill=(128, 128, 128))
    return image


TRUTH = _truth()
RGB = np.asarray(TRUTH)
GREY = np.asarray(TRUTH.convert("L"))
BITS = GREY > 128
ALPHA = np.full(GREY.shape, 255, dtype=np.uint8)
ALPHA[50:100, 20:100] = 80
LAID = np.rint(RGB * (ALPHA[..., None] / 255) + 255 - ALPHA[..., None]).astype(np.uint8)
"""`TRUTH` with its middle half transparent, on white paper."""


def picture(samples: Samples) -> Image.Image:
    """Samples of 8 bits, or black and white, as a picture."""
    return Image.fromarray(samples.astype(np.uint8) * (255 if samples.dtype == np.bool_ else 1))


def directory(
    samples: Samples, photometric: int, tags: Tags | None = None
) -> dict[int, int | Sequence[int] | bytes]:
    """The tags of a page; 273 holds its uncompressed samples in the order of the machine."""
    height, width, *channels = samples.shape
    count = channels[0] if channels else 1
    form = {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    return {
        256: width,
        257: height,
        258: [samples.dtype.itemsize * 8] * count,
        259: 1,
        262: photometric,
        273: samples.tobytes(),
        277: count,
        278: height,
        339: [form] * count,
        **(tags or {}),
    }


def tiff(*pages: dict[int, int | Sequence[int] | bytes], big_endian: bool = False) -> bytes:
    """A TIFF of directories; strips stand in tag 273 as bytes, ratios as (numerator, 1)."""
    order = ">" if big_endian else "<"
    out = bytearray(b"MM\0*" if big_endian else b"II*\0") + b"\0\0\0\0"
    link = 4
    for page in pages:
        strip = page[273]
        assert isinstance(strip, bytes)
        at = len(out)
        out += strip + b"\0" * (len(strip) % 2)
        entries = b""
        stated = {279: len(strip), **page, 273: at}
        for tag, value in sorted(stated.items()):
            values = [value] if isinstance(value, int) else list(value)
            kind, form = (5, "II") if tag in (282, 283) else (4, "I") if tag > 272 else (3, "H")
            kind, form = (
                (3, "H") if tag in (277, 284, 296, 320, 338, 339, 266, 274) else (kind, form)
            )
            kind, form = (7, "B") if isinstance(value, bytes) else (kind, form)
            count = 1 if kind == 5 else len(values)
            data = struct.pack(f"{order}{form if kind == 5 else form * len(values)}", *values)
            if len(data) > 4:
                place = len(out)
                out += data + b"\0" * (len(data) % 2)
                data = struct.pack(order + "I", place)
            entries += struct.pack(order + "HHI", tag, kind, count) + data.ljust(4, b"\0")
        struct.pack_into(order + "I", out, link, len(out))
        out += struct.pack(order + "H", len(stated)) + entries + b"\0\0\0\0"
        link = len(out) - 4
    return bytes(out)


def deep_tiff(bits: int, *, white_is_zero: bool = False, big_endian: bool = False) -> bytes:
    """Grey of 16 or 32 bits."""
    kind = np.dtype(f"{'>' if big_endian else '<'}u{bits // 8}")
    grey = GREY.astype(np.uint64) * ((2**bits - 1) // 255)
    if white_is_zero:
        grey = 2**bits - 1 - grey
    return tiff(directory(grey.astype(kind), 0 if white_is_zero else 1), big_endian=big_endian)


def planar_tiff(*, big_endian: bool = False) -> bytes:
    """16-bit colour, each channel in a plane of its own, without compression."""
    kind = np.dtype(">u2" if big_endian else "<u2")
    planes = [(RGB[..., band].astype(np.uint16) * 257).astype(kind).tobytes() for band in range(3)]
    size, start = len(planes[0]), 8
    tags = directory(RGB, 2) | {258: [16] * 3, 284: 2, 273: b"".join(planes), 278: SIZE[1]}
    whole = bytearray(tiff(tags | {279: [size] * 3}, big_endian=big_endian))
    # Three offsets where the writer has put one: the entry is told where they stand.
    order = ">" if big_endian else "<"
    place = len(whole)
    whole += struct.pack(order + "III", start, start + size, start + 2 * size)
    entry = whole.find(struct.pack(order + "HHI", 273, 4, 1))
    struct.pack_into(order + "HHII", whole, entry, 273, 4, 3, place)
    return bytes(whole)


def alpha_tiff(*, associated: bool) -> bytes:
    """Colour with alpha, multiplied in beforehand or not; shows `LAID`."""
    colour = np.rint(RGB * (ALPHA[..., None] / 255)) if associated else RGB
    samples = np.dstack([colour, ALPHA]).astype(np.uint8)
    return tiff(directory(samples, 2, {338: [1 if associated else 2]}))


def infrared_tiff() -> bytes:
    """A fourth channel that is no alpha, as film scanners write."""
    return tiff(directory(np.dstack([RGB, GREY // 3]).astype(np.uint8), 2, {338: [0]}))


def lab_tiff() -> bytes:
    """CIELab."""
    lab = ImageCms.profileToProfile(
        TRUTH, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    return saved(lab, "TIFF")


def palette_tiff() -> bytes:
    """A colour map of 8 bits where 16 are asked for."""
    indexed = TRUTH.quantize(16)
    colours = [*(indexed.getpalette() or []), *[0] * 768][:768]
    tags = {320: [colours[3 * at + band] for band in range(3) for at in range(256)]}
    return tiff(directory(np.asarray(indexed), 3, tags))


def fax_tiff(coding: str = "group4", tags: Tags | None = None) -> bytes:
    """Black and white in one strip, its tags replaced."""
    whole = saved(picture(BITS).convert("1"), "TIFF", compression=coding, strip_size=1 << 20)
    with Image.open(io.BytesIO(whole)) as image:
        known = image.tag_v2  # type: ignore[attr-defined]
        strip = whole[known[273][0] : known[273][0] + known[279][0]]
        page = {tag: int(known.get(tag, 1)) for tag in (256, 257, 259, 262)}
    order = (tags or {}).get(266)
    if order == 2:
        strip = strip.translate(bytes(int(f"{value:08b}"[::-1], 2) for value in range(256)))
    options = {292: 0} if coding == "group3" else {}
    return tiff({**page, 258: 1, 277: 1, 278: SIZE[1], 273: strip, **options, **(tags or {})})


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """An image as a file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png(bits: int, kind: int, samples: Samples, **chunks: bytes) -> bytes:
    """A PNG of its samples, with further chunks before the picture."""
    height, width = samples.shape[:2]
    if bits < 8:
        packed = np.packbits(
            np.unpackbits(samples.astype(np.uint8)[..., None], axis=2)[..., -bits:].reshape(
                height, -1
            ),
            axis=1,
        )
    else:
        packed = samples.astype(f">u{bits // 8}").reshape(height, -1).view(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    parts = {"IHDR": head, **chunks, "IDAT": zlib.compress(rows), "IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, body) for name, body in parts.items())


def chunk(name: str, body: bytes) -> bytes:
    """A chunk of a PNG."""
    text = name.encode("ascii") + body
    return struct.pack(">I", len(body)) + text + struct.pack(">I", zlib.crc32(text))


def extra_rows_png() -> bytes:
    """More compressed rows than the picture has."""
    whole = png(8, 0, np.vstack([GREY, GREY[:20]]))
    head = struct.pack(">IIBBBBB", *SIZE, 8, 0, 0, 0, 0)
    return whole[:8] + chunk("IHDR", head) + whole[8 + 25 :]


def broken_comment_png() -> bytes:
    """A comment whose checksum is wrong."""
    whole = png(8, 2, RGB, tEXt=b"Comment\0scanned")
    at = whole.index(b"scanned")
    return whole[:at] + b"X" + whole[at + 1 :]


def broken_picture_png() -> bytes:
    """Picture data whose checksum is wrong."""
    whole = bytearray(png(8, 2, RGB))
    whole[whole.index(b"IDAT") + 40] ^= 1
    return bytes(whole)


def without(data: bytes, marker: int) -> bytes:
    """A JPEG without its first segment of a kind."""
    at = data.index(bytes([0xFF, marker]))
    return data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4]) :]


def with_frame(data: bytes, offset: int, value: bytes) -> bytes:
    """A JPEG whose frame header bears other bytes; 0 is the byte of its marker."""
    at = data.index(b"\xff\xc0") + 1 + offset
    return data[:at] + value + data[at + len(value) :]


def rgb_jpeg(*, marked: bool, jfif: bool = False) -> bytes:
    """A JPEG of red, green and blue, named so, with Adobe's marker or none; or JFIF's that lies.

    With JFIF's marker its components are YCbCr, as decoders believe that marker first.
    """
    whole = saved(TRUTH, "JPEG", quality=95, subsampling=0, keep_rgb=not jfif)
    if jfif:
        at = whole.index(b"\xff\xc0") + 10
        scan = whole.index(b"\xff\xda") + 5
        out = bytearray(whole)
        for number, name in enumerate(b"RGB"):
            out[at + 3 * number], out[scan + 2 * number] = name, name
        return bytes(out)
    return whole if marked else without(whole, 0xEE)
