"""Take a checked submission over: the case, its objects by content, the journal entry; or keep the refused whole in quarantine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import journal
from archive.case_facts import CaseFacts
from archive.errors import ConflictError, NotFoundError
from archive.findings import Finding, finding, worst
from archive.models import Case, Component, Delivery
from archive.vocabulary import IntakeOutcome, Outcome

ACCEPTED, WAITING = "ACCEPTED", "CONFIRM"


@dataclass(frozen=True, slots=True)
class OriginalObject:
    """An untouched original, already in the store under `blob_key(sha256)`."""

    material_no: int
    path: str
    sha256: str
    size: int
    media_type: str
    pages: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a delivery."""

    outcome: IntakeOutcome
    findings: tuple[Finding, ...]


def blob_key(sha256: str) -> str:
    """Where an object lies by its content (volume.md)."""
    return f"blobs/sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def earlier_delivery(session: Session, case_no: str, content_digest: str) -> Taken | None:
    """What a package means beside what the archive holds: None for a new case, else duplicate or conflict.

    The same content of a case is accepted once; other content under the same number is refused as `CASE_CONFLICT` (submission.md).
    """
    held = session.scalars(select(Case).where(Case.case_no == case_no)).first()
    if held is None:
        return None
    if held.content_digest == content_digest:
        return Taken(IntakeOutcome.DUPLICATE, tuple(Finding(**{**row, "outcome": Outcome(row["outcome"])}) for row in held.findings))
    return Taken(IntakeOutcome.REFUSED, (finding("CASE_CONFLICT", "case.json:case_no", case_no=case_no),))


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
) -> Case:
    """Write the case and its objects; a case with a CONFIRM finding waits at 核对 (R32)."""
    case = Case(
        case_no=facts.case_no,
        content_digest=content_digest,
        state=WAITING if worst(findings) is Outcome.CONFIRM else ACCEPTED,
        facts=facts.model_dump(mode="json"),
        snapshot=dict(snapshot),
        findings=[one.public() for one in findings],
        item_code=facts.item.code,
        item_version=facts.item.version,
        receive_org=facts.orgs.receive,
        accept_org=facts.orgs.accept,
        domicile_org=facts.orgs.domicile,
        completed_at=facts.completed_at,
        accepted_at=at,
    )
    session.add(case)
    session.flush()
    for one in originals:
        session.add(
            Component(
                case_id=case.id,
                revision=1,
                material_no=one.material_no,
                path=one.path,
                sha256=one.sha256,
                size=one.size,
                media_type=one.media_type,
                pages=one.pages,
            )
        )
    journal.record(session, actor, "ACCESSION", facts.case_no, content=content_digest, objects=len(originals), state=case.state)
    return case


def log_delivery(
    session: Session,
    actor: str,
    *,
    bag: str,
    case_no: str | None,
    content_digest: str,
    taken: Taken,
    quarantine_prefix: str | None,
    at: datetime,
) -> None:
    """Every delivery leaves a row and a journal entry, whatever became of it."""
    session.add(
        Delivery(
            bag=bag,
            case_no=case_no,
            content_digest=content_digest,
            outcome=taken.outcome,
            findings=[one.public() for one in taken.findings],
            quarantine_prefix=quarantine_prefix,
            received_at=at,
        )
    )
    if taken.outcome is IntakeOutcome.REFUSED:
        journal.record(
            session,
            actor,
            "QUARANTINE",
            quarantine_prefix or bag,
            content=content_digest,
            codes=sorted({one.code for one in taken.findings}),
        )


def confirm(session: Session, actor: str, *, case_no: str, reason: str) -> Case:
    """A person confirms what waited at 核对: who and why are journalled, and the case may be compiled."""
    case = session.scalars(select(Case).where(Case.case_no == case_no).with_for_update()).first()
    if case is None:
        raise NotFoundError("没有这个办件编号。", "请用 yice list --waiting 查看待核对的办件。")
    if case.state != WAITING:
        raise ConflictError("该办件不在待核对状态。", "无需再次确认。")
    case.state = ACCEPTED
    journal.record(session, actor, "CONFIRM", case_no, reason=reason, codes=sorted({row["code"] for row in case.findings}))
    return case
