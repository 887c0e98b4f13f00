"""归集: materials of one case come from several sources at different times; here they gather under the case number until the case is whole.

A closed case (`GatheredCase`) names its materials. What it names has come in when a `GatheredMaterial` of that number has. Then a package may be
made of it; what comes later makes a supplement (R40). Acts never commit.
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
from archive.database.tables_gathering import Arrival, GatheredCase, GatheredMaterial
from archive.reference.vocabulary import IntakeOutcome, LabelledEnum, SourceKind


class Gathering(LabelledEnum):
    """How far a closed case has come before the door of intake."""

    COLLECTING = "COLLECTING", "归集中"
    READY = "READY", "材料已齐"
    SUBMITTED = "SUBMITTED", "已送归档"
    LATE = "LATE", "有后到材料"


TAKEN, SAME, REFUSED = "TAKEN", "DUPLICATE", "REFUSED"
"""What became of an arrival: new, the same bytes under another notice, or kept in quarantine."""


@dataclass(frozen=True, slots=True)
class GatheredFile:
    """One file of a material, already in the store by its content."""

    sha256: str
    extension: str


@dataclass(frozen=True, slots=True)
class GatheredPiece:
    """One material as a source hands it in; `stated` are fields of `case.json` that the source knows: type, source, pages, captured_by."""

    case_no: str
    no: int
    files: tuple[GatheredFile, ...]
    stated: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MissingCertificate:
    """A certificate that a closed case names and that has not been fetched. The holder's number is personal: it goes into a request's body only."""

    case_no: str
    no: int
    holder: str
    kind: str


@dataclass(frozen=True, slots=True)
class CompleteCase:
    """A case that may be packed: its facts as `case.json` will state them, and where each file of it comes from."""

    row: int
    bag: str
    facts: Mapping[str, Any]
    files: Mapping[str, str]
    used: tuple[int, ...]


def arrived(session: Session, source: str, notices: Sequence[str]) -> dict[str, str]:
    """Which of these notices arrived before, and what became of them."""
    query = select(Arrival.notice, Arrival.outcome).where(
        Arrival.source == source, Arrival.notice.in_(notices)
    )
    return {one.notice: one.outcome for one in session.execute(query)}


def record_arrival(
    session: Session,
    actor: str,
    *,
    source: str,
    system: str,
    notice: str,
    sha256: str,
    size: int,
    outcome: str,
    at: datetime,
) -> Arrival:
    """The evidence of a fetch: a row, and an entry of the journal with system, id, time and digest (R17)."""
    if (
        outcome == TAKEN
        and session.scalars(
            select(Arrival.id).where(Arrival.source == source, Arrival.sha256 == sha256)
        ).first()
    ):
        outcome = SAME
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
    """A case was closed. Told again in the same words it changes nothing; in other words it is a second package, for intake to judge."""
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
    """A material came in, before or after its case was closed; the same files under the same number again change nothing."""
    digest = hashlib.sha256("".join(one.sha256 for one in piece.files).encode()).hexdigest()
    held = session.scalars(
        select(GatheredMaterial.id).filter_by(case_no=piece.case_no, no=piece.no, digest=digest)
    ).first()
    if held is None:
        files = [asdict(one) for one in piece.files]
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
    """What the newest arrival means for the case: whole, or whole before and now with something more."""
    pieces = _pieces(session, case_no)
    held, more = {one.no for one in pieces}, any(one.used_in is None for one in pieces)
    rows = _cases(session, case_no)
    taken_over = any(one.accepted for one in rows)
    for row in rows:
        if row.state == Gathering.COLLECTING and not _missing(row, held):
            row.state, row.changed_at = Gathering.READY, at
        elif row.state == Gathering.SUBMITTED and more and row.accepted:
            row.state, row.changed_at = Gathering.LATE, at
        elif row.state == Gathering.SUBMITTED and more and not taken_over:
            # What was refused is packed again with what came since: a second scan mends the first.
            row.state, row.changed_at = Gathering.READY, at


def _cases(session: Session, case_no: str) -> list[GatheredCase]:
    return list(
        session.scalars(
            select(GatheredCase)
            .filter_by(case_no=case_no)
            .order_by(GatheredCase.id)
            .with_for_update()
        )
    )


def _pieces(session: Session, case_no: str) -> list[GatheredMaterial]:
    return list(
        session.scalars(
            select(GatheredMaterial).filter_by(case_no=case_no).order_by(GatheredMaterial.id)
        )
    )


def _held(session: Session) -> dict[str, set[int]]:
    """The numbers that have come in, by case, of the cases that still lack some."""
    waiting = select(GatheredCase.case_no).where(GatheredCase.state == Gathering.COLLECTING)
    found: dict[str, set[int]] = {}
    query = select(GatheredMaterial.case_no, GatheredMaterial.no).where(
        GatheredMaterial.case_no.in_(waiting)
    )
    for case_no, no in session.execute(query):
        found.setdefault(case_no, set()).add(no)
    return found


def _missing(row: GatheredCase, held: Collection[int]) -> list[dict[str, Any]]:
    """The materials that must still come from elsewhere: all but the forms, which we render ourselves."""
    return [one for one in row.facts["materials"] if not one.get("form") and one["no"] not in held]


def wants(session: Session) -> list[MissingCertificate]:
    """The certificates that closed cases wait for, oldest case first."""
    held = _held(session)
    return [
        MissingCertificate(row.case_no, one["no"], str(one.get("holder", "")), str(one["type"]))
        for row in session.scalars(
            select(GatheredCase).filter_by(state=Gathering.COLLECTING).order_by(GatheredCase.id)
        )
        for one in _missing(row, held.get(row.case_no, ()))
        if one.get("source") == SourceKind.SHARED_CERT
    ]


def whole_cases(session: Session, limit: int) -> list[CompleteCase]:
    """Cases to be packed, in the order in which they were closed; of one case number one at a time."""
    query = (
        select(GatheredCase)
        .where(GatheredCase.state.in_((Gathering.READY, Gathering.LATE)))
        .order_by(GatheredCase.id)
    )
    seen: set[str] = set()
    found = []
    for row in session.scalars(query.limit(limit)):
        if row.case_no not in seen:
            seen.add(row.case_no)
            found.append(_whole(session, row))
    return found


def _whole(session: Session, row: GatheredCase) -> CompleteCase:
    # The last to come in stands for its number: a second scan replaces the first.
    held = _pieces(session, row.case_no)
    pieces = {one.no: one for one in held}
    files: dict[str, str] = {}
    named = {one["no"]: one for one in row.facts["materials"]}
    materials = []
    for no in sorted(named | pieces):
        material = {key: value for key, value in named.get(no, {}).items() if key != "holder"}
        if no in pieces and not material.get("form"):
            paths = {
                f"materials/{no:03d}-{at}.{one['extension']}": one["sha256"]
                for at, one in enumerate(pieces[no].files, 1)
            }
            material = {"no": no, **pieces[no].stated, **material, "files": list(paths)}
            files |= paths
        materials.append(material)
    facts = {**row.facts, "materials": materials}
    if row.accepted:
        facts["supplement"] = True
    return CompleteCase(
        row.id,
        f"{row.case_no}-{row.digest[:8]}-{row.packages + 1}",
        facts,
        files,
        tuple(one.id for one in held),
    )


def mark_submitted(
    session: Session, actor: str, whole: CompleteCase, outcome: IntakeOutcome, *, at: datetime
) -> None:
    """The door has answered. What came in while the package was made is late."""
    row = session.get_one(GatheredCase, whole.row, with_for_update=True)
    row.packages, row.outcome, row.state, row.changed_at = (
        row.packages + 1,
        outcome,
        Gathering.SUBMITTED,
        at,
    )
    row.accepted = row.accepted or outcome is not IntakeOutcome.REFUSED
    for one in session.scalars(select(GatheredMaterial).where(GatheredMaterial.id.in_(whole.used))):
        one.used_in = one.used_in or row.packages
    journal.record(
        session, actor, JournalAct.SUBMIT, row.case_no, bag=whole.bag, outcome=str(outcome)
    )
    session.flush()
    _settle(session, row.case_no, at)


def collecting_rows(session: Session) -> list[dict[str, Any]]:
    """What waits before the door: closed cases with what they lack, and materials whose case is not closed yet."""
    rows, held = [], _held(session)
    for row in session.scalars(
        select(GatheredCase)
        .where(GatheredCase.state != Gathering.SUBMITTED)
        .order_by(GatheredCase.case_no)
    ):
        waits = row.state == Gathering.COLLECTING
        lacks = (
            [f"{one['no']:03d} {one['type']}" for one in _missing(row, held.get(row.case_no, ()))]
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
