"""Receive one delivered package: take it over whole, or keep it whole in quarantine; nothing is lost, nothing is half taken."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from archive.accession.accession import (
    DeliveryResult,
    accession_record,
    delivery_record,
    earlier_delivery,
    log_delivery,
    take_over,
)
from archive.accession.across_cases import doubts
from archive.accession.page_prints import keep_prints, seen_elsewhere
from archive.database.engine import lock_journal, reading, writing
from archive.recognition.queue import queue_pages
from archive.reference.case_facts import CaseFacts
from archive.reference.findings import Finding, finding, worst
from archive.reference.objects import OriginalObject, blob_key
from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import IntakeOutcome, Outcome
from ingest.errors import PackageChangedError
from ingest.intake.quarantine import quarantine
from ingest.intake.submission import Submission, inspect_submission
from ingest.package.bag import Bag, read_bag
from ingest.reading.virus import scanned
from storage.blobs import BlobStore


@dataclass(frozen=True, slots=True)
class Received:
    """What became of one package, as `yice ingest --json` prints it."""

    bag: str
    case_no: str | None
    outcome: IntakeOutcome
    findings: tuple[Finding, ...]

    def public(self) -> Mapping[str, Any]:
        """The promised fields (issue: `bag, case_no, outcome, findings`)."""
        found = [
            {key: value for key, value in one.public().items() if key != "outcome"}
            for one in self.findings
        ]
        return {
            "bag": self.bag,
            "case_no": self.case_no,
            "outcome": str(self.outcome),
            "findings": found,
        }


def inspect_package(
    path: Path, catalogue: Catalogue, organisations: Organisations, now: datetime, clamd: str = ""
) -> tuple[Bag, Submission]:
    """Read and inspect; touches neither database nor store, so that many may run side by side. `clamd` is the virus scanner's address, if any."""
    bag = read_bag(path)
    if clamd:
        try:
            bag = replace(bag, findings=(*bag.findings, *scanned(bag, clamd)))
        except PackageChangedError:
            bag = replace(
                bag, findings=(*bag.findings, finding("BAG_INVALID", "bag", why="检测期间被改动"))
            )
    return bag, inspect_submission(bag, catalogue, organisations, now=now)


def receive(
    engine: Engine,
    store: BlobStore,
    actor: str,
    path: Path,
    bag: Bag,
    submission: Submission,
    *,
    now: datetime,
    ocr: bool = False,
) -> Received:
    """Take an inspected package over, or quarantine it; commits its own work, since the objects must lie in the store before the row.

    `ocr` queues its scans for recognition in the same transaction.
    Two deliveries of one case at once: the second to commit is told what it is, a duplicate, a conflict or the next supplement.
    """
    facts = submission.facts
    case_no = facts.case_no if facts else None
    if facts is None or submission.outcome is Outcome.REFUSE:
        taken = DeliveryResult(IntakeOutcome.REFUSED, submission.findings)
    else:
        try:
            taken = _taken(engine, store, actor, bag, submission, facts, now, ocr=ocr)
        except PackageChangedError:
            # Somebody still writes into it; its neighbours in the batch are taken over all the same.
            taken = DeliveryResult(
                IntakeOutcome.REFUSED,
                (*submission.findings, finding("BAG_INVALID", "bag", why="检测之后被改动")),
            )
    if taken.outcome in (IntakeOutcome.REFUSED, IntakeOutcome.DUPLICATE):
        prefix = quarantine(store, path) if taken.outcome is IntakeOutcome.REFUSED else None
        key, record = delivery_record(
            bag=bag.name,
            case_no=case_no,
            content_digest=bag.content_digest,
            taken=taken,
            quarantine_prefix=prefix,
            at=now,
        )
        store.put_new(key, record, media_type="application/json")
        with writing(engine) as session:
            _log(session, actor, bag, case_no, taken, prefix, now)
    return Received(bag.name, case_no, taken.outcome, taken.findings)


