"""Accounts of the demo: the 三员, and one of every other role at its place. Their secrets are random and shown once."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.bootstrap import Runtime
from archive.access import SCOPE_OF, Reader, Role, Scope, acts_of
from archive.access_tables import Account
from archive.accounts import AccountKind, NewAccount, approve_account, first_administrators, propose_account, reader, renew_secret
from archive.db import writing
from archive.vocabulary import OrgKind

_HOME, _OTHER, _DISTRICT = "150602010000", "150622020000", "150602000000"
_PEOPLE = (
    ("demo-officer", Role.OFFICER, _HOME),
    ("demo-auxiliary", Role.AUXILIARY, _HOME),
    ("demo-archivist", Role.ARCHIVIST, _HOME),
    ("demo-chief", Role.CHIEF, _HOME),
    ("demo-officer-other", Role.OFFICER, _OTHER),
    ("demo-chief-other", Role.CHIEF, _OTHER),
    ("demo-district", Role.DISTRICT_SUPERVISOR, _DISTRICT),
    ("demo-district-archivist", Role.ARCHIVIST, _DISTRICT),
)
_CLIENTS = (("station-home", _HOME), ("station-other", _OTHER))


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account, and its secret in the one moment when it is known."""

    login: str
    role: Role
    org: str
    secret: str


def all_scopes(role: Role) -> tuple[Scope, ...]:
    """Every scope that the acts of a role need, in the order of their definition."""
    needed = {SCOPE_OF[act] for act in acts_of(role) if act in SCOPE_OF}
    return tuple(one for one in Scope if one in needed)


def make_demo_accounts(runtime: Runtime) -> list[DemoAccount]:
    """Make them all in an archive without accounts, each proposed and approved as the rules ask; nothing when there are any."""
    made: list[DemoAccount] = []
    city = runtime.organisations.of_kind(OrgKind.CITY)[0].code
    with writing(runtime.engine) as session:
        if session.scalar(select(func.count()).select_from(Account)):
            return []
        for login, secret in first_administrators(session, runtime.organisations).items():
            account = session.scalars(select(Account).filter_by(login=login)).one()
            made.append(DemoAccount(login, Role(account.role), account.org, secret))
        proposer, approver = (reader(session.scalars(select(Account).filter_by(login=one)).one()) for one in ("sysadmin", "secadmin"))
        people = [*_PEOPLE, ("demo-city", Role.CITY_SUPERVISOR, city)]
        new = [
            NewAccount(login, AccountKind.PERSON, f"演示{role.label}", org, role, officer_no=f"D{no:05d}")
            for no, (login, role, org) in enumerate(people)
        ]
        new += [
            NewAccount(login, AccountKind.CLIENT, "演示派出所系统", org, Role.STATION_CLIENT, scopes=all_scopes(Role.STATION_CLIENT))
            for login, org in _CLIENTS
        ]
        made += [DemoAccount(one.login, one.role, one.org, _enter(runtime, session, proposer, approver, one)) for one in new]
    return made


def _enter(runtime: Runtime, session: Session, proposer: Reader, approver: Reader, new: NewAccount) -> str:
    propose_account(session, proposer, new, runtime.organisations)
    approve_account(session, approver, new.login)
    return renew_secret(session, "setup", new.login)
