"""The rebuild of the database from the bucket alone.

The bucket has it all: `accessions/` what was taken over, `journal/checkpoint/` the journal with
the numbers given and the reasons of void ones, `volumes/` the packages with their commit records.
What was journalled after the last anchor and is in no object is lost, and the report says so.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from archive.accession import blind_index
from archive.accession.accession import show_revision
from archive.accession.case_actors import remember_actors
from archive.accession.case_sources import remember_sources
from archive.accession.recheck import PAGE_DIFFERS
from archive.administration.filing_units import FilingRule
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.base import Base
from archive.database.engine import writing
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case, CaseRevision, Component, Delivery
from archive.database.tables_volumes import PageOrder
from archive.preservation.rebuild_accounting import unaccounted
from archive.preservation.rebuild_checks import restore_decisions, return_waiting
from archive.preservation.rebuild_evidence import (
    read_records,
    restore_deliveries,
    restore_fixity,
    restore_prints,
    restore_texts,
)
from archive.preservation.rebuild_journal import restore_journal
from archive.preservation.rebuild_lost import lost_records
from archive.preservation.rebuild_volumes import Package, file_volumes, read_packages
from archive.reference.errors import ConflictError
from archive.reference.objects import OriginalObject
from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import NOT_ACCEPTED, CaseState, IntakeOutcome, Outcome
from storage.blobs import BlobStore


@dataclass(slots=True)
class RebuildReport:
    """What was rebuilt, and what the bucket could not tell."""

    checkpoints: int = 0
    entries: int = 0
    cases: int = 0
    volumes: int = 0
    versions: int = 0
    reserved: int = 0
    deliveries: int = 0
    looks: int = 0
    texts: int = 0
    unprinted: int = 0
    lost: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def rebuild(
    engine: Engine,
    store: BlobStore,
    actor: str,
    *,
    catalogue: Catalogue,
    organisations: Organisations,
    rule: FilingRule,
) -> RebuildReport:
    """Fill an empty database from the bucket, in one transaction.

    Nothing in the bucket is changed. Raises ConflictError for a database that is not empty.
    """
    report = RebuildReport()
    packages = read_packages(store, report.leftovers, report.faults)
    with writing(engine) as session:
        if any(
            session.execute(select(table).limit(1)).first() for table in Base.metadata.sorted_tables
        ):
            raise ConflictError("目标数据库不是空的。", "重建只能写入空数据库；请另指定一个。")
        entries = restore_journal(session, store, report)
        records: dict[tuple[str, int], str] = {}
        cases = _cases(session, store, entries, packages, records, catalogue, report)
        file_volumes(
            session,
            entries,
            cases,
            packages,
            report,
            catalogue=catalogue,
            organisations=organisations,
            rule=rule,
        )
        report.deliveries, report.looks = (
            restore_deliveries(session, store, report.faults),
            restore_fixity(session, store, report.faults),
        )
        report.texts = restore_texts(session, store, entries, report.faults)
        report.lost = list(_lost(session, entries, cases, report))
        journal.record(
            session,
            actor,
            JournalAct.REBUILD,
            "database",
            checkpoints=report.checkpoints,
            entries=report.entries,
            versions=report.versions,
            restored=unaccounted(session, records),
        )
    return report


def _lost(
    session: Session,
    entries: list[JournalEntry],
    cases: dict[str, tuple[Case, list[CaseRevision]]],
    report: RebuildReport,
) -> Iterator[str]:
    """Yield what does not come back from a bucket, and why.

    The reader of the report is to decide whether a backup has it.
    """
    last = entries[-1].at if entries else "—"
    yield f"{last} 最后一次锚定之后的日志：只在数据库中"
    yield "锚定之后给出、尚未归档的档号：只在数据库中，将重新给号"
    yield "账号、利用审批、页面操作与接口的登记，租约与任务记录：只在数据库中"
    yield "纸质的登记、位置、借阅与盘点：只在数据库中；yice paper reopen 重立登记任务"
    yield "中途被终止的巡检的记录：报告在每次巡检结束时写入"
    if report.unprinted:
        yield (
            f"{report.unprinted} 次送达的页面指纹：接收记录早于指纹入库；这些页不再参与重复页检测"
        )
    unknown = {entry.subject for entry in entries if entry.act == JournalAct.QUARANTINE} - {
        prefix for prefix in session.scalars(select(Delivery.quarantine_prefix)) if prefix
    }
    if unknown:
        yield (
            f"{len(unknown)} 次拒收的登记：其记录早于送达记录入库；"
            "包在 quarantine/ 中，编号见审计日志"
        )
    accepted = {
        entry.subject for entry in entries if entry.act in ("ACCESSION", "SUPPLEMENT")
    } - cases.keys()
    if accepted:
        yield f"{len(accepted)} 件已接收的办件：存储中没有其接收记录"


@dataclass(frozen=True, slots=True)
class _Record:
    """An accession record of the bucket."""

    key: str
    case_no: str
    fields: dict[str, Any]

    @property
    def at(self) -> datetime:
        """Return when the content was taken over."""
        return datetime.fromisoformat(self.fields["accepted_at"])


def _records(
    store: BlobStore,
    entries: list[JournalEntry],
    packages: list[Package],
    catalogue: Catalogue,
    faults: list[str],
) -> Iterator[_Record]:
    """Yield one record for each content of a case, in order of time.

    A try that was killed may have left a second one: the journal names the one that counts. Of a
    content without a record that can be read, the package that was made of it is the witness.
    """
    named = {
        json.loads(entry.detail).get("record")
        for entry in entries
        if entry.act in ("ACCESSION", "SUPPLEMENT")
    }
    records: dict[str, _Record] = {}
    for stat, fields in read_records(store, "accessions/", faults):
        record = _Record(stat.key, fields["case_no"], fields)
        known = records.get(fields["content_digest"])
        if known is None or stat.key in named or (known.key not in named and record.at < known.at):
            records[fields["content_digest"]] = record
    for fields in lost_records(
        entries,
        packages,
        records.keys(),
        {json.dumps(record.fields["facts"], sort_keys=True) for record in records.values()},
        catalogue,
    ):
        records[fields["content_digest"]] = _Record("", fields["case_no"], fields)
        faults.append(f"{fields['case_no']}：接收记录缺失或损坏，已按册中的 case.json 重建")
    yield from sorted(records.values(), key=lambda record: (record.at, record.key))


_Known = dict[str, tuple[Case, list[CaseRevision]]]


@dataclass(frozen=True, slots=True)
class _Confirmed:
    """A CONFIRM act of the journal: of which revision of which case, and when."""

    case_no: str
    revision: int | None
    at: datetime


def _cases(
    session: Session,
    store: BlobStore,
    entries: list[JournalEntry],
    packages: list[Package],
    kept: dict[tuple[str, int], str],
    catalogue: Catalogue,
    report: RebuildReport,
) -> _Known:
    """Add every case with its revisions, as the events of its life left it.

    What a package was made of was accepted, whatever the journal still knows.
    """
    cases: _Known = {}
    packed = {
        json.dumps(package.facts, sort_keys=True): package.inspection["findings"]
        for package in packages
    }
    confirms = [
        _Confirmed(
            entry.subject,
            json.loads(entry.detail).get("revision"),
            datetime.fromisoformat(entry.at),
        )
        for entry in entries
        if entry.act == JournalAct.CONFIRM
    ]
    page_orders = [entry for entry in entries if entry.act == JournalAct.PAGE_ORDER]
    for record in _records(store, entries, packages, catalogue, report.faults):
        case, revisions = cases.get(record.case_no, (None, []))
        _end_waiting(revisions, record, confirms)
        revision = _revision(record, len(revisions) + 1, packed)
        case = case or Case(case_no=record.case_no, state=revision.state)
        revisions.append(revision)
        if record.key:
            kept[record.case_no, revision.revision] = record.key
        cases[record.case_no] = (case, revisions)
        if len(revisions) == 1:
            _add(session, case, revision)
        revision.case_id = case.id
        session.add(revision)
        _order_pages(
            session, revision, [entry for entry in page_orders if entry.subject == record.case_no]
        )
        _keep_objects(session, case, revision, record)
        report.unprinted += not restore_prints(session, case.id, record.fields)
    _confirm_waiting(cases, confirms)
    return_waiting(entries, cases)
    for case, revisions in cases.values():
        _show_and_remember(session, case, revisions)
    session.flush()
    restore_decisions(session, entries, cases, packages)
    report.cases = len(cases)
    return cases


def _revision(
    record: _Record, number: int, packed: Mapping[str, Sequence[dict[str, Any]]]
) -> CaseRevision:
    """Return the revision that an accession record took over, accepted or waiting.

    `packed` has the findings that packages were made with, by their facts as sorted JSON. Those of
    pages that differed came after the record, and a person confirmed them.
    """
    fields = record.fields
    waits = any(finding["outcome"] == Outcome.CONFIRM for finding in fields["findings"])
    confirmed = packed.get(json.dumps(fields["facts"], sort_keys=True))
    differed = [
        finding
        for finding in confirmed or ()
        if finding["code"] == PAGE_DIFFERS and finding not in fields["findings"]
    ]
    return CaseRevision(
        revision=number,
        content_digest=fields["content_digest"],
        state=CaseState.CONFIRM if waits and confirmed is None else CaseState.ACCEPTED,
        facts=fields["facts"],
        snapshot=fields["snapshot"],
        findings=[*fields["findings"], *differed],
        accepted_at=record.at,
    )


def _end_waiting(
    revisions: Sequence[CaseRevision], record: _Record, confirms: Sequence[_Confirmed]
) -> None:
    """End the waiting of earlier revisions when a further one came: confirmed or superseded."""
    confirmed = {
        act.revision for act in confirms if act.case_no == record.case_no and act.at <= record.at
    }
    for before in revisions:
        if before.state in NOT_ACCEPTED:
            before.state = (
                CaseState.ACCEPTED if before.revision in confirmed else CaseState.SUPERSEDED
            )


def _confirm_waiting(cases: _Known, confirms: Sequence[_Confirmed]) -> None:
    """Accept the revisions that still wait and that a person confirmed."""
    for act in confirms:
        _, revisions = cases.get(act.case_no, (None, []))
        for revision in revisions:
            if revision.revision == act.revision and revision.state == CaseState.CONFIRM:
                revision.state = CaseState.ACCEPTED


def _show_and_remember(session: Session, case: Case, revisions: Sequence[CaseRevision]) -> None:
    """Let a case read as its newest usable revision, and be found by what it says."""
    usable = (
        [revision for revision in revisions if revision.state == CaseState.ACCEPTED]
        or [revision for revision in revisions if revision.state in NOT_ACCEPTED]
        or revisions
    )
    show_revision(case, usable[-1])
    session.flush()
    blind_index.remember(session, case)
    remember_actors(session, case)
    remember_sources(session, case)


def _order_pages(session: Session, revision: CaseRevision, entries: list[JournalEntry]) -> None:
    """Add the page orders of a revision as a person set them last, from the journal."""
    orders: dict[int, PageOrder] = {}
    for entry in entries:
        detail = json.loads(entry.detail)
        if detail["revision"] == revision.revision:
            orders[detail["material"]] = PageOrder(
                case_id=revision.case_id,
                revision=revision.revision,
                material_no=detail["material"],
                edition=detail["edition"],
                leaves=detail["leaves"],
                changed_by=entry.actor,
                changed_at=datetime.fromisoformat(entry.at),
            )
    session.add_all(orders.values())
    session.flush()


def _add(session: Session, case: Case, revision: CaseRevision) -> None:
    show_revision(case, revision)
    session.add(case)
    session.flush()


def _keep_objects(session: Session, case: Case, revision: CaseRevision, record: _Record) -> None:
    originals = [OriginalObject(**fields) for fields in record.fields["objects"]]
    session.add_all(
        Component(
            case_id=case.id,
            revision=revision.revision,
            material_no=original.material_no,
            path=original.path,
            sha256=original.sha256,
            size=original.size,
            media_type=original.media_type,
            pages=original.pages,
        )
        for original in originals
    )
    session.add(
        Delivery(
            bag=record.fields["bag"],
            case_no=record.case_no,
            content_digest=revision.content_digest,
            outcome=str(
                IntakeOutcome.CONFIRM
                if any(
                    finding["outcome"] == Outcome.CONFIRM for finding in record.fields["findings"]
                )
                else IntakeOutcome.ACCEPTED
            ),
            findings=record.fields["findings"],
            quarantine_prefix=None,
            received_at=record.at,
        )
    )
