"""Cases held to the journal, to their records in the bucket, and to each other (I12, I14)."""

import json
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.accession.accession import show_revision
from archive.accession.blind_index import numbers_in
from archive.accession.case_actors import actors_in
from archive.accession.case_sources import sources_in
from archive.audit import journal
from archive.database.encryption import ColumnKeyError, session_keys
from archive.database.tables_cases import (
    BlindEntry,
    Case,
    CaseActor,
    CaseRevision,
    CaseSource,
    Component,
    Delivery,
    PagePrint,
)
from archive.database.tables_volumes import PageOrder
from archive.preservation.faults import Fault
from archive.preservation.journalled import Journalled
from archive.preservation.reconcile_deliveries import NOT_TAKEN
from archive.reference.case_facts import CaseFacts
from archive.reference.objects import OriginalObject
from archive.reference.vocabulary import IntakeOutcome, Outcome
from storage.blobs import BlobStore
from storage.errors import StorageError

_Prints = Counter[tuple[int, int, str]]
_BATCH = 200
_SHOWN = (
    "content_digest",
    "facts",
    "snapshot",
    "findings",
    "item_code",
    "item_version",
    "receive_org",
    "accept_org",
    "domicile_org",
    "completed_at",
    "accepted_at",
)
UNREADABLE = (ColumnKeyError, ValueError, TypeError, KeyError, AttributeError)


def case_faults(session: Session, store: BlobStore, state: Journalled) -> Iterator[Fault]:
    """Yield what differs of cases and revisions between journal, rows and accession records."""
    after = 0
    while rows := session.execute(
        select(Case.id, Case.case_no).where(Case.id > after).order_by(Case.id).limit(_BATCH)
    ).all():
        for case_id, case_no in rows:
            try:
                yield from _case(session, store, state, case_id)
            except ColumnKeyError:
                yield Fault("I14", case_no, "加密的办件信息不是写入此行的，或已被改动")
            except UNREADABLE as error:
                yield Fault("I12", case_no, f"数据库登记无法读取（{type(error).__name__}）")
            session.expunge_all()
            after = case_id
    for case_no, *_ in state.orders.unseen():
        yield Fault("I12", case_no, "日志记有页序，数据库没有登记")
    for case_no, number in state.revisions.unseen():
        yield Fault("I12", f"{case_no}/{number}", "日志记有接收，数据库没有登记")


def _case(session: Session, store: BlobStore, state: Journalled, case_id: int) -> Iterator[Fault]:
    case = session.get_one(Case, case_id)
    # Met before anything of them is opened: what can't be read is there all the same.
    for number in session.scalars(select(CaseRevision.revision).filter_by(case_id=case_id)):
        state.revisions.see((case.case_no, number))
    revisions = session.scalars(
        select(CaseRevision).filter_by(case_id=case_id).order_by(CaseRevision.revision)
    ).all()
    prints: _Prints | None = Counter()
    for revision in revisions:
        of_revision = yield from _revision(session, store, state, case, revision)
        prints = None if prints is None or of_revision is None else prints + of_revision
    yield from _shown(case, revisions, state.shown.get(case.case_no))
    yield from _derived(session, case, prints)
    yield from _orders(session, state, case)


def _revision(
    session: Session, store: BlobStore, state: Journalled, case: Case, revision: CaseRevision
) -> Generator[Fault, None, _Prints | None]:
    """Yield the faults of one revision; return its prints, None when no record has them."""
    name = f"{case.case_no}/{revision.revision}"
    accepted = state.revisions.get((case.case_no, revision.revision))
    if accepted is None:
        yield Fault("I12", name, "数据库有该次接收，日志没有记录")
        return None
    if accepted.get("content", revision.content_digest) != revision.content_digest:
        yield Fault("I12", name, "内容摘要与日志不符")
    if revision.state != accepted["state"]:
        yield Fault("I12", name, f"状态 {revision.state} 与日志不符")
    differed = accepted.get("findings")
    if differed and journal.digest_of(revision.findings) != differed:
        yield Fault("I12", name, "页面不符的检测发现与日志不符")
    if accepted.get("record") is None:
        if accepted.get("facts") not in (None, journal.digest_of(revision.facts)):
            yield Fault("I12", name, "办件信息与日志不符")
        return None
    try:
        fields = _record(store, accepted["record"])
    except (StorageError, ValueError) as error:
        yield Fault("I16", accepted["record"], f"接收记录无法读取（{type(error).__name__}）")
        return None
    yield from _beside_record(session, case, revision, fields, differed=differed is not None)
    if "prints" not in fields:
        return None
    return Counter((row["material"], row["page"], row["bits"]) for row in fields["prints"])


def _record(store: BlobStore, key: str) -> dict[str, Any]:
    """Return an accession record, whose key is its digest."""
    digest = key.rpartition("/")[2].removesuffix(".json")
    fields: dict[str, Any] = json.loads(store.read(key, sha256=digest))
    return fields


