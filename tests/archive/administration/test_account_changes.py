"""Changes of accounts on both databases: submitted by one administrator, approved by another,
carried out once.
"""

import pytest
from sqlalchemy import Engine, select

from archive.administration import passwords
from archive.administration.account_changes import ChangeKind, Wanted, decide_change, propose_change
from archive.administration.accounts import (
    FIRST_ADMINISTRATORS,
    AccountKind,
    BadAccountError,
    ForbiddenError,
    NewAccount,
    approve_account,
    disable_account,
    first_administrators,
    hash_password,
    propose_account,
    refuse_account,
    renew_secret,
    set_password,
)
from archive.administration.logins import Credentials, confirm_secret, open_login
from archive.administration.passwords import fresh_secret
from archive.administration.policy import Reader, Role
from archive.database.engine import reading, writing
from archive.database.tables_administration import Account, Login
from archive.reference.errors import ConflictError
from archive.reference.organisations import load_organisations

ORGANISATIONS = load_organisations()
HOME, OTHER, DISTRICT, CITY = "150602010000", "150622020000", "150602000000", "150600000000"
SYSTEM, SECURITY = (
    Reader("sysadmin", Role.SYSTEM_ADMIN, CITY),
    Reader("secadmin", Role.SECURITY_ADMIN, CITY),
)
MOVED = Wanted("警某", OTHER, Role.CHIEF)


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)


@pytest.fixture
def database(engine: Engine) -> Engine:
    with writing(engine) as session:
        first_administrators(session, ORGANISATIONS, [fresh_secret() for _ in FIRST_ADMINISTRATORS])
        propose_account(
            session,
            SYSTEM,
            NewAccount("officer", AccountKind.PERSON, "警某", HOME, Role.OFFICER, "060101"),
            ORGANISATIONS,
        )
        open_login(session, approve_account(session, SECURITY, "officer"), "WEB")
    return engine


def propose(
    engine: Engine,
    kind: ChangeKind,
    wanted: Wanted | None = None,
    login: str = "officer",
    by: Reader = SYSTEM,
) -> int:
    with writing(engine) as session:
        return propose_change(session, by, login, kind, "调令", ORGANISATIONS, wanted).id


def decide(
    engine: Engine, number: int, *, approve: bool = True, by: Reader = SECURITY
) -> str | None:
    with writing(engine) as session:
        return decide_change(
            session,
            by,
            number,
            approve=approve,
            reason="相符",
            organisations=ORGANISATIONS,
            fresh=fresh_secret(),
        )[1]


def account(engine: Engine, login: str = "officer") -> Account:
    with reading(engine) as session:
        return session.scalars(select(Account).filter_by(login=login)).one()


def test_a_change_is_carried_out_when_approved_and_ends_every_login_under_the_old_role(
    database: Engine,
) -> None:
    number = propose(database, ChangeKind.EDIT, MOVED)
    assert (account(database).org, account(database).role) == (HOME, "OFFICER")
    decide(database, number)
    assert (account(database).org, account(database).role, account(database).state) == (
        OTHER,
        "CHIEF",
        "ACTIVE",
    )
    with reading(database) as session:
        assert session.scalars(select(Login)).all() == []
    with pytest.raises(ConflictError):
        decide(database, number)


def fits(database: Engine, login: str, secret: str) -> bool:
    credentials = Credentials.of(login, secret, "127.0.0.1")
    return confirm_secret(database, credentials, limit=lambda _: None)


def test_a_refused_change_changes_nothing(database: Engine) -> None:
    decide(database, propose(database, ChangeKind.EDIT, MOVED), approve=False)
    assert (account(database).org, account(database).role) == (HOME, "OFFICER")
    propose(database, ChangeKind.EDIT, MOVED)  # and another may be submitted
    with pytest.raises(ConflictError):
        propose(database, ChangeKind.DISABLE)  # one at a time


def test_a_reset_password_is_given_once_and_has_to_be_changed(database: Engine) -> None:
    secret = decide(database, propose(database, ChangeKind.SECRET))
    assert secret
    assert account(database).must_change
    assert fits(database, "officer", secret)
    hashed = hash_password("officer", "自己定的口令 4711 绿色")
    with writing(database) as session:
        set_password(session, "officer", "officer", hashed)
    assert not account(database).must_change


def test_an_account_is_shut_and_opened_again_by_two(database: Engine) -> None:
    decide(database, propose(database, ChangeKind.DISABLE))
    assert account(database).state == "DISABLED"
    decide(database, propose(database, ChangeKind.ENABLE))
    assert account(database).state == "ACTIVE"


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SYSTEM_ADMIN])
def test_only_the_system_administrator_submits(database: Engine, role: Role) -> None:
    with pytest.raises(ForbiddenError):
        propose(database, ChangeKind.DISABLE, by=Reader("x", role, CITY))


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SECURITY_ADMIN])
def test_only_the_security_administrator_approves(database: Engine, role: Role) -> None:
    number = propose(database, ChangeKind.DISABLE)
    with pytest.raises(ForbiddenError):
        decide(database, number, by=Reader("x", role, CITY))


def test_nobody_changes_himself_nor_approves_his_own(database: Engine) -> None:
    with pytest.raises(ForbiddenError):
        propose(database, ChangeKind.SECRET, login="sysadmin")
    with pytest.raises(ForbiddenError):
        decide(database, propose(database, ChangeKind.SECRET, login="secadmin"))
    with pytest.raises(ForbiddenError), writing(database) as session:
        disable_account(session, SECURITY, "secadmin", "误操作")


def test_the_last_of_the_three_is_never_shut_and_none_changes_his_kind(database: Engine) -> None:
    with pytest.raises(ConflictError):
        propose(database, ChangeKind.DISABLE, login="auditor")
    with pytest.raises(BadAccountError):
        propose(
            database, ChangeKind.EDIT, Wanted("某", CITY, Role.CITY_SUPERVISOR), login="auditor"
        )
    with pytest.raises(BadAccountError):
        propose(database, ChangeKind.EDIT, Wanted("警某", CITY, Role.AUDIT_ADMIN))
    with pytest.raises(BadAccountError):
        propose(
            database, ChangeKind.EDIT, Wanted("警某", CITY, Role.OFFICER)
        )  # no officer at the city


def test_what_was_right_when_submitted_is_asked_again_when_approved(database: Engine) -> None:
    decide(database, propose(database, ChangeKind.DISABLE))
    number = propose(database, ChangeKind.ENABLE)
    with writing(database) as session:
        propose_account(
            session,
            SYSTEM,
            NewAccount("audit2", AccountKind.PERSON, "某", CITY, Role.AUDIT_ADMIN, "060101"),
            ORGANISATIONS,
        )
    with pytest.raises(BadAccountError):
        decide(database, number)


def test_a_proposed_account_that_is_refused_never_logs_in(database: Engine) -> None:
    with writing(database) as session:
        propose_account(
            session,
            SYSTEM,
            NewAccount("second", AccountKind.PERSON, "某", HOME, Role.OFFICER),
            ORGANISATIONS,
        )
        refuse_account(session, SECURITY, "second", "编制不符")
        secret = renew_secret(session, "setup", "second", fresh_secret())
    assert not fits(database, "second", secret)
    with pytest.raises(ConflictError), writing(database) as session:
        approve_account(session, SECURITY, "second")
