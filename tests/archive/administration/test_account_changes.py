"""Changes of accounts on both databases: submitted by one administrator, approved by another, carried out once."""

import pytest
from sqlalchemy import Engine, select

from archive.administration import passwords
from archive.administration.account_changes import ChangeKind, Wanted, decide_change, propose_change
from archive.administration.accounts import (
    AccountKind,
    BadAccountError,
    ForbiddenError,
    NewAccount,
    approve_account,
    disable_account,
    first_administrators,
    propose_account,
    refuse_account,
    renew_secret,
    set_password,
)
from archive.administration.logins import check_secret, open_login
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
def held(engine: Engine) -> Engine:
    with writing(engine) as session:
        first_administrators(session, ORGANISATIONS)
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
            session, by, number, approve=approve, reason="相符", organisations=ORGANISATIONS
        )[1]


def account(engine: Engine, login: str = "officer") -> Account:
    with reading(engine) as session:
        return session.scalars(select(Account).filter_by(login=login)).one()


def test_a_change_is_carried_out_when_approved_and_ends_every_login_under_the_old_role(
    held: Engine,
) -> None:
    number = propose(held, ChangeKind.EDIT, MOVED)
    assert (account(held).org, account(held).role) == (HOME, "OFFICER")
    decide(held, number)
    assert (account(held).org, account(held).role, account(held).state) == (
        OTHER,
        "CHIEF",
        "ACTIVE",
    )
    with reading(held) as session:
        assert session.scalars(select(Login)).all() == []
    with pytest.raises(ConflictError):
        decide(held, number)


def test_a_refused_change_changes_nothing(held: Engine) -> None:
    decide(held, propose(held, ChangeKind.EDIT, MOVED), approve=False)
    assert (account(held).org, account(held).role) == (HOME, "OFFICER")
    propose(held, ChangeKind.EDIT, MOVED)  # and another may be submitted
    with pytest.raises(ConflictError):
        propose(held, ChangeKind.DISABLE)  # one at a time


def test_a_reset_password_is_given_once_and_has_to_be_changed(held: Engine) -> None:
    secret = decide(held, propose(held, ChangeKind.SECRET))
    assert secret
    assert account(held).must_change
    with writing(held) as session:
        assert check_secret(session, "officer", secret)
        set_password(session, "officer", "officer", "自己定的口令 4711 绿色")
    assert not account(held).must_change


def test_an_account_is_shut_and_opened_again_by_two(held: Engine) -> None:
    decide(held, propose(held, ChangeKind.DISABLE))
    assert account(held).state == "DISABLED"
    decide(held, propose(held, ChangeKind.ENABLE))
    assert account(held).state == "ACTIVE"


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.SYSTEM_ADMIN])
def test_only_the_system_administrator_submits(held: Engine, role: Role) -> None:
    with pytest.raises(ForbiddenError):
        propose(held, ChangeKind.DISABLE, by=Reader("x", role, CITY))


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.SECURITY_ADMIN])
def test_only_the_security_administrator_approves(held: Engine, role: Role) -> None:
    number = propose(held, ChangeKind.DISABLE)
    with pytest.raises(ForbiddenError):
        decide(held, number, by=Reader("x", role, CITY))


def test_nobody_changes_himself_nor_approves_his_own(held: Engine) -> None:
    with pytest.raises(ForbiddenError):
        propose(held, ChangeKind.SECRET, login="sysadmin")
    with pytest.raises(ForbiddenError):
        decide(held, propose(held, ChangeKind.SECRET, login="secadmin"))
    with pytest.raises(ForbiddenError), writing(held) as session:
        disable_account(session, SECURITY, "secadmin", "误操作")


def test_the_last_of_the_three_is_never_shut_and_none_changes_his_kind(held: Engine) -> None:
    with pytest.raises(ConflictError):
        propose(held, ChangeKind.DISABLE, login="auditor")
    with pytest.raises(BadAccountError):
        propose(held, ChangeKind.EDIT, Wanted("某", CITY, Role.CITY_SUPERVISOR), login="auditor")
    with pytest.raises(BadAccountError):
        propose(held, ChangeKind.EDIT, Wanted("警某", CITY, Role.AUDIT_ADMIN))
    with pytest.raises(BadAccountError):
        propose(held, ChangeKind.EDIT, Wanted("警某", CITY, Role.OFFICER))  # no officer at the city


def test_what_was_right_when_submitted_is_asked_again_when_approved(held: Engine) -> None:
    decide(held, propose(held, ChangeKind.DISABLE))
    number = propose(held, ChangeKind.ENABLE)
    with writing(held) as session:
        propose_account(
            session,
            SYSTEM,
            NewAccount("audit2", AccountKind.PERSON, "某", CITY, Role.AUDIT_ADMIN, "060101"),
            ORGANISATIONS,
        )
    with pytest.raises(BadAccountError):
        decide(held, number)


def test_a_proposed_account_that_is_refused_never_logs_in(held: Engine) -> None:
    with writing(held) as session:
        propose_account(
            session,
            SYSTEM,
            NewAccount("second", AccountKind.PERSON, "某", HOME, Role.OFFICER),
            ORGANISATIONS,
        )
        refuse_account(session, SECURITY, "second", "编制不符")
        secret = renew_secret(session, "setup", "second")
    with writing(held) as session:
        assert check_secret(session, "second", secret) is None
    with pytest.raises(ConflictError), writing(held) as session:
        approve_account(session, SECURITY, "second")
