"""Cases that are being gathered (归集), until they can be packed.

Materials of one case come from several sources at different times. A closed case
(`GatheredCase`) names its materials; a named material has come when a `GatheredMaterial` of
that number exists. Then a package may be made of the case; what comes later makes a
supplement (R40). Acts never commit.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.tables_cases import Case
from archive.database.tables_gathering import Arrival, GatheredCase, GatheredMaterial
from archive.reference.vocabulary import (
    ArrivalOutcome,
    CaseState,
    IntakeOutcome,
    LabelledEnum,
    SourceKind,
)


class Gathering(LabelledEnum):
    """States of a closed case before intake."""

    COLLECTING = "COLLECTING", "归集中"
    READY = "READY", "材料已齐"
    SUBMITTED = "SUBMITTED", "已送归档"
    LATE = "LATE", "有后到材料"


@dataclass(frozen=True, slots=True)
class GatheredFile:
    """A file of a material, already in the store by its content."""

    sha256: str
    extension: str


@dataclass(frozen=True, slots=True)
class GatheredPiece:
    """A material as a source hands it in.

    `stated` are the fields of `case.json` that the source knows: type, source, pages,
    captured_by.
    """

    case_no: str
    no: int
    files: tuple[GatheredFile, ...]
    stated: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MissingCertificate:
    """A certificate that a closed case names and that has not been fetched.

    The holder's number is personal data: it goes into a request's body only.
    """

    case_no: str
    no: int
    holder: str
    kind: str


@dataclass(frozen=True, slots=True)
class CompleteCase:
    """A case that may be packed, with its facts for `case.json` and file digests by path."""

    row: int
    bag: str
    facts: Mapping[str, Any]
    files: Mapping[str, str]
    used: tuple[int, ...]


def arrival_outcomes(
    session: Session, source: str, notices: Sequence[str]
) -> Mapping[str, ArrivalOutcome]:
    """Return the outcome of each of these notices that arrived before, by notice."""
    query = select(Arrival.notice, Arrival.outcome).where(
        Arrival.source == source, Arrival.notice.in_(notices)
    )
    return {row.notice: ArrivalOutcome(row.outcome) for row in session.execute(query)}


def record_arrival(
    session: Session,
    actor: str,
    *,
    source: str,
    system: str,
    notice: str,
    sha256: str,
    size: int,
    outcome: ArrivalOutcome,
    at: datetime,
) -> Arrival:
    """Write the evidence of a fetch: a row, and a journal entry (R17).

    The entry holds system, id, time and digest.
    """
    if (
        outcome == ArrivalOutcome.TAKEN
        and session.scalars(
            select(Arrival.id).where(Arrival.source == source, Arrival.sha256 == sha256)
        ).first()
    ):
        outcome = ArrivalOutcome.DUPLICATE
    arrival = Arrival(
        source=source, notice=notice, sha256=sha256, size=size, outcome=outcome, fetched_at=at
    )
    session.add(arrival)
    session.flush()
    fetched = at.isoformat(timespec="seconds")
    journal.record(
        session,
        actor,
        JournalAct.FETCH,
        f"{source}:{notice}",
        system=system,
        sha256=sha256,
        size=size,
        outcome=outcome,
        fetched_at=fetched,
    )
    return arrival


def close_case(
    session: Session, arrival: Arrival, facts: Mapping[str, Any], *, at: datetime
) -> None:
    """Enter a closed case with its facts.

    The same facts again change nothing; other facts make a second package, for intake to judge.
    """
    digest = hashlib.sha256(
        json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()
    ).hexdigest()
    case_no = str(facts["case_no"])
    if (
        session.scalars(select(GatheredCase.id).filter_by(case_no=case_no, digest=digest)).first()
        is None
    ):
        row = GatheredCase(
            case_no=case_no,
            digest=digest,
            facts=dict(facts),
            arrival_id=arrival.id,
            state=Gathering.COLLECTING,
            changed_at=at,
        )
        session.add(row)
        session.flush()
    _settle(session, case_no, at)


def add_piece(session: Session, arrival: Arrival, piece: GatheredPiece, *, at: datetime) -> None:
    """Enter a material that came before or after its case was closed.

    The same files under the same number again change nothing.
    """
    digest = hashlib.sha256("".join(file.sha256 for file in piece.files).encode()).hexdigest()
    known = session.scalars(
        select(GatheredMaterial.id).filter_by(case_no=piece.case_no, no=piece.no, digest=digest)
    ).first()
    if known is None:
        files = [asdict(file) for file in piece.files]
        row = GatheredMaterial(
            arrival_id=arrival.id,
            case_no=piece.case_no,
            no=piece.no,
            digest=digest,
            files=files,
            stated=dict(piece.stated),
        )
        session.add(row)
        session.flush()
        _settle(session, piece.case_no, at)


def _settle(session: Session, case_no: str, at: datetime) -> None:
    """Update the states of a case number after an arrival.

    A collecting case may be complete now; a submitted case may have further materials now.
    """
    pieces = pieces_of(session, case_no)
    numbers, more = {piece.no for piece in pieces}, any(piece.used_in is None for piece in pieces)
    rows = cases_numbered(session, case_no)
    taken_over = any(row.accepted for row in rows)
    for row in rows:
        if row.state == Gathering.COLLECTING and not missing_of(row, numbers):
            row.state, row.changed_at = Gathering.READY, at
        elif row.state == Gathering.SUBMITTED and more and row.accepted:
            row.state, row.changed_at = Gathering.LATE, at
        elif row.state == Gathering.SUBMITTED and more and not taken_over:
            # A refused case is packed again with what came since: a second scan may be better.
            row.state, row.changed_at = Gathering.READY, at


def cases_numbered(session: Session, case_no: str) -> list[GatheredCase]:
    """Return the closed cases of a number, locked, the first first."""
    return list(
        session.scalars(
            select(GatheredCase)
            .filter_by(case_no=case_no)
            .order_by(GatheredCase.id)
            .with_for_update()
        )
    )


def pieces_of(session: Session, case_no: str) -> list[GatheredMaterial]:
    """Return the materials that came under a case number, in their order."""
    return list(
        session.scalars(
            select(GatheredMaterial).filter_by(case_no=case_no).order_by(GatheredMaterial.id)
        )
    )


def _numbers_by_case(session: Session) -> dict[str, set[int]]:
    """Return the material numbers that have come, by case, for cases that still lack some."""
    waiting = select(GatheredCase.case_no).where(GatheredCase.state == Gathering.COLLECTING)
    numbers: dict[str, set[int]] = {}
    query = select(GatheredMaterial.case_no, GatheredMaterial.no).where(
        GatheredMaterial.case_no.in_(waiting)
    )
    for case_no, no in session.execute(query):
        numbers.setdefault(case_no, set()).add(no)
    return numbers


def missing_of(row: GatheredCase, numbers: Collection[int]) -> list[dict[str, Any]]:
    """Return the materials of a case that must still come from a source.

    Forms are left out: the archive renders them.
    """
    return [
        material
        for material in row.facts["materials"]
        if not material.get("form") and material["no"] not in numbers
    ]


def missing_certificates(session: Session) -> list[MissingCertificate]:
    """Return the certificates that closed cases wait for, oldest case first."""
    numbers = _numbers_by_case(session)
    return [
        MissingCertificate(
            row.case_no, material["no"], str(material.get("holder", "")), str(material["type"])
        )
        for row in session.scalars(
            select(GatheredCase).filter_by(state=Gathering.COLLECTING).order_by(GatheredCase.id)
        )
        for material in missing_of(row, numbers.get(row.case_no, ()))
        if material.get("source") == SourceKind.SHARED_CERT
    ]


def complete_cases(session: Session, limit: int) -> list[CompleteCase]:
    """Return cases to be packed, in the order of closing, at most one of each case number."""
    query = (
        select(GatheredCase)
        .where(GatheredCase.state.in_((Gathering.READY, Gathering.LATE)))
        .order_by(GatheredCase.id)
    )
    seen: set[str] = set()
    complete = []
    for row in session.scalars(query.limit(limit)):
        if row.case_no not in seen:
            seen.add(row.case_no)
            complete.append(_whole(session, row))
    return complete


def _whole(session: Session, row: GatheredCase) -> CompleteCase:
    # Of several materials with one number the last counts: a second scan replaces the first.
    arrived_pieces = pieces_of(session, row.case_no)
    pieces = {piece.no: piece for piece in arrived_pieces}
    files: dict[str, str] = {}
    named = {material["no"]: material for material in row.facts["materials"]}
    materials = []
    for no in sorted(named | pieces):
        material = {key: value for key, value in named.get(no, {}).items() if key != "holder"}
        if no in pieces and not material.get("form"):
            paths = {
                f"materials/{no:03d}-{at}.{file['extension']}": file["sha256"]
                for at, file in enumerate(pieces[no].files, 1)
            }
            material = {"no": no, **pieces[no].stated, **material, "files": list(paths)}
            files |= paths
        materials.append(material)
    facts = {**row.facts, "materials": materials}
    if row.accepted or _is_returned(session, row.case_no):
        facts["supplement"] = True
    return CompleteCase(
        row.id,
        f"{row.case_no}-{row.digest[:8]}-{row.packages + 1}",
        facts,
        files,
        tuple(piece.id for piece in arrived_pieces),
    )


def _is_returned(session: Session, case_no: str) -> bool:
    """Return whether a case was returned: facts that its system corrected lead to it too."""
    where = (Case.case_no == case_no, Case.state == CaseState.RETURNED)
    return session.scalars(select(Case.id).where(*where)).first() is not None


def mark_submitted(
    session: Session, actor: str, whole: CompleteCase, outcome: IntakeOutcome, *, at: datetime
) -> None:
    """Record the answer of intake; materials that came while the package was made are late."""
    row = session.get_one(GatheredCase, whole.row, with_for_update=True)
    row.packages, row.outcome, row.state, row.changed_at = (
        row.packages + 1,
        outcome,
        Gathering.SUBMITTED,
        at,
    )
    row.accepted = row.accepted or outcome is not IntakeOutcome.REFUSED
    for piece in session.scalars(
        select(GatheredMaterial).where(GatheredMaterial.id.in_(whole.used))
    ):
        piece.used_in = piece.used_in or row.packages
    journal.record(
        session, actor, JournalAct.SUBMIT, row.case_no, bag=whole.bag, outcome=str(outcome)
    )
    session.flush()
    _settle(session, row.case_no, at)


def collecting_rows(session: Session) -> list[dict[str, Any]]:
    """Return what is being gathered as rows for lists.

    These are closed cases with what they lack, and materials whose case is not closed yet.
    """
    rows, numbers = [], _numbers_by_case(session)
    for row in session.scalars(
        select(GatheredCase)
        .where(GatheredCase.state != Gathering.SUBMITTED)
        .order_by(GatheredCase.case_no)
    ):
        waits = row.state == Gathering.COLLECTING
        lacks = (
            [
                f"{material['no']:03d} {material['type']}"
                for material in missing_of(row, numbers.get(row.case_no, ()))
            ]
            if waits
            else []
        )
        rows.append(
            {
                "case_no": row.case_no,
                "state": row.state,
                "closed": True,
                "missing": lacks,
                "since": row.changed_at.isoformat(),
            }
        )
    open_cases = (
        select(GatheredMaterial.case_no, func.min(Arrival.fetched_at))
        .join(Arrival, Arrival.id == GatheredMaterial.arrival_id)
        .where(GatheredMaterial.case_no.not_in(select(GatheredCase.case_no)))
        .group_by(GatheredMaterial.case_no)
        .order_by(GatheredMaterial.case_no)
    )
    for case_no, since in session.execute(open_cases):
        rows.append(
            {
                "case_no": case_no,
                "state": Gathering.COLLECTING,
                "closed": False,
                "missing": [],
                "since": since.isoformat(),
            }
        )
    return rows
