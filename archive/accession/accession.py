"""Accession of checked submissions: the case, its objects by content, the journal entry.

A refused submission is kept whole in quarantine.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.accession import blind_index
from archive.accession.case_actors import remember_actors
from archive.accession.case_sources import remember_sources
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.tables_cases import Case, CaseRevision, Component, Delivery
from archive.database.tables_volumes import Volume
from archive.reference.case_facts import CaseFacts
from archive.reference.findings import Finding, finding, worst
from archive.reference.objects import OriginalObject
from archive.reference.prints import BITS
from archive.reference.vocabulary import NOT_ACCEPTED, CaseState, IntakeOutcome, Outcome
from storage.digest import sha256_hex


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """The outcome of a delivery, with its findings."""

    outcome: IntakeOutcome
    findings: tuple[Finding, ...]


def accession_record(
    *,
    facts: CaseFacts,
    snapshot: Mapping[str, Any],
    bag: str,
    content_digest: str,
    originals: Sequence[OriginalObject],
    findings: Sequence[Finding],
    prints: Mapping[tuple[int, int], int],
    at: datetime,
) -> tuple[str, bytes]:
    """Return key and bytes of what the bucket keeps of a case beside its originals.

    The database can be rebuilt from it (volume.md).
    """
    record = {
        "spec": "accession/1",
        "case_no": facts.case_no,
        "bag": bag,
        "content_digest": content_digest,
        "facts": facts.model_dump(mode="json"),
        "snapshot": dict(snapshot),
        "objects": [asdict(original) for original in originals],
        "findings": [entry.public() for entry in findings],
        "prints": [
            {"material": material, "page": page, "bits": f"{bits:0{BITS // 4}x}"}
            for (material, page), bits in sorted(prints.items())
        ],
        "accepted_at": at.isoformat(),
    }
    text = _text(record)
    return f"accessions/{content_digest}/{sha256_hex(text)}.json", text


def _text(record: Mapping[str, Any]) -> bytes:
    """Return a record as UTF-8 JSON: sorted keys, one final newline."""
    return (json.dumps(record, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def delivery_record(
    *,
    bag: str,
    case_no: str | None,
    sender: str | None,
    content_digest: str,
    taken: DeliveryResult,
    quarantine_prefix: str | None,
    at: datetime,
) -> tuple[str, bytes]:
    """Return key and bytes of what the bucket keeps of a delivery that was not taken over.

    Its fields are those of the row that `log_delivery` writes.
    """
    return delivery_text(
        Delivery(
            bag=bag,
            case_no=case_no,
            sender=sender,
            content_digest=content_digest,
            outcome=str(taken.outcome),
            findings=[entry.public() for entry in taken.findings],
            quarantine_prefix=quarantine_prefix,
            received_at=at,
        )
    )


def delivery_text(row: Delivery) -> tuple[str, bytes]:
    """Return key and bytes of the record that the bucket must hold of a row.

    When a refused package was returned is journalled, and no part of it.
    """
    names = (
        "bag",
        "case_no",
        "sender",
        "content_digest",
        "outcome",
        "findings",
        "quarantine_prefix",
    )
    text = _text(
        {
            "spec": "delivery/1",
            **{name: getattr(row, name) for name in names},
            "received_at": row.received_at.isoformat(),
        }
    )
    return f"deliveries/{sha256_hex(text)}.json", text


def earlier_delivery(
    session: Session, facts: CaseFacts, content_digest: str
) -> DeliveryResult | None:
    """Return None when a package is to be taken over, else the reason why not (submission.md).

    The same content is accepted once, whichever revision it was; other content of a known case
    is a conflict, or with `supplement` a new revision. Locks the case until the transaction
    ends: of two supplements at once, the second sees the first.
    """
    case = session.scalars(
        select(Case).where(Case.case_no == facts.case_no).with_for_update()
    ).first()
    if case is None:
        return _refused("SUPPLEMENT_UNKNOWN", facts) if facts.supplement else None
    same = session.scalars(
        select(CaseRevision).filter_by(case_id=case.id, content_digest=content_digest)
    ).first()
    if same is not None:
        return DeliveryResult(
            IntakeOutcome.DUPLICATE,
            tuple(Finding(**{**row, "outcome": Outcome(row["outcome"])}) for row in same.findings),
        )
    if not facts.supplement:
        return _refused("CASE_CONFLICT", facts)
    if case.state == CaseState.VOID:
        return _refused("SUPPLEMENT_VOID", facts)
    # The number names series, fonds and year, so what decided them stays; a case that still
    # waits at 核对 may be replaced whole.
    earlier = CaseFacts.model_validate(case.facts)
    same_place = (earlier.item.code, earlier.orgs, earlier.completed_at) == (
        facts.item.code,
        facts.orgs,
        facts.completed_at,
    )
    # One that waits because its pages differ has its number already.
    numbered = session.scalar(select(Volume.id).filter_by(case_id=case.id)) is not None
    return (
        None
        if same_place or (case.state in NOT_ACCEPTED and not numbered)
        else _refused("SUPPLEMENT_MISMATCH", facts)
    )


def is_returned(session: Session, case_no: str) -> bool:
    """Return whether a case waits for its sender: what comes next is looked at again."""
    where = (Case.case_no == case_no, CaseRevision.state == CaseState.RETURNED)
    query = select(CaseRevision.id).join(Case, Case.id == CaseRevision.case_id).where(*where)
    return session.scalars(query.limit(1)).first() is not None


def _refused(code: str, facts: CaseFacts) -> DeliveryResult:
    """Return a refusal with one finding on the case number."""
    return DeliveryResult(
        IntakeOutcome.REFUSED, (finding(code, "case.json:case_no", case_no=facts.case_no),)
    )


def take_over(
    session: Session,
    actor: str,
    *,
    facts: CaseFacts,
    snapshot: Mapping[str, Any],
    content_digest: str,
    originals: Sequence[OriginalObject],
    findings: Sequence[Finding],
    at: datetime,
    record: str | None = None,
) -> Case:
    """Write the case or its next revision, with its objects, and journal it.

    With a CONFIRM finding the revision waits at 核对 (R32).
    """
    state = CaseState.CONFIRM if worst(findings) is Outcome.CONFIRM else CaseState.ACCEPTED
    case = (
        session.scalars(select(Case).where(Case.case_no == facts.case_no).with_for_update()).first()
        if facts.supplement
        else None
    )
    number = 1 if case is None else _next_revision(session, case)
    revision = CaseRevision(
        revision=number,
        content_digest=content_digest,
        state=state,
        facts=facts.model_dump(mode="json"),
        snapshot=dict(snapshot),
        findings=[entry.public() for entry in findings],
        accepted_at=at,
    )
    if case is None:
        case = Case(case_no=facts.case_no, state=state)
    if state == CaseState.ACCEPTED or case.state != CaseState.ACCEPTED:
        show_revision(case, revision)
    session.add(case)
    session.flush()
    blind_index.remember(session, case)
    remember_actors(session, case)
    remember_sources(session, case)
    revision.case_id = case.id
    session.add(revision)
    session.add_all(
        Component(case_id=case.id, revision=number, **asdict(original)) for original in originals
    )
    act = JournalAct.ACCESSION if number == 1 else JournalAct.SUPPLEMENT
    journal.record(
        session,
        actor,
        act,
        facts.case_no,
        content=content_digest,
        objects=len(originals),
        state=state,
        revision=number,
        record=record,
    )
    return case


def _next_revision(session: Session, case: Case) -> int:
    """Return the number of a supplement.

    A revision that still waits at 核对, or was returned, is replaced by it and makes no version.
    """
    revisions = session.scalars(
        select(CaseRevision).filter_by(case_id=case.id).order_by(CaseRevision.revision)
    ).all()
    for revision in revisions:
        if revision.state in NOT_ACCEPTED:
            revision.state = CaseState.SUPERSEDED
    return revisions[-1].revision + 1


def show_revision(case: Case, revision: CaseRevision) -> None:
    """Set the fields of a case to what this revision states."""
    facts = CaseFacts.model_validate(revision.facts)
    case.revision, case.content_digest, case.state = (
        revision.revision,
        revision.content_digest,
        revision.state,
    )
    case.facts, case.snapshot, case.findings = revision.facts, revision.snapshot, revision.findings
    case.item_code, case.item_version = facts.item.code, facts.item.version
    case.receive_org, case.accept_org, case.domicile_org = (
        facts.orgs.receive,
        facts.orgs.accept,
        facts.orgs.domicile,
    )
    case.completed_at, case.accepted_at = facts.completed_at, revision.accepted_at
