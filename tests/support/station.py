"""A small archive with accounts behind the station API, of real parts, in this process.

Volumes are compiled once and copied for each test.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.app import create_app
from api.runtime.bootstrap import Runtime, open_index_folder, source_of, start
from api.runtime.settings import Settings
from api.web.shell.page import COOKIE
from archive.administration import passwords
from archive.administration.accounts import (
    AccountKind,
    NewAccount,
    approve_account,
    propose_account,
    renew_secret,
)
from archive.administration.logins import csrf_token, open_login
from archive.administration.passwords import fresh_secret
from archive.administration.policy import SCOPE_OF, Reader, Role, Scope, acts_of
from archive.database.engine import writing
from archive.database.tables_administration import Account
from archive.reference.organisations import load_organisations
from search.follow import rebuild
from tests.support.holdings import holdings, sound_case

HOME, NEIGHBOUR, OTHER = "150602010000", "150602020000", "150622020000"
DISTRICT, OTHER_DISTRICT, CITY = "150602000000", "150622000000", "150600000000"
BIRTH, MOVE = "150602010000-20260901-000001", "150602010000-20260901-000002"
LOOK = {"Yice-Purpose": "HANDLE"}
ORGANISATIONS = load_organisations()
SYSTEM, SECURITY = (
    Reader("sysadmin", Role.SYSTEM_ADMIN, CITY),
    Reader("secadmin", Role.SECURITY_ADMIN, CITY),
)


def moved_case(case_no: str) -> dict[str, Any]:
    """A case that is no birth, so that its volume is not of the highest class: a move within the
    district.
    """
    case = sound_case(case_no)
    case["item"] = {"code": "QR26", "version": "2026-1"}
    for event, name in zip(
        case["materials"][3:], ("居民户口簿", "住所材料", "情况说明"), strict=True
    ):
        event["type"] = name
    case["materials"][3]["paper"] = {"original": False, "pages": 1, "kept": True}
    return case


@dataclass(frozen=True)
class Person:
    """Someone who is logged in at the desk: the cookie, and the token of its forms."""

    client: httpx.Client
    carried: str

    def ask(self, path: str, **form: str) -> httpx.Response:
        """The answer to a page, or to a form that is sent."""
        headers = {"Cookie": self.cookie}
        if not form:
            return self.client.get(path, headers=headers, follow_redirects=False)
        data = {"csrf": self.csrf, **form}
        return self.client.post(path, headers=headers, data=data, follow_redirects=False)

    @property
    def cookie(self) -> str:
        """The header that carries the login."""
        return f"{COOKIE}={self.carried}"

    @property
    def csrf(self) -> str:
        """The token of this login's forms."""
        return csrf_token(self.carried)


@dataclass(frozen=True)
class StationClient:
    """The API of one archive.

    `token` makes an account of a role at a place and gives headers that carry its token.
    """

    runtime: Runtime
    client: TestClient

    def token(
        self,
        role: Role = Role.STATION_CLIENT,
        org: str = HOME,
        scopes: tuple[Scope, ...] | None = None,
    ) -> dict[str, str]:
        """Headers of a fresh or known account.

        Clients of any business role, persons for the administrators.
        """
        login = f"{role.value.lower().replace('_', '-')}-{org}"
        wanted = tuple({SCOPE_OF[act] for act in acts_of(role) if act in SCOPE_OF})
        with writing(self.runtime.engine) as session:
            account = session.scalars(select(Account).filter_by(login=login)).first()
            if account is None:
                kind = AccountKind.CLIENT if wanted else AccountKind.PERSON
                propose_account(
                    session,
                    SYSTEM,
                    NewAccount(login, kind, role.label, org, role, scopes=wanted),
                    ORGANISATIONS,
                )
                account = approve_account(session, SECURITY, login)
            carried = open_login(session, account, "TOKEN", wanted if scopes is None else scopes)
        return {"Authorization": f"Bearer {carried}", **LOOK}

    def person(self, role: Role = Role.ARCHIVIST, org: str = HOME) -> "Person":
        """Someone who is logged in at the desk."""
        login = f"person-{role.value.lower().replace('_', '-')}-{org}"
        with writing(self.runtime.engine) as session:
            account = session.scalars(select(Account).filter_by(login=login)).first()
            if account is None:
                new = NewAccount(login, AccountKind.PERSON, role.label, org, role)
                propose_account(session, SYSTEM, new, ORGANISATIONS)
                account = approve_account(session, SECURITY, login)
            return Person(self.client, open_login(session, account, "WEB"))

    def secret(self, role: Role = Role.STATION_CLIENT, org: str = HOME) -> tuple[str, str]:
        """Client id and secret."""
        self.token(role, org)
        login = f"{role.value.lower().replace('_', '-')}-{org}"
        with writing(self.runtime.engine) as session:
            return login, renew_secret(session, "setup", login, fresh_secret())

    def granted(
        self, headers: dict[str, str], code: str, *, by: dict[str, str] | None = None, **other: Any
    ) -> str:
        """A usage number: asked for with these headers, approved by the chief of the keeping
        station.
        """
        wanted = {
            "code": code,
            "capacity": "POLICE",
            "scope": "CASE",
            "purpose": "核对材料",
            "basis": "东公户核〔2026〕12号",
            "papers": ["办理业务的依据"],
            **other,
        }
        number = self.client.post("/api/v1/usage-requests", json=wanted, headers=headers).json()[
            "number"
        ]
        decided = self.client.post(
            f"/api/v1/usage-requests/{number}/decision",
            json={"approve": True, "reason": "材料齐全"},
            headers=by or self.token(Role.CHIEF),
        )
        assert decided.status_code == 200, decided.text
        return str(number)


def build(folder: Path) -> Path:
    """An archive with two indexed volumes of the home station: a birth file and a move."""
    runtime = start(Settings(data=folder))
    archive = holdings(folder, runtime.engine, folder / "pki")
    for name, case in (("one", sound_case(BIRTH)), ("two", moved_case(MOVE))):
        taken = archive.deliver(name, case)
        assert str(taken.outcome) in {"ACCEPTED", "CONFIRM"}, taken
    archive.freeze()
    archive.make()
    rebuild(source_of(runtime), open_index_folder(runtime.settings))
    runtime.engine.dispose()
    return folder


@contextmanager
def desk(built: Path, folder: Path, **settings: Any) -> Iterator[StationClient]:
    """The API on a copy of a built archive."""
    shutil.copytree(built, folder, dirs_exist_ok=True)
    runtime = start(Settings(data=folder, **settings))
    app = create_app(runtime)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield StationClient(runtime, client)
    runtime.engine.dispose()


def cheap_hashes() -> None:
    """Argon2id at a size that tests can afford."""
    passwords._MEMORY_KIB = 64
