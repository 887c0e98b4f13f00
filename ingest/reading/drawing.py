"""Draw one page of a foreign file as an image; runs inside the sandbox only."""

import struct
from io import BytesIO

import pypdfium2
from PIL import Image, ImageOps

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
    if data.startswith(b"%PDF"):
        sheet = pypdfium2.PdfDocument(data)[page - 1]
        picture: Image.Image = sheet.render(scale=width / sheet.get_width()).to_pil()
    else:
        picture = Image.open(BytesIO(data))
        picture.seek(page - 1)
        picture = ImageOps.exif_transpose(picture)
        picture.thumbnail((width, width * 2))
    return picture.convert("RGB")
