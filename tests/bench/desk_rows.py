"""An archive of many volumes for the desk's bench: a few made by the main job, the rest written
straight into the rows after their pattern.
"""

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from api.jobs.acts import ingest_paths, run_compile
from api.jobs.progress import NoProgress
from api.runtime.bootstrap import Runtime, open_index_folder
from archive.accession.case_sources import sources_in
from archive.audit import journal
from archive.database.base import Base
from archive.database.engine import reading, writing
from archive.database.sealed_columns import in_row, sealed_type
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case, CaseRevision, CaseSource, Component
from archive.database.tables_jobs import Job
from archive.database.tables_usage import UsageRequest
from archive.database.tables_volumes import NumberCounter, Step, Volume, VolumeVersion
from archive.reference.vocabulary import OrgKind
from tests.bench.search_bench import volumes
from tests.support.factories import enabled_items, make_bag
from tests.support.station import moved_case

_SERIES = (
    ("QR", 0.3),
    ("BG", 0.15),
    ("CS", 0.15),
    ("QC", 0.1),
    ("BZ", 0.1),
    ("SW", 0.08),
    ("LF", 0.07),
    ("JT", 0.05),
)
_SURNAMES, _GIVEN = "王李张刘陈杨赵黄周吴徐孙胡朱高", "明华丽强伟芳娜静敏磊洋艳勇军杰"
_CHUNK, _CITYWIDE = 1000, 0.2
_AFTER = 9_999  # ids of generated rows begin after those of the real ones
_ACTS = (
    "ACCESSION",
    "RESERVE",
    "COMPILED",
    "SIGNED",
    "PROVED",
    "STORED",
    "COMMITTED",
    "VIEW_PAGES",
)
_START = datetime(2024, 1, 2, 1, 0, tzinfo=UTC)


def make_real(runtime: Runtime, count: int) -> None:
    """A few volumes by the main job: their pages are what images are measured on, their rows the
    pattern of all others.
    """
    bags = runtime.settings.data / "bags"
    for number in range(1, count + 1):
        case_no = f"150602010000-20231201-{number:06d}"
        make_bag(bags / case_no, case=_earlier(moved_case(case_no)))
    ingest_paths(runtime, "cli:test", [bags], NoProgress())
    assert run_compile(runtime, runtime.operator("cli:test"), NoProgress()).failed == 0


def _earlier(case: dict[str, Any]) -> dict[str, Any]:
    """The same case in 2023, before all generated ones."""
    moved: dict[str, Any] = json.loads(
        json.dumps(case, ensure_ascii=False).replace("2026-09-01T", "2023-12-01T")
    )
    return moved


