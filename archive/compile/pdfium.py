"""What all users of pdfium in a process share: its lock, and how a page is drawn smoothly."""

import ctypes
from threading import Lock
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

PDFIUM_LOCK = Lock()
"""pdfium is not safe for threads: whoever uses it holds this."""
ASKEW = 1e-5
"""A shear of less than a tenth of a pixel over a page.

pdfium lays an upright rectangle on whole pixels, up to one too wide; one that is not quite upright
it smooths like everything else.
"""


def draw_smooth(
    page: Any,  # noqa: ANN401 - pypdfium2 ships no types
    size: tuple[int, int],
    scale: tuple[float, float],
    shift: tuple[float, float] = (0.0, 0.0),
    *,
    askew: float = ASKEW,
) -> Image.Image:
    """Return a page on white as RGB: scaled, then shifted, and cut to a size in pixels.

    A page that is one picture, laid exactly on the pixels, is drawn without being `askew`.
    """
    matrix = pdfium.FS_MATRIX(scale[0], askew, askew, scale[1], *shift)
    clip = pdfium.FS_RECTF(0, 0, size[0], size[1])
    bitmap = pypdfium2.PdfBitmap.new_native(*size, pdfium.FPDFBitmap_BGRx)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, *size)
    pdfium.FPDF_RenderPageBitmapWithMatrix(
        bitmap, page, ctypes.byref(matrix), ctypes.byref(clip), pdfium.FPDF_REVERSE_BYTE_ORDER
    )
    return Image.frombytes("RGB", size, bytes(bitmap.buffer), "raw", "RGBX", bitmap.stride)
