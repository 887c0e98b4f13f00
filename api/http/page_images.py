"""Page images for readers: a page of a volume as WebP with a watermark (动态水印).

The watermark says who looks, when and why.
"""

from functools import lru_cache
from io import BytesIO

import pylopdf_fonts_zh_cn
import pypdfium2 as pdfium
from PIL import Image, ImageDraw, ImageFont

from archive.compile.pdfium import PDFIUM_LOCK

MIN_WIDTH, MAX_WIDTH = 200, 2000
_QUALITY, _ANGLE, _FAINT = 80, 24, 46


class NoSuchPageError(LookupError):
    """The document has no page of this number."""


def page_image(pdf: bytes, page: int, width: int, mark: str) -> bytes:
    """Return page `page` (from 1) as WebP, `width` pixels wide, with a watermark.

    Raises NoSuchPageError.
    """
    picture = _render(pdf, page, width)
    marked = Image.alpha_composite(picture.convert("RGBA"), _watermark(picture.size, mark)).convert(
        "RGB"
    )
    out = BytesIO()
    marked.save(out, "WEBP", quality=_QUALITY, method=2)
    return out.getvalue()


def _render(pdf: bytes, page: int, width: int) -> Image.Image:
    with PDFIUM_LOCK:
        document = pdfium.PdfDocument(pdf)
        try:
            if not 1 <= page <= len(document):
                raise NoSuchPageError
            document.init_forms()  # the seal on the cover is a form field
            sheet = document[page - 1]
            rendered: Image.Image = sheet.render(scale=width / sheet.get_width()).to_pil()
            return rendered
        finally:
            document.close()


@lru_cache(maxsize=64)
def _watermark(size: tuple[int, int], mark: str) -> Image.Image:
    """Draw the text again and again, aslant, so that no part of the page is without it."""
    width, height = size
    font = ImageFont.truetype(str(pylopdf_fonts_zh_cn.sans_path()), max(12, width // 48))
    side = int((width**2 + height**2) ** 0.5) + 1
    sheet = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    draw = ImageDraw.Draw(sheet)
    left, top, right, bottom = draw.textbbox((0, 0), mark, font=font)
    step_x, step_y = int(right - left) + width // 12, int(bottom - top) * 7
    for row, y in enumerate(range(0, side, step_y)):
        for x in range(-(row % 2) * step_x // 2, side, step_x):
            draw.text((x, y), mark, font=font, fill=(90, 90, 90, _FAINT * 2))
    turned = sheet.rotate(_ANGLE)
    return turned.crop(
        (
            (side - width) // 2,
            (side - height) // 2,
            (side - width) // 2 + width,
            (side - height) // 2 + height,
        )
    )
