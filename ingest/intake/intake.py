"""Intake of one delivered package.

A package is taken over whole or kept whole in quarantine; nothing is lost, and nothing is
taken over in part.
"""

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
    is_returned,
    take_over,
)
from archive.accession.across_cases import doubts
from archive.accession.deliveries import log_delivery
from archive.accession.page_prints import keep_prints, seen_elsewhere
from archive.administration.policy import scope_of
from archive.database.engine import lock_journal, reading, writing
from archive.recognition.queue import queue_pages
from archive.reference.case_facts import CaseFacts
from archive.reference.findings import Finding, finding, worst
from archive.reference.objects import OriginalObject, blob_key
from archive.reference.organisations import Organisations
from archive.reference.prints import Likeness, Place, Sameness
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import IntakeOutcome, Outcome
from ingest.errors import ForeignCaseError, PackageChangedError
from ingest.intake.quarantine import quarantine
from ingest.intake.second_looks import Looks, second_looks
from ingest.intake.submission import Submission, inspect_submission
from ingest.package.bag import Bag, read_bag
from ingest.reading.virus import Scanner, virus_findings
from storage.blobs import BlobStore


@dataclass(frozen=True, slots=True)
class Received:
    """The outcome of one package, as `yice ingest --json` prints it."""

    bag: str
    case_no: str | None
    outcome: IntakeOutcome
    findings: tuple[Finding, ...]

    def public(self) -> Mapping[str, Any]:
        """Return the promised fields (issue: `bag, case_no, outcome, findings`)."""
        findings = [
            {key: value for key, value in row.public().items() if key not in {"outcome", "pair"}}
            for row in self.findings
        ]
        return {
            "bag": self.bag,
            "case_no": self.case_no,
            "outcome": str(self.outcome),
            "findings": findings,
        }


@dataclass(frozen=True, slots=True)
class IntakeRules:
    """What every package is held to, whichever way it comes.

    `scanner` is NO_SCANNER where the operator set none; `ocr` queues scans for recognition.
    """

    catalogue: Catalogue
    organisations: Organisations
    scanner: Scanner
    ocr: bool


@dataclass(frozen=True, slots=True)
class InspectedPackage:
    """A package that was scanned and inspected, and may be received."""

    path: Path
    bag: Bag
    submission: Submission
    at: datetime


def take_package(
    engine: Engine,
    store: BlobStore,
    actor: str,
    path: Path,
    *,
    sender: str | None,
    rules: IntakeRules,
    now: datetime,
) -> Received:
    """Scan and inspect the package at `path`, take it over or quarantine it.

    Returns the outcome. Raises ForeignCaseError; see `receive`.
    """
    return receive(
        engine, store, actor, inspect_package(path, rules, now), sender=sender, rules=rules
    )


def inspect_package(path: Path, rules: IntakeRules, now: datetime) -> InspectedPackage:
    """Return the package at `path`, scanned and inspected.

    Touches neither database nor store, so that many may run in parallel.
    """
    bag = read_bag(path)
    try:
        bag = replace(bag, findings=(*bag.findings, *virus_findings(bag, rules.scanner)))
    except PackageChangedError:
        bag = replace(
            bag, findings=(*bag.findings, finding("BAG_INVALID", "bag", why="检测期间被改动"))
        )
    submission = inspect_submission(bag, rules.catalogue, rules.organisations, now=now)
    return InspectedPackage(path, bag, submission, now)


def receive(
    engine: Engine,
    store: BlobStore,
    actor: str,
    package: InspectedPackage,
    *,
    sender: str | None,
    rules: IntakeRules,
) -> Received:
    """Take an inspected package over or quarantine it, and return the outcome.

    `sender` is the organisation that sends it; None is the archive itself, which takes over the
    cases of all. Commits its own work, since the objects must lie in the store before the row. Of
    two deliveries of one case at once, the second to commit gets the outcome that it has then: a
    duplicate, a conflict or the next supplement. Raises ForeignCaseError, with nothing kept, for
    a case that the sender did not receive.
    """
    bag, submission, now = package.bag, package.submission, package.at
    _require_own_case(submission, sender, rules.organisations)
    facts = submission.facts
    case_no = facts.case_no if facts else None
    if facts is None or submission.outcome is Outcome.REFUSE:
        taken = DeliveryResult(IntakeOutcome.REFUSED, submission.findings)
    else:
        try:
            taken = _take_over(engine, store, actor, bag, submission, facts, now, ocr=rules.ocr)
        except PackageChangedError:
            # Another process still writes into it; the other packages of the batch are taken over.
            taken = DeliveryResult(
                IntakeOutcome.REFUSED,
                (*submission.findings, finding("BAG_INVALID", "bag", why="检测之后被改动")),
            )
    if taken.outcome in (IntakeOutcome.REFUSED, IntakeOutcome.DUPLICATE):
        prefix = quarantine(store, package.path) if taken.outcome is IntakeOutcome.REFUSED else None
        owner = sender or _receiver(facts, rules.organisations)
        key, record = delivery_record(
            bag=bag.name,
            case_no=case_no,
            sender=owner,
            content_digest=bag.content_digest,
            taken=taken,
            quarantine_prefix=prefix,
            at=now,
        )
        store.put_new(key, record, media_type="application/json")
        with writing(engine) as session:
            _log(session, actor, bag, case_no, owner, taken, prefix, now)
    return Received(bag.name, case_no, taken.outcome, taken.findings)


