"""Accounts of the demo: the 三员, and one account of every other role.

Their secrets are random and shown once.
"""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from api.runtime.bootstrap import Runtime
from archive.administration.account_lists import account_counts
from archive.administration.accounts import (
    FIRST_ADMINISTRATORS,
    AccountKind,
    NewAccount,
    account_by_login,
    approve_account,
    first_administrators,
    propose_account,
    renew_secret,
)
from archive.administration.logins import reader
from archive.administration.passwords import fresh_secret
from archive.administration.policy import SCOPE_OF, Role, Scope, acts_of
from archive.database.engine import reading, writing
from archive.finding_aids.volume_lists import volumes_by_station
from archive.reference.vocabulary import OrgKind

_AT_HOME = (
    ("demo-officer", Role.OFFICER),
    ("demo-auxiliary", Role.AUXILIARY),
    ("demo-archivist", Role.ARCHIVIST),
    ("demo-chief", Role.CHIEF),
)
_ELSEWHERE = (("demo-officer-other", Role.OFFICER), ("demo-chief-other", Role.CHIEF))
_PAPER = (("demo-paper", Role.ARCHIVIST), ("demo-paper-chief", Role.CHIEF))
_DISTRICT = (
    ("demo-district", Role.DISTRICT_SUPERVISOR),
    ("demo-district-archivist", Role.ARCHIVIST),
)


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account with its secret, at the one moment when it is known."""

    login: str
    role: Role
    org: str
    secret: str


def all_scopes(role: Role) -> tuple[Scope, ...]:
    """Return every scope that the acts of a role need, in the order of their definition."""
    needed = {SCOPE_OF[act] for act in acts_of(role) if act in SCOPE_OF}
    return tuple(scope for scope in Scope if scope in needed)


def make_demo_accounts(runtime: Runtime, paper: str | None = None) -> list[DemoAccount]:
    """Create the demo accounts in an archive without accounts, and return them.

    `paper` is the station whose paper room gets an archivist and a chief of its own.
    Each is proposed and approved as the rules ask. Returns an empty list when there are any
    accounts.
    """
    with reading(runtime.engine) as session:
        if account_counts(session):
            return []
        new = _new_accounts(runtime, *_stations(runtime, session), paper)
    # Hashing is slow: nobody waits for the database meanwhile.
    first = [fresh_secret() for _ in FIRST_ADMINISTRATORS]
    fresh = [fresh_secret() for _ in new]
    accounts: list[DemoAccount] = []
    with writing(runtime.engine) as session:
        for login, secret in first_administrators(session, runtime.organisations, first).items():
            account = account_by_login(session, login)
            accounts.append(DemoAccount(login, Role(account.role), account.org, secret))
        proposer, approver = (
            reader(account_by_login(session, login)) for login in ("sysadmin", "secadmin")
        )
        for wanted, secret_of_new in zip(new, fresh, strict=True):
            propose_account(session, proposer, wanted, runtime.organisations)
            approve_account(session, approver, wanted.login)
            text = renew_secret(session, "setup", wanted.login, secret_of_new)
            accounts.append(DemoAccount(wanted.login, wanted.role, wanted.org, text))
    return accounts


def _new_accounts(runtime: Runtime, home: str, other: str, paper: str | None) -> list[NewAccount]:
    """Return the accounts beside the 三员: people of two stations and above, and two systems."""
    city = runtime.organisations.of_kind(OrgKind.CITY)[0].code
    places = (
        (_AT_HOME, home),
        (_ELSEWHERE, other),
        (_DISTRICT, runtime.organisations.district_of(home).code),
        ((("demo-city", Role.CITY_SUPERVISOR),), city),
        *(((_PAPER, paper),) if paper else ()),
    )
    people = [(login, role, org) for people, org in places for login, role in people]
    systems = (("station-home", home), ("station-other", other))
    return [
        NewAccount(
            login, AccountKind.PERSON, f"演示{role.label}", org, role, officer_no=f"D{no:05d}"
        )
        for no, (login, role, org) in enumerate(people)
    ] + [
        NewAccount(
            login,
            AccountKind.CLIENT,
            "演示派出所系统",
            org,
            Role.STATION_CLIENT,
            scopes=all_scopes(Role.STATION_CLIENT),
        )
        for login, org in systems
    ]


def _stations(runtime: Runtime, session: Session) -> tuple[str, str]:
    """Return the station that keeps most volumes, and one of another district.

    So each account has something to see, and something that it may not see.
    """
    counts = volumes_by_station(session)
    stations = sorted(
        (station.code for station in runtime.organisations.of_kind(OrgKind.STATION)),
        key=lambda code: (-counts.get(code, 0), code),
    )
    home = stations[0]
    district = runtime.organisations.district_of(home)
    return home, next(
        code for code in stations if runtime.organisations.district_of(code) != district
    )
