"""Draw one page of a foreign file as an image; runs inside the sandbox only."""

import struct
from io import BytesIO
from itertools import islice

import pypdfium2
from PIL import Image

from archive.compile.frames import frames
from archive.compile.shown import shown_page
from ingest.reading.formats import identify

_HEADER = 1024  # readers look so far for the header of a PDF
_TALLEST = 16_000  # in pixels; WebP ends at 16,383, and a page may be a strip
_ORDER = struct.Struct("<II")
"""Page (from 1) and width in pixels, before the bytes of the file."""


def answer(order: bytes) -> bytes:
    """Return the page that was ordered as WebP; empty when the file cannot be drawn."""
    page, width = _ORDER.unpack_from(order)
    out = BytesIO()
    try:
        picture = page_of(order[_ORDER.size :], page, width)
        picture.save(out, "WEBP", quality=78, method=1)
    except Exception:  # noqa: BLE001 - whatever a foreign file does to a parser, it has no image
        return b""
    return out.getvalue()


def page_of(data: bytes, page: int, width: int) -> Image.Image:
    """Return a page of a PDF `width` pixels wide, or a frame of an image no wider than that."""
    if b"%PDF-" in data[:_HEADER]:
        sheet = pypdfium2.PdfDocument(data)[page - 1]
        picture: Image.Image = sheet.render(
            scale=min(width / sheet.get_width(), _TALLEST / sheet.get_height())
        ).to_pil()
        return picture.convert("RGB")
    frame = next(islice(frames(data, identify(data) or ""), page - 1, None))
    shown = shown_page(frame, width)
    picture = shown.picture.convert("RGB")
    across, down = (side / dpi for side, dpi in zip(shown.size, shown.dpi, strict=True))
    wide = min(width, picture.width, round(2 * width * across / down))
    return picture.resize((max(1, wide), max(1, round(wide * down / across))))
