"""授权+保留: authorisations to use a seal, given by the home station, and taken back (R12)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.administration.policy import Reader, Role
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import lock_journal
from archive.database.tables_window import WindowCase, WindowGrant, WindowSealUse
from archive.gathering.window_rows import grant_digest
from archive.reference.organisations import Organisations
from archive.reference.vocabulary import OrgKind
from ingest.window.refusals import RefusedActError, refusal
from ingest.window.seal_rules import ALL_ITEMS, SEAL, Grant

_WINDOWS = frozenset({OrgKind.STATION, OrgKind.HALL})


@dataclass(frozen=True, slots=True)
class GrantWanted:
    """An authorisation to give: to which window, for which items, from when until when."""

    grantee: str
    begins: datetime
    ends: datetime
    items: tuple[str, ...] = (ALL_ITEMS,)
    quota: int | None = None
    case_no: str | None = None


def give_grant(
    session: Session,
    actor: Reader,
    *,
    wanted: GrantWanted,
    organisations: Organisations,
    now: datetime,
) -> WindowGrant:
    """Let another window use the seal of the actor's station; only the chief may.

    Raises RefusedActError.
    """
    if actor.role is not Role.CHIEF:
        raise RefusedActError(refusal("ACT_ROLE", act="授权用章", roles=Role.CHIEF.label))
    known = wanted.grantee in organisations
    if not known or organisations.get(wanted.grantee).kind not in _WINDOWS:
        raise RefusedActError(refusal("GRANTEE_UNKNOWN"))
    if wanted.grantee == actor.org or wanted.ends <= wanted.begins or not wanted.items:
        raise RefusedActError(refusal("GRANT_DATA"))
    if wanted.quota is not None and wanted.quota < 1:
        raise RefusedActError(refusal("GRANT_DATA"))
    lock_journal(session)
    row = WindowGrant(
        number=_next_number(session, now),
        grantor=actor.org,
        grantee=wanted.grantee,
        items=sorted(set(wanted.items)),
        seal=SEAL,
        begins_at=wanted.begins,
        ends_at=wanted.ends,
        quota=wanted.quota,
        case_no=wanted.case_no,
        account=actor.account,
        granted_at=now,
    )
    session.add(row)
    session.flush()
    journal.record(
        session,
        actor.account,
        JournalAct.WINDOW_GRANT,
        row.number,
        grantor=row.grantor,
        grantee=row.grantee,
        digest=grant_digest(row),
    )
    return row


def _next_number(session: Session, now: datetime) -> str:
    prefix = f"YZ{now.year}-"
    count = session.scalar(
        select(func.count()).select_from(WindowGrant).where(WindowGrant.number.startswith(prefix))
    )
    return f"{prefix}{(count or 0) + 1:06d}"


def end_grant(session: Session, actor: Reader, *, number: str, now: datetime) -> WindowGrant:
    """Take an authorisation of the actor's station back, from now on. Raises RefusedActError."""
    row = session.scalars(
        select(WindowGrant).filter_by(number=number, grantor=actor.org).with_for_update()
    ).first()
    if row is None or actor.role is not Role.CHIEF:
        raise RefusedActError(refusal("GRANT_NOT_YOURS"))
    if row.ended_at is None:
        row.ended_at, row.ended_by = now, actor.account
        session.flush()
        at = now.isoformat()
        journal.record(session, actor.account, JournalAct.WINDOW_GRANT_END, number, at=at)
    return row


def grants_between(session: Session, case: WindowCase) -> tuple[Grant, ...]:
    """Return the authorisations of the home station of a case to its window, locked.

    They are locked so that of two uses at once the second sees what the first left of a quota.
    """
    if case.receive_org == case.home_org:
        return ()
    rows = session.scalars(
        select(WindowGrant)
        .filter_by(grantor=case.home_org, grantee=case.receive_org)
        .order_by(WindowGrant.id)
        .with_for_update()
    ).all()
    used = uses_by_grant(session, [row.number for row in rows])
    return tuple(
        Grant(
            row.number,
            row.grantor,
            row.grantee,
            frozenset(row.items),
            row.seal,
            row.begins_at,
            min(row.ends_at, row.ended_at or row.ends_at),
            row.quota,
            used.get(row.number, 0),
            row.case_no,
        )
        for row in rows
    )


def uses_by_grant(session: Session, numbers: Sequence[str]) -> dict[str, int]:
    """Return how often each authorisation was used."""
    query = (
        select(WindowSealUse.grant_number, func.count())
        .where(WindowSealUse.grant_number.in_(numbers))
        .group_by(WindowSealUse.grant_number)
    )
    return {str(number): count for number, count in session.execute(query)}


def grant_rows(session: Session, orgs: Sequence[str] | None, limit: int) -> list[dict[str, Any]]:
    """Return authorisations of or to these organisations (None: all), the newest first."""
    query = select(WindowGrant).order_by(WindowGrant.id.desc()).limit(limit)
    if orgs is not None:
        query = query.where(WindowGrant.grantor.in_(orgs) | WindowGrant.grantee.in_(orgs))
    rows = session.scalars(query).all()
    used = uses_by_grant(session, [row.number for row in rows])
    return [
        {
            "number": row.number,
            "grantor": row.grantor,
            "grantee": row.grantee,
            "items": list(row.items),
            "seal": row.seal,
            "begins_at": row.begins_at.isoformat(),
            "ends_at": min(row.ends_at, row.ended_at or row.ends_at).isoformat(),
            "quota": row.quota,
            "used": used.get(row.number, 0),
            "case_no": row.case_no,
        }
        for row in rows
    ]
