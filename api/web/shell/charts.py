"""Charts as inline SVG, drawn on the server: no script or other file, the same in print.

The number stands beside each bar. A name that is too long keeps its end, which tells units of one
bureau apart; a bar that has an address is a link to the rows behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

_ROW, _LABEL, _VALUE = 28, 190, 64
_FOOT, _HEAD = 22, 20
_CHARACTER, _NARROW, _LAST_NARROW = 12.2, 7.0, "\u2e7f"
_ROOM = _LABEL - 12


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its name, its length, a kind for its colour (`qy` or nothing), its address.

    `shown` is what stands beside it in the place of its length.
    """

    label: str
    value: float
    kind: str = ""
    href: str = ""
    shown: str = ""

    @property
    def number(self) -> str:
        """Return the number as it stands beside the bar."""
        return self.shown or f"{self.value:,}"


def width_of(text: str) -> float:
    """Return about how wide a text is drawn in pixels; Latin takes little over half."""
    return sum(_CHARACTER if character > _LAST_NARROW else _NARROW for character in text)


def telling(labels: Sequence[str], room: float = _ROOM) -> list[str]:
    """Return names that fit a width: a beginning that all share goes first, then more.

    The end stays whole, and with it what tells them apart.
    """
    least, greatest = min(labels, default=""), max(labels, default="")
    same = next(
        (at for at, pair in enumerate(zip(least, greatest, strict=False)) if len(set(pair)) > 1),
        len(least),
    )
    # 交通派出所, not 通派出所: a beginning goes only up to the end of a bureau that all share.
    cut = least[:same].rfind("局") + 1 if len(labels) > 1 else 0
    return [_fitted(label, cut, room) for label in labels]


def _fitted(label: str, cut: int, room: float) -> str:
    if width_of(label) <= room:
        return label
    kept = label[cut:] or label
    while width_of(f"…{kept}") > room and len(kept) > 1:
        kept = kept[1:]
    return f"…{kept}"


def bars(data: Sequence[Bar], *, title: str, width: int = 560) -> Markup:
    """Draw horizontal bars, with names at the left and numbers at the right."""
    most = max((bar.value for bar in data), default=0) or 1
    parts = []
    for row, (bar, label) in enumerate(zip(data, telling([b.label for b in data]), strict=True)):
        y, length = row * _ROW, (width - _LABEL - _VALUE) * bar.value / most
        drawn = (
            f'<text x="{_LABEL - 10}" y="{y + 19}" text-anchor="end">{escape(label)}'
            f"<title>{escape(bar.label)}</title></text>"
            f'<rect class="bar {escape(bar.kind)}" x="{_LABEL}" y="{y + 6}"'
            f' width="{max(length, 1):.1f}" height="17" rx="2"/>'
            f'<text class="value" x="{_LABEL + length + 8:.1f}" y="{y + 19}">'
            f"{escape(bar.number)}</text>"
        )
        parts.append(_linked(bar, drawn))
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
        drawn = (
            f'<rect class="bar {escape(bar.kind)}" x="{middle - wide / 2:.1f}"'
            f' y="{base - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}"/>'
            f'<text class="value" x="{middle:.1f}" y="{base - tall - 6:.1f}"'
            f' text-anchor="middle">{escape(bar.number)}</text>'
            f'<text x="{middle:.1f}" y="{height - 5}" text-anchor="middle">'
            f"{escape(bar.label)}</text>"
        )
        parts.append(_linked(bar, drawn))
    return _svg(width, height, title, parts)


def _linked(bar: Bar, drawn: str) -> str:
    """Return a drawn bar as a link to what is behind it, where it has an address and a number."""
    if not bar.href or not bar.value:
        return drawn
    return f'<a href="{escape(bar.href)}">{drawn}</a>'


def _svg(width: int, height: int, title: str, parts: Sequence[str]) -> Markup:
    # Every value is a number or escaped above. A picture has no parts; one with links is a group.
    role = "group" if any(part.startswith("<a ") for part in parts) else "img"
    return Markup(  # noqa: S704
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="{role}"'
        f' aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )
