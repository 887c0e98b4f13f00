"""What is to be printed, as the station API and the forms of the desk state it."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from api.http.daily import limits_of, within_limits
from api.runtime.bootstrap import Runtime
from archive.administration import daily_use
from archive.administration.daily_use import Shown
from archive.administration.policy import Reader
from archive.database.engine import reading
from archive.printing.choice import MOST_TICKED, BadPrintError, PrintChoice
from archive.printing.documents import PrintDocument
from archive.printing.making import documents_of, make_pages, named_in
from archive.printing.orders import note_print, order_print, print_number
from archive.reference.print_terms import PrintKind
from archive.reference.vocabulary import Series

MOST_PAGES = 2000
"""Rows that are printed while the asker waits; more are made in the background, sealed."""
_ONE_LOOK = 100
_PAGES = "pages"
_Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9._·-]{1,64}$")]


class PrintWanted(BaseModel):
    """Which registers, of which volumes."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "description": (
                "要打印哪些目录、选哪些册；除目录种类外各项可不写，写明的都须符合。"
                "利用登记簿只看起止日期，年报只看年度。"
            ),
            "examples": [{"kinds": ["register"], "series": "QR", "year": 2026}],
        },
    )
    kinds: list[PrintKind] = Field(min_length=1, max_length=len(PrintKind), description="目录种类")
    codes: list[_Code] = Field(default=[], max_length=MOST_TICKED, description="只印这些档号的册")
    station: str = Field(
        default="", pattern=r"^([0-9]{12})?$", description="收件或户籍地单位代码（12位）"
    )
    series: Series | None = Field(default=None, description="卷目代码")
    year: int | None = Field(default=None, ge=1, le=9999, description="年度")
    since: date | None = Field(default=None, description="办结（利用）日期自")
    until: date | None = Field(default=None, description="办结（利用）日期至，含当日")

    def choice(self) -> PrintChoice:
        """Return what the acts take."""
        return PrintChoice(
            tuple(self.kinds),
            tuple(self.codes),
            self.station,
            self.series,
            self.year,
            self.since,
            self.until,
        )


def take_pages(runtime: Runtime, reader: Reader, choice: PrintChoice) -> bytes:
    """Return the pages of a choice, counted and journalled before they are drawn.

    Raises DeniedError, BadPrintError, ProblemError DAILY_LIMIT.
    """
    with reading(runtime.engine) as session:
        documents = documents_of(session, reader, choice, runtime.reference)
    rows = sum(document.rows for document in documents)
    if rows > MOST_PAGES:
        raise BadPrintError(
            f"共 {rows:,} 行，当场打印一次最多 {MOST_PAGES:,} 行。",
            "请分批打印，或出具签章的 PDF/A，由后台制作。",
        )
    with within_limits(runtime, reader) as session:
        _count(session, runtime, reader, rows)
        note_print(
            session,
            reader,
            choice,
            _PAGES,
            volumes=_volumes(documents),
            sealed=False,
            named=named_in(documents),
        )
    return make_pages(documents, demo=runtime.settings.demo_seals)


def take_order(runtime: Runtime, reader: Reader, choice: PrintChoice) -> str:
    """Order sealed registers, counted; return the number. Raises as `take_pages` does."""
    with within_limits(runtime, reader) as session:
        order = order_print(session, reader, choice, runtime.reference)
        _count(session, runtime, reader, order.total)
        return print_number(order)


def _volumes(documents: Sequence[PrintDocument]) -> int:
    return max((document.rows for document in documents), default=0)


def _count(session: Session, runtime: Runtime, reader: Reader, rows: int) -> None:
    """Count a hundred rows as one look, as every export does."""
    most = limits_of(runtime.settings, reader).looks
    for _ in range(0, max(rows, 1), _ONE_LOOK):
        daily_use.count(session, reader.account, Shown.LOOKS, most)
