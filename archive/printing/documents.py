"""What is printed as data, a document of tables or strips, and its PDF."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from archive.compile.context import CompileContext
from archive.compile.sealed_document import FOOT_BOX, Sealing, sealed_document
from archive.compile.sheets import compile_template
from archive.paper.documents import TableColumn
from archive.reference.organisations import Organisation, Organisations
from archive.reference.print_terms import PrintKind

_TEMPLATE = "print.typ"
_ACROSS_BOX = (660, 36, 779, 155)
"""The foot of a page across, right; points."""


@dataclass(frozen=True, slots=True)
class PrintTable:
    """A table: its title, its columns and rows; `begins` says that it starts a new page."""

    title: str
    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[str, ...], ...]
    under: tuple[tuple[str, str], ...] = ()
    begins: bool = False


@dataclass(frozen=True, slots=True)
class Strip:
    """A spine of a volume to be cut out: its fields, what runs along it, its codes."""

    fields: tuple[tuple[str, str], ...]
    along: str
    small: str
    number: str
    code: str
    bars: str
    bars_mm: float
    qr: str


@dataclass(frozen=True, slots=True)
class PrintDocument:
    """A register that is printed: whose it is, what it covers, what it lists.

    `left_out` says in sentences what is not in it: with any of them it is a part. `signs` are the
    two sides of a hand-over. `named` counts the rows that name people in plain.
    """

    kind: PrintKind
    number: str
    org: Organisation
    made_at: str
    fields: tuple[tuple[str, str], ...]
    tables: tuple[PrintTable, ...] = ()
    strips: tuple[Strip, ...] = ()
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    signs: tuple[tuple[str, str], ...] = ()
    across: bool = False
    named: int = 0
    title: str = field(default="")

    @property
    def heading(self) -> str:
        """Return the title: that of its kind unless it has one of its own."""
        return self.title or self.kind.label

    @property
    def rows(self) -> int:
        """Return how many lines its tables have."""
        return sum(len(table.rows) for table in self.tables)

    def public(self) -> dict[str, Any]:
        """Return the document as scripts read it."""
        return {
            "kind": str(self.kind),
            "title": self.heading,
            "org": self.org.code,
            "made_at": self.made_at,
            "part": bool(self.left_out),
            "left_out": list(self.left_out),
            "fields": dict(self.fields),
            "tables": [
                {
                    "title": table.title,
                    "rows": [
                        dict(zip((c.heading for c in table.columns), row, strict=True))
                        for row in table.rows
                    ],
                }
                for table in self.tables
            ],
        }


def pages_pdf(documents: Sequence[PrintDocument], *, demo: bool) -> bytes:
    """Return documents as pages to print, one after the other; they say that none is sealed."""
    drawn = [_drawn(document, demo=demo, sealed=False) for document in documents]
    return compile_template(_TEMPLATE, {"documents": drawn})


def sealed_pdf(
    context: CompileContext, organisations: Organisations, document: PrintDocument
) -> bytes:
    """Return a document as PDF/A, sealed by the fonds of the unit that prints it.

    Raises NotProvedError when it is no sound PDF/A or its seal does not hold.
    """
    return sealed_document(
        context,
        _TEMPLATE,
        {"documents": [_drawn(document, demo=context.demo, sealed=True)]},
        Sealing(
            organisations.fonds_of(document.org.code),
            organisations.district_of(document.org.code).name,
            document.heading,
            document.heading,
            _ACROSS_BOX if document.across else FOOT_BOX,
        ),
    )


def _drawn(document: PrintDocument, *, demo: bool, sealed: bool) -> Mapping[str, Any]:
    return {
        "title": document.heading,
        "number": document.number,
        "unit": document.org.name,
        "made_at": document.made_at,
        "fields": [list(pair) for pair in document.fields],
        "tables": [_table(table) for table in document.tables],
        "strips": [
            asdict(strip) | {"fields": [list(pair) for pair in strip.fields]}
            for strip in document.strips
        ],
        "left_out": list(document.left_out),
        "notes": list(document.notes),
        "signs": [list(pair) for pair in document.signs],
        "across": document.across,
        "demo": demo,
        "sealed": sealed,
    }


def _table(table: PrintTable) -> Mapping[str, Any]:
    return {
        "title": table.title,
        "under": [list(pair) for pair in table.under],
        "begins": table.begins,
        "heading": [column.heading for column in table.columns],
        "widths": [column.width for column in table.columns],
        "centred": [column.centred for column in table.columns],
        "rows": [list(row) for row in table.rows],
    }
