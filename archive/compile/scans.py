"""Scanned images as pages (R19).

The bytes of the scan go in untouched wherever PDF knows their coding, lossless where it does not.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pikepdf
from PIL import Image

from archive.compile.colour import colour_space
from archive.compile.footer import MM, STRIP
from archive.compile.frames import Frame, frames, refused_by_decoder
from archive.compile.jpeg_marks import JpegMarks
from archive.compile.png_chunks import PngChunks, read_chunks
from archive.compile.samples import Samples
from archive.compile.shown import in_srgb
from archive.compile.text_layer import Box
from archive.compile.tiff_tags import WHITE_IS_ZERO, TiffTags, read_directories
from archive.reference.compile_errors import UnreadableError

_A4 = (210 * MM, 297 * MM)
_GROUP_4, _SIDEWAYS = 4, 5
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
# EXIF orientation to the matrix that shows the unit square upright (a b c d e f).
_UPRIGHT = {
    1: (1, 0, 0, 1, 0, 0),
    2: (-1, 0, 0, 1, 1, 0),
    3: (-1, 0, 0, -1, 1, 1),
    4: (1, 0, 0, -1, 0, 1),
    5: (0, -1, -1, 0, 1, 1),
    6: (0, -1, 1, 0, 0, 1),
    7: (0, 1, 1, 0, 0, 0),
    8: (0, 1, -1, 0, 1, 0),
}


# The orientation that shows the same picture turned once more, clockwise.
_CLOCKWISE = {1: 6, 6: 3, 3: 8, 8: 1, 2: 7, 7: 4, 4: 5, 5: 2}


@dataclass(frozen=True, slots=True)
class Coded:
    """A picture as PDF holds it: its bytes, and what the entries of its stream say.

    `space` is the number of components, or the palette of an indexed picture.
    """

    data: bytes = field(repr=False)
    size: tuple[int, int]
    bits: int
    coding: str
    space: int | bytes
    entries: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Placement:
    """How a page of an image file will stand in a volume.

    `picture` holds its own bytes where PDF knows their coding, else its decoded samples.
    `orientation` is how the picture is still to be turned, `dpi` along its stored axes.
    """

    picture: Coded | Samples
    dpi: tuple[float, float]
    orientation: int
    icc: bytes | None = None


def image_pages(
    data: bytes, media_type: str, turns: Mapping[int, int] | None = None
) -> pikepdf.Pdf:
    """Make one A4 page for each picture of a JPEG, PNG or TIFF.

    The foot strip stays free. `turns`: pages (from 1) that a person turned clockwise, in degrees.
    Raises CompileError for what cannot be read whole.
    """
    pdf = pikepdf.new()
    for frame in frames(data, media_type):
        _place(pdf, placement(frame), turns or {})
    return pdf


def placement(frame: Frame) -> Placement:
    """Return how a page will stand in a volume; whatever compiling refuses is refused by this.

    Raises CompileError for a page that cannot be placed.
    """
    with refused_by_decoder():
        coded = _untouched(frame)
    if coded is not None:
        return Placement(coded, frame.dpi, frame.orientation, frame.icc)
    samples = frame.samples()
    across = samples.orientation == 1 and frame.orientation >= _SIDEWAYS
    return Placement(
        samples, frame.dpi[::-1] if across else frame.dpi, samples.orientation, frame.icc
    )


def _untouched(frame: Frame) -> Coded | None:
    """Return the bytes of a page as they are, None where only decoding shows it right."""
    if frame.jpeg:
        return _jpeg(frame, frame.jpeg) if frame.jpeg.plain else None
    if frame.png:
        return _png(frame.png)
    return _group_4(frame.data, frame.tags) if frame.tags else None


def _jpeg(frame: Frame, marks: JpegMarks) -> Coded:
    entries: dict[str, Any] = {}
    if marks.components == 4 and marks.adobe is not None:  # noqa: PLR2004
        entries["Decode"] = [1, 0] * 4  # Adobe writes CMYK inverted
    if not marks.transformed:
        entries["DecodeParms"] = {"ColorTransform": 0}
    return Coded(frame.data, frame.size, 8, "DCTDecode", marks.components, entries)


def _png(chunks: PngChunks) -> Coded | None:
    """Return the compressed rows of a PNG.

    None when transparency, interlacing or its gamma forbids it. Checks the length of the rows.
    """
    if chunks.interlaced or chunks.kind not in (0, 2, 3) or "tRNS" in chunks.bodies or chunks.lit:
        return None
    inflate = zlib.decompressobj()
    rows, data = inflate.decompress(chunks.bodies["IDAT"], chunks.rows + 1), chunks.bodies["IDAT"]
    if len(rows) < chunks.rows:
        raise UnreadableError("PNG 图像不完整：缺少部分行。")
    if len(rows) > chunks.rows:  # data behind the picture, which decoders pass over
        data = zlib.compress(rows[: chunks.rows], 6)
    parameters = {
        "Predictor": 15,
        "Colors": chunks.channels,
        "BitsPerComponent": chunks.bits,
        "Columns": chunks.width,
    }
    return Coded(
        data,
        (chunks.width, chunks.height),
        chunks.bits,
        "FlateDecode",
        chunks.bodies["PLTE"] if chunks.kind == 3 else chunks.channels,  # noqa: PLR2004
        {"DecodeParms": parameters},
    )


def _group_4(data: bytes, tags: TiffTags) -> Coded | None:
    """Return a single-strip Group 4 picture as it is.

    None for several strips, and for one whose length the file does not state: those are decoded
    and coded again as one, without loss.
    """
    offsets, counts = tags.numbers(273), tags.numbers(279)
    if tags.compression != _GROUP_4 or len(offsets) != 1 or len(counts) != 1 or not counts[0]:
        return None
    strip = data[offsets[0] : offsets[0] + counts[0]]
    if len(strip) != counts[0]:
        raise UnreadableError("TIFF 图像不完整：文件在图像数据结束之前中断。")
    if tags.number(266, 1) == 2:  # noqa: PLR2004  bits stored in reverse order
        strip = strip.translate(_REVERSED)
    return _fax(strip, tags.size, inverted=tags.photometric != WHITE_IS_ZERO)


def _fax(strip: bytes, size: tuple[int, int], *, inverted: bool) -> Coded:
    parameters = {"K": -1, "Columns": size[0], "Rows": size[1], "BlackIs1": inverted}
    return Coded(strip, size, 1, "CCITTFaxDecode", 1, {"DecodeParms": parameters})


def _coded(image: Image.Image) -> Coded:
    """Code decoded samples without loss."""
    if image.mode == "CMYK":
        return Coded(zlib.compress(image.tobytes(), 6), image.size, 8, "FlateDecode", 4)
    if image.mode == "1":
        return _one_bit(image)
    if image.mode not in ("L", "P", "RGB", "I;16"):
        image = in_srgb(image, None)
    out = BytesIO()
    image.save(out, "PNG", icc_profile=None)
    coded = _png(read_chunks(out.getvalue()))
    if coded is None:
        raise TypeError(image.mode)
    return coded


def _one_bit(image: Image.Image) -> Coded:
    """Code black and white as one Group 4 strip, which is smaller than Flate."""
    out = BytesIO()
    image.save(out, "TIFF", compression="group4", strip_size=1 << 30, tiffinfo={278: image.height})
    (tags,) = read_directories(out.getvalue())
    coded = _group_4(out.getvalue(), tags)
    return coded or Coded(zlib.compress(image.tobytes(), 6), image.size, 1, "FlateDecode", 1)


def _written(pdf: pikepdf.Pdf, coded: Coded, icc: bytes | None) -> pikepdf.Stream:
    stream = pikepdf.Stream(
        pdf,
        coded.data,
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Image,
        Width=coded.size[0],
        Height=coded.size[1],
    )
    stream.BitsPerComponent, stream.Filter = coded.bits, pikepdf.Name(f"/{coded.coding}")
    if isinstance(coded.space, bytes):
        stream.ColorSpace = pikepdf.Array(
            [
                pikepdf.Name.Indexed,
                colour_space(pdf, 3, icc),
                len(coded.space) // 3 - 1,
                pikepdf.String(coded.space),
            ]
        )
    else:
        stream.ColorSpace = (
            pikepdf.Name.DeviceGray if coded.bits == 1 else colour_space(pdf, coded.space, icc)
        )
    for key, value in coded.entries.items():
        stream[f"/{key}"] = (
            pikepdf.Dictionary(**value) if isinstance(value, dict) else pikepdf.Array(value)
        )
    return stream


def _place(pdf: pikepdf.Pdf, placed: Placement, turns: Mapping[int, int]) -> None:
    """Add an A4 page, upright or across, with the picture on it.

    The picture is at its own size or smaller, centred above the foot strip.
    """
    orientation = placed.orientation
    for _ in range(turns.get(len(pdf.pages) + 1, 0) // 90):
        orientation = _CLOCKWISE[orientation]
    turn = _UPRIGHT[orientation]
    coded = placed.picture if isinstance(placed.picture, Coded) else _coded(placed.picture.colour)
    stream = _written(pdf, coded, placed.icc)
    width, height = _points(placed, sideways=not turn[0])
    page, free, scale = _sheet(width, height)
    width, height = width * scale, height * scale
    left, bottom = (free[0] - width) / 2, STRIP + (free[1] - height) / 2

    place = " ".join(f"{v:.4f}" for v in (width, 0, 0, height, left, bottom))
    content = f"q {place} cm {' '.join(map(str, turn))} cm /Im0 Do Q"
    entry = pikepdf.Dictionary(
        Type=pikepdf.Name.Page,
        MediaBox=pikepdf.Array([0, 0, *(round(side, 3) for side in page)]),
        Resources=pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=pdf.make_indirect(stream))),
        Contents=pdf.make_stream(content.encode("ascii")),
    )
    pdf.pages.append(pikepdf.Page(pdf.make_indirect(entry)))


def _points(placed: Placement, *, sideways: bool) -> tuple[float, float]:
    """Return width and height of a picture as it will stand, in points."""
    pixels = placed.picture.size
    width, height = (side / dpi * 72 for side, dpi in zip(pixels, placed.dpi, strict=True))
    return (height, width) if sideways else (width, height)


def _sheet(width: float, height: float) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Return the page for a picture, what of it is free, and the scale that fits into this."""
    page = (_A4[1], _A4[0]) if width > height and width > _A4[0] else _A4
    free = (page[0], page[1] - STRIP)
    return page, free, min(1.0, free[0] / width, free[1] / height)


def shrunk_to(placed: Placement) -> float:
    """Return the scale at which a page will stand in a volume, 1 for its own size."""
    return _sheet(*_points(placed, sideways=placed.orientation >= _SIDEWAYS))[2]


def picture_box(page: pikepdf.Page) -> Box:
    """Return where the picture of a page made by this module lies.

    The content of the page begins with this place.
    """
    first = next(iter(pikepdf.parse_content_stream(page, "cm")))
    width, _, _, height, left, bottom = (float(value) for value in first.operands)
    return left, bottom, left + width, bottom + height
