"""Who has a case that waits: the unit that files it, and whoever was asked to look (转请).

Who has it follows from the acts: the last one that was asked, or the person to whom a returned
case comes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from archive.administration.accounts import AccountKind, AccountState
from archive.administration.filing_units import FilingUnits
from archive.administration.policy import Act, Reader, Role, acts_of, scope_of
from archive.database.tables_administration import Account
from archive.database.tables_cases import Case, CaseRevision
from archive.database.tables_checks import CheckAct
from archive.reference.check_terms import CheckKind, Desk
from archive.reference.errors import ConflictError
from archive.reference.organisations import Organisations
from archive.reference.vocabulary import CaseState

_GIVING = (CheckKind.ASK, CheckKind.RETURN)
_ASKABLE = tuple(role for role in Role if Act.VIEW_PLAIN in acts_of(role))
_MOST = 200


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a case: an account, or all of a unit; neither: nobody in particular."""

    account: str | None = None
    org: str | None = None


def orgs_of(case: Case) -> tuple[str, str, str]:
    """Return the organisations that a case belongs to."""
    return case.receive_org, case.accept_org, case.domicile_org


def _newest() -> ColumnElement[bool]:
    """Return the condition for the acts that say who has their case now."""
    last = select(func.max(CheckAct.id)).where(CheckAct.kind.in_(_GIVING))
    return CheckAct.id.in_(last.group_by(CheckAct.case_id))


def holder_of(session: Session, case_id: int) -> Holder:
    """Return who has a case."""
    row = session.execute(
        select(CheckAct.to_account, CheckAct.to_org).where(_newest(), CheckAct.case_id == case_id)
    ).first()
    return Holder(*row) if row else Holder()


def holders_of(session: Session, case_ids: Sequence[int]) -> dict[int, Holder]:
    """Return who has each of these cases; those that nobody has in particular are left out."""
    rows = session.execute(
        select(CheckAct.case_id, CheckAct.to_account, CheckAct.to_org).where(
            _newest(), CheckAct.case_id.in_(case_ids)
        )
    )
    return {case_id: Holder(account, org) for case_id, account, org in rows}


def given_to(reader: Reader) -> ColumnElement[bool]:
    """Return the condition for cases that the reader, or the reader's unit, was asked to see."""
    mine = or_(
        CheckAct.to_account == reader.account,
        and_(CheckAct.to_account.is_(None), CheckAct.to_org == reader.org),
    )
    return Case.id.in_(select(CheckAct.case_id).where(_newest(), mine))


def on_desk(reader: Reader, desk: Desk, filed: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition for the cases of a desk.

    `filed` is the condition for cases that the reader's unit files, or those below it.
    """
    if desk is Desk.MINE:
        mine = select(CheckAct.case_id).where(_newest(), CheckAct.to_account == reader.account)
        return Case.id.in_(mine)
    if desk is Desk.UNIT:
        others = select(CheckAct.case_id).where(
            _newest(), CheckAct.to_org.is_not(None), CheckAct.to_org != reader.org
        )
        return and_(or_(filed, given_to(reader)), Case.id.not_in(others))
    return or_(filed, given_to(reader))


def is_asked(session: Session, reader: Reader, case_id: int) -> bool:
    """Say whether the reader, or the reader's unit, was asked to look at a case."""
    holder = holder_of(session, case_id)
    if holder.account is not None:
        return holder.account == reader.account
    return holder.org is not None and holder.org == reader.org


def require_seat(
    session: Session, reader: Reader, act: Act, case: Case, units: FilingUnits
) -> None:
    """Raise NotFilingError unless the reader files the case, or was asked to look at it."""
    if not is_asked(session, reader, case.id):
        units.require(reader, act, units.unit_of(case.receive_org, case.domicile_org), case.case_no)


def waiting_of(session: Session, case: Case) -> CaseRevision:
    """Return the revision of a case that waits. Raises ConflictError."""
    waiting = session.scalars(
        select(CaseRevision).filter_by(case_id=case.id, state=CaseState.CONFIRM)
    ).first()
    if waiting is None:
        raise ConflictError("该办件不在待核对状态，未作任何更改。", "请刷新后查看它现在的状态。")
    return waiting


def people_to_ask(session: Session, case: Case, organisations: Organisations) -> Sequence[Account]:
    """Return the persons who may be asked to look at a case, its filing units' first."""
    query = select(Account).where(
        Account.state == AccountState.ACTIVE,
        Account.kind == AccountKind.PERSON,
        Account.role.in_(_ASKABLE),
        Account.org.in_(scope_of(orgs_of(case), organisations)),
    )
    return session.scalars(query.order_by(Account.org, Account.login).limit(_MOST)).all()
