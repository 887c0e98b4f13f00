"""Lists and counts of accounts, changes of accounts and logins."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.administration.accounts import AccountState
from archive.administration.policy import Role
from archive.database.listing import ListPart, ListWanted, QueryList
from archive.database.tables_administration import Account, AccountChange, Login


def all_accounts(session: Session) -> list[Account]:
    """Return all accounts in order of login."""
    return list(session.scalars(select(Account).order_by(Account.login)))


ACCOUNTS = QueryList(
    Account.id,
    {
        "name": Account.name,
        "login": Account.login,
        "role": Account.role,
        "org": Account.org,
        "state": Account.state,
        "created": Account.created_at,
        "proposed": Account.proposed_by,
        "approved": Account.approved_by,
    },
    "login",
    day=Account.created_at,
    stations=(Account.org,),
)


def part_of_accounts(
    session: Session, wanted: ListWanted, *, state: str = "", role: str = ""
) -> ListPart[Account]:
    """Return one page of the accounts; an unknown state or role is ignored."""
    query = select(Account)
    if state in set(AccountState):
        query = query.where(Account.state == state)
    if role in set(Role):
        query = query.where(Account.role == role)
    return ACCOUNTS.part(session, query, wanted)


def proposed_accounts(session: Session) -> Sequence[Account]:
    """Return the accounts that wait for approval, the oldest first."""
    return session.scalars(
        select(Account).filter_by(state=AccountState.PROPOSED).order_by(Account.id)
    ).all()


def accounts_by_login(session: Session, logins: Iterable[str]) -> dict[str, Account]:
    """Return the accounts of these logins, by login."""
    rows = session.scalars(select(Account).where(Account.login.in_(list(logins))))
    return {account.login: account for account in rows}


def account_counts(session: Session) -> dict[str, int]:
    """Count the accounts by state."""
    rows = session.execute(select(Account.state, func.count()).group_by(Account.state))
    return dict(rows.all())


def name_of(session: Session, login: str) -> tuple[str, bool]:
    """Return the name of an account, and whether its password must be changed first."""
    name, must_change = session.execute(
        select(Account.name, Account.must_change).where(Account.login == login)
    ).one()
    return name, must_change


def names_of_logins(session: Session) -> dict[str, str]:
    """Return the name of the person, or of the system, behind each login."""
    return dict(session.execute(select(Account.login, Account.name)).all())


def changes_of(session: Session, account: Account, limit: int) -> Sequence[AccountChange]:
    """Return the changes proposed for an account, the newest first."""
    return session.scalars(
        select(AccountChange)
        .filter_by(account_id=account.id)
        .order_by(AccountChange.id.desc())
        .limit(limit)
    ).all()


def count_logins(session: Session, now: datetime) -> int:
    """Count the logins and tokens that have not expired."""
    return (
        session.scalar(select(func.count()).select_from(Login).where(Login.expires_at > now)) or 0
    )
