"""The calendar of 定期组卷: what each unit has to file of a month, and what it has filed.

A case is due when it was taken over; it is filed when a version of its volume is archived. What
was voided is neither.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from archive.administration.filing_units import FilingRule
from archive.database.engine import local_month
from archive.database.tables_cases import Case
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.finding_aids.reach import Reach, filed_in
from archive.reference.local_time import LOCAL_TIME
from archive.reference.vocabulary import CaseState, VolumeState

Key = tuple[str, str]
"""Month of completion and filing unit."""


@dataclass(frozen=True, slots=True)
class PeriodCount:
    """The cases of one month that one unit files."""

    period: str
    unit: str
    due: int
    checking: int
    ready: int
    making: int

    @property
    def open(self) -> int:
        """Return how many are not filed yet."""
        return self.checking + self.ready + self.making

    @property
    def filed(self) -> int:
        """Return how many are filed."""
        return self.due - self.open


def period_counts(
    session: Session, reach: Reach, rule: FilingRule, *, year: int
) -> list[PeriodCount]:
    """Return the counts of every month of a year and every filing unit, where there is a case."""
    committed = select(VolumeVersion.volume_id).where(VolumeVersion.state == VolumeState.COMMITTED)
    accepted = Case.state == CaseState.ACCEPTED
    numbers = _Counting(session, reach, rule, year)
    due = numbers.of(Case.state.in_((CaseState.ACCEPTED, CaseState.CONFIRM)))
    # A case that waits again because its pages differ has its number, and is checked first.
    checking = numbers.of(Case.state == CaseState.CONFIRM)
    ready = numbers.of(accepted, Case.id.not_in(select(Volume.case_id)))
    unmade = select(Volume.case_id).where(Volume.id.not_in(committed), Volume.void_reason.is_(None))
    making = numbers.of(accepted, Case.id.in_(unmade))
    return [
        PeriodCount(*key, due[key], checking[key], ready[key], making[key]) for key in sorted(due)
    ]


def by_period(counts: Iterable[PeriodCount]) -> list[PeriodCount]:
    """Return the sums of all units by month; their unit is empty."""
    sums: dict[str, PeriodCount] = {}
    for row in counts:
        before = sums.get(row.period, PeriodCount(row.period, "", 0, 0, 0, 0))
        sums[row.period] = PeriodCount(
            row.period,
            "",
            before.due + row.due,
            before.checking + row.checking,
            before.ready + row.ready,
            before.making + row.making,
        )
    return [sums[period] for period in sorted(sums)]


@dataclass(frozen=True, slots=True)
class _Counting:
    """Counts of the cases that the reach files, by month and unit."""

    session: Session
    reach: Reach
    rule: FilingRule
    year: int

    def of(self, *where: ColumnElement[bool]) -> Counter[Key]:
        """Return how many cases of the year fulfil these conditions."""
        receiving = self.rule is FilingRule.RECEIVING_PLACE
        unit = Case.receive_org if receiving else Case.domicile_org
        month = local_month(self.session, Case.completed_at)
        begin, end = (
            datetime(year, 1, 1, tzinfo=LOCAL_TIME) for year in (self.year, self.year + 1)
        )
        query = (
            select(month, unit, func.count())
            .where(Case.completed_at >= begin, Case.completed_at < end)
            .where(filed_in(self.reach, self.rule), *where)
            .group_by(month, unit)
        )
        rows = self.session.execute(query)
        return Counter({(period, code): count for period, code, count in rows})
