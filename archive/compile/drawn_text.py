"""Lines of text laid into a rectangle in our own font, as PDF viewers lay a field's value."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archive.compile.own_font import ASCENT, DESCENT, OwnFont

FONT = "/YiceOwn"
LEAST, MOST = 2.0, 12.0
"""The sizes, in points, that an automatic size may take."""
LEADING = 1.2
_PADDING = 2.0


@dataclass(frozen=True, slots=True)
class Style:
    """How a text is set: the operator of its colour, its size (0: automatic), its side.

    `side` is 0 for left, 1 for centred, 2 for right.
    """

    colour: str
    size: float
    side: int


def one_line(text: str, style: Style, width: float, height: float, font: OwnFont) -> str:
    """Return a value on one line, at its middle height, smaller where it would not fit.

    A viewer cuts off what does not fit; here all of it is to be read.
    """
    shown = " ".join(text.split("\n"))
    size = style.size or min(MOST, max(LEAST, height * 0.7))
    size = _fitting(font.width(shown) * size, width - 2 * _PADDING, size)
    baseline = (height - (ASCENT + DESCENT) * size) / 2 + DESCENT * size
    x = _start(font.width(shown) * size, width, style.side)
    return _block([_line(shown, size, x, baseline, font)], style)


def paragraphs(text: str, style: Style, width: float, height: float, font: OwnFont) -> str:
    """Return a value broken into lines from the top, smaller where they would not fit."""
    size = style.size or MOST
    lines = list(_broken(text, size, width - 2 * _PADDING, font))
    while size > LEAST and _tall(lines, size) > height - 2:
        size = max(LEAST, size * 0.95)
        lines = list(_broken(text, size, width - 2 * _PADDING, font))
    top = height - _PADDING - ASCENT * size
    return _block(
        [
            _line(
                line,
                size,
                _start(font.width(line) * size, width, style.side),
                top - number * LEADING * size,
                font,
            )
            for number, line in enumerate(lines)
        ],
        style,
    )


def combed(text: str, style: Style, width: float, height: float, cells: int, font: OwnFont) -> str:
    """Return a value with each character in the middle of its cell of a comb."""
    shown = text.replace("\n", "")
    cell = width / cells
    size = min(style.size or MOST, height * 0.85)
    size = _fitting(max((font.width(char) for char in shown), default=0) * size, cell, size)
    baseline = (height - (ASCENT + DESCENT) * size) / 2 + DESCENT * size
    first = {0: 0, 1: (cells - len(shown)) // 2, 2: cells - len(shown)}.get(style.side, 0)
    return _block(
        [
            _line(
                char,
                size,
                (first + number + 0.5) * cell - font.width(char) * size / 2,
                baseline,
                font,
            )
            for number, char in enumerate(shown)
        ],
        style,
    )


def rows(
    texts: Sequence[tuple[str, bool]],
    style: Style,
    width: float,
    height: float,
    font: OwnFont,
) -> str:
    """Return the rows of a list from the top; those that are chosen stand on a tint."""
    size = style.size or MOST
    size = min([size, *(_fitting(font.width(text) * size, width - 4, size) for text, _ in texts)])
    drawn = []
    for number, (text, chosen) in enumerate(texts):
        bottom = height - 1 - (number + 1) * LEADING * size
        if bottom < 0 and number:  # what does not fit is not seen in a viewer either
            break
        if chosen:
            drawn.append(
                f"q 0.6 0.75 0.85 rg 1 {bottom:.3f} {width - 2:.3f} {LEADING * size:.3f} re f Q"
            )
        line = _line(text, size, _PADDING, bottom + (LEADING - ASCENT) * size, font)
        drawn.append(_block([line], style))
    return "\n".join(drawn)


def _tall(lines: Sequence[str], size: float) -> float:
    return (len(lines) - 1) * LEADING * size + (ASCENT + DESCENT) * size + _PADDING


def _fitting(wide: float, room: float, size: float) -> float:
    return size if wide <= room or wide <= 0 else max(0.5, size * max(room, 1.0) / wide)


def _start(wide: float, width: float, side: int) -> float:
    return {1: (width - wide) / 2, 2: width - _PADDING - wide}.get(side, _PADDING)


def _broken(text: str, size: float, width: float, font: OwnFont) -> Iterator[str]:
    """Yield lines no wider than `width`: between words, between Han, and if need be anywhere."""
    for paragraph in text.split("\n"):
        line, word_at = "", 0
        for char in paragraph:
            if char == " " or ord(char) > 0x2E80:  # noqa: PLR2004 - from here on Han
                word_at = len(line) + 1
            if line and font.width(line + char) * size > width:
                cut = word_at if 0 < word_at <= len(line) else len(line)
                if char == " ":
                    cut = len(line)
                yield line[:cut].rstrip()
                line, word_at = (line[cut:] + char).lstrip(), 0
            else:
                line += char
        yield line


def _line(text: str, size: float, x: float, y: float, font: OwnFont) -> str:
    return f"{FONT} {size:.3f} Tf 1 0 0 1 {x:.3f} {y:.3f} Tm {font.show(text)}" if text else ""


def _block(lines: Sequence[str], style: Style) -> str:
    shown = "\n".join(line for line in lines if line)
    return f"BT {style.colour}\n{shown}\nET" if shown else ""
