"""A signature on the screen as a drawing: lines whose width is the pressure of the pen."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any

from archive.arrangement.plan import FormSheet
from archive.reference.strokes import FIELD_RATIO, Strokes

_HEIGHT = 200
_THIN, _THICK = 1.2, 7.0
_INK = "#14213d"


def signature_svg(strokes: Strokes) -> str:
    """Return strokes as SVG, in the proportions of the field; the same strokes, the same text.

    A stroke of a single point is a dot.
    """
    width = _HEIGHT * FIELD_RATIO
    lines = "".join(_line(stroke) for stroke in strokes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" '
        f'width="{width}" height="{_HEIGHT}"><g stroke="{_INK}" fill="{_INK}" '
        f'stroke-linecap="round" stroke-linejoin="round">{lines}</g></svg>'
    )


def _line(stroke: Sequence[tuple[float, float, float, float]]) -> str:
    if len(stroke) == 1:
        x, y, _, pressure = stroke[0]
        return f'<circle cx="{_x(x)}" cy="{_y(y)}" r="{_width(pressure) / 2:.2f}" stroke="none"/>'
    return "".join(
        f'<path d="M{_x(first[0])} {_y(first[1])}L{_x(last[0])} {_y(last[1])}" fill="none" '
        f'stroke-width="{_width((first[3] + last[3]) / 2):.2f}"/>'
        for first, last in pairwise(stroke)
    )


def _x(share: float) -> str:
    return f"{share * _HEIGHT * FIELD_RATIO:.1f}"


def _y(share: float) -> str:
    return f"{share * _HEIGHT:.1f}"


def _width(pressure: float) -> float:
    return _THIN + (_THICK - _THIN) * pressure


def form_data(form: FormSheet) -> dict[str, Any]:
    """Return a form as its template takes it: each signature as a drawing."""
    marks = [
        {"label": mark.label, "notes": mark.notes, "svg": signature_svg(mark.strokes)}
        for mark in form.marks
    ]
    return asdict(replace(form, marks=())) | {"marks": marks}
