"""Make the database anew from the bucket alone, and compare it with an old one.

The bucket has it all: `accessions/` what was taken over, `journal/checkpoint/` the journal with the numbers given and the reasons of void ones,
`volumes/` the packages with their commit records. What was journalled after the last anchor and is in no object is lost, and the report says so.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from archive.accession import blind_index
from archive.accession.accession import show_revision
from archive.accession.case_actors import remember_actors
from archive.accession.case_sources import remember_sources
from archive.arrangement.filing import FilingRule
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.audit.anchors import heads, segment
from archive.database.base import Base
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case, CaseRevision, Component, Delivery
from archive.database.tables_volumes import PageOrder
from archive.preservation.rebuild_evidence import (
    beside_facts,
    bring_deliveries,
    bring_fixity,
    bring_prints,
    bring_texts,
)
from archive.preservation.rebuild_volumes import Package, file_volumes, read_packages, volume_facts
from archive.reference.errors import ConflictError
from archive.reference.objects import OriginalObject
from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import ACCEPTED, SUPERSEDED, WAITING, IntakeOutcome, Outcome
from storage.blobs import BlobStore


@dataclass(slots=True)
class Rebuilt:
    """What was made, and what the bucket could not tell."""

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
) -> Rebuilt:
    """Fill an empty database from the bucket, in one transaction; nothing in the bucket is changed. Raises ConflictError for one that is not empty."""
    report = Rebuilt()
    packages = read_packages(store, report.leftovers, report.faults)
    with writing(engine) as session:
        if any(
            session.execute(select(table).limit(1)).first() for table in Base.metadata.sorted_tables
        ):
            raise ConflictError("目标数据库不是空的。", "重建只能写入空数据库；请另指定一个。")
        entries = _journal(session, store, report)
        cases = _cases(session, store, entries, packages, report)
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
            bring_deliveries(session, store),
            bring_fixity(session, store),
        )
        report.texts = bring_texts(session, store, entries)
        report.lost = list(_lost(session, entries, cases, report))
        journal.record(
            session,
            actor,
            JournalAct.REBUILD,
            "database",
            checkpoints=report.checkpoints,
            entries=report.entries,
            versions=report.versions,
        )
    return report


def _lost(
    session: Session,
    entries: list[JournalEntry],
    cases: dict[str, tuple[Case, list[CaseRevision]]],
    report: Rebuilt,
) -> Iterator[str]:
    """What does not come back from a bucket, and why; the reader of the report is to decide whether a backup has it."""
    last = entries[-1].at if entries else "—"
    yield f"{last} 最后一次锚定之后的日志：只在数据库中"
    yield "锚定之后给出、尚未归档的档号：只在数据库中，将重新给号"
    yield "账号、利用审批、页面操作与接口的登记，租约与任务记录：只在数据库中"
    yield "中途被终止的巡检的记录：报告在每次巡检结束时写入"
    if report.unprinted:
        yield f"{report.unprinted} 次送达的页面指纹：接收记录早于指纹入库；这些页不再参与重复页检测"
    unknown = {one.subject for one in entries if one.act == JournalAct.QUARANTINE} - {
        prefix for prefix in session.scalars(select(Delivery.quarantine_prefix)) if prefix
    }
    if unknown:
        yield f"{len(unknown)} 次拒收的登记：其记录早于送达记录入库；包在 quarantine/ 中，编号见审计日志"
    asked = {
        one.subject for one in entries if one.act in ("ACCESSION", "SUPPLEMENT")
    } - cases.keys()
    if asked:
        yield f"{len(asked)} 件已接收的办件：存储中没有其接收记录"


def _journal(session: Session, store: BlobStore, report: Rebuilt) -> list[JournalEntry]:
    """The anchored entries exactly as they were; the journal goes on from there."""
    entries = []
    for head in heads(store):
        entries += [journal.from_line(text) for text in segment(store, head)]
        report.checkpoints += 1
        if len(entries) != head.size or f"{entries[-1].seq}:{entries[-1].digest}" != head.last:
            raise ConflictError("锚点中的日志不连续。", "请从副本存储恢复 journal/checkpoint。")
    session.add_all(entries)
    session.flush()
    _, broken = journal.verify(session)
    if broken is not None:
        raise ConflictError("锚点中的日志不衔接。", "请从副本存储恢复 journal/checkpoint。")
    report.entries = len(entries)
    return entries


@dataclass(frozen=True, slots=True)
class _Record:
    """An accession record of the bucket."""

    key: str
    case_no: str
    fields: dict[str, Any]

    @property
    def at(self) -> datetime:
        """When it was taken over."""
        return datetime.fromisoformat(self.fields["accepted_at"])


def _records(store: BlobStore, entries: list[JournalEntry]) -> Iterator[_Record]:
    """One record for each content of a case, in order of time. A try that was killed may have left a second one: the journal names the one that counts."""
    named = {
        json.loads(one.detail).get("record")
        for one in entries
        if one.act in ("ACCESSION", "SUPPLEMENT")
    }
    found: dict[str, _Record] = {}
    for one in store.list("accessions/"):
        fields = json.loads(store.read(one.key))
        record = _Record(one.key, fields["case_no"], fields)
        known = found.get(fields["content_digest"])
        if known is None or one.key in named or (known.key not in named and record.at < known.at):
            found[fields["content_digest"]] = record
    yield from sorted(found.values(), key=lambda one: (one.at, one.key))


def _cases(
    session: Session,
    store: BlobStore,
    entries: list[JournalEntry],
    packages: list[Package],
    report: Rebuilt,
) -> dict[str, tuple[Case, list[CaseRevision]]]:
    """Every case with its revisions, as the events of its life left it; what a package was made of was accepted, whatever the journal still knows."""
    made: dict[str, tuple[Case, list[CaseRevision]]] = {}
    facts_of_packages = {json.dumps(one.facts, sort_keys=True) for one in packages}
    confirms = [
        (one.subject, json.loads(one.detail).get("revision"), datetime.fromisoformat(one.at))
        for one in entries
        if one.act == JournalAct.CONFIRM
    ]
    laid = [one for one in entries if one.act == JournalAct.PAGE_ORDER]
    for record in _records(store, entries):
        fields = record.fields
        case, revisions = made.get(record.case_no, (None, []))
        confirmed = {
            number
            for case_no, number, at in confirms
            if case_no == record.case_no and at <= record.at
        }
        for before in revisions:
            if before.state == WAITING:
                before.state = ACCEPTED if before.revision in confirmed else SUPERSEDED
        waits = any(one["outcome"] == Outcome.CONFIRM for one in fields["findings"])
        revision = CaseRevision(
            revision=len(revisions) + 1,
            content_digest=fields["content_digest"],
            state=WAITING
            if waits and json.dumps(fields["facts"], sort_keys=True) not in facts_of_packages
            else ACCEPTED,
            facts=fields["facts"],
            snapshot=fields["snapshot"],
            findings=fields["findings"],
            accepted_at=record.at,
        )
        case = case or Case(case_no=record.case_no, state=revision.state)
        revisions.append(revision)
        made[record.case_no] = (case, revisions)
        if len(revisions) == 1:
            _add(session, case, revision)
        revision.case_id = case.id
        session.add(revision)
        _lay_pages(session, revision, [one for one in laid if one.subject == record.case_no])
        _keep_objects(session, case, revision, record)
        report.unprinted += not bring_prints(session, case.id, fields)
    for case_no, number, _ in confirms:
        waiting = (
            [one for one in made[case_no][1] if one.revision == number and one.state == WAITING]
            if case_no in made
            else []
        )
        for one in waiting:
            one.state = ACCEPTED
    for case, revisions in made.values():
        usable = (
            [one for one in revisions if one.state == ACCEPTED]
            or [one for one in revisions if one.state == WAITING]
            or revisions
        )
        show_revision(case, usable[-1])
        session.flush()
        blind_index.remember(session, case)
        remember_actors(session, case)
        remember_sources(session, case)
    session.flush()
    report.cases = len(made)
    return made


def _lay_pages(session: Session, revision: CaseRevision, entries: list[JournalEntry]) -> None:
    """The pages of a revision as a person laid them last, which the journal knows."""
    laid: dict[int, PageOrder] = {}
    for one in entries:
        said = json.loads(one.detail)
        if said["revision"] == revision.revision:
            laid[said["material"]] = PageOrder(
                case_id=revision.case_id,
                revision=revision.revision,
                material_no=said["material"],
                edition=said["edition"],
                leaves=said["leaves"],
                changed_by=one.actor,
                changed_at=datetime.fromisoformat(one.at),
            )
    session.add_all(laid.values())
    session.flush()


def _add(session: Session, case: Case, revision: CaseRevision) -> None:
    show_revision(case, revision)
    session.add(case)
    session.flush()


def _keep_objects(session: Session, case: Case, revision: CaseRevision, record: _Record) -> None:
    originals = [OriginalObject(**one) for one in record.fields["objects"]]
    session.add_all(
        Component(
            case_id=case.id,
            revision=revision.revision,
            material_no=one.material_no,
            path=one.path,
            sha256=one.sha256,
            size=one.size,
            media_type=one.media_type,
            pages=one.pages,
        )
        for one in originals
    )
    session.add(
        Delivery(
            bag=record.fields["bag"],
            case_no=record.case_no,
            content_digest=revision.content_digest,
            outcome=str(
                IntakeOutcome.CONFIRM
                if any(one["outcome"] == Outcome.CONFIRM for one in revision.findings)
                else IntakeOutcome.ACCEPTED
            ),
            findings=revision.findings,
            quarantine_prefix=None,
            received_at=record.at,
        )
    )


def differences(old: Engine, new: Engine) -> list[str]:
    """What a rebuilt database lacks, has besides, or says otherwise: cases, contents, numbers, versions, and the journal as far as it was anchored."""
    with reading(old) as left, reading(new) as right:
        before, after = _facts(left), _facts(right)
        anchored = [one.digest for one in journal.entries(right) if one.act != JournalAct.REBUILD]
        kept = [one.digest for one, _ in zip(journal.entries(left), anchored, strict=False)]
    found = [f"{name}：缺少" for name in sorted(before.keys() - after.keys())] + [
        f"{name}：多出" for name in sorted(after.keys() - before.keys())
    ]
    found += [
        f"{name}：不同"
        for name in sorted(before.keys() & after.keys())
        if before[name] != after[name]
    ]
    return found + ([] if kept == anchored else ["审计日志：已锚定的条目不同"])


def _facts(session: Session) -> dict[str, Any]:
    """All that must be the same, by name; identifiers and leases are each database's own."""
    numbers = {one.id: one.case_no for one in session.execute(select(Case.id, Case.case_no))}
    found: dict[str, Any] = {
        f"办件 {one.case_no}": (one.revision, one.content_digest, one.state, one.facts)
        for one in session.scalars(select(Case))
    }
    for revision in session.scalars(select(CaseRevision)):
        name = f"办件 {numbers[revision.case_id]} 第 {revision.revision} 次送达"
        found[name] = (
            revision.content_digest,
            revision.state,
            revision.facts,
            revision.snapshot,
            revision.findings,
            revision.accepted_at,
        )
    for one in session.scalars(select(Component)):
        found[f"原件 {numbers[one.case_id]}/{one.revision}/{one.path}"] = (
            one.material_no,
            one.sha256,
            one.size,
            one.media_type,
            one.pages,
        )
    return found | volume_facts(session, numbers) | beside_facts(session)