def _beside_record(
    session: Session,
    case: Case,
    revision: CaseRevision,
    fields: dict[str, Any],
    *,
    differed: bool,
) -> Iterator[Fault]:
    """Compare a revision and its objects with the accession record.

    Findings of pages that differed came after the record; the journal is their witness.
    """
    name = f"{case.case_no}/{revision.revision}"
    row = {
        "case_no": case.case_no,
        "content_digest": revision.content_digest,
        "facts": revision.facts,
        "snapshot": revision.snapshot,
        "findings": fields.get("findings") if differed else revision.findings,
        "accepted_at": revision.accepted_at.isoformat(),
    }
    differs = [key for key, value in row.items() if fields.get(key) != value]
    if differs:
        yield Fault("I12", name, f"登记与接收记录不符：{'、'.join(differs)}")
    deliveries = [
        (row.bag, row.outcome, row.findings, row.quarantine_prefix, row.received_at.isoformat())
        for row in session.scalars(
            select(Delivery).filter_by(case_no=case.case_no, content_digest=revision.content_digest)
        )
        if row.outcome not in NOT_TAKEN
    ]
    waits = any(entry["outcome"] == Outcome.CONFIRM for entry in fields["findings"])
    outcome = IntakeOutcome.CONFIRM if waits else IntakeOutcome.ACCEPTED
    expected = (fields["bag"], outcome, fields["findings"], None, fields["accepted_at"])
    if deliveries != [expected]:
        yield Fault("I12", name, "送达登记与接收记录不符")
    objects = Counter(
        json.dumps(
            asdict(
                OriginalObject(
                    component.material_no,
                    component.path,
                    component.sha256,
                    component.size,
                    component.media_type,
                    component.pages,
                )
            ),
            sort_keys=True,
        )
        for component in session.scalars(
            select(Component).filter_by(case_id=case.id, revision=revision.revision)
        )
    )
    if objects != Counter(json.dumps(item, sort_keys=True) for item in fields["objects"]):
        yield Fault("I12", name, "原件清单与接收记录不符")


def _shown(case: Case, revisions: Sequence[CaseRevision], number: int | None) -> Iterator[Fault]:
    """Check that a case states what the revision states that it must show."""
    shown = next((revision for revision in revisions if revision.revision == number), None)
    if shown is None or case.revision != number:
        yield Fault("I12", case.case_no, "办件没有显示其最新的可用送达")
        return
    expected = Case()
    show_revision(expected, shown)
    differs = [name for name in _SHOWN if getattr(case, name) != getattr(expected, name)]
    if case.state != shown.state:
        differs.append("state")
    if differs:
        yield Fault("I12", case.case_no, f"办件登记与其送达不符：{'、'.join(differs)}")


def _derived(session: Session, case: Case, prints: _Prints | None) -> Iterator[Fault]:
    """Check the look-up rows that are made of a case's facts and pages."""
    facts = CaseFacts.model_validate(case.facts)
    actors = Counter(
        (row.node, row.actor_no, row.org, row.at)
        for row in session.scalars(select(CaseActor).filter_by(case_id=case.id))
    )
    if actors != Counter((*name, at) for name, at in actors_in(facts).items()):
        yield Fault("I12", case.case_no, "责任人登记与办件信息不符")
    sources = Counter(
        (row.source, (row.materials, row.pages))
        for row in session.scalars(select(CaseSource).filter_by(case_id=case.id))
    )
    if sources != Counter(sources_in(case.facts).items()):
        yield Fault("I12", case.case_no, "材料来源计数与办件信息不符")
    ring = session_keys(session)
    if ring is not None:
        entries = [
            (row.kind, row.digest, row.key)
            for row in session.scalars(select(BlindEntry).filter_by(case_id=case.id))
        ]
        wanted = {
            frozenset(
                (kind, digest, key)
                for kind, value in numbers_in(facts)
                for name, digest in zip(ring.blinds, ring.digests(kind, value), strict=True)
                if name == key
            )
            for key in ring.blinds
        }
        if frozenset(entries) not in wanted or len(set(entries)) != len(entries):
            yield Fault("I12", case.case_no, "号码索引与办件信息不符")
    if prints is not None:
        rows = Counter(
            (row.material_no, row.page, row.bits.hex())
            for row in session.scalars(select(PagePrint).filter_by(case_id=case.id))
        )
        if rows != prints:
            yield Fault("I12", case.case_no, "页面指纹与接收记录不符")


def _orders(session: Session, state: Journalled, case: Case) -> Iterator[Fault]:
    """Check the page orders that persons set, against the journal."""
    for row in session.scalars(select(PageOrder).filter_by(case_id=case.id)):
        place = (case.case_no, row.revision, row.material_no)
        if not state.orders.see(place) or state.orders.get(place) != [row.edition, row.leaves]:
            yield Fault("I12", case.case_no, "页序与日志不符")
