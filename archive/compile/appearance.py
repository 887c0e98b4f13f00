"""The appearance of what lies upon a page, and how one is made (ISO 32000-1 12.5.5).

Widgets of form fields and other annotations alike.
"""

import math
import re
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import pikepdf
import pypdfium2
from pikepdf import Array, Dictionary, Name, Stream

from archive.compile.drawn_text import FONT
from archive.compile.own_font import OwnFont
from archive.reference.characters import unified

_INVISIBLE, _HIDDEN, _PRINT, _NO_VIEW = 1, 2, 4, 32
_NUMBER = r"[-+]?[0-9]*\.?[0-9]+"
_COLOURS = re.compile(rf"((?:{_NUMBER}\s+)+)(rg|g|k)\b")
_SIZE = re.compile(rf"({_NUMBER})\s+Tf\b")
_LANGUAGE = re.compile("\x1b[^\x1b]*\x1b")
_LARGEST = 14_400.0
Rectangle = tuple[float, float, float, float]
"""Left, bottom, right, top."""


def is_shown(annotation: Dictionary) -> bool:
    """Return whether an annotation is seen on the screen or in print."""
    flags = flags_of(annotation)
    unseen = flags & _HIDDEN or (flags & _NO_VIEW and not flags & _PRINT)
    return not unseen and annotation.get("/Subtype") != Name.Popup


def flags_of(annotation: Dictionary) -> int:
    """Return the flags of an annotation; 0 for what is no number."""
    try:
        return int(annotation.get("/F", 0))
    except (TypeError, ValueError):
        return 0


def settle_flags(annotation: Dictionary) -> None:
    """Hide an annotation that is seen nowhere, and no other.

    The flag of invisibility hides only annotations of unknown kinds.
    """
    flags = flags_of(annotation) & ~_INVISIBLE
    annotation.F = flags if is_shown(annotation) else flags | _HIDDEN


def look_of(annotation: Dictionary) -> Stream | None:
    """Return the appearance that an annotation brings for its state, if any."""
    appearance = annotation.get("/AP")
    normal = appearance.get("/N") if isinstance(appearance, Dictionary) else None
    if isinstance(normal, Dictionary):
        normal = normal.get(str(annotation.get("/AS", Name.Off)))
    return normal if isinstance(normal, Stream) else None


def look_says(look: Stream, texts: Sequence[str]) -> bool:
    """Return whether the text of an appearance holds each of these texts."""
    with pikepdf.new() as scratch:
        page = scratch.add_blank_page(page_size=(_LARGEST, _LARGEST))
        form = scratch.copy_foreign(look)
        form.Subtype = Name.Form
        page.obj.Resources = Dictionary(XObject=Dictionary(Look=form))
        page.obj.Contents = scratch.make_stream(b"/Look Do")
        out = BytesIO()
        scratch.save(out)
    with pypdfium2.PdfDocument(out.getvalue()) as opened:
        textpage = opened[0].get_textpage()
        shown = _plain(textpage.get_text_range())
        textpage.close()
    return all(_plain(text) in shown for text in texts)


def text_of(entry: object) -> str:
    """Return a text string, a text stream or a name as text; empty for anything else."""
    if isinstance(entry, Stream):
        entry = pikepdf.String(entry.read_bytes())
    if isinstance(entry, Name):
        return str(entry).removeprefix("/")
    # The language of a text may stand before it, between escapes (ISO 32000-1 7.9.2.2).
    return _LANGUAGE.sub("", str(entry)) if isinstance(entry, pikepdf.String) else ""


def colour(appearance: str) -> tuple[str, float]:
    """Return what a default appearance (/DA) says: the operator of its colour, and its size.

    The size is 0 when it is automatic. CMYK, for which a volume has no profile, becomes RGB.
    """
    sizes, colours = _SIZE.findall(appearance), _COLOURS.findall(appearance)
    size = abs(float(sizes[-1])) if sizes else 0.0
    return (paint([float(value) for value in colours[-1][0].split()]) if colours else "0 g"), size


def paint(values: Sequence[float]) -> str:
    """Return the operator that sets the colour of areas, of 1, 3 or 4 components; else black."""
    parts = [min(1.0, max(0.0, value)) for value in values]
    if len(parts) == 4:  # noqa: PLR2004 - CMYK
        *inks, black = parts
        parts = [(1 - ink) * (1 - black) for ink in inks]
    if len(parts) not in {1, 3}:
        parts = [0.0]
    operator = "g" if len(parts) == 1 else "rg"
    return " ".join([*(f"{part:.3f}" for part in parts), operator])


def pen(values: Sequence[float]) -> str:
    """Return the operator that sets the colour of strokes, as `paint` does of areas."""
    return stroking(paint(values))


def stroking(operator: str) -> str:
    """Return the operator for strokes of the same colour as this one for areas."""
    return operator.replace("rg", "RG") if "rg" in operator else operator.replace("g", "G")


def components(entry: object) -> list[float]:
    """Return the numbers of an array, empty for anything else."""
    try:
        return [float(value) for value in entry] if isinstance(entry, Array) else []
    except (TypeError, ValueError):
        return []


def rectangle(annotation: Dictionary) -> Rectangle | None:
    """Return where an annotation lies: left, bottom, right, top; None without an area."""
    values = components(annotation.get("/Rect"))
    if len(values) != 4 or not all(math.isfinite(value) for value in values):  # noqa: PLR2004
        return None
    left, right = sorted((values[0], values[2]))
    bottom, top = sorted((values[1], values[3]))
    return (left, bottom, right, top) if left < right and bottom < top else None


