"""Copies of parts of a volume.

Plain extracts for the screen, and certified copies (PDF/A-2u) with a first sheet that says what
they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

import pikepdf
import segno

from archive.compile.assemble import PAGE_TIES
from archive.compile.pdfa import Declaration, declare, saved, srgb_icc
from archive.compile.sheets import compile_template
from archive.reference.local_time import local_time

COPY_SEAL_BOX = (390, 70, 509, 189)
"""Where the stamp goes on the first sheet: left, bottom, right, top in points.

It lies over issuer and time.
"""


@dataclass(frozen=True, slots=True)
class CopiedItem:
    """An item of the volume that is copied.

    Its number and title, its first page (from 1) in the volume, and how many there are.
    """

    no: int
    title: str
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class CopySheet:
    """The statements of the first sheet of a certified copy."""

    code: str
    version: int
    fields: tuple[tuple[str, str], ...]
    check_code: str
    check_url: str
    issuer: str
    made_at: datetime
    demo: bool


def extract(pdf: bytes, first: int, count: int) -> bytes:
    """Return some pages of a volume (`first` from 1), unsigned.

    The same pages give the same bytes.
    """
    with pikepdf.open(BytesIO(pdf)) as source, pikepdf.new() as copy:
        _append(copy, source, first, count)
        return saved(copy)


def certified(pdf: bytes, items: Sequence[CopiedItem], sheet: CopySheet) -> bytes:
    """Return the first sheet and the pages of these items as one PDF/A, not yet sealed."""
    front = compile_template(
        "copy.typ",
        {
            "title": f"档案复制件证明 {sheet.code}",
            "fields": [list(field) for field in sheet.fields],
            "rows": [
                [f"{item.no:03d}", item.title, str(item.page), str(item.pages)] for item in items
            ],
            "check_code": sheet.check_code,
            "check_at": sheet.check_url,
            "issuer": sheet.issuer,
            "made_at": local_time(sheet.made_at),
            "demo": sheet.demo,
            "qr": _qr_svg(sheet.check_url or sheet.check_code),
        },
    )
    with (
        pikepdf.open(BytesIO(pdf)) as source,
        pikepdf.open(BytesIO(front)) as first,
        pikepdf.new() as copy,
    ):
        _append(copy, first, 1, len(first.pages))
        for item in items:
            _append(copy, source, item.page, item.pages)
        properties = {"code": (sheet.code, "档号"), "checkCode": (sheet.check_code, "核验码")}
        declare(
            copy,
            Declaration(
                f"档案复制件证明 {sheet.code}", sheet.made_at, "一册 Yice", sheet.code, properties
            ),
            srgb_icc(),
        )
        return saved(copy)


def _append(copy: pikepdf.Pdf, source: pikepdf.Pdf, first: int, count: int) -> None:
    for index in range(first - 1, first - 1 + count):
        copy.pages.append(source.pages[index])
        # A copy carries pages, not what their document did: no fields, no actions, no structure.
        for tie in PAGE_TIES:
            if tie in copy.pages[-1].obj:
                del copy.pages[-1].obj[tie]


def _qr_svg(text: str) -> str:
    out = BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", xmldecl=False, border=4)
    return out.getvalue().decode()
