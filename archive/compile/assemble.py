"""The assembly of the parts of a volume into one PDF/A-2u file.

It adds footers, outline, page labels and metadata to the pages. The same inputs give the same
bytes.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO

import pikepdf

from archive.compile.footer import Footer
from archive.compile.pdfa import Declaration, declare, saved, srgb_icc
from archive.compile.text_layer import Box, TextLayer
from archive.recognition.page_texts import Line
from archive.reference.compile_errors import PlanMismatchError

# What ties a page to the document it came from: structure tree, actions, threads, private data.
PAGE_TIES = (
    "/StructParents",
    "/Tabs",
    "/Annots",
    "/AA",
    "/Metadata",
    "/PieceInfo",
    "/B",
    "/Thumb",
    "/Trans",
    "/Dur",
    "/PresSteps",
)


@dataclass(frozen=True, slots=True)
class PagePart:
    """`count` pages of `pdf` from page `first` (0 is the first).

    A title makes an outline entry at `level` (0 is the top).
    """

    pdf: bytes | pikepdf.Pdf
    first: int
    count: int
    outline_title: str | None = None
    level: int = 0
    texts: Mapping[int, tuple[Sequence[Line], Box]] = field(default_factory=dict)
    """What was read on a page of `pdf` (0 is the first), and where its picture lies.

    It goes invisibly under the page.
    """


@dataclass(frozen=True, slots=True)
class VolumeMeta:
    """What the file says of the volume.

    `created` must be aware; it is written, never read from the clock.
    """

    code: str
    title: str
    fonds: str
    series: str
    retention: str
    case_no: str
    created: datetime
    producer: str


def assemble(
    parts: Sequence[PagePart], meta: VolumeMeta, output_intent_icc: bytes | None = None
) -> bytes:
    """Join the parts in order and return the volume, not yet signed.

    The output intent is sRGB unless given. Raises PlanMismatchError when a part lacks its pages.
    """
    with ExitStack() as opened, pikepdf.new() as pdf:
        starts = _append(pdf, parts, opened)
        _lay_texts(pdf, parts, starts)
        total = len(pdf.pages)
        if not total:
            raise PlanMismatchError("本册没有任何页面。")
        footer = Footer(pdf, meta.code)
        for number, page in enumerate(pdf.pages, 1):
            for tie in PAGE_TIES:
                if tie in page.obj:
                    del page.obj[tie]
            footer.stamp(page, number, total)
        _outline(pdf, parts, starts)
        pdf.Root.PageLabels = pikepdf.Dictionary(
            Nums=pikepdf.Array([0, pikepdf.Dictionary(S=pikepdf.Name.D)])
        )
        declare(
            pdf, _declaration(meta), srgb_icc() if output_intent_icc is None else output_intent_icc
        )
        return saved(pdf)


def _append(pdf: pikepdf.Pdf, parts: Sequence[PagePart], opened: ExitStack) -> list[int]:
    """Append the pages of all parts; return the index on which each part starts."""
    sources: dict[int, pikepdf.Pdf] = {}
    starts = []
    for part in parts:
        starts.append(len(pdf.pages))
        if isinstance(part.pdf, bytes):
            source = sources.get(id(part.pdf))
            if source is None:
                source = sources[id(part.pdf)] = opened.enter_context(
                    pikepdf.open(BytesIO(part.pdf))
                )
        else:
            source = part.pdf
        if part.first < 0 or part.count < 0 or part.first + part.count > len(source.pages):
            raise PlanMismatchError(
                f"编册计划需要第 {part.first + 1} 页起共 {part.count} 页，"
                f"材料只有 {len(source.pages)} 页。"
            )
        for index in range(part.first, part.first + part.count):
            pdf.pages.append(source.pages[index])
    return starts


def _lay_texts(pdf: pikepdf.Pdf, parts: Sequence[PagePart], starts: Sequence[int]) -> None:
    # A foreign page that became a picture may have a text layer of its own, hence the name.
    layer = TextLayer(pdf, "/YiceRead")
    for part, start in zip(parts, starts, strict=True):
        for page, (lines, box) in sorted(part.texts.items()):
            layer.lay_under(pdf.pages[start + page - part.first], lines, box)
    layer.finish()


def _outline(pdf: pikepdf.Pdf, parts: Sequence[PagePart], starts: Sequence[int]) -> None:
    with pdf.open_outline() as outline:
        trail: list[pikepdf.OutlineItem] = []
        for part, start in zip(parts, starts, strict=True):
            if part.outline_title is None or not part.count:
                continue
            entry = pikepdf.OutlineItem(part.outline_title, start, "Fit")
            del trail[part.level :]
            (trail[-1].children if trail else outline.root).append(entry)
            trail.append(entry)


def _declaration(meta: VolumeMeta) -> Declaration:
    properties = {
        "code": (meta.code, "档号"),
        "fonds": (meta.fonds, "全宗号"),
        "series": (meta.series, "卷目"),
        "retention": (meta.retention, "保管期限"),
        "caseNo": (meta.case_no, "业务流水号"),
    }
    return Declaration(meta.title, meta.created, meta.producer, meta.code, properties)
