"""Registers and reports of paper as documents: the same rows as PDF, sealed PDF and table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archive.compile.context import CompileContext
from archive.compile.sealed_document import Sealing, sealed_document
from archive.compile.sheets import compile_template
from archive.reference.organisations import Organisation, Organisations

_TEMPLATE = "paper.typ"
_SEAL_BOX = (660, 36, 779, 155)
"""The foot of a page across, right; points."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column: its heading, and its width in millimetres; 0 shares what is left."""

    heading: str
    width: int = 0
    centred: bool = True


@dataclass(frozen=True, slots=True)
class PaperTable:
    """A table of a document; `empty` is what stands in place of no rows."""

    title: str
    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str = "无。"

    @property
    def heading(self) -> tuple[str, ...]:
        """Return the headings of the columns."""
        return tuple(column.heading for column in self.columns)


@dataclass(frozen=True, slots=True)
class PaperDocument:
    """A register or report: its title and number, whose it is, when it was made, its tables.

    `org` is the organisation; its fonds seals.
    """

    title: str
    number: str
    org: Organisation
    made_at: str
    fields: tuple[tuple[str, str], ...]
    tables: tuple[PaperTable, ...]
    notes: tuple[str, ...] = ()

    def public(self) -> dict[str, Any]:
        """Return the document as scripts read it: the rows of each table by heading."""
        return {
            "title": self.title,
            "number": self.number,
            "org": self.org.code,
            "made_at": self.made_at,
            "fields": dict(self.fields),
            "tables": [
                {
                    "title": table.title,
                    "rows": [dict(zip(table.heading, row, strict=True)) for row in table.rows],
                }
                for table in self.tables
            ],
        }


def printed_pdf(document: PaperDocument, *, demo: bool) -> bytes:
    """Return a document as PDF/A for printing, which says that it is not sealed."""
    return compile_template(_TEMPLATE, _drawn(document, demo=demo, sealed=False))


def sealed_pdf(
    context: CompileContext, organisations: Organisations, document: PaperDocument
) -> bytes:
    """Return a document as PDF/A, sealed by the fonds of its organisation.

    Raises NotProvedError when it is no sound PDF/A or its seal does not hold.
    """
    return sealed_document(
        context,
        _TEMPLATE,
        _drawn(document, demo=context.demo, sealed=True),
        Sealing(
            organisations.fonds_of(document.org.code),
            organisations.district_of(document.org.code).name,
            document.title,
            document.title,
            _SEAL_BOX,
        ),
    )


def _drawn(document: PaperDocument, *, demo: bool, sealed: bool) -> Mapping[str, Any]:
    return {
        "title": document.title,
        "number": document.number,
        "unit": document.org.name,
        "made_at": document.made_at,
        "fields": [list(field) for field in document.fields],
        "tables": [_drawn_table(table) for table in document.tables],
        "notes": list(document.notes),
        "demo": demo,
        "sealed": sealed,
    }


def _drawn_table(table: PaperTable) -> Mapping[str, Any]:
    rows: Sequence[Sequence[str]] = table.rows
    return {
        "title": table.title,
        "heading": list(table.heading),
        "widths": [column.width for column in table.columns],
        "centred": [column.centred for column in table.columns],
        "rows": [list(row) for row in rows],
        "empty": table.empty,
    }
