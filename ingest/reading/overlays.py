"""Two pages of foreign files, compared or drawn side by side, in the sandbox only.

An order is two pages (from 1) and the length of the first file, then the bytes of both files.
"""

import json
import struct
from dataclasses import asdict
from io import BytesIO

from PIL import Image, ImageDraw

from ingest.reading.drawing import sheet_of
from ingest.reading.second_look import FINE, compare

ORDER = struct.Struct("<IIQ")
_MARK, _WIDE = (200, 20, 30), 3


def compared(order: bytes) -> bytes:
    """Return the overlay of two pages as JSON; empty when either cannot be drawn."""
    try:
        return json.dumps(asdict(compare(*_pages(order)))).encode()
    except Exception:  # noqa: BLE001 - whatever a foreign file does to a parser, it has no image
        return b""


def drawn(order: bytes) -> bytes:
    """Return two pages side by side as WebP, marked where they differ; empty as above.

    The second lies as the first does, so that the eye finds the same place at the same height.
    """
    out = BytesIO()
    try:
        first, second = _pages(order)
        overlay = compare(first, second)
        left = first.copy()
        right = second.transform(
            left.size,
            Image.Transform.AFFINE,
            [*overlay.matrix[0], *overlay.matrix[1]],
            Image.Resampling.BICUBIC,
            fillcolor=(255, 255, 255),
        )
        for page in (left, right):
            draw = ImageDraw.Draw(page)
            for box in overlay.spots:
                draw.rectangle(box, outline=_MARK, width=_WIDE)
        sheet = Image.new("RGB", (2 * left.width + 12, left.height), (120, 120, 120))
        sheet.paste(left, (0, 0))
        sheet.paste(right, (left.width + 12, 0))
        sheet.save(out, "WEBP", quality=80, method=1)
    except Exception:  # noqa: BLE001 - as above
        return b""
    return out.getvalue()


def _pages(order: bytes) -> tuple[Image.Image, Image.Image]:
    page, other, length = ORDER.unpack_from(order)
    start = ORDER.size
    return (
        sheet_of(order[start : start + length], page, FINE),
        sheet_of(order[start + length :], other, FINE),
    )
