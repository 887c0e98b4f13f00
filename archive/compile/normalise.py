"""PDF/A-2u pages from a PDF that came from elsewhere (R19).

The file itself is opened in the sandbox only (`foreign_pages`); what comes back is proved here.
"""

import json
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pikepdf

from archive.compile.page_place import STRIP
from archive.reference.compile_errors import (
    CompileError,
    ConversionStoppedError,
    NotConformingError,
    compile_error,
)

Prove = Callable[[bytes], Mapping[str, int]]
Confined = Callable[[str, bytes], bytes | str]
"""Does a task on foreign bytes in the sandbox; answers `died` or `slow` in place of bytes."""
PLACE, REDRAW = "place", "redraw"
_HEAD = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Normalised:
    """A PDF that was made PDF/A-2u.

    PDF/A-2u bytes, pages, the route taken (copied or raster) and Chinese notes for the process
    record.
    """

    pdf: bytes
    pages: int
    route: str
    notes: tuple[str, ...]


def normalise_pdf(
    data: bytes, turns: Mapping[int, int], confined: Confined, prove: Prove
) -> Normalised:
    """Lay the pages into a new document; where that is not PDF/A-2u, redraw them.

    `turns` are pages (from 1) to turn clockwise, in degrees; `prove` names the broken rules of a
    file. A strip of 12 mm is added below each page for the footer. Raises EncryptedError,
    UnreadableError, ContentLostError, NotConformingError, ConversionStoppedError.
    """
    placed, placed_as = _asked(confined, PLACE, {"turns": list(turns.items())}, data)
    if not prove(placed):
        return Normalised(placed, placed_as["pages"], "copied", tuple(placed_as["notes"]))
    redrawn, redrawn_as = _asked(confined, REDRAW, {}, placed)
    if prove(redrawn):
        raise NotConformingError("文件无法转换为符合 PDF/A-2u 的页面。")
    notes = (*placed_as["notes"], *redrawn_as["notes"])
    return Normalised(redrawn, redrawn_as["pages"], "raster", notes)


def answer_place(order: bytes) -> bytes:
    """Return the answer to a PLACE order; runs inside the sandbox."""
    from archive.compile.foreign_pages import place_pages  # noqa: PLC0415 - the child's alone

    head, data = _unpacked(order)
    try:
        placed = place_pages(data, {int(page): int(turn) for page, turn in head["turns"]})
    except CompileError as error:
        return _refused(error)
    return _packed({"pages": placed.pages, "notes": placed.notes}, placed.pdf)


def answer_redraw(order: bytes) -> bytes:
    """Return the answer to a REDRAW order; runs inside the sandbox."""
    from archive.compile.foreign_pages import redraw_pages  # noqa: PLC0415 - the child's alone

    try:
        redrawn = redraw_pages(_unpacked(order)[1])
    except CompileError as error:
        return _refused(error)
    return _packed({"pages": redrawn.pages, "notes": redrawn.notes}, redrawn.pdf)


def page_boxes(pdf: bytes, pages: Iterable[int]) -> list[tuple[float, float, float, float]]:
    """Return where on these pages of a normalised file the foreign page lies.

    Page 0 is the first. It is all above the strip.
    """
    with pikepdf.open(BytesIO(pdf)) as opened:
        sizes = [
            [float(value) for value in opened.pages[page].mediabox.as_list()] for page in pages
        ]
    return [(left, bottom + STRIP, right, top) for left, bottom, right, top in sizes]


def _asked(
    confined: Confined, task: str, head: Mapping[str, Any], data: bytes
) -> tuple[bytes, dict[str, Any]]:
    answer = confined(task, _packed(head, data))
    if isinstance(answer, str):
        raise ConversionStoppedError(answer)
    report, pdf = _unpacked(answer)
    if "code" in report:
        raise compile_error(report["code"], report["message"], report["action"])
    return pdf, report


def _refused(error: CompileError) -> bytes:
    report = {"code": error.code, "message": error.message, "action": error.action}
    return _packed(report, b"")


def _packed(head: Mapping[str, Any], body: bytes) -> bytes:
    text = json.dumps(head, ensure_ascii=False).encode()
    return _HEAD.pack(len(text)) + text + body


def _unpacked(packed: bytes) -> tuple[dict[str, Any], bytes]:
    end = _HEAD.size + _HEAD.unpack_from(packed)[0]
    return json.loads(packed[_HEAD.size : end]), packed[end:]