class Canvas:
    """What an annotation will show, in a box as large as its rectangle, turned as it asks."""

    def __init__(self, pdf: pikepdf.Pdf, annotation: Dictionary, where: Rectangle) -> None:
        """Begin an empty appearance; `width` and `height` are those of the box seen upright."""
        self._pdf, self._annotation = pdf, annotation
        self._box = (where[2] - where[0], where[3] - where[1])
        self._characteristics = annotation.get("/MK", Dictionary())
        self._turn = _turn(self._characteristics)
        self.width, self.height = self._box if self._turn % 180 == 0 else self._box[::-1]
        self._drawn: list[str] = []

    @classmethod
    def of(cls, pdf: pikepdf.Pdf, annotation: Dictionary) -> "Canvas | None":
        """Return an empty appearance for an annotation, None for one without an area."""
        where = rectangle(annotation)
        return None if where is None else cls(pdf, annotation, where)

    def paint_box(self) -> None:
        """Paint background and border as the field asks for them."""
        ground = components(self._characteristics.get("/BG"))
        edge = components(self._characteristics.get("/BC"))
        if ground:
            self._drawn.append(f"{paint(ground)} 0 0 {self.width:.3f} {self.height:.3f} re f")
        wide = border_width(self._annotation)
        if edge and wide:
            self._drawn.append(
                f"{pen(edge)} {wide:.3f} w {wide / 2:.3f} {wide / 2:.3f} "
                f"{self.width - wide:.3f} {self.height - wide:.3f} re S"
            )

    def paint_mark(self, style: str, ink: str) -> None:
        """Paint the mark of a box: tick, circle, cross, diamond, square or star (ZapfDingbats)."""
        side = min(self.width, self.height)
        x, y = (self.width - side) / 2, (self.height - side) / 2
        points = _MARKS.get(style, _MARKS["4"])
        path = " ".join(
            f"{x + part[0] * side:.3f} {y + part[1] * side:.3f} {'m' if at == 0 else 'l'}"
            for at, part in enumerate(points)
        )
        self._drawn.append(f"q {ink} {path} h f Q")

    def add(self, drawing: str) -> None:
        """Add instructions that draw in the coordinates of the box."""
        self._drawn.append(f"q {drawing} Q")

    def add_text(self, block: str) -> None:
        """Add a block of text in our font, kept within the box."""
        if block:
            self._drawn.append(
                f"/Tx BMC q 0 0 {self.width:.3f} {self.height:.3f} re W n\n{block}\nQ EMC"
            )

    def form(self, font: OwnFont | None) -> Stream:
        """Return the appearance as a form, with the font of its text."""
        rows = {
            0: (1, 0, 0, 1, 0, 0),
            90: (0, 1, -1, 0, self._box[0], 0),
            180: (-1, 0, 0, -1, self._box[0], self._box[1]),
            270: (0, -1, 1, 0, 0, self._box[1]),
        }
        turned = " ".join(f"{value:.3f}" for value in rows[self._turn])
        drawing = "\n".join(self._drawn)
        resources = Dictionary()
        if font is not None:
            resources.Font = Dictionary({FONT: font.object})
        return self._pdf.make_stream(
            f"q {turned} cm\n{drawing}\nQ".encode("ascii"),
            Type=Name.XObject,
            Subtype=Name.Form,
            BBox=Array([0, 0, *(round(side, 3) for side in self._box)]),
            Resources=resources,
        )


def border_width(annotation: Dictionary) -> float:
    """Return the width of an annotation's border in points, 1 where none is stated."""
    style = annotation.get("/BS")
    stated: Any = style.get("/W") if isinstance(style, Dictionary) else None
    if stated is None:
        border = components(annotation.get("/Border"))
        stated = border[2] if len(border) > 2 else 1  # noqa: PLR2004 - its third number
    try:
        return min(max(float(stated), 0.0), 100.0)
    except (TypeError, ValueError):
        return 1.0


def _turn(characteristics: object) -> int:
    try:
        turn = int(characteristics.get("/R", 0)) % 360  # type: ignore[attr-defined]
    except (TypeError, ValueError, AttributeError):
        return 0
    return turn if turn % 90 == 0 else 0


def _plain(text: str) -> str:
    return "".join(unified(text).split())


def _regular(corners: int, inner: float, offset: float = 0.0) -> list[tuple[float, float]]:
    """Return a star or polygon about the middle of a unit square."""
    steps = corners * 2 if inner < 1 else corners
    return [
        (
            0.5 + 0.42 * (inner if at % 2 and inner < 1 else 1) * math.sin(angle),
            0.5 + 0.42 * (inner if at % 2 and inner < 1 else 1) * math.cos(angle),
        )
        for at in range(steps)
        if (angle := offset + 2 * math.pi * at / steps) is not None
    ]


_MARKS: dict[str, Sequence[tuple[float, float]]] = {
    "4": ((0.12, 0.48), (0.24, 0.58), (0.4, 0.36), (0.78, 0.86), (0.9, 0.78), (0.42, 0.12)),
    "l": _regular(32, 1),
    "n": ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)),
    "u": _regular(4, 1),
    "H": _regular(5, 0.4),
    "8": (
        *((0.1, 0.2), (0.2, 0.1), (0.5, 0.4), (0.8, 0.1), (0.9, 0.2), (0.6, 0.5)),
        *((0.9, 0.8), (0.8, 0.9), (0.5, 0.6), (0.2, 0.9), (0.1, 0.8), (0.4, 0.5)),
    ),
}