class City:
    """Writes the rows; every list page reads these columns, so they are spread as a city's are."""

    def __init__(self, runtime: Runtime, seed: int = 1) -> None:
        """Take the pattern from the first real volume."""
        self.runtime, self.chance = runtime, random.Random(seed)
        organisations = runtime.organisations
        self.stations = [
            org.code
            for org in (
                *organisations.of_kind(OrgKind.STATION),
                *organisations.of_kind(OrgKind.HALL),
            )
        ]
        self.items = {
            series: [item for item in enabled_items(runtime.catalogue) if item.series == series]
            or enabled_items(runtime.catalogue)[:3]
            for series, _ in _SERIES
        }
        with reading(runtime.engine) as session:
            self.case, self.volume, self.version = session.execute(
                select(Case, Volume, VolumeVersion)
                .join(Volume, Volume.case_id == Case.id)
                .join(VolumeVersion)
                .order_by(Volume.id)
            ).first()
            self.steps = session.scalars(
                select(Step).filter_by(volume_version_id=self.version.id)
            ).all()
            self.components = session.scalars(
                select(Component).filter_by(case_id=self.case.id)
            ).all()
            self.tail = session.scalars(
                select(JournalEntry).order_by(JournalEntry.seq.desc())
            ).first()
        self.numbers: dict[tuple[str, str, int], int] = {}
        self.first = _AFTER + 1
        self.rows: dict[type[Base], list[dict[str, Any]]] = {}

    def fill(self, count: int) -> None:
        """`count` archived volumes in order of completion, then what waits: cases to check, cases
        to compile, requests for use.
        """
        span = timedelta(days=700) / count
        for chunk in _batched(count + 2000):
            self.rows = {}
            for index in chunk:
                self._one(
                    index,
                    _START + span * index,
                    archived=index < count,
                    waits=index >= count + 1500,
                )
            self._requests(chunk)
            with writing(self.runtime.engine) as session:
                self._write(session)
        with writing(self.runtime.engine) as session:
            counters = {
                (counter.fonds, counter.series, counter.year)
                for counter in session.scalars(select(NumberCounter))
            }
            rows = [
                {"fonds": fonds, "series": series, "year": year, "term": "Y", "last": last}
                for (fonds, series, year), last in self.numbers.items()
                if (fonds, series, year) not in counters
            ]
            session.execute(insert(NumberCounter), rows)

    def _one(self, index: int, at: datetime, *, archived: bool, waits: bool) -> None:
        number, chance = self.first + index, self.chance
        home = chance.choice(self.stations)
        receive = chance.choice(self.stations) if chance.random() < _CITYWIDE else home
        series = chance.choices(
            [series for series, _ in _SERIES], [weight for _, weight in _SERIES]
        )[0]
        item = chance.choice(self.items[series])
        case_no = f"{receive}-{at:%Y%m%d}-{number:06d}"
        facts = json.loads(json.dumps(self.case.facts))
        name = chance.choice(_SURNAMES) + chance.choice(_GIVEN)
        for person in (facts["applicant"], *facts["subjects"]):
            person["name"] = name
        facts.update(case_no=case_no, item={"code": item.code, "version": item.version})
        facts["orgs"] = {"receive": receive, "accept": home, "domicile": home}
        digest = hashlib.sha256(case_no.encode()).hexdigest()
        shared = {
            "content_digest": digest,
            "state": "WAITING" if waits else "ACCEPTED",
            "facts": facts,
            "snapshot": self.case.snapshot,
            "findings": [_BLANK] if waits else [],
            "accepted_at": at,
        }
        self._add(
            Case,
            id=number,
            case_no=case_no,
            revision=1,
            item_code=item.code,
            item_version=item.version,
            receive_org=receive,
            accept_org=home,
            domicile_org=home,
            completed_at=at,
            **shared,
        )
        self._add(CaseRevision, id=number, case_id=number, revision=1, **shared)
        for source, (materials, pages) in sources_in(facts).items():
            self._add(CaseSource, case_id=number, source=source, materials=materials, pages=pages)
        for component in self.components:
            self._add(
                Component,
                case_id=number,
                revision=1,
                material_no=component.material_no,
                path=component.path,
                sha256=component.sha256,
                size=component.size,
                media_type=component.media_type,
                pages=component.pages,
            )
        if archived:
            self._archived(number, at, digest, (home, receive, "QY" if home != receive else series))

    def _archived(
        self, number: int, at: datetime, digest: str, place: tuple[str, str, str]
    ) -> None:
        home, receive, series = place
        fonds = self.runtime.organisations.fonds_of(receive)
        key = (fonds, series, at.year)
        self.numbers[key] = self.numbers.get(key, 0) + 1
        code = f"{fonds}-ZY·HJ·{series}·{at.year}·Y-{self.numbers[key]:06d}"
        self._add(
            Volume,
            id=number,
            case_id=number,
            code=code,
            fonds=fonds,
            series=series,
            year=at.year,
            term="Y",
            number=self.numbers[key],
            filing_org=receive,
            cross_org=home if home != receive else None,
            cross_fonds=self.runtime.organisations.fonds_of(home) if home != receive else None,
            cross_series="QR" if home != receive else None,
            completed_at=at,
            late=False,
            reserved_at=at,
        )
        self._add(
            VolumeVersion,
            id=number,
            volume_id=number,
            version=1,
            case_revision=1,
            origin="CASE",
            state="COMMITTED",
            input_digest=digest,
            frozen_at=at,
            lease_token=1,
            pages=self.chance.randrange(6, 22),
            bytes=self.version.bytes,
            sha256=digest,
            inventory_sha256=digest,
            signature_level="B-LTA",
            lta_pending=number % 500 == 0,
            committed_at=at,
        )
        for step in self.steps:
            self._add(
                Step,
                volume_version_id=number,
                step=step.step,
                input_digest=digest,
                result=step.result,
                done_at=at,
            )
        failed = number % 2500 == 0
        self._add(
            Job,
            kind="compile",
            version_id=number,
            state="FAILED" if failed else "DONE",
            attempts=1,
            error_code="PDF_NOT_CONFORMING" if failed else None,
            created_at=at.replace(day=1, hour=1, minute=0, second=0, microsecond=0),
            ended_at=at,
        )
        for act in _ACTS:
            self._note(at, act, code)

    def _note(self, at: datetime, act: str, subject: str) -> None:
        entry = JournalEntry(
            seq=self.tail.seq + 1,
            at=at.isoformat(timespec="microseconds"),
            actor=f"worker-{self.chance.randrange(40)}",
            act=act,
            subject=subject,
            detail='{"version": 1}',
            previous=self.tail.digest,
            digest="",
        )
        entry.digest = hashlib.sha256(journal.line(entry)).hexdigest()
        self.tail = entry
        names = ("seq", "at", "actor", "act", "subject", "detail", "previous", "digest")
        self._add(JournalEntry, **{name: getattr(entry, name) for name in names})

    def _requests(self, chunk: Any) -> None:
        earlier = self.rows.get(Volume, [])
        for row in earlier[::10]:
            state = (
                self.chance.choice(("REQUESTED", "GRANTED", "GRANTED", "REFUSED"))
                if chunk[0] > 40_000
                else "GRANTED"
            )
            at = row["completed_at"]
            self._add(
                UsageRequest,
                account=self.chance.choice(
                    ("demo-archivist", "demo-officer", "demo-officer-other")
                ),
                org=row["filing_org"],
                code=row["code"],
                keeper=row["filing_org"],
                capacity="POLICE",
                scope="CASE",
                purpose="核对材料",
                basis="公户核〔2026〕1号",
                papers=["办理业务的依据"],
                days=3,
                state=state,
                created_at=at,
                decided_by=None if state == "REQUESTED" else "demo-chief",
                decided_at=at,
                reason="齐全",
                ends_at=at + timedelta(days=3) if state == "GRANTED" else None,
            )

    def _add(self, table: type[Base], **row: Any) -> None:
        self.rows.setdefault(table, []).append(row)

    def _write(self, session: Session) -> None:
        for table in Base.metadata.sorted_tables:
            for model, rows in self.rows.items():
                if model.__table__ is table:
                    session.execute(insert(model), [_bound(model, row) for row in rows])


