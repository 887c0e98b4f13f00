"""Accounts as rows: all of them, and one by its login."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables_administration import Account


def all_accounts(session: Session) -> list[Account]:
    """Return all accounts in order of login."""
    return list(session.scalars(select(Account).order_by(Account.login)))


def account_of(session: Session, login: str) -> Account:
    """Return the account of a login. Raises NoResultFound when there is none."""
    return session.scalars(select(Account).filter_by(login=login)).one()
