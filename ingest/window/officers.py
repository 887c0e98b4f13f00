"""The persons behind the accounts at the window, by police number and ID number."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.accounts import AccountKind, AccountState
from archive.administration.policy import Act, Denial, Reader, Role, may
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.tables_administration import Account
from archive.database.tables_window import WindowOfficer
from archive.reference import citizen_id
from archive.usage.looks import DeniedError
from ingest.window.decide import Officer
from ingest.window.ledger import local_day
from ingest.window.refusals import RefusedActError, refusal


def register_officer(
    session: Session, actor: Reader, *, officer_no: str, id_number: str, now: datetime
) -> WindowOfficer:
    """Enter the ID number of an officer; a second time replaces it.

    The journal holds no number. For the 系统管理员 and who supervises the city. Raises
    DeniedError, RefusedActError.
    """
    if not may(actor, Act.PROPOSE_ACCOUNT).allowed and actor.role is not Role.CITY_SUPERVISOR:
        raise DeniedError(Denial.ROLE)
    fault = citizen_id.check(id_number, local_day(now))
    if fault:
        raise RefusedActError(refusal("ID_NUMBER", who="民警", why=fault.label))
    row = session.scalars(select(WindowOfficer).filter_by(officer_no=officer_no)).first()
    if row is None:
        row = WindowOfficer(officer_no=officer_no)
        session.add(row)
    row.id_number, row.registered_by, row.registered_at = id_number, actor.account, now
    session.flush()
    journal.record(session, actor.account, JournalAct.WINDOW_OFFICER, officer_no)
    return row


def officer_of(session: Session, reader: Reader) -> Officer:
    """Return the person behind a reader; one who is not registered has no number."""
    account = session.scalars(select(Account).filter_by(login=reader.account)).first()
    number = (account.officer_no if account else None) or ""
    person = session.scalars(select(WindowOfficer).filter_by(officer_no=number)).first()
    return Officer(
        reader.account,
        reader.role,
        reader.org,
        account.name if account else reader.account,
        number,
        person.id_number if person else "",
    )


def officer_behind(session: Session, client: Reader, officer_no: str | None) -> Reader:
    """Return as whom a station's own system acts: an officer of the same station.

    Raises DeniedError for a number that is no active account of that station.
    """
    account = session.scalars(
        select(Account).filter_by(
            officer_no=officer_no or "",
            org=client.org,
            kind=AccountKind.PERSON,
            state=AccountState.ACTIVE,
        )
    ).first()
    if account is None:
        raise RefusedActError(refusal("OPERATOR_UNKNOWN"))
    return Reader(account.login, Role(account.role), account.org)
