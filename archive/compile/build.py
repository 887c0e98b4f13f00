"""The build of a plan into the unsigned PDF/A.

Sheets, scans and foreign PDFs in order, with page numbers that agree with the contents.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from typing import Any

import pikepdf

from archive.arrangement.plan import Conversion, PlannedItem, VolumePlan, contents_record
from archive.compile.assemble import PagePart, VolumeMeta, assemble
from archive.compile.normalise import Confined, Prove, normalise_pdf, page_boxes
from archive.compile.pdfa import srgb_icc
from archive.compile.scans import image_pages, picture_box
from archive.compile.sheets import InspectionSheet, SheetRow, Sheets, SheetsInput, render_sheets
from archive.compile.text_layer import Box
from archive.recognition.page_texts import Line, PageText
from archive.reference.case_facts import CaseFacts
from archive.reference.compile_errors import PlanMismatchError
from archive.reference.local_time import local_date
from archive.reference.objects import OriginalObject, blob_key
from archive.reference.organisations import Organisations, fonds_unit
from storage.blobs import BlobStore

_NOTED = 12
"""Notes of conversions on the inspection sheet."""
IMAGE = "image"
"""The route of a picture: it is placed on a page as it is."""
Texts = Mapping[tuple[str, int], PageText]
"""What OCR read, by digest of the file and page in it."""


@dataclass(frozen=True, slots=True)
class Built:
    """The unsigned volume.

    Its page count, its contents as data, and how each foreign file came in, in order of pages.
    """

    pdf: bytes
    pages: int
    contents: list[dict[str, Any]]
    conversions: tuple[Conversion, ...]


@dataclass(frozen=True, slots=True)
class Tools:
    """What foreign PDFs are opened with: the sandbox, and the validator of what comes back."""

    confined: Confined
    prove: Prove


@dataclass(frozen=True, slots=True)
class Filing:
    """What the sheets say of the volume among others.

    Where it is also found (互见), whether it came late (补归), which version it is, who had it
    compiled (立卷人) and who checked it (检查人).
    """

    cross_reference: str | None
    late: bool
    version: int
    compiled_by: str
    checked_by: str


@dataclass(frozen=True, slots=True)
class _Pages:
    """The pages of one original.

    A PDF, how many pages it has, and what was read on them, each with the place of its picture.
    """

    pdf: Any
    count: int
    texts: Mapping[int, tuple[Sequence[Line], Box]]


def build(
    store: BlobStore,
    plan: VolumePlan,
    facts: CaseFacts,
    organisations: Organisations,
    frozen_at: datetime,
    *,
    demo: bool,
    tools: Tools,
    filing: Filing,
    inspection: InspectionSheet,
    texts: Texts,
) -> Built:
    """Build the unsigned PDF/A-2u of a plan, with `texts` under its scans.

    `texts` are by digest and page. Raises CompileError for an original that can't be brought in
    whole.
    """
    conversions: list[Conversion] = []
    foreign = {
        item.no: _item_pages(store, item, tools, conversions, texts)
        for item in plan.items
        if item.form is None
    }
    sheets = render_sheets(
        _sheets_input(
            plan,
            facts,
            organisations,
            frozen_at,
            demo=demo,
            foreign=foreign,
            filing=filing,
            inspection=_with_notes(inspection, conversions),
        )
    )
    parts = _parts(plan, sheets, foreign)
    counts = {item.no: _count(item, sheets, foreign) for item in plan.items}
    page = sheets.parts["cover"][1] + sheets.parts["contents"][1] + 1
    starts: dict[int, int] = {}
    for item in plan.items:
        starts[item.no] = page
        page += counts[item.no]
    meta = VolumeMeta(
        code=str(plan.code),
        title=plan.title,
        fonds=plan.code.fonds,
        series=str(plan.code.series),
        retention=str(plan.code.term),
        case_no=plan.case_no,
        created=frozen_at,
        producer="一册 Yice",
    )
    pages = page - 1 + sheets.parts["inspection"][1] + sheets.parts["closing"][1]
    return Built(
        assemble(parts, meta, srgb_icc()),
        pages,
        contents_record(plan, starts, counts),
        tuple(conversions),
    )


def _with_notes(inspection: InspectionSheet, conversions: Sequence[Conversion]) -> InspectionSheet:
    """Return the sheet with what was noted of the pages of foreign files, by item."""
    noted = dict.fromkeys(
        (conversion.no, note) for conversion in conversions for note in conversion.notes
    )
    lines = [f"第 {no:03d} 件编入时：{note}" for no, note in noted]
    if len(lines) > _NOTED:  # the sheet is one page
        more = len(lines) - _NOTED
        lines[_NOTED:] = [f"另有 {more} 条编入说明，见随册保存的 process.json。"]
    return replace(inspection, notes=(*inspection.notes, *lines))


def _item_pages(
    store: BlobStore,
    item: PlannedItem,
    tools: Tools,
    conversions: list[Conversion],
    texts: Texts,
) -> list[_Pages]:
    """Return the pages of an item as they came, or as a person arranged them."""
    turns: dict[int, dict[int, int]] = {}
    for leaf in item.leaves:
        turns.setdefault(leaf.file, {})[leaf.page] = leaf.turn
    received = []
    for number, original in enumerate(item.objects, 1):
        pages, route, notes = _pages(store, original, tools, turns.get(number, {}), texts)
        conversions.append(Conversion(item.no, original.path, route, notes))
        received.append(pages)
    if not item.leaves:
        return received
    if sorted((leaf.file, leaf.page) for leaf in item.leaves) != [
        (file, page) for file, pages in enumerate(received, 1) for page in range(1, pages.count + 1)
    ]:
        raise PlanMismatchError("核对时排定的页序与材料的页数不符。")
    opened = [
        pikepdf.open(BytesIO(pages.pdf)) if isinstance(pages.pdf, bytes) else pages.pdf
        for pages in received
    ]
    arranged = pikepdf.new()
    arranged.pages.extend(opened[leaf.file - 1].pages[leaf.page - 1] for leaf in item.leaves)
    read = {
        place: received[leaf.file - 1].texts[leaf.page - 1]
        for place, leaf in enumerate(item.leaves)
        if leaf.page - 1 in received[leaf.file - 1].texts
    }
    return [_Pages(arranged, len(arranged.pages), read)]


def _pages(
    store: BlobStore,
    original: OriginalObject,
    tools: Tools,
    turns: Mapping[int, int],
    texts: Texts,
) -> tuple[_Pages, str, tuple[str, ...]]:
    """Return the pages of one original, the route by which they came in, and its notes."""
    data = store.read(blob_key(original.sha256), sha256=original.sha256)
    if original.media_type == "application/pdf":
        normal = normalise_pdf(data, turns, tools.confined, tools.prove)
        pdf: Any = normal.pdf
        count, route, notes = normal.pages, normal.route, normal.notes
    else:
        route, notes = IMAGE, ()
        pdf = image_pages(data, original.media_type, turns)
        count = len(pdf.pages)
    # What was read on a page that lay the wrong way is not its text.
    upright = [page for page in range(1, count + 1) if not turns.get(page)]
    read = {
        page - 1: text
        for page in upright
        if (text := texts.get((original.sha256, page))) and text.lines
    }
    return _Pages(pdf, count, _placed(pdf, read)), route, notes


def _placed(
    pdf: bytes | pikepdf.Pdf, read: Mapping[int, PageText]
) -> dict[int, tuple[Sequence[Line], Box]]:
    """Return the lines of each page with the box of what they were read on.

    That is the picture, or all of a foreign page above the foot strip.
    """
    if not read:
        return {}
    if isinstance(pdf, pikepdf.Pdf):
        return {page: (text.lines, picture_box(pdf.pages[page])) for page, text in read.items()}
    return {
        page: (text.lines, box)
        for page, text, box in zip(read, read.values(), page_boxes(pdf, read), strict=True)
    }


def _count(item: PlannedItem, sheets: Sheets, foreign: dict[int, list[_Pages]]) -> int:
    return (
        sheets.parts[f"form:{item.form.key}"][1]
        if item.form
        else sum(pages.count for pages in foreign[item.no])
    )


def _parts(
    plan: VolumePlan, sheets: Sheets, foreign: dict[int, list[_Pages]]
) -> Sequence[PagePart]:
    def sheet(key: str, title: str) -> PagePart:
        first, count = sheets.parts[key]
        return PagePart(pdf=sheets.pdf, first=first, count=count, outline_title=title, level=0)

    parts = [sheet("cover", "封面"), sheet("contents", "卷内目录")]
    for item in plan.items:
        title = f"{item.no:03d} {item.title}"
        if item.form:
            parts.append(sheet(f"form:{item.form.key}", title))
        for index, pages in enumerate(foreign.get(item.no, [])):
            parts.append(
                PagePart(
                    pdf=pages.pdf,
                    first=0,
                    count=pages.count,
                    outline_title=None if index else title,
                    level=0,
                    texts=pages.texts,
                )
            )
    return [*parts, sheet("inspection", "四性检测报告"), sheet("closing", "备考表")]


def _sheets_input(
    plan: VolumePlan,
    facts: CaseFacts,
    organisations: Organisations,
    frozen_at: datetime,
    *,
    demo: bool,
    foreign: dict[int, list[_Pages]],
    filing: Filing,
    inspection: InspectionSheet,
) -> SheetsInput:
    rows = tuple(
        SheetRow(
            no=item.no,
            title=item.title,
            responsible=item.responsible,
            date=item.date,
            source=item.source.label,
            pages=None if item.form else sum(part.count for part in foreign[item.no]),
            form_key=item.form.key if item.form else None,
            number=item.number,
        )
        for item in plan.items
    )
    return SheetsInput(
        code=str(plan.code),
        title=plan.title,
        fonds_name=fonds_unit(organisations, plan.code.fonds).name,
        fonds_no=plan.code.fonds,
        series_label=plan.code.series.label,
        year=str(plan.code.year),
        retention_label=plan.code.term.label,
        case_no=plan.case_no,
        item_name=plan.item_name,
        completed_on=local_date(plan.completed_at),
        archived_on=local_date(frozen_at),
        receive_org=organisations.get(facts.orgs.receive).name,
        domicile_org=organisations.get(facts.orgs.domicile).name,
        compiled_by=filing.compiled_by,
        checked_by=filing.checked_by,
        demo=demo,
        rows=rows,
        forms=tuple(item.form for item in plan.items if item.form),
        notes=_notes(facts, filing, plan),
        cross_reference=filing.cross_reference,
        late=filing.late,
        inspection=inspection,
    )


def _notes(facts: CaseFacts, filing: Filing, plan: VolumePlan) -> tuple[str, ...]:
    """Return the statements of the closing sheet.

    Where paper is kept, which pages were declared blank, and that this volume came late or anew.
    """
    kept = [material.type for material in facts.materials if material.paper and material.paper.kept]
    blank = [
        f"{material.type}第{'、'.join(map(str, material.blank_pages))}页"
        for material in facts.materials
        if material.blank_pages
    ]
    notes = ["册内页面由系统按卷内目录编成，原始文件按原格式随册保存。"]
    if kept:
        notes.append(f"纸质原件由受理地窗口保存：{'、'.join(kept)}。")
    if blank:
        notes.append(f"申报确认的空白页：{'；'.join(blank)}。")
    if arranged := [item.title for item in plan.items if item.leaves]:
        notes.append(f"核对时调整了页序或方向，原件未改动：{'、'.join(arranged)}。")
    if filing.late:
        notes.append("本卷为补归：办结早于已赋号的卷册，按到达顺序赋号。")
    if filing.version > 1:
        notes.append(f"本卷为补充归档后的第 {filing.version} 版，此前各版原样保存，档号不变。")
    return tuple(notes)