def _bound(model: type[Base], row: dict[str, Any]) -> dict[str, Any]:
    """The row with its sealed values bound to it, as the unit of work binds them."""
    return {
        name: in_row(value, row["id"])
        if value is not None and sealed_type(model.__table__.c[name].type)
        else value
        for name, value in row.items()
    }


_BLANK = {
    "code": "BLANK_PAGE",
    "outcome": "CONFIRM",
    "place": "materials/006.jpg",
    "message": "第 1 页为空白页",
    "action": "请与原件核对。",
}


def _batched(count: int) -> Iterator[range]:
    for start in range(0, count, _CHUNK):
        yield range(start, min(start + _CHUNK, count))


def fill_index(runtime: Runtime, count: int, pages: int) -> None:
    """Documents of the search bench under the ids of our volumes.

    What the rows do not let a reader see, search leaves out as ever.
    """
    shelf = open_index_folder(runtime.settings)
    folder = shelf.begin()
    index = shelf.open(folder)
    for document in volumes(count, pages, 1, 10**9):
        index.replace(
            _AFTER + document.volume_id, replace(document, volume_id=_AFTER + document.volume_id)
        )
        if document.volume_id % 5000 == 0:
            index.commit(0)
    index.commit(0)
    index.close()
    shelf.swap(folder)


def build(runtime: Runtime, count: int, pages: int, real: int) -> Path:
    """The whole archive."""
    make_real(runtime, real)
    City(runtime).fill(count)
    fill_index(runtime, count, pages)
    return runtime.settings.data
