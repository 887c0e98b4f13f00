"""组卷 with choice: what is chosen, the numbers that it would get, and giving exactly these.

A preview gives nothing away and reserves nothing. A number is given once and for good, so that
what a person confirms is what they were shown: where anything has changed since, nothing is given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session, aliased

from archive.administration.filing_units import FilingUnits
from archive.administration.policy import Act, Reader, scope_of
from archive.arrangement.choice import Choice, period_of
from archive.arrangement.filing import CompletionKey, Placement, is_late, place_of
from archive.arrangement.numbering import code_at, freeze, key_of, last_numbered
from archive.database.listing import RowList
from archive.database.tables_cases import Case
from archive.database.tables_volumes import NumberCounter, Volume
from archive.reference.errors import ArchiveError
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import CaseState, Retention, Series

_NAMED = 3
"""So many cases a message names; of the others it says how many."""
_BATCH = 400  # ids in one query: SQLite takes a limited number of values
Numbered = tuple[str, str]
"""A case number and the 档号 that it gets."""


@dataclass(frozen=True, slots=True)
class ReadyCase:
    """An accepted case without a number, and where it will be filed."""

    id: int
    case_no: str
    completed_at: datetime
    receive_org: str
    accept_org: str
    domicile_org: str
    item_code: str
    item_version: str
    placement: Placement

    @property
    def period(self) -> str:
        """Return the month of completion in local time, as YYYY-MM."""
        return period_of(self.completed_at)

    def fits(self, choice: Choice) -> bool:
        """Say whether the case is among the chosen ones."""
        return choice.takes(
            self.case_no,
            self.completed_at,
            self.receive_org,
            self.placement.series,
            self.item_code,
        )


@dataclass(frozen=True, slots=True)
class Proposal:
    """The number that a case would get now; `late`: after one that was completed later (补归)."""

    case: ReadyCase
    code: str
    late: bool

    @property
    def numbered(self) -> Numbered:
        """Return the case number with the 档号."""
        return self.case.case_no, self.code

    def public(self) -> Mapping[str, Any]:
        """Return what is promised to scripts."""
        return {
            "case_no": self.case.case_no,
            "code": self.code,
            "late": self.late,
            "item": self.case.item_code,
            "receive_org": self.case.receive_org,
            "filing_org": self.case.placement.filing_org,
            "completed_at": self.case.completed_at.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class NumberSpan:
    """The numbers that a preview gives under one fonds, series, year and term."""

    placement: Placement
    first: str
    last: str
    count: int
    late: int
    follows: str | None
    """The 档号 given before the first of them; None: they begin the series."""

    @property
    def series(self) -> Series:
        """Return the series."""
        return self.placement.series

    @property
    def term(self) -> Retention:
        """Return how long its volumes are kept."""
        return self.placement.term


class NotReadyError(ArchiveError):
    """A case was named that does not wait for a number, or that the reader may not see."""

    code = "NOT_READY"

    def __init__(self, case_nos: Sequence[str]) -> None:
        """Name the first of them, and keep all."""
        self.case_nos = tuple(case_nos)
        super().__init__(
            f"{_some(case_nos)} 不在待组卷之列。",
            "可能已经组卷或退回核对；请在“册”或“核对”中查看。",
        )


class StalePreviewError(ArchiveError):
    """What was previewed is not what would be given now; nothing was given."""

    code = "PREVIEW_STALE"

    def __init__(self, changes: str) -> None:
        """Say what changed."""
        super().__init__(
            f"预览之后情况有变，未赋予任何档号：{changes}。", "请看过新的预览后再确认。"
        )
        self.changes = changes


def is_unnumbered() -> ColumnElement[bool]:
    """Return the condition for accepted cases without a number."""
    # The few that have no number are found first, from an index; only their rows, which are wide
    # with sealed facts, are then read.
    other = aliased(Case)
    return Case.id.in_(
        select(other.id).where(
            other.state == CaseState.ACCEPTED, ~exists().where(Volume.case_id == other.id)
        )
    )


def ready_cases(
    session: Session,
    *where: ColumnElement[bool],
    catalogue: Catalogue,
    units: FilingUnits,
) -> list[ReadyCase]:
    """Return the accepted cases without a number, in order of completion.

    Nothing is decrypted: of a city thousands may wait.
    """
    columns = (
        Case.id,
        Case.case_no,
        Case.completed_at,
        Case.receive_org,
        Case.accept_org,
        Case.domicile_org,
        Case.item_code,
        Case.item_version,
    )
    query = (
        select(*columns).where(is_unnumbered(), *where).order_by(Case.completed_at, Case.case_no)
    )
    return [
        ReadyCase(
            *row,
            placement=place_of(
                row.receive_org,
                row.domicile_org,
                row.completed_at,
                catalogue.get(row.item_code, row.item_version),
                units.organisations,
                units.rule,
            ),
        )
        for row in session.execute(query)
    ]


READY_CASES: RowList[ReadyCase] = RowList(
    {
        "case": lambda case: case.case_no,
        "receive": lambda case: case.receive_org,
        "completed": lambda case: (case.completed_at, case.case_no),
        "series": lambda case: (case.placement.fonds, str(case.placement.series)),
        "filer": lambda case: case.placement.filing_org,
    }
)


def propose(session: Session, cases: Sequence[ReadyCase]) -> list[Proposal]:
    """Return the numbers that the cases would get now, in order of completion."""
    given: dict[tuple[object, ...], int] = {}
    last: dict[tuple[object, ...], CompletionKey | None] = {}
    proposals = []
    for case in sorted(cases, key=lambda case: (case.completed_at, case.case_no)):
        key = tuple(key_of(case.placement).values())
        if key not in given:
            given[key] = _counted(session, case.placement)
            last[key] = last_numbered(session, case.placement)
        given[key] += 1
        proposals.append(
            Proposal(
                case,
                code_at(case.placement, given[key]),
                is_late((case.completed_at, case.case_no), last[key]),
            )
        )
    return proposals


def _counted(session: Session, placement: Placement) -> int:
    """Return the last number that was given where a case is filed."""
    query = select(NumberCounter.last).filter_by(**key_of(placement))
    return session.scalar(query) or 0


def spans_of(session: Session, proposals: Sequence[Proposal]) -> list[NumberSpan]:
    """Return what a preview gives by fonds, series, year and term, in order of 档号."""
    groups: dict[str, list[Proposal]] = {}
    for proposal in proposals:
        groups.setdefault(proposal.code.rpartition("-")[0], []).append(proposal)
    spans = []
    for _, rows in sorted(groups.items()):
        placement = rows[0].case.placement
        before = _counted(session, placement)
        spans.append(
            NumberSpan(
                placement,
                rows[0].code,
                rows[-1].code,
                len(rows),
                sum(row.late for row in rows),
                code_at(placement, before) if before else None,
            )
        )
    return spans


def preview(
    session: Session, filer: Reader, choice: Choice, *, catalogue: Catalogue, units: FilingUnits
) -> list[Proposal]:
    """Return the numbers that the choice would get now; nothing is given.

    Raises NotReadyError for a named case that does not wait, and NotFilingError for one that
    another unit files; what is only filtered leaves the cases of others out.
    """
    cases, absent = _chosen(session, filer, choice, catalogue, units)
    if absent:
        raise NotReadyError(absent)
    return propose(session, cases)


def number_chosen(
    session: Session,
    filer: Reader,
    choice: Choice,
    expected: Sequence[Numbered],
    *,
    catalogue: Catalogue,
    units: FilingUnits,
    at: datetime,
) -> list[Volume]:
    """Give the chosen cases the numbers that were previewed, in that order, or none.

    Raises StalePreviewError, whose transaction must not be committed, and NotFilingError.
    """
    cases, _ = _chosen(session, filer, choice, catalogue, units)
    _require_same(expected, [proposal.numbered for proposal in propose(session, cases)])
    volumes = freeze(
        session,
        filer,
        _rows_of(session, cases),
        catalogue=catalogue,
        units=units,
        at=at,
    )
    # Another process may have counted on between the proposal and the lock of the counter.
    given = [(case.case_no, volume.code) for case, volume in zip(cases, volumes, strict=True)]
    _require_same(expected, given)
    return volumes


def number_ready(
    session: Session,
    filer: Reader,
    choice: Choice,
    *,
    catalogue: Catalogue,
    units: FilingUnits,
    at: datetime,
) -> list[Volume]:
    """Give the chosen cases their numbers without a preview, as a batch does.

    A named case that does not wait is left out: it may have its number already.
    """
    cases, _ = _chosen(session, filer, choice, catalogue, units)
    rows = _rows_of(session, cases)
    return freeze(session, filer, rows, catalogue=catalogue, units=units, at=at)


def _chosen(
    session: Session, filer: Reader, choice: Choice, catalogue: Catalogue, units: FilingUnits
) -> tuple[list[ReadyCase], list[str]]:
    """Return the chosen cases that the filer files, and the named ones that do not wait.

    A foreign case that is named is answered like a missing one.
    """
    fitting = [
        case for case in ready_cases(session, catalogue=catalogue, units=units) if case.fits(choice)
    ]
    if not choice.case_nos:
        filed = {unit: units.is_filer(filer, unit) for unit in {_unit(case) for case in fitting}}
        return [case for case in fitting if filed[_unit(case)]], []
    seen = [
        case
        for case in fitting
        if filer.org
        in scope_of((case.receive_org, case.accept_org, case.domicile_org), units.organisations)
    ]
    for case in seen:
        units.require(filer, Act.COMPILE, _unit(case), case.case_no)
    return seen, sorted(choice.case_nos - {case.case_no for case in seen})


def _unit(case: ReadyCase) -> str:
    return case.placement.filing_org


def _rows_of(session: Session, cases: Sequence[ReadyCase]) -> list[Case]:
    """Return the rows of the cases, in their order."""
    rows: dict[int, Case] = {}
    ids = [case.id for case in cases]
    for begin in range(0, len(ids), _BATCH):
        query = select(Case).where(Case.id.in_(ids[begin : begin + _BATCH]))
        rows |= {row.id: row for row in session.scalars(query)}
    return [rows[case_id] for case_id in ids]


def _require_same(expected: Sequence[Numbered], now: Sequence[Numbered]) -> None:
    """Raise StalePreviewError, in words, unless the numbers are those that were shown."""
    shown, known = dict(expected), dict(now)
    if known and shown == known and len(expected) == len(now):
        return
    gone = [case_no for case_no in shown if case_no not in known]
    new = [case_no for case_no in known if case_no not in shown]
    moved = [
        f"{case_no} 应为 {code}，预览为 {shown[case_no]}"
        for case_no, code in known.items()
        if case_no in shown and shown[case_no] != code
    ]
    changes = [
        f"{_some(gone)} 已不在待组卷之列" if gone else "",
        f"新增 {_some(new)}" if new else "",
        f"{_some(moved)}" if moved else "",
    ]
    raise StalePreviewError("；".join(filter(None, changes)) or "没有可组卷的办件")


def _some(names: Sequence[str]) -> str:
    """Return the first few names, and how many there are in all."""
    first = "、".join(names[:_NAMED])
    return first if len(names) <= _NAMED else f"{first} 等 {len(names)} 件"
