"""The rebuild of what people decided at 核对, from the journal and the packages."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from archive.administration.signatories import signatory
from archive.audit.acts import JournalAct
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case, CaseRevision
from archive.database.tables_checks import CheckAct
from archive.preservation.rebuild_volumes import Package
from archive.reference.check_terms import CheckKind
from archive.reference.vocabulary import CaseState

Cases = Mapping[str, tuple[Case, Sequence[CaseRevision]]]
_KINDS = {JournalAct.CONFIRM: CheckKind.CONFIRM, JournalAct.RETURN_CASE: CheckKind.RETURN}


def restore_decisions(
    session: Session,
    entries: Iterable[JournalEntry],
    cases: Cases,
    packages: Iterable[Package],
) -> None:
    """Add the confirmations and returns that the journal names, in order.

    A package keeps how the person was named then, which no journal does; where the end of the
    journal is lost it is the only record.
    """
    named = {
        (case_no, _number_of(cases, case_no, package.facts), decision["at"]): decision
        for package in packages
        for decision in package.inspection.get("decisions", ())
        for case_no in [package.facts["case_no"]]
    }
    for entry in entries:
        kind = _KINDS.get(JournalAct(entry.act))
        if kind is None or entry.subject not in cases:
            continue
        detail = json.loads(entry.detail)
        row = _row(session, entry, kind, detail, cases[entry.subject][0].id)
        kept = _kept(named, entry.subject, row)
        row.signatory = kept["signatory"] if kept else row.signatory
        session.add(row)
    for (case_no, revision, at), decision in named.items():
        if case_no in cases:
            session.add(_from_package(cases[case_no][0].id, revision, at, decision))
    session.flush()


def return_waiting(entries: Iterable[JournalEntry], cases: Cases) -> None:
    """Set the revisions to RETURNED that were returned (退回补正) and not replaced since."""
    for entry in entries:
        if entry.act != JournalAct.RETURN_CASE or entry.subject not in cases:
            continue
        number = json.loads(entry.detail).get("revision")
        for revision in cases[entry.subject][1]:
            if revision.revision == number and revision.state == CaseState.CONFIRM:
                revision.state = CaseState.RETURNED


def _number_of(cases: Cases, case_no: str, facts: Mapping[str, Any]) -> int:
    """Return the revision that states these facts, 1 where none does."""
    revisions = cases[case_no][1] if case_no in cases else ()
    return next((row.revision for row in reversed(revisions) if row.facts == facts), 1)


def _kept(
    named: dict[tuple[str, int, str], Mapping[str, Any]], case_no: str, row: CheckAct
) -> Mapping[str, Any] | None:
    """Take what a package says of a decision of the journal: the nearest of the same reason."""
    near = [
        key
        for key, decision in named.items()
        if key[:2] == (case_no, row.revision) and decision["reason"] == (row.reason or "")
    ]
    if row.kind != CheckKind.CONFIRM or not near:
        return None
    return named.pop(min(near, key=lambda key: abs(datetime.fromisoformat(key[2]) - row.at)))


def _row(
    session: Session, entry: JournalEntry, kind: CheckKind, detail: Mapping[str, Any], case_id: int
) -> CheckAct:
    return CheckAct(
        case_id=case_id,
        revision=detail.get("revision", 1),
        kind=kind,
        account=entry.actor,
        signatory=signatory(session, entry.actor),
        org=detail.get("org", ""),
        at=datetime.fromisoformat(entry.at),
        codes=detail.get("codes", []),
        reason=detail.get("reason"),
        to_account=detail.get("again"),
        to_org=detail.get("again_org"),
    )


def _from_package(case_id: int, revision: int, at: str, decision: Mapping[str, Any]) -> CheckAct:
    return CheckAct(
        case_id=case_id,
        revision=revision,
        kind=CheckKind.CONFIRM,
        account="",
        signatory=decision["signatory"],
        org="",
        at=datetime.fromisoformat(at),
        codes=decision["codes"],
        reason=decision["reason"] or None,
    )
