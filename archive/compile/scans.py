"""Scanned images as pages (R19).

The bytes of the scan go in untouched wherever PDF knows their coding, lossless where it does not.
"""

import struct
import warnings
import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import pikepdf
from PIL import Image, ImageSequence, TiffImagePlugin, UnidentifiedImageError

from archive.compile.colour import colour_space
from archive.compile.footer import MM, STRIP
from archive.compile.text_layer import Box
from archive.reference.compile_errors import (
    CompileError,
    TooLargeError,
    UnreadableError,
    UnsupportedError,
)

MAX_PIXELS = 150_000_000  # A3 at 900 dpi
MAX_FRAMES = 2_000
DEFAULT_DPI = 200.0
_A4 = (210 * MM, 297 * MM)
# 72 and 96 are what cameras and screens write when they know nothing.
_BELIEVABLE_DPI = (100.0, 1300.0)
_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/tiff": "TIFF"}
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1}
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


def image_pages(
    data: bytes, media_type: str, turns: Mapping[int, int] | None = None
) -> pikepdf.Pdf:
    """Make one A4 page for each picture of a JPEG, PNG or TIFF.

    The foot strip stays free. `turns`: pages (from 1) that a person turned clockwise, in degrees.
    Raises CompileError for what cannot be read whole.
    """
    wanted = _FORMATS.get(media_type)
    if wanted is None:
        raise UnsupportedError("这种文件格式不能直接编入册内。")
    pdf = pikepdf.new()
    try:
        with warnings.catch_warnings():
            # The pixel limit is checked below, not by Pillow's warning.
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(data), formats=[wanted]) as image:
                _refuse_bomb(image)
                {"JPEG": _jpeg, "PNG": _png, "TIFF": _tiff}[wanted](pdf, data, image, turns or {})
    except CompileError:
        raise
    except Image.DecompressionBombError as error:
        raise TooLargeError("图像的像素数超过上限。") from error
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        struct.error,
        zlib.error,
        KeyError,
        IndexError,
        EOFError,
        TypeError,
    ) as error:
        raise UnreadableError("图像文件已损坏或不完整。") from error
    return pdf


