"""The people of simulated windows: officers of each station, who log in nowhere."""

from datetime import UTC, datetime
from random import Random

from sqlalchemy.orm import Session

from api.demo.people import invent
from api.runtime.bootstrap import Runtime
from archive.administration.account_lists import account_counts
from archive.administration.accounts import (
    FIRST_ADMINISTRATORS,
    AccountKind,
    NewAccount,
    approve_account,
    first_administrators,
    propose_account,
)
from archive.administration.passwords import fresh_secret
from archive.administration.policy import Reader, Role
from archive.database.engine import reading, writing
from archive.reference.vocabulary import OrgKind
from ingest.window.officers import officer_of, register_officer


class People:
    """Officers by role, organisation and turn; each is made when first needed."""

    def __init__(self, runtime: Runtime, seed: int) -> None:
        """Make the first administrators where an archive has no account yet."""
        self._runtime, self._seed = runtime, seed
        self._known: dict[tuple[Role, str, int], Reader] = {}
        (city,) = runtime.organisations.of_kind(OrgKind.CITY)
        self._system = Reader("sysadmin", Role.SYSTEM_ADMIN, city.code)
        self._security = Reader("secadmin", Role.SECURITY_ADMIN, city.code)
        self._operator = runtime.operator("simulate")
        with reading(runtime.engine) as session:
            empty = not account_counts(session)
        if empty:
            fresh = [fresh_secret() for _ in FIRST_ADMINISTRATORS]
            with writing(runtime.engine) as session:
                first_administrators(session, runtime.organisations, fresh)

    def of(self, role: Role, org: str, turn: int = 0) -> Reader:
        """Return an officer of a station or unit."""
        key = (role, org, turn)
        if key not in self._known:
            self._known[key] = self._made(*key)
        return self._known[key]

    def _made(self, role: Role, org: str, turn: int) -> Reader:
        login = f"sim-{role.lower().replace('_', '-')}-{org[2:8]}-{turn}"
        reader = Reader(login, role, org)
        with writing(self._runtime.engine) as session:
            if not officer_of(session, reader).id_number:
                self._enter(session, reader, f"S{org[2:8]}{list(Role).index(role)}{turn}")
        return reader

    def _enter(self, session: Session, reader: Reader, number: str) -> None:
        organisations = self._runtime.organisations
        new = NewAccount(
            reader.account,
            AccountKind.PERSON,
            f"演警{number[-5:]}",
            reader.org,
            reader.role,
            officer_no=number,
        )
        propose_account(session, self._system, new, organisations)
        approve_account(session, self._security, reader.account)
        person = invent(Random(f"{self._seed}:{number}"), youngest=25, oldest=55)
        now = datetime.now(UTC)
        register_officer(
            session, self._operator, officer_no=number, id_number=person.id_number, now=now
        )
