"""Charts as inline SVG, drawn on the server: no script or other file, the same in print.

The number stands beside each bar.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

_ROW, _LABEL, _VALUE = 28, 150, 64
_FOOT, _HEAD = 22, 20


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its name, its length, and a kind for its colour (`qy` or nothing)."""

    label: str
    value: int
    kind: str = ""


def bars(data: Sequence[Bar], *, title: str, width: int = 560) -> Markup:
    """Draw horizontal bars, with names at the left and numbers at the right."""
    most = max((bar.value for bar in data), default=0) or 1
    parts = []
    for row, bar in enumerate(data):
        y, length = row * _ROW, (width - _LABEL - _VALUE) * bar.value / most
        parts.append(
            f'<text x="{_LABEL - 10}" y="{y + 19}" text-anchor="end">{escape(bar.label)}</text>'
            f'<rect class="bar {escape(bar.kind)}" x="{_LABEL}" y="{y + 6}"'
            f' width="{max(length, 1):.1f}" height="17" rx="2"/>'
            f'<text class="value" x="{_LABEL + length + 8:.1f}" y="{y + 19}">{bar.value:,}</text>'
        )
    return _svg(width, max(len(data), 1) * _ROW, title, parts)


def columns(
    data: Sequence[Bar], *, title: str = "按月办结", width: int = 560, height: int = 190
) -> Markup:
    """Draw vertical bars, with names below and numbers above."""
    most = max((bar.value for bar in data), default=0) or 1
    base, tallest = height - _FOOT, height - _FOOT - _HEAD
    step = width / max(len(data), 1)
    parts = [f'<line class="rule" x1="0" x2="{width}" y1="{base + 0.5}" y2="{base + 0.5}"/>']
    for place, bar in enumerate(data):
        tall, middle = tallest * bar.value / most, step * (place + 0.5)
        wide = min(step * 0.56, 46)
        parts.append(
            f'<rect class="bar {escape(bar.kind)}" x="{middle - wide / 2:.1f}"'
            f' y="{base - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}"/>'
            f'<text class="value" x="{middle:.1f}" y="{base - tall - 6:.1f}"'
            f' text-anchor="middle">{bar.value:,}</text>'
            f'<text x="{middle:.1f}" y="{height - 5}" text-anchor="middle">'
            f"{escape(bar.label)}</text>"
        )
    return _svg(width, height, title, parts)


def _svg(width: int, height: int, title: str, parts: Sequence[str]) -> Markup:
    # Every value is a number or escaped above.
    return Markup(  # noqa: S704
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )
