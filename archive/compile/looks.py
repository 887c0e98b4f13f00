"""What an appearance that a file brings shows of a value, a text or a stroke.

Programs fill a form and leave the old appearance, an empty one, or one of question marks: viewers
show that, so the page does, and a person has to know that the value is another.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium
from pikepdf import Array, Dictionary, Name, Stream

from archive.compile.appearance import components, look_of
from archive.compile.form_fields import Field
from archive.compile.markup import markup_of, written
from archive.reference.characters import unified

_LARGEST, _LEAST, _SEEN = 2_000.0, 1.0, 24
_PAPER, _GROUND = 255, 128
"""Gray under a text, and under a stroke or a cover, which may be white."""
_SIGNS = re.compile(r"[^0-9.\-]")
_STROKES = {
    *("/Ink", "/Line", "/PolyLine", "/Polygon", "/Square", "/Circle", "/Stamp"),
    *("/Highlight", "/Underline", "/Squiggly", "/StrikeOut"),
}


@dataclass(frozen=True, slots=True)
class _Shown:
    """What an appearance shows: its text, whether that is known, whether it leaves ink."""

    text: str
    known: bool
    inked: bool

    def says(self, value: str) -> bool:
        """Return whether a value is read here; drawn as outlines it can only be seen."""
        if not self.inked:
            return False
        plain = "".join(unified(value).split())
        return plain in self.text or not self.text or not self.known or _same(plain, self.text)


def unshown(pdf: pikepdf.Pdf, kept: Sequence[Field]) -> int:
    """Count values, texts and strokes that the appearances that the file brings do not show.

    `kept` are the fields that will not be drawn by us, and all ticks. Call it before any is drawn.
    """
    count = sum(not _shows(field) for field in kept)
    for _, annotation in markup_of(pdf):
        kind, look = str(annotation.get("/Subtype")), look_of(annotation)
        if look is None:
            continue
        text = written(annotation) if kind == "/FreeText" else ""
        if text:
            count += not _seen(look, _PAPER).says(text)
        elif kind in _STROKES:
            count += not _seen(look, _GROUND).inked
    return count


def _shows(field: Field) -> bool:
    """Return whether the appearance of a field shows its value."""
    if field.is_tick:
        return not _contradicts(field)
    look = look_of(field.widget)
    if look is None or not field.texts:
        return True
    shown = _seen(look, _PAPER)
    return all(shown.says(text) for text in field.texts)


def _contradicts(field: Field) -> bool:
    """Return whether a box is ticked where its field's value says it is not, or the reverse."""
    value, own = field.values.get("/V"), field.widget.get("/AS")
    appearance = field.widget.get("/AP")
    states = appearance.get("/N") if isinstance(appearance, Dictionary) else None
    if not isinstance(value, Name) or not isinstance(own, Name) or isinstance(states, Stream):
        return False
    on = {key for key in states if key != "/Off"} if isinstance(states, Dictionary) else set()
    if not on:
        return False
    ticked = str(own) in on
    if ticked or value == Name.Off:
        # A box that is ticked by another name than its value's is ticked all the same.
        return ticked and (value == Name.Off or field.in_group or str(value) in on) and own != value
    return not any(state == value for state in field.group_states) if field.in_group else True


def _seen(look: Stream, ground: int) -> _Shown:
    """Draw an appearance alone, at one pixel a point, and read it."""
    box = components(look.get("/BBox"))
    if len(box) != 4:  # noqa: PLR2004 - two corners
        return _Shown("", known=True, inked=False)
    left, right = sorted((box[0], box[2]))
    bottom, top = sorted((box[1], box[3]))
    wide, high = right - left, top - bottom
    if min(wide, high) <= 0:
        return _Shown("", known=True, inked=False)
    scale = min(1.0, _LARGEST / max(wide, high))
    with pypdfium2.PdfDocument(_alone(look, (left, bottom), (wide, high))) as opened:
        page = opened[0]
        picture = page.render(scale=scale, fill_color=(ground, ground, ground, 255)).to_pil()
        extremes = picture.convert("RGB").getextrema()
        inked = any(high - low >= _SEEN or abs(low - ground) >= _SEEN for low, high in extremes)
        textpage = page.get_textpage()
        known = not any(
            pdfium.FPDFText_HasUnicodeMapError(textpage, at) for at in range(textpage.count_chars())
        )
        text = "".join(unified(textpage.get_text_range()).split())
        textpage.close()
        page.close()
    return _Shown(text, known, inked)


def _alone(look: Stream, corner: tuple[float, float], size: tuple[float, float]) -> bytes:
    with pikepdf.new() as scratch:
        page = scratch.add_blank_page()
        page.mediabox = Array([0, 0, *(max(_LEAST, side) for side in size)])
        form: Any = scratch.copy_foreign(look)
        form.Subtype = Name.Form
        if "/Matrix" in form:  # how it is turned on its page does not matter here
            del form["/Matrix"]
        page.obj.Resources = Dictionary(XObject=Dictionary(Look=form))
        page.obj.Contents = scratch.make_stream(
            f"1 0 0 1 {-corner[0]:.4f} {-corner[1]:.4f} cm /Look Do".encode()
        )
        out = BytesIO()
        scratch.save(out)
    return out.getvalue()


def _same(value: str, shown: str) -> bool:
    """Return whether both are one number: a field may show 12345 as 12,345.00."""
    try:
        return float(value) == float(_SIGNS.sub("", shown))
    except ValueError:
        return False
