"""Draw one page of a foreign file as an image; runs inside the sandbox only."""

import struct
from io import BytesIO
from itertools import islice

import pypdfium2
from PIL import Image

from archive.compile.foreign_pages import place_pages
from archive.compile.frames import Frame, frames
from archive.compile.page_place import STRIP
from archive.compile.shown import ShownPage, shown_page
from archive.reference.compile_errors import CompileError
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
        data = order[_ORDER.size :]
        picture = (_laid(data, page, width) if _is_pdf(data) else None) or page_of(
            data, page, width
        )
        picture.save(out, "WEBP", quality=78, method=1)
    except Exception:  # noqa: BLE001 - whatever a foreign file does to a parser, it has no image
        return b""
    return out.getvalue()


def _laid(data: bytes, page: int, width: int) -> Image.Image | None:
    """Return a page of a PDF as the volume will show it; None for what cannot be laid.

    Who decides at 核对 must see what is going to be sealed: values without an appearance are drawn,
    hidden layers are not.
    """
    try:
        placed = place_pages(data, {})
    except CompileError:
        return None
    sheet = pypdfium2.PdfDocument(placed.pdf)[page - 1]
    wide, high = sheet.get_width(), sheet.get_height() - STRIP
    picture: Image.Image = sheet.render(
        scale=min(width / wide, _TALLEST / high), crop=(0, STRIP, 0, 0)
    ).to_pil()
    return picture.convert("RGB")


def page_of(data: bytes, page: int, width: int) -> Image.Image:
    """Return a page of a PDF `width` pixels wide, or a frame of an image no wider than that."""
    if _is_pdf(data):
        sheet = pypdfium2.PdfDocument(data)[page - 1]
        return _rendered(sheet, min(width / sheet.get_width(), _TALLEST / sheet.get_height()))
    frame = _frame_of(data, page)
    shown = shown_page(frame, width)
    picture = shown.picture.convert("RGB")
    across, down = _inches(shown)
    wide = min(width, picture.width, round(2 * width * across / down))
    return picture.resize((max(1, wide), max(1, round(wide * down / across))))


def sheet_of(data: bytes, page: int, side: int) -> Image.Image:
    """Return a page whose longer side is `side` pixels, for an eye that measures it.

    It is decoded no finer than that is measured.
    """
    if _is_pdf(data):
        sheet = pypdfium2.PdfDocument(data)[page - 1]
        return _rendered(sheet, side / max(sheet.get_width(), sheet.get_height()))
    frame = _frame_of(data, page)
    shown = shown_page(frame, max(1, side * min(frame.size) // max(frame.size)))
    across, down = _inches(shown)
    size = tuple(max(1, round(side * length / max(across, down))) for length in (across, down))
    # Smoothly: a mean of whole pixels only would ripple the strokes of each scan in its own way.
    return shown.picture.convert("RGB").resize((size[0], size[1]), Image.Resampling.BICUBIC)


def _is_pdf(data: bytes) -> bool:
    return b"%PDF-" in data[:_HEADER]


def _rendered(sheet: pypdfium2.PdfPage, scale: float) -> Image.Image:
    picture: Image.Image = sheet.render(scale=scale).to_pil()
    return picture.convert("RGB")


def _frame_of(data: bytes, page: int) -> Frame:
    return next(islice(frames(data, identify(data) or ""), page - 1, None))


def _inches(shown: ShownPage) -> tuple[float, float]:
    across, down = (length / dpi for length, dpi in zip(shown.size, shown.dpi, strict=True))
    return across, down
