"""The footer of every page of a volume.

档号 on the left, running page number on the right, in an embedded font subset.
"""

import pikepdf

from archive.compile import page_place
from archive.compile.own_font import OwnFont

MM, STRIP = page_place.MM, page_place.STRIP
_BASELINE, _MARGIN, _SIZE, _GAP = 5 * MM, 15 * MM, 9.0, 12.0
_LEAST = 4.0  # a smaller print is not read; the two parts then stand one above the other
_NAME = "/YiceFooter"


class Footer:
    """A footer for the pages of one document; its font enters that document once."""

    def __init__(self, pdf: pikepdf.Pdf, code: str) -> None:
        """Prepare for `pdf`, with the 档号 that stands on the left of each page."""
        self._pdf, self._code = pdf, code
        self._font = OwnFont(pdf, code)
        if self._font.missing:
            raise ValueError(f"the font lacks {len(self._font.missing)} characters")
        self._begin = pdf.make_stream(b"q\n")

    def stamp(self, page: pikepdf.Page, number: int, total: int) -> None:
        """Write the footer upright at the visible bottom of the page.

        This holds for every rotation and origin of the page, and for a strip of a few points,
        where the page number stands on end.
        """
        matrix, width = _visible_bottom(page)
        shown = self._lines(f"第 {number} 页 共 {total} 页", width)
        draw = f"\nQ\nq {matrix} cm BT 0 g {shown} ET Q\n"
        old = page.obj.get("/Contents", pikepdf.Array())
        parts = list(old) if isinstance(old, pikepdf.Array) else [old]
        page.obj.Contents = pikepdf.Array(
            [self._begin, *parts, self._pdf.make_stream(draw.encode("ascii"))]
        )
        if "/Resources" not in page.obj:
            page.obj.Resources = pikepdf.Dictionary()
        if "/Font" not in page.obj.Resources:
            page.obj.Resources.Font = pikepdf.Dictionary()
        page.obj.Resources.Font[_NAME] = self._font.object

    def _lines(self, right: str, width: float) -> str:
        """Return both parts side by side, or one above the other on a page too narrow for it."""
        left, margin = self._code, min(_MARGIN, width / 10)
        needed = self._font.width(left) + self._font.width(right)
        size = min(_SIZE, (width - 2 * margin - _GAP) / needed)
        if size >= _LEAST:
            x = width - margin - self._font.width(right) * size
            return " ".join(
                (
                    self._show(left, size, f"1 0 0 1 {margin:.3f} {_BASELINE:.3f}"),
                    self._show(right, size, f"1 0 0 1 {x:.3f} {_BASELINE:.3f}"),
                )
            )
        lying = min(_SIZE, (width - 2 * margin) / self._font.width(right))
        if lying >= _LEAST:
            below = min(lying, (width - 2 * margin) / self._font.width(left))
            return " ".join(
                (
                    self._show(left, below, f"1 0 0 1 {margin:.3f} {STRIP / 6:.3f}"),
                    self._show(right, lying, f"1 0 0 1 {margin:.3f} {STRIP / 2:.3f}"),
                )
            )
        # On end: the strip is higher than the page is wide.
        tall, half = STRIP - 2, width / 2
        size_left, size_right = (
            min(_SIZE, half * 0.95, tall / self._font.width(text)) for text in (left, right)
        )
        return " ".join(
            (
                self._show(left, size_left, f"0 1 -1 0 {half * 0.9:.3f} 1"),
                self._show(right, size_right, f"0 1 -1 0 {width - half * 0.1:.3f} 1"),
            )
        )

    def _show(self, text: str, size: float, matrix: str) -> str:
        return f"{_NAME} {size:.3f} Tf {matrix} Tm {self._font.show(text)}"


def _visible_bottom(page: pikepdf.Page) -> tuple[str, float]:
    """Return the matrix from a page seen upright to its user space.

    The page seen upright has its origin at its lower left. The second value is the width seen, in
    points.
    """
    box = (
        [float(value) for value in page.cropbox.as_list()]
        if isinstance(page.cropbox, pikepdf.Array)
        else [0.0, 0.0, 595.0, 842.0]
    )
    x0, x1 = sorted((box[0], box[2]))
    y0, y1 = sorted((box[1], box[3]))
    turn = int(page.obj.get("/Rotate", 0)) % 360
    rows = {
        0: (1, 0, 0, 1, x0, y0, x1 - x0),
        90: (0, 1, -1, 0, x1, y0, y1 - y0),
        180: (-1, 0, 0, -1, x1, y1, x1 - x0),
        270: (0, -1, 1, 0, x0, y1, y1 - y0),
    }
    *matrix, width = rows[turn]
    return " ".join(f"{value:.4f}" for value in matrix), width