def _refuse_bomb(image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise TooLargeError("图像的像素数超过上限。")


def _jpeg(pdf: pikepdf.Pdf, data: bytes, image: Image.Image, turns: Mapping[int, int]) -> None:
    coding, precision, components, ids = _jpeg_frame(data)
    if not data.rstrip(b"\0\r\n ").endswith(b"\xff\xd9"):
        image.copy()  # no end marker at the end: let the decoder say whether the picture is whole
    orientation = image.getexif().get(0x0112, 1)
    # PDF knows baseline and progressive Huffman with 8 bits only.
    if coding not in (0xC0, 0xC1, 0xC2) or precision != 8:  # noqa: PLR2004
        _place(pdf, _lossless(pdf, image), image, orientation, turns)
        return
    entry: dict[str, Any] = {
        "ColorSpace": colour_space(pdf, components, image.info.get("icc_profile"))
    }
    if components == 4 and "adobe" in image.info:  # noqa: PLR2004
        entry["Decode"] = pikepdf.Array([1, 0] * 4)  # Adobe writes CMYK inverted
    if ids == b"RGB":
        entry["DecodeParms"] = pikepdf.Dictionary(ColorTransform=0)
    _place(
        pdf,
        _stream(pdf, data, image.size, 8, pikepdf.Name.DCTDecode, entry),
        image,
        orientation,
        turns,
    )


def _jpeg_frame(data: bytes) -> tuple[int, int, int, bytes]:
    """Read coding marker, bits, number of components and their ids.

    They stand in the first frame header (ITU-T T.81 B.2.2).
    """
    at = 2
    while True:
        while data[at + 1] == 0xFF:  # noqa: PLR2004  fill bytes
            at += 1
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if data[at] != 0xFF or length < 2:  # noqa: PLR2004
            raise UnreadableError("图像文件已损坏或不完整。")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # noqa: PLR2004
            count = data[at + 9]
            if count not in (1, 3, 4):
                raise UnsupportedError("图像的颜色通道数不受支持。")
            return (
                marker,
                data[at + 4],
                count,
                bytes(data[at + 10 + 3 * index] for index in range(count)),
            )
        at += 2 + length


def _png(pdf: pikepdf.Pdf, data: bytes, image: Image.Image, turns: Mapping[int, int]) -> None:
    passed = _png_untouched(pdf, data, image.info.get("icc_profile"))
    # Asked for EXIF, Pillow decodes the whole picture to reach what may follow it; few files have
    # any.
    orientation = (
        image.getexif().get(0x0112, 1)
        if any(mark in data for mark in (b"eXIf", b"Raw profile type"))
        else 1
    )
    _place(pdf, _lossless(pdf, image) if passed is None else passed, image, orientation, turns)


def _png_untouched(pdf: pikepdf.Pdf, data: bytes, icc: bytes | None) -> pikepdf.Stream | None:
    """Take the compressed rows over as they are.

    None when alpha or interlacing forbids it. Checks every CRC and the length of the rows.
    """
    chunks = _png_chunks(data)
    width, height, bits, kind, _, _, interlace = struct.unpack(">IIBBBBB", chunks["IHDR"])
    if interlace or kind not in _PNG_CHANNELS or "tRNS" in chunks:
        return None
    channels = _PNG_CHANNELS[kind]
    expected = height * (1 + (width * channels * bits + 7) // 8)
    inflate = zlib.decompressobj()
    if len(inflate.decompress(chunks["IDAT"], expected + 1)) != expected:
        raise UnreadableError("图像文件已损坏或不完整。")
    if kind == 3:  # noqa: PLR2004
        palette = chunks["PLTE"]
        space: pikepdf.Object = pikepdf.Array(
            [
                pikepdf.Name.Indexed,
                colour_space(pdf, 3, icc),
                len(palette) // 3 - 1,
                pikepdf.String(palette),
            ]
        )
    else:
        space = colour_space(pdf, channels, icc)
    parms = pikepdf.Dictionary(Predictor=15, Colors=channels, BitsPerComponent=bits, Columns=width)
    return _stream(
        pdf,
        chunks["IDAT"],
        (width, height),
        bits,
        pikepdf.Name.FlateDecode,
        {"ColorSpace": space, "DecodeParms": parms},
    )


def _png_chunks(data: bytes) -> dict[str, bytes]:
    chunks: dict[str, list[bytes]] = {}
    at = 8
    while "IEND" not in chunks:
        (length,) = struct.unpack_from(">I", data, at)
        body = data[at + 8 : at + 8 + length]
        if struct.unpack_from(">I", data, at + 8 + length)[0] != zlib.crc32(
            data[at + 4 : at + 8 + length]
        ):
            raise UnreadableError("图像文件已损坏或不完整。")
        chunks.setdefault(data[at + 4 : at + 8].decode("latin-1"), []).append(body)
        at += 12 + length
    return {name: b"".join(bodies) for name, bodies in chunks.items()}


def _tiff(pdf: pikepdf.Pdf, data: bytes, image: Image.Image, turns: Mapping[int, int]) -> None:
    for number, frame in enumerate(ImageSequence.Iterator(image)):
        if number >= MAX_FRAMES:
            raise TooLargeError("图像文件的页数超过上限。")
        _refuse_bomb(frame)
        tags = frame.tag_v2  # type: ignore[attr-defined]
        # Pillow turns the pixels upright while it decodes; the untouched strip is turned by the
        # page instead.
        turned = int(tags.get(274, 1))
        fax = _g4_untouched(pdf, data, tags) if tags.get(259) == 4 else None  # noqa: PLR2004
        if fax is not None:
            _place(pdf, fax, frame, turned, turns)
        else:
            frame.load()
            _place(pdf, _lossless(pdf, frame), frame, 1, turns)


def _g4_untouched(pdf: pikepdf.Pdf, data: bytes, tags: Any) -> pikepdf.Stream | None:  # noqa: ANN401  Pillow's tag table
    """Take a single-strip Group 4 picture over as it is.

    Several strips are decoded and coded again as one, without loss.
    """
    offsets, counts = tags.get(273, ()), tags.get(279, ())
    if len(offsets) == len(counts) == 1:
        size = (int(tags[256]), int(tags[257]))
        strip, inverted = data[offsets[0] : offsets[0] + counts[0]], tags.get(262, 0) == 1
        if len(strip) != counts[0]:
            raise UnreadableError("图像文件已损坏或不完整。")
        if tags.get(266, 1) == 2:  # noqa: PLR2004  bits stored in reverse order
            strip = strip.translate(_REVERSED)
        return _fax(pdf, strip, size, inverted=inverted)
    return None


def _fax(
    pdf: pikepdf.Pdf, strip: bytes, size: tuple[int, int], *, inverted: bool
) -> pikepdf.Stream:
    parms = pikepdf.Dictionary(K=-1, Columns=size[0], Rows=size[1], BlackIs1=inverted)
    return _stream(
        pdf,
        strip,
        size,
        1,
        pikepdf.Name.CCITTFaxDecode,
        {"ColorSpace": pikepdf.Name.DeviceGray, "DecodeParms": parms},
    )


def _lossless(pdf: pikepdf.Pdf, image: Image.Image) -> pikepdf.Stream:
    """Code decoded pixels without loss; transparency becomes a soft mask."""
    icc = image.info.get("icc_profile")
    if image.mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in image.info:
        full = image.convert("RGBA")
        stream = _lossless(pdf, full.convert("RGB"))
        stream.SMask = _lossless(pdf, full.getchannel("A"))
        return stream
    if image.mode == "CMYK":
        packed = zlib.compress(image.tobytes(), 6)
        return _stream(
            pdf,
            packed,
            image.size,
            8,
            pikepdf.Name.FlateDecode,
            {"ColorSpace": colour_space(pdf, 4, icc)},
        )
    if image.mode == "1":
        return _one_bit(pdf, image)
    if image.mode not in ("L", "P", "RGB", "I;16"):
        if image.mode.startswith(("I", "F")):
            raise UnsupportedError("图像的位深不受支持。")
        image = image.convert("RGB")
    out = BytesIO()
    image.save(out, "PNG")
    stream_or_none = _png_untouched(pdf, out.getvalue(), icc)
    if stream_or_none is None:
        raise UnsupportedError("图像的透明通道不受支持。")
    return stream_or_none


def _one_bit(pdf: pikepdf.Pdf, image: Image.Image) -> pikepdf.Stream:
    """Code black and white as one Group 4 strip, which is smaller than Flate."""
    out = BytesIO()
    image.save(out, "TIFF", compression="group4", strip_size=1 << 30, tiffinfo={278: image.height})
    with Image.open(BytesIO(out.getvalue())) as again:
        if not isinstance(again, TiffImagePlugin.TiffImageFile):
            raise TypeError(type(again))
        stream = _g4_untouched(pdf, out.getvalue(), again.tag_v2)
    if stream is None:
        packed = zlib.compress(image.tobytes(), 6)
        return _stream(
            pdf,
            packed,
            image.size,
            1,
            pikepdf.Name.FlateDecode,
            {"ColorSpace": pikepdf.Name.DeviceGray},
        )
    return stream


def _stream(
    pdf: pikepdf.Pdf,
    data: bytes,
    size: tuple[int, int],
    bits: int,
    coding: pikepdf.Object,
    entry: dict[str, Any],
) -> pikepdf.Stream:
    stream = pikepdf.Stream(
        pdf,
        data,
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Image,
        Width=size[0],
        Height=size[1],
    )
    stream.BitsPerComponent, stream.Filter = bits, coding
    for key, value in entry.items():
        stream[f"/{key}"] = value
    return stream


def _place(
    pdf: pikepdf.Pdf,
    stream: pikepdf.Stream,
    image: Image.Image,
    orientation: int,
    turns: Mapping[int, int],
) -> None:
    """Add an A4 page, upright or across, with the picture on it.

    The picture is at its own size or smaller, centred above the foot strip.
    """
    orientation = orientation if orientation in _UPRIGHT else 1
    for _ in range(turns.get(len(pdf.pages) + 1, 0) // 90):
        orientation = _CLOCKWISE[orientation]
    turn = _UPRIGHT[orientation]
    x_dpi, y_dpi = _dpi(image)
    width, height = int(stream.Width) / x_dpi * 72, int(stream.Height) / y_dpi * 72
    if not turn[0]:
        width, height = height, width
    page = _A4[::-1] if width > height and width > _A4[0] else _A4
    free = (page[0], page[1] - STRIP)
    scale = min(1.0, free[0] / width, free[1] / height)
    width, height = width * scale, height * scale
    left, bottom = (free[0] - width) / 2, STRIP + (free[1] - height) / 2

    placed = " ".join(f"{v:.4f}" for v in (width, 0, 0, height, left, bottom))
    content = f"q {placed} cm {' '.join(map(str, turn))} cm /Im0 Do Q"
    entry = pikepdf.Dictionary(
        Type=pikepdf.Name.Page,
        MediaBox=pikepdf.Array([0, 0, *(round(side, 3) for side in page)]),
        Resources=pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=pdf.make_indirect(stream))),
        Contents=pdf.make_stream(content.encode("ascii")),
    )
    pdf.pages.append(pikepdf.Page(pdf.make_indirect(entry)))


def picture_box(page: pikepdf.Page) -> Box:
    """Return where the picture of a page made by this module lies.

    The content of the page begins with this place.
    """
    first = next(iter(pikepdf.parse_content_stream(page, "cm")))
    width, _, _, height, left, bottom = (float(value) for value in first.operands)
    return left, bottom, left + width, bottom + height


def _dpi(image: Image.Image) -> tuple[float, float]:
    """Return the resolution that the file states.

    200 dpi when it states none or one that no scanner has.
    """
    try:
        stated = tuple(float(value) for value in image.info.get("dpi", ()))
    except (TypeError, ValueError, ZeroDivisionError):
        stated = ()
    low, high = _BELIEVABLE_DPI
    if len(stated) == 2 and all(low <= value <= high for value in stated):  # noqa: PLR2004
        return stated[0], stated[1]
    return DEFAULT_DPI, DEFAULT_DPI
