"""What is to be printed: registers and volumes, checked before anything is read."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from archive.administration.policy import Denial, Reader
from archive.finding_aids.reach import reach_of
from archive.reference.errors import ArchiveError
from archive.reference.local_time import LOCAL_TIME
from archive.reference.organisations import Organisations
from archive.reference.print_terms import OF_VOLUMES, PrintKind
from archive.reference.vocabulary import Series
from archive.usage.looks import DeniedError

MOST_TICKED = 1000
_FIRST_YEAR = 1949
_LONGEST = timedelta(days=366 * 10)


class BadPrintError(ArchiveError):
    """What is asked to be printed can't be: nothing chosen, a wrong span, too much at once."""

    code = "BAD_PRINT"


@dataclass(frozen=True, slots=True)
class PrintChoice:
    """Which kinds, of the volumes that fit; "" and None narrow nothing.

    `codes` are ticked volumes, `station` received the case or is its domicile. Days are those of
    completion, of a register of use those of the request.
    """

    kinds: tuple[PrintKind, ...]
    codes: tuple[str, ...] = ()
    station: str = ""
    series: Series | None = None
    year: int | None = None
    since: date | None = None
    until: date | None = None

    @property
    def of_volumes(self) -> bool:
        """Say whether a chosen kind lists volumes."""
        return bool(OF_VOLUMES & set(self.kinds))

    @property
    def begin(self) -> datetime | None:
        """Return the first moment of the span."""
        return _midnight(self.since) if self.since else None

    @property
    def end(self) -> datetime | None:
        """Return the first moment after the span."""
        return _midnight(self.until + timedelta(days=1)) if self.until else None

    def public(self) -> dict[str, Any]:
        """Return the choice as the order keeps it; it names no person."""
        return {
            "kinds": [str(kind) for kind in self.kinds],
            "codes": list(self.codes),
            "station": self.station,
            "series": str(self.series) if self.series else "",
            "year": self.year,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        }


def choice_of(kept: Mapping[str, Any]) -> PrintChoice:
    """Return the choice of an order."""
    return PrintChoice(
        tuple(PrintKind(kind) for kind in kept["kinds"]),
        tuple(kept["codes"]),
        kept["station"],
        Series(kept["series"]) if kept["series"] else None,
        kept["year"],
        date.fromisoformat(kept["since"]) if kept["since"] else None,
        date.fromisoformat(kept["until"]) if kept["until"] else None,
    )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=LOCAL_TIME)


def check_span(since: date | None, until: date | None, today: date) -> None:
    """Raise BadPrintError for a span that ends before it begins, lies ahead, or is too long."""
    if since and until and since > until:
        raise BadPrintError("起始日期晚于截止日期。", "请核对起止日期后重试。")
    if (since and since > today) or (until and until > today):
        raise BadPrintError("起止日期在今天之后，还没有可印的。", "请选今天或以前的日期。")
    if since and until and until - since > _LONGEST:
        raise BadPrintError("起止日期相距超过十年。", "请分成几段打印。")


def check_choice(
    reader: Reader, choice: PrintChoice, organisations: Organisations, today: date
) -> None:
    """Raise BadPrintError for a choice that says nothing or can't be.

    DeniedError for a foreign one: a station out of reach reads like one that does not exist.
    """
    if not choice.kinds:
        raise BadPrintError("没有选要打印的目录。", "请至少勾选一种。")
    if len(choice.codes) > MOST_TICKED:
        raise BadPrintError(
            f"一次最多勾选{MOST_TICKED}册。", "请改用卷目、年度或起止日期选择，或分批打印。"
        )
    check_span(choice.since, choice.until, today)
    if choice.year is not None and not _FIRST_YEAR <= choice.year <= today.year:
        raise BadPrintError(
            "年度不在可选的范围内。", f"请填{_FIRST_YEAR}至{today.year}之间的年度。"
        )
    if choice.station and not _reaches(reader, choice.station, organisations):
        raise DeniedError(Denial.NOT_HERE)
    if PrintKind.YEAR in choice.kinds and choice.year is None:
        raise BadPrintError("没有选年报的年度。", "请选一个年度。")
    narrowed: Collection[object] = (choice.codes, choice.station, choice.series, choice.year)
    if choice.of_volumes and not any((*narrowed, choice.since, choice.until)):
        raise BadPrintError(
            "没有选册：未勾选册，也未写明单位、卷目、年度或起止日期。",
            "请至少写明一项，或在“册”的列表中勾选后打印。",
        )


def _reaches(reader: Reader, station: str, organisations: Organisations) -> bool:
    if station not in organisations:
        return False
    reach = reach_of(reader.org, organisations)
    return reach is None or station in reach
