"""The volumes of a choice, as registers list them: in order of 档号, named as the asker may."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from archive.administration.policy import Act, Denial, Reader, Record, decide
from archive.database.engine import database_now
from archive.database.tables_cases import Case
from archive.database.tables_volumes import Volume
from archive.finding_aids.reach import reach_of, volumes_in
from archive.finding_aids.volume_lists import (
    SeriesKey,
    VolumeFilter,
    count_volumes,
    list_volumes,
    listed_versions,
)
from archive.finding_aids.whom import whom
from archive.printing.choice import BadPrintError, PrintChoice
from archive.reference.local_time import local_date
from archive.reference.vocabulary import OrgKind, VolumeState
from archive.usage.looks import DeniedError
from archive.usage.reading_room import ReferenceData

MOST_ROWS = 10_000
_TOGETHER = 500
Advance = Callable[[int], None]


def unwatched(_done: int) -> None:
    """Take how many rows are read; nobody watches."""


@dataclass(frozen=True, slots=True)
class PrintedVolume:
    """A volume as a register lists it; `named` says that its people stand there in plain."""

    id: int
    code: str
    key: SeriesKey
    number: int
    title: str
    item: str
    begun: str
    completed: str
    pages: int | None
    committed: bool
    late: bool
    void: str | None
    named: bool


@dataclass(frozen=True, slots=True)
class ChosenVolumes:
    """The volumes of a choice, and how they stand to the series that they are of.

    `elsewhere` counts those of the same series, within the asker's reach, that were not chosen.
    `whole` says that the asker sees every volume of these fonds.
    """

    rows: tuple[PrintedVolume, ...]
    elsewhere: int
    whole: bool

    @property
    def named(self) -> int:
        """Return how many volumes stand there with names in plain."""
        return sum(1 for row in self.rows if row.named)


def count_chosen(
    session: Session, reader: Reader, choice: PrintChoice, reference: ReferenceData
) -> int:
    """Count the volumes of a choice. Raises BadPrintError for none, or for too many.

    Raises DeniedError when a ticked volume is not within reach, or is none.
    """
    reach = reach_of(reader.org, reference.organisations)
    if choice.codes:
        count = len(_ticked(session, choice, volumes_in(reach)))
        if count < len(set(choice.codes)):
            raise DeniedError(Denial.NOT_HERE)
    else:
        count = count_volumes(session, reach, _filter(choice))
    if not count:
        raise BadPrintError("没有符合条件的册。", "请核对单位、卷目、年度和起止日期。")
    if count > MOST_ROWS:
        raise BadPrintError(
            f"符合条件的有 {count:,} 册，一次最多打印 {MOST_ROWS:,} 册。",
            "请按卷目、年度或起止日期分批打印。",
        )
    return count


def chosen_volumes(
    session: Session,
    reader: Reader,
    choice: PrintChoice,
    reference: ReferenceData,
    advance: Advance = unwatched,
) -> ChosenVolumes:
    """Return the volumes of a choice; `advance` is told how many are read.

    Raises as the count does.
    """
    count_chosen(session, reader, choice, reference)
    naming = _Naming(reader, reference, database_now(session))
    rows: list[PrintedVolume] = []
    for batch in _batches(session, reader, choice, reference):
        versions = listed_versions(session, [volume for volume, _ in batch])
        for volume, case in batch:
            version = versions.get(volume.id)
            committed = version is not None and version.state == VolumeState.COMMITTED
            pages = version.pages if version is not None and committed else None
            rows.append(naming.row(volume, case, pages, committed=committed))
        advance(len(rows))
    keys = {row.key for row in rows}
    return ChosenVolumes(
        tuple(rows),
        _in_series(session, reader, keys, reference) - len(rows),
        _sees_all(reader, {key[0] for key in keys}, reference),
    )


def _batches(
    session: Session, reader: Reader, choice: PrintChoice, reference: ReferenceData
) -> Iterator[Sequence[tuple[Volume, Case]]]:
    """Yield the volumes of a choice with their cases, in order of 档号."""
    reach, after = reach_of(reader.org, reference.organisations), ""
    if choice.codes:
        codes = _ticked(session, choice, volumes_in(reach))
        for start in range(0, len(codes), _TOGETHER):
            query = select(Volume, Case).join(Case, Case.id == Volume.case_id)
            wanted = Volume.code.in_(codes[start : start + _TOGETHER])
            yield list(session.execute(query.where(wanted).order_by(Volume.code)).all())
        return
    narrowed = _filter(choice)
    while batch := list_volumes(session, reach, narrowed, after=after, limit=_TOGETHER):
        yield batch
        after = batch[-1][0].code


def _ticked(session: Session, choice: PrintChoice, within: ColumnElement[bool]) -> list[str]:
    """Return the codes of the ticked volumes within reach, in their order."""
    wanted, codes = sorted({code.replace(".", "·") for code in choice.codes}), list[str]()
    for start in range(0, len(wanted), _TOGETHER):
        query = select(Volume.code).where(Volume.code.in_(wanted[start : start + _TOGETHER]))
        codes += session.scalars(query.where(within))
    return sorted(codes)


def _filter(choice: PrintChoice) -> VolumeFilter:
    return VolumeFilter(
        series=str(choice.series) if choice.series else "",
        year=str(choice.year) if choice.year else "",
        stations=frozenset({choice.station} - {""}),
        since=choice.begin,
        until=choice.end,
    )


def _in_series(
    session: Session, reader: Reader, keys: set[SeriesKey], reference: ReferenceData
) -> int:
    """Count the volumes of these series that the reader sees."""
    seen = volumes_in(reach_of(reader.org, reference.organisations))
    total = 0
    for fonds, series, year, term in keys:
        of_series = (
            Volume.fonds == fonds,
            Volume.series == series,
            Volume.year == year,
            Volume.term == term,
        )
        total += session.scalar(select(func.count(Volume.id)).where(*of_series, seen)) or 0
    return total


def _sees_all(reader: Reader, fonds: set[str], reference: ReferenceData) -> bool:
    own = reference.organisations.get(reader.org)
    return own.kind is OrgKind.CITY or fonds <= {own.fonds_no}


@dataclass(frozen=True, slots=True)
class _Naming:
    """Decides volume by volume whether the asker's register names its people (§2.8)."""

    reader: Reader
    reference: ReferenceData
    now: datetime

    def row(
        self, volume: Volume, case: Case, pages: int | None, *, committed: bool
    ) -> PrintedVolume:
        named = self._named(volume, case)
        item = self.reference.catalogue.get(case.item_code, case.item_version).name
        return PrintedVolume(
            volume.id,
            volume.code,
            (volume.fonds, volume.series, volume.year, volume.term),
            volume.number,
            f"{_people(case.facts) if named else whom(case.facts)}{item}",
            item,
            _begun(case.facts),
            local_date(volume.completed_at),
            pages,
            committed,
            volume.late,
            volume.void_reason,
            named,
        )

    def _named(self, volume: Volume, case: Case) -> bool:
        orgs = (volume.filing_org, case.receive_org, case.accept_org, case.domicile_org)
        record = Record(orgs, volume.filing_org, case.receive_org, volume.code)
        organisations = self.reference.organisations
        return decide(self.reader, Act.NAME_PLAIN, record, organisations, now=self.now).allowed


def _people(facts: Mapping[str, Any]) -> str:
    """Return whom a case is about in plain, as `whom` writes it masked."""
    subjects = facts["subjects"]
    first = str(subjects[0]["name"])
    return f"{first}等{len(subjects)}人" if len(subjects) > 1 else first


def _begun(facts: Mapping[str, Any]) -> str:
    """Return the day on which a case was received; "" where no step says it."""
    steps = [datetime.fromisoformat(step["at"]) for step in facts.get("process") or ()]
    return local_date(min(steps)) if steps else ""