def _receiver(facts: CaseFacts | None, organisations: Organisations) -> str | None:
    """Return who received the case of a package that the archive took in itself."""
    receiver = facts.orgs.receive if facts else None
    return receiver if receiver in organisations else None


def _require_own_case(
    submission: Submission, sender: str | None, organisations: Organisations
) -> None:
    """Raise ForeignCaseError unless the sender received the case, under a number of its own.

    A number belongs to the organisation that it begins with. Nobody else delivers under it,
    whether there is such a case or not: he would learn that there is one, or take the number of
    one that is still to come.

    A package that does not say whose it is may be refused and quarantined by anyone.
    """
    if sender is None or submission.facts is None:
        return
    receiver = submission.facts.orgs.receive
    owner = submission.facts.case_no.partition("-")[0]
    if receiver not in organisations:
        return  # refused by its inspection, with the place at fault
    if owner != receiver or sender not in scope_of((receiver,), organisations):
        raise ForeignCaseError


def _take_over(
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
        earlier = earlier_delivery(session, facts, bag.content_digest)
    if earlier is not None:
        return earlier
    looks = second_looks(engine, store, facts, submission, {})
    with reading(engine) as session:
        context = _context_findings(session, facts, submission, looks)
    for component in submission.components:
        store.put_new(blob_key(component.sha256), component.read(), media_type=component.media_type)
    taken = None
    while taken is None:
        # Before the row, like the objects: a row never exists without them, and a record without
        # a row is found by its digest when the package is delivered again.
        key, record = accession_record(
            facts=facts,
            snapshot=submission.snapshot,
            bag=bag.name,
            content_digest=bag.content_digest,
            originals=_originals(submission),
            findings=(*submission.findings, *context),
            prints=submission.prints,
            at=now,
        )
        store.put_new(key, record, media_type="application/json")
        try:
            taken = _accept(
                engine, actor, bag, submission, facts, (context, looks), now, key, ocr=ocr
            )
        except IntegrityError:
            with reading(engine) as session:
                taken = earlier_delivery(session, facts, bag.content_digest)
            if taken is None:
                raise
        if taken is None:
            looks = second_looks(engine, store, facts, submission, looks)
            with reading(engine) as session:
                context = _context_findings(session, facts, submission, looks)
    return taken


def _originals(submission: Submission) -> list[OriginalObject]:
    return [
        OriginalObject(
            component.material_no,
            component.path,
            component.sha256,
            component.size,
            component.media_type,
            component.pages,
        )
        for component in submission.components
    ]


def _accept(
    engine: Engine,
    actor: str,
    bag: Bag,
    submission: Submission,
    facts: CaseFacts,
    known: tuple[list[Finding], Looks],
    now: datetime,
    record: str,
    *,
    ocr: bool,
) -> DeliveryResult | None:
    """Take the package over in one transaction; returns None when it must be tried again.

    With the case locked, the meaning of the package is determined again, because another delivery
    may have been committed first. None says that one was which shares a page or people with this
    one: the record in the bucket must hold the same findings as the row. `known` are the findings
    of that record, and the second looks behind them.
    """
    context, looks = known
    with writing(engine) as session:
        first = earlier_delivery(session, facts, bag.content_digest)
        if first is not None:
            return first
        # The second of two deliveries must see the first: deliveries of one person are serialised
        # from here on, as the journal at the end does anyway.
        lock_journal(session)
        if _context_findings(session, facts, submission, looks) != context:
            return None
        findings = (*submission.findings, *context)
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
        _log(session, actor, bag, facts.case_no, None, taken, None, now)
    return taken


def _context_findings(
    session: Session, facts: CaseFacts, submission: Submission, looks: Looks
) -> list[Finding]:
    """Return the findings that depend on the holdings.

    These are pages that were seen before, and the other cases of the same people.
    """
    corrected = facts.supplement and is_returned(session, facts.case_no)
    return [
        *([finding("CORRECTED", "case.json")] if corrected else []),
        *_copies(session, facts, submission, looks),
        *doubts(session, facts, submission.snapshot),
    ]


def _copies(
    session: Session, facts: CaseFacts, submission: Submission, looks: Looks
) -> list[Finding]:
    """Return a finding for each page that was delivered with another case before (R31).

    A page that only looks like it is none; one that was not looked at again is.
    """
    copies: dict[Place, Likeness] = {}
    for copy in seen_elsewhere(session, facts.case_no, submission.ways):
        if looks.get(copy, Sameness.COPY) is not Sameness.DIFFERENT:
            copies.setdefault((copy.material_no, copy.page), copy)
    return [
        finding(
            "SEEN_ELSEWHERE",
            f"material {copy.material_no}",
            material=copy.material_no,
            page=copy.page,
            other_case=copy.other_case_no,
            other_material=copy.other_material_no,
            other_page=copy.other_page,
        )
        for copy in copies.values()
    ]


def _log(
    session: Session,
    actor: str,
    bag: Bag,
    case_no: str | None,
    sender: str | None,
    taken: DeliveryResult,
    prefix: str | None,
    now: datetime,
) -> None:
    log_delivery(
        session,
        actor,
        bag=bag.name,
        case_no=case_no,
        sender=sender,
        content_digest=bag.content_digest,
        taken=taken,
        quarantine_prefix=prefix,
        at=now,
    )
