"""Annotations drawn where the file brings no appearance of them (ISO 32000-1 12.5.6).

A signature written by hand, a text upon the page, lines, marks of text, the sign of a note. What
stays unseen on paper, such as a link, stays so.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from html import unescape

import pikepdf
from pikepdf import Array, Dictionary, Name

from archive.compile.appearance import (
    Canvas,
    Rectangle,
    border_width,
    colour,
    components,
    is_shown,
    look_of,
    paint,
    pen,
    rectangle,
    stroking,
    text_of,
)
from archive.compile.drawn_text import Style, paragraphs
from archive.compile.own_font import OwnFont

_CURVE = 0.5523
_UNSEEN = {
    "/Link",
    "/Widget",
    "/Popup",
    "/FileAttachment",
    "/Sound",
    "/Movie",
    "/Screen",
    "/3D",
} | {
    *("/Caret", "/Redact", "/TrapNet", "/PrinterMark", "/Watermark", "/RichMedia"),
}
_WORDLESS = _UNSEEN - {"/FileAttachment", "/Caret", "/Redact"}
"""Annotations whose text is no remark on the page."""
_BREAK, _TAG = re.compile(r"</p>|<br\s*/?>", re.IGNORECASE), re.compile(r"<[^>]*>")
_NOTE = 20.0


def markup_of(pdf: pikepdf.Pdf) -> Iterator[tuple[int, Dictionary]]:
    """Yield the annotations that are seen, with their page; no widgets and no links."""
    return _annotations(pdf, _UNSEEN)


def _annotations(pdf: pikepdf.Pdf, left_out: Collection[str]) -> Iterator[tuple[int, Dictionary]]:
    for number, page in enumerate(pdf.pages, 1):
        annotations = page.obj.get("/Annots")
        for annotation in annotations if isinstance(annotations, Array) else ():
            if (
                isinstance(annotation, Dictionary)
                and str(annotation.get("/Subtype")) not in left_out
                and is_shown(annotation)
            ):
                yield number, annotation


def written(annotation: Dictionary) -> str:
    """Return the text of an annotation; where only its rich text is there, that as plain text."""
    plain = text_of(annotation.get("/Contents")).strip()
    if plain:
        return plain
    rich = _BREAK.sub("\n", text_of(annotation.get("/RC")))
    return unescape(_TAG.sub("", rich)).strip()


def free_texts(pdf: pikepdf.Pdf) -> Iterator[tuple[int, str]]:
    """Yield what is written upon the pages, with the page."""
    for number, annotation in markup_of(pdf):
        text = written(annotation)
        if annotation.get("/Subtype") == Name.FreeText and text:
            yield number, text


def notes(pdf: pikepdf.Pdf) -> Iterator[tuple[int, str]]:
    """Yield the texts of notes, which the page itself does not show, with the page."""
    for number, annotation in _annotations(pdf, _WORDLESS):
        text = written(annotation)
        if text and annotation.get("/Subtype") != Name.FreeText:
            yield number, text


def draw_markup(pdf: pikepdf.Pdf, font: OwnFont) -> int:
    """Give every annotation without an appearance one; returns how many could not be drawn."""
    undrawn = 0
    for _, annotation in markup_of(pdf):
        if look_of(annotation) is not None:
            continue
        kind, where = str(annotation.get("/Subtype")), rectangle(annotation)
        drawer = _DRAWERS.get(kind)
        if drawer is None or where is None or (kind in _OF_POINTS and not _reach(annotation)):
            undrawn += drawer is not None or kind == "/Stamp"
            continue
        _grow(annotation, where)
        canvas = Canvas.of(pdf, annotation)
        if canvas is not None:
            drawer(annotation, canvas, font)
            annotation.AP = Dictionary(N=_transparent(pdf, annotation, canvas.form(font)))
    return undrawn


def written_in_markup(pdf: pikepdf.Pdf) -> str:
    """Return all characters that drawing the texts upon pages takes."""
    return "".join(text for _, text in free_texts(pdf))


def _grow(annotation: Dictionary, where: Rectangle) -> None:
    """Widen the rectangle to what is drawn: strokes may reach beyond it."""
    points = _reach(annotation)
    quads = _points(annotation.get("/QuadPoints"))
    edge = max(1.0, border_width(annotation))
    xs = [where[0], where[2], *(x + side for x, _ in points for side in (-edge, edge))]
    ys = [where[1], where[3], *(y + side for _, y in points for side in (-edge, edge))]
    xs += [x for x, _ in quads]
    ys += [y for _, y in quads]
    annotation.Rect = Array([min(xs), min(ys), max(xs), max(ys)])


def _reach(annotation: Dictionary) -> list[tuple[float, float]]:
    """Return the points of the strokes of an annotation."""
    points = [*_points(annotation.get("/L")), *_points(annotation.get("/Vertices"))]
    for line in _strokes(annotation.get("/InkList")):
        points += line
    return points


def _transparent(pdf: pikepdf.Pdf, annotation: Dictionary, form: pikepdf.Stream) -> pikepdf.Stream:
    """Let a mark of text leave the text under it, and keep the opacity that is stated."""
    state = Dictionary(Type=Name.ExtGState)
    if annotation.get("/Subtype") == Name.Highlight:
        state.BM = Name.Multiply
    opacity = components(Array([annotation.get("/CA", 1)]))
    if opacity and 0 <= opacity[0] < 1:
        state.CA = state.ca = opacity[0]
    if len(state.keys()) == 1:
        return form
    return pdf.make_stream(
        b"/Blend gs /Inner Do",
        Type=Name.XObject,
        Subtype=Name.Form,
        BBox=form.BBox,
        Resources=Dictionary(ExtGState=Dictionary(Blend=state), XObject=Dictionary(Inner=form)),
    )


def _ink(annotation: Dictionary, canvas: Canvas, _: OwnFont) -> None:
    for line in _strokes(annotation.get("/InkList")):
        _stroke(annotation, canvas, line, "S")


def _line(annotation: Dictionary, canvas: Canvas, _: OwnFont) -> None:
    _stroke(annotation, canvas, _points(annotation.get("/L")), "S")


def _polyline(annotation: Dictionary, canvas: Canvas, _: OwnFont) -> None:
    _stroke(annotation, canvas, _points(annotation.get("/Vertices")), "S")


def _polygon(annotation: Dictionary, canvas: Canvas, _: OwnFont) -> None:
    inner = components(annotation.get("/IC"))
    _stroke(annotation, canvas, _points(annotation.get("/Vertices")), "h B" if inner else "h S")


def _square(annotation: Dictionary, canvas: Canvas, _: OwnFont) -> None:
    x, y, width, height = _inside(annotation, canvas)
    path = f"{x:.3f} {y:.3f} {width:.3f} {height:.3f} re"
    canvas.add(f"{_pen(annotation)} {path} {_painting(annotation)}")


def _circle(annotation: Dictionary, canvas: Canvas, _: OwnFont) -> None:
    x, y, width, height = _inside(annotation, canvas)
    across, up = width / 2, height / 2
    middle, centre = x + across, y + up
    a, b = across * _CURVE, up * _CURVE
    path = (
        f"{middle + across:.3f} {centre:.3f} m "
        f"{middle + across:.3f} {centre + b:.3f} {middle + a:.3f} {centre + up:.3f} "
        f"{middle:.3f} {centre + up:.3f} c "
        f"{middle - a:.3f} {centre + up:.3f} {middle - across:.3f} {centre + b:.3f} "
        f"{middle - across:.3f} {centre:.3f} c "
        f"{middle - across:.3f} {centre - b:.3f} {middle - a:.3f} {centre - up:.3f} "
        f"{middle:.3f} {centre - up:.3f} c "
        f"{middle + a:.3f} {centre - up:.3f} {middle + across:.3f} {centre - b:.3f} "
        f"{middle + across:.3f} {centre:.3f} c h"
    )
    canvas.add(f"{_pen(annotation)} {path} {_painting(annotation)}")


def _highlight(annotation: Dictionary, canvas: Canvas, _: OwnFont) -> None:
    tint = paint(components(annotation.get("/C")) or [1, 1, 0])
    for left, bottom, right, top in _quads(annotation):
        canvas.add(f"{tint} {left:.3f} {bottom:.3f} {right - left:.3f} {top - bottom:.3f} re f")


def _underline(annotation: Dictionary, canvas: Canvas, _: OwnFont) -> None:
    for left, bottom, right, top in _quads(annotation):
        height = bottom + (top - bottom) * 0.08
        canvas.add(f"{_pen(annotation)} {left:.3f} {height:.3f} m {right:.3f} {height:.3f} l S")


def _strike(annotation: Dictionary, canvas: Canvas, _: OwnFont) -> None:
    for left, bottom, right, top in _quads(annotation):
        height = (bottom + top) / 2
        canvas.add(f"{_pen(annotation)} {left:.3f} {height:.3f} m {right:.3f} {height:.3f} l S")


def _free_text(annotation: Dictionary, canvas: Canvas, font: OwnFont) -> None:
    ink, size = colour(text_of(annotation.get("/DA")))
    ground = components(annotation.get("/C"))
    width = border_width(annotation)
    if ground and paint(ground) != ink:  # else the text would not be seen on it
        canvas.add(f"{paint(ground)} 0 0 {canvas.width:.3f} {canvas.height:.3f} re f")
    if width:
        canvas.add(
            f"{stroking(ink)} {width:.3f} w {width / 2:.3f} {width / 2:.3f} "
            f"{canvas.width - width:.3f} {canvas.height - width:.3f} re S"
        )
    side = components(Array([annotation.get("/Q", 0)]))
    text = written(annotation).replace("\r\n", "\n").replace("\r", "\n")
    style = Style(ink, size, int(side[0]) if side else 0)
    canvas.add_text(paragraphs(text.replace("\t", " "), style, canvas.width, canvas.height, font))


def _note(annotation: Dictionary, canvas: Canvas, _: OwnFont) -> None:
    """Draw the sign of a note at the upper left, as large as viewers draw it."""
    side = min(_NOTE, canvas.width, canvas.height)
    y = canvas.height - side
    tint = paint(components(annotation.get("/C")) or [1, 1, 0])
    lines = " ".join(
        f"{side * 0.2:.3f} {y + side * part:.3f} m {side * 0.8:.3f} {y + side * part:.3f} l S"
        for part in (0.3, 0.5, 0.7)
    )
    edge = f"0.5 {y + 0.5:.3f} {side - 1:.3f} {side - 1:.3f} re B"
    canvas.add(f"{tint} 0 G 1 w {edge} {lines}")


def _stroke(
    annotation: Dictionary, canvas: Canvas, points: Sequence[tuple[float, float]], paints: str
) -> None:
    where = rectangle(annotation)
    if where is None or not points:
        return
    path = " ".join(
        f"{x - where[0]:.3f} {y - where[1]:.3f} {'m' if at == 0 else 'l'}"
        for at, (x, y) in enumerate(points if len(points) > 1 else [*points, *points])
    )
    canvas.add(f"1 J 1 j {_pen(annotation)} {path} {paints}")


def _pen(annotation: Dictionary) -> str:
    shown = pen(components(annotation.get("/C")) or [0])
    style = annotation.get("/BS", Dictionary())
    dash = ""
    if isinstance(style, Dictionary) and style.get("/S") == Name.D:
        parts = components(style.get("/D")) or [3]
        dash = f"[{' '.join(f'{max(0.1, part):.3f}' for part in parts)}] 0 d "
    inner = components(annotation.get("/IC"))
    fill = f"{paint(inner)} " if inner else ""
    return f"{fill}{shown} {dash}{border_width(annotation):.3f} w"


def _painting(annotation: Dictionary) -> str:
    inner, edge = components(annotation.get("/IC")), border_width(annotation)
    return ("B" if edge else "f") if inner else ("S" if edge else "n")


def _inside(annotation: Dictionary, canvas: Canvas) -> Rectangle:
    """Return x, y, width and height of a figure within the border and the differences (/RD)."""
    left, bottom, right, top = ([*components(annotation.get("/RD")), 0, 0, 0, 0])[:4]
    edge = border_width(annotation) / 2
    return (
        left + edge,
        bottom + edge,
        max(0.1, canvas.width - left - right - 2 * edge),
        max(0.1, canvas.height - bottom - top - 2 * edge),
    )


def _quads(annotation: Dictionary) -> Iterator[Rectangle]:
    """Yield the stretches of text that a mark covers, in the coordinates of its box."""
    where, points = rectangle(annotation), _points(annotation.get("/QuadPoints"))
    if where is None:
        return
    for at in range(0, len(points) - 3, 4):
        xs, ys = zip(*points[at : at + 4], strict=True)
        yield (
            min(xs) - where[0],
            min(ys) - where[1],
            max(xs) - where[0],
            max(ys) - where[1],
        )
    if len(points) < 4:  # noqa: PLR2004 - of a mark that names no stretch, the whole box
        yield 0.0, 0.0, where[2] - where[0], where[3] - where[1]


def _points(entry: object) -> list[tuple[float, float]]:
    numbers = components(entry)
    return list(zip(numbers[::2], numbers[1::2], strict=False))


def _strokes(entry: object) -> list[list[tuple[float, float]]]:
    return [_points(line) for line in entry] if isinstance(entry, Array) else []


_OF_POINTS = {"/Ink", "/Line", "/PolyLine", "/Polygon"}
"""Kinds that cannot be drawn without points, such as one whose strokes are curves (/Path)."""
_DRAWERS: dict[str, Callable[[Dictionary, Canvas, OwnFont], None]] = {
    "/Ink": _ink,
    "/Line": _line,
    "/PolyLine": _polyline,
    "/Polygon": _polygon,
    "/Square": _square,
    "/Circle": _circle,
    "/Highlight": _highlight,
    "/Underline": _underline,
    "/Squiggly": _underline,
    "/StrikeOut": _strike,
    "/FreeText": _free_text,
    "/Text": _note,
}