def _taken(
    engine: Engine,
    store: BlobStore,
    actor: str,
    bag: Bag,
    submission: Submission,
    facts: CaseFacts,
    now: datetime,
    *,
    ocr: bool,
) -> DeliveryResult:
    with reading(engine) as session:
        known = earlier_delivery(session, facts, bag.content_digest)
        beside = _beside_others(session, facts, submission)
    if known is not None:
        return known
    for one in submission.components:
        store.put_new(blob_key(one.sha256), one.read(), media_type=one.media_type)
    taken = None
    while taken is None:
        # Before the row, as the objects: a row never stands alone, and a record without a row is found by its digest when the package comes again.
        key, record = accession_record(
            facts=facts,
            snapshot=submission.snapshot,
            bag=bag.name,
            content_digest=bag.content_digest,
            originals=_originals(submission),
            findings=(*submission.findings, *beside),
            prints=submission.prints,
            at=now,
        )
        store.put_new(key, record, media_type="application/json")
        try:
            taken = _accept(engine, actor, bag, submission, facts, beside, now, key, ocr=ocr)
        except IntegrityError:
            with reading(engine) as session:
                taken = earlier_delivery(session, facts, bag.content_digest)
            if taken is None:
                raise
        if taken is None:
            with reading(engine) as session:
                beside = _beside_others(session, facts, submission)
    return taken


def _originals(submission: Submission) -> list[OriginalObject]:
    return [
        OriginalObject(one.material_no, one.path, one.sha256, one.size, one.media_type, one.pages)
        for one in submission.components
    ]


def _accept(
    engine: Engine,
    actor: str,
    bag: Bag,
    submission: Submission,
    facts: CaseFacts,
    beside: list[Finding],
    now: datetime,
    record: str,
    *,
    ocr: bool,
) -> DeliveryResult | None:
    """One transaction; it asks again, with the case locked, what the package means: another delivery may have come first.

    None when one came meanwhile that has a page of this one, or its people: the record in the bucket must say of it what the row says.
    """
    with writing(engine) as session:
        first = earlier_delivery(session, facts, bag.content_digest)
        if first is not None:
            return first
        # Who is second must see the first: deliveries of one person take turns from here on, as the journal at the end makes them anyway.
        lock_journal(session)
        if _beside_others(session, facts, submission) != beside:
            return None
        findings = (*submission.findings, *beside)
        taken = DeliveryResult(
            IntakeOutcome.CONFIRM if worst(findings) is Outcome.CONFIRM else IntakeOutcome.ACCEPTED,
            findings,
        )
        case = take_over(
            session,
            actor,
            facts=facts,
            snapshot=submission.snapshot,
            content_digest=bag.content_digest,
            originals=_originals(submission),
            findings=findings,
            at=now,
            record=record,
        )
        keep_prints(session, case.id, submission.prints)
        if ocr:
            queue_pages(session, facts, _originals(submission), now)
        _log(session, actor, bag, facts.case_no, taken, None, now)
    return taken


def _beside_others(session: Session, facts: CaseFacts, submission: Submission) -> list[Finding]:
    """What only the holdings can tell: pages seen before, and the other cases of the same people."""
    return [*_copies(session, facts, submission), *doubts(session, facts, submission.snapshot)]


def _copies(session: Session, facts: CaseFacts, submission: Submission) -> list[Finding]:
    """R31: a page that was handed in with another case before."""
    return [
        finding(
            "SEEN_ELSEWHERE",
            f"material {one.material_no}",
            material=one.material_no,
            page=one.page,
            other_case=one.other_case_no,
            other_material=one.other_material_no,
        )
        for one in seen_elsewhere(session, facts.case_no, submission.prints)
    ]


def _log(
    session: Session,
    actor: str,
    bag: Bag,
    case_no: str | None,
    taken: DeliveryResult,
    prefix: str | None,
    now: datetime,
) -> None:
    log_delivery(
        session,
        actor,
        bag=bag.name,
        case_no=case_no,
        content_digest=bag.content_digest,
        taken=taken,
        quarantine_prefix=prefix,
        at=now,
    )
