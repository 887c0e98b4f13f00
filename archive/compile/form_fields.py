"""The values of form fields, drawn where the file brings no appearance (ISO 32000-1 12.7).

An appearance that shows the value is kept as it is. Ours shows it as viewers do: aligned, in a
comb, in lines; a tick by the state of its box; a password as asterisks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import IntFlag
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

from archive.compile.appearance import (
    Canvas,
    colour,
    is_shown,
    look_of,
    look_says,
    rectangle,
    text_of,
)
from archive.compile.drawn_text import Style, combed, one_line, paragraphs, rows
from archive.compile.own_font import OwnFont

_DEEPEST = 32
_INHERITED = ("/FT", "/V", "/DV", "/Ff", "/DA", "/Q", "/MaxLen", "/Opt", "/I", "/TI")


class Flag(IntFlag):
    """Flags of fields that change what is seen (tables 226, 228 and 230)."""

    MULTILINE = 1 << 12
    PASSWORD = 1 << 13
    RADIO = 1 << 15
    BUTTON = 1 << 16
    COMBO = 1 << 17
    COMB = 1 << 24


@dataclass(frozen=True, slots=True)
class Field:
    """A field at one place of a page: its widget, its type, and what it inherits."""

    page: int
    widget: Dictionary
    kind: str
    flags: Flag
    values: dict[str, Any]

    @property
    def texts(self) -> tuple[str, ...]:
        """Return the value as the texts that a viewer shows; empty for ticks and passwords."""
        if self.kind not in {"/Tx", "/Ch"} or self.flags & Flag.PASSWORD:
            return ()
        return tuple(text for text in self.stated() if text.strip())

    def stated(self) -> Iterator[str]:
        """Yield the value as text, a choice by what is shown for it."""
        value = self.values.get("/V")
        names = dict(self.options())
        for entry in value if isinstance(value, Array) else [value]:
            text = text_of(entry) or _numeral(entry)
            yield names.get(text, text)

    @property
    def is_tick(self) -> bool:
        """Return whether the field is a box to tick and no button to push."""
        return self.kind == "/Btn" and not self.flags & Flag.BUTTON

    @property
    def group_states(self) -> list[Any]:
        """Return the states of all boxes of the field."""
        kids = self.widget.get("/Parent", Dictionary()).get("/Kids")
        return [kid.get("/AS") for kid in kids] if isinstance(kids, Array) else []

    @property
    def in_group(self) -> bool:
        """Return whether the field has several boxes, of which a value names one."""
        return len(self.group_states) > 1

    def options(self) -> list[tuple[str, str]]:
        """Return the options of a choice: what is kept, and what is shown."""
        listed = self.values.get("/Opt")
        return [
            (text_of(entry[0]), text_of(entry[1]))
            if isinstance(entry, Array) and len(entry) > 1
            else (text_of(entry), text_of(entry))
            for entry in (listed if isinstance(listed, Array) else ())
        ]


def fields_of(pdf: pikepdf.Pdf) -> Iterator[Field]:
    """Yield the fields that are seen, page by page; those of no page are not seen."""
    default = pdf.Root.get("/AcroForm", Dictionary()).get("/DA")
    for number, page in enumerate(pdf.pages, 1):
        annotations = page.obj.get("/Annots")
        for widget in annotations if isinstance(annotations, Array) else ():
            if isinstance(widget, Dictionary) and widget.get("/Subtype") == Name.Widget:
                values = _inherited(widget)
                values.setdefault("/DA", default)
                if is_shown(widget) and rectangle(widget) is not None:
                    yield Field(number, widget, str(values.get("/FT")), _flags(values), values)


def draw_fields(pdf: pikepdf.Pdf, fields: list[Field], font: OwnFont) -> None:
    """Give each of these fields an appearance of its value, and each tick its state."""
    for field in fields:
        if field.is_tick:
            _draw_tick(pdf, field)
            continue
        canvas = Canvas.of(pdf, field.widget)
        if canvas is not None:
            canvas.paint_box()
            canvas.add_text(_drawn(field, canvas, font))
            field.widget.AP = Dictionary(N=canvas.form(font))


def needs_drawing(field: Field, *, stale: bool) -> bool:
    """Return whether a field brings no appearance of its value.

    `stale` says that the file asks viewers to draw the values anew.
    """
    if field.is_tick:
        return True
    look = look_of(field.widget)
    if look is None:
        return field.kind in {"/Tx", "/Ch", "/Btn"}
    return stale and not look_says(look, field.texts)


def written_by(fields: list[Field]) -> str:
    """Return all characters that drawing these fields takes."""
    words = [text for field in fields for text in field.stated()]
    words += [shown for field in fields for _, shown in field.options()]
    words += [text_of(field.widget.get("/MK", Dictionary()).get("/CA")) for field in fields]
    return "*" + "".join(words)


def _inherited(widget: Dictionary) -> dict[str, Any]:
    values: dict[str, Any] = {}
    node: object = widget
    for _ in range(_DEEPEST):
        if not isinstance(node, Dictionary):
            break
        for key in _INHERITED:
            if key in node and key not in values:
                values[key] = node[key]
        node = node.get("/Parent")
    return values


def _flags(values: dict[str, Any]) -> Flag:
    try:
        return Flag(int(values.get("/Ff", 0)) & 0xFFFFFFFF)
    except (TypeError, ValueError):
        return Flag(0)


def _drawn(field: Field, canvas: Canvas, font: OwnFont) -> str:
    style = _style(field)
    width, height = canvas.width, canvas.height
    if field.kind == "/Btn":
        caption = text_of(field.widget.get("/MK", Dictionary()).get("/CA"))
        return one_line(caption, Style(style.colour, style.size, 1), width, height, font)
    if field.kind == "/Ch" and not field.flags & Flag.COMBO:
        chosen = set(field.texts)
        listed = [shown for _, shown in field.options()] or list(field.texts)
        first = min((listed.index(text) for text in chosen if text in listed), default=0)
        top = min(first, _number(field.values.get("/TI"), first))
        return rows([(text, text in chosen) for text in listed[top:]], style, width, height, font)
    text = "\n".join(field.stated())
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    if field.flags & Flag.PASSWORD:
        return one_line("*" * len(text), style, width, height, font)
    cells = _number(field.values.get("/MaxLen"), 0)
    if field.flags & Flag.COMB and cells >= max(1, len(text)):
        return combed(text, style, width, height, cells, font)
    if field.flags & Flag.MULTILINE:
        return paragraphs(text, style, width, height, font)
    return one_line(text, style, width, height, font)


def _style(field: Field) -> Style:
    ink, size = colour(text_of(field.values.get("/DA")))
    return Style(ink, size, _number(field.values.get("/Q"), 0))


def _numeral(entry: object) -> str:
    """Return a number that a careless program wrote where a text belongs."""
    written = isinstance(entry, (int, float, Decimal)) and not isinstance(entry, bool)
    return str(entry) if written else ""


def _number(entry: object, default: int) -> int:
    try:
        return int(entry)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError):
        return default


def _draw_tick(pdf: pikepdf.Pdf, field: Field) -> None:
    """Set the state of a tick, and draw it where the file brings no appearance of the state."""
    states = field.widget.get("/AP", Dictionary()).get("/N")
    state = _state(field, states)
    field.widget.AS = state
    if isinstance(states, Stream):
        return
    if isinstance(states, Dictionary) and (state == Name.Off or state in states):
        return
    canvas = Canvas.of(pdf, field.widget)
    if canvas is not None:
        canvas.paint_box()
        if state != Name.Off:
            canvas.paint_mark(_mark(field), colour(text_of(field.values.get("/DA")))[0])
        field.widget.AP = Dictionary(N=canvas.form(None))


def _mark(field: Field) -> str:
    stated = text_of(field.widget.get("/MK", Dictionary()).get("/CA"))
    return stated or ("l" if field.flags & Flag.RADIO else "4")


def _state(field: Field, states: Any) -> Name:  # noqa: ANN401 - a dictionary of states, if any
    """Return the state that a box shows: its own, or the one that its field's value names."""
    own, value = field.widget.get("/AS"), field.values.get("/V")
    on = [Name(key) for key in states if key != "/Off"] if _is_choice(states) else []
    if isinstance(own, Name) and (own == Name.Off or own in on or not on):
        return own
    if not isinstance(value, Name) or value == Name.Off:
        return Name.Off
    if on:
        return value if value in on else Name.Off
    return value if _is_named(field, value) else Name.Off


def _is_named(field: Field, value: Name) -> bool:
    """Return whether a value names this box of its field, which brings no states to tell."""
    if not field.in_group:
        return True
    kids = field.widget.Parent.Kids
    place = next((at for at, kid in enumerate(kids) if kid.objgen == field.widget.objgen), -1)
    exports = [export for export, _ in field.options()]
    stated = str(value).removeprefix("/")
    return stated == str(place) or (0 <= place < len(exports) and exports[place] == stated)


def _is_choice(states: Any) -> bool:  # noqa: ANN401 - as above
    return isinstance(states, Dictionary) and not isinstance(states, Stream)
