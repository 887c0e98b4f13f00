"""Identify files by content, count their pages, and look whether a page is blank; a parser's failure is an answer, not a crash."""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2
from PIL import Image, ImageStat

MAX_PIXELS = 200_000_000
_MAGIC = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"II*\x00", "image/tiff"), (b"MM\x00*", "image/tiff"))
_A4_SHORT_INCHES = 8.27
_BLANK_SPREAD = 4.0
MIN_DPI = 150


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look into a file gave: pages, which of them (from 1) look blank or have too few pixels; `fault` is GD-3-4 or ENCRYPTED."""

    pages: int
    blank: tuple[int, ...] = ()
    coarse: tuple[int, ...] = ()
    fault: str | None = None


def identify(data: bytes) -> str | None:
    """The media type by content, None for what the archive does not take."""
    for magic, media_type in _MAGIC:
        if data.startswith(magic):
            return media_type
    if b"%PDF-" in data[:1024]:
        return "application/pdf"
    if data.startswith(b"PK\x03\x04") and b"OFD.xml" in data:
        return "application/ofd"
    return None


def look(data: bytes, media_type: str) -> Looked:
    """Open a file as what it is; decodes every image whole, so that a truncated one is found."""
    if media_type == "application/ofd":
        return Looked(0)
    if media_type == "application/pdf":
        return _pdf(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _image(data)
    except (
        OSError,
        ValueError,
        SyntaxError,
        TypeError,
        KeyError,
        IndexError,
        Warning,
        Image.DecompressionBombError,
        MemoryError,
        OverflowError,
        EOFError,
        RuntimeError,
        AttributeError,
        struct.error,
        zlib.error,
    ):
        return Looked(0, fault="GD-3-4")


def _pdf(data: bytes) -> Looked:
    try:
        with pypdfium2.PdfDocument(data) as opened:
            pages = len(opened)
            for page in opened:
                page.close()
    except pypdfium2.PdfiumError as error:
        return Looked(0, fault="ENCRYPTED" if "assword" in str(error) else "GD-3-4")
    return Looked(pages) if pages else Looked(0, fault="GD-3-4")


def _image(data: bytes) -> Looked:
    blank, coarse, pages = [], [], 0
    with Image.open(io.BytesIO(data)) as image:
        for frame in _frames(image):
            pages += 1
            if frame.width * frame.height > MAX_PIXELS:
                return Looked(0, fault="GD-3-4")
            frame.load()
            if min(frame.size) < MIN_DPI * _A4_SHORT_INCHES:
                coarse.append(pages)
            if _blank(frame):
                blank.append(pages)
    return Looked(pages, tuple(blank), tuple(coarse))


def _frames(image: Image.Image) -> Iterator[Image.Image]:
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        yield image


def _blank(frame: Image.Image) -> bool:
    """Whether the inner nine tenths carry no writing: scanner edges are dark on empty pages too."""
    small = frame.convert("L").reduce(max(1, min(frame.size) // 400))
    width, height = small.size
    inner = small.crop((width // 20, height // 20, width - width // 20, height - height // 20))
    # Paper tint and noise spread little around their mean; a single line of writing does not.
    threshold = ImageStat.Stat(inner).mean[0] - 40
    ink = inner.point([255 if value < threshold else 0 for value in range(256)])
    return ImageStat.Stat(inner).stddev[0] < _BLANK_SPREAD and ImageStat.Stat(ink).mean[0] / 255 < 0.0005  # noqa: PLR2004
