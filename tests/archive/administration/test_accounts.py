"""Accounts on both databases: who lets whom in, passwords, throttling, logins."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from archive.administration import logins, passwords
from archive.administration.accounts import (
    FIRST_ADMINISTRATORS,
    AccountKind,
    BadAccountError,
    ForbiddenError,
    NewAccount,
    WeakPasswordError,
    approve_account,
    disable_account,
    first_administrators,
    hash_password,
    propose_account,
    renew_secret,
    set_password,
)
from archive.administration.logins import (
    Credentials,
    LoginRefusedError,
    NoScopeError,
    close_login,
    confirm_secret,
    csrf_token,
    log_in,
    open_login,
    reader_of,
)
from archive.administration.passwords import fresh_secret
from archive.administration.policy import Denial, Reader, Role, Scope
from archive.database.engine import database_now, reading, writing
from archive.database.tables_administration import Account, Login, LoginAttempt
from archive.database.tables_audit import JournalEntry
from archive.reference.errors import ConflictError, NotFoundError
from archive.reference.organisations import load_organisations
from archive.reference.vocabulary import LoginKind

ORGANISATIONS = load_organisations()
HOME, DISTRICT, CITY = "150602010000", "150602000000", "150600000000"
SYSTEM, SECURITY = (
    Reader("sysadmin", Role.SYSTEM_ADMIN, CITY),
    Reader("secadmin", Role.SECURITY_ADMIN, CITY),
)
OFFICER = NewAccount("officer", AccountKind.PERSON, "警某", HOME, Role.OFFICER, "060101")
CLIENT = NewAccount(
    "station",
    AccountKind.CLIENT,
    "所系统",
    HOME,
    Role.STATION_CLIENT,
    scopes=(Scope.SEARCH, Scope.READ),
)


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)


def enter(engine: Engine, new: NewAccount) -> str:
    with writing(engine) as session:
        propose_account(session, SYSTEM, new, ORGANISATIONS)
        approve_account(session, SECURITY, new.login)
        return renew_secret(session, "setup", new.login, fresh_secret())


def may_log_in(engine: Engine, login: str, secret: str) -> bool:
    credentials = Credentials.of(login, secret, "127.0.0.1")
    return confirm_secret(engine, credentials, limit=lambda _: None)


def test_an_account_can_do_nothing_before_the_security_administrator_approved_it(
    engine: Engine,
) -> None:
    with writing(engine) as session:
        propose_account(session, SYSTEM, OFFICER, ORGANISATIONS)
        secret = renew_secret(session, "setup", "officer", fresh_secret())
    assert not may_log_in(engine, "officer", secret)
    with writing(engine) as session:
        approve_account(session, SECURITY, "officer")
    assert may_log_in(engine, "officer", secret)
    with reading(engine) as session:
        acts = [
            (entry.act, entry.actor)
            for entry in session.scalars(select(JournalEntry).order_by(JournalEntry.seq))
        ]
    assert acts == [
        ("PROPOSE_ACCOUNT", "sysadmin"),
        ("SET_PASSWORD", "setup"),
        ("APPROVE_ACCOUNT", "secadmin"),
    ]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SYSTEM_ADMIN])
def test_only_the_system_administrator_proposes(engine: Engine, role: Role) -> None:
    with writing(engine) as session, pytest.raises(ForbiddenError) as caught:
        propose_account(session, Reader("x", role, CITY), OFFICER, ORGANISATIONS)
    assert caught.value.message == f"{Denial.ROLE.label}。"


def test_only_the_security_administrator_approves_and_only_once(engine: Engine) -> None:
    enter(engine, OFFICER)
    with writing(engine) as session, pytest.raises(ForbiddenError):
        approve_account(session, SYSTEM, "officer")
    with writing(engine) as session, pytest.raises(ConflictError):
        approve_account(session, SECURITY, "officer")


@pytest.mark.parametrize(
    "new",
    [
        NewAccount("bad login", AccountKind.PERSON, "某", HOME, Role.OFFICER),
        NewAccount("someone", AccountKind.PERSON, "某", CITY, Role.OFFICER),
        NewAccount("someone", AccountKind.PERSON, "某", HOME, Role.DISTRICT_SUPERVISOR),
        NewAccount("someone", AccountKind.CLIENT, "某", CITY, Role.SYSTEM_ADMIN),
        NewAccount("someone", AccountKind.CLIENT, "某", HOME, Role.STATION_CLIENT),
        NewAccount(
            "someone",
            AccountKind.CLIENT,
            "某",
            HOME,
            Role.STATION_CLIENT,
            scopes=(Scope.SUPERVISE,),
        ),
        NewAccount("someone", AccountKind.PERSON, "某", HOME, Role.OFFICER, scopes=(Scope.READ,)),
    ],
)
def test_an_account_that_does_not_fit_is_refused(engine: Engine, new: NewAccount) -> None:
    with writing(engine) as session, pytest.raises(BadAccountError):
        propose_account(session, SYSTEM, new, ORGANISATIONS)


def test_nobody_is_two_of_the_three_administrators_nor_one_of_them_and_an_officer(
    engine: Engine,
) -> None:
    admin = NewAccount("audit", AccountKind.PERSON, "某", CITY, Role.AUDIT_ADMIN, "060101")
    enter(engine, OFFICER)
    with writing(engine) as session, pytest.raises(BadAccountError):
        propose_account(session, SYSTEM, admin, ORGANISATIONS)
    with writing(engine) as session:
        disable_account(session, SECURITY, "officer", "调离")
        propose_account(session, SYSTEM, admin, ORGANISATIONS)
    with writing(engine) as session, pytest.raises(BadAccountError):
        propose_account(
            session,
            SYSTEM,
            NewAccount("second", AccountKind.PERSON, "某", CITY, Role.SYSTEM_ADMIN, "060101"),
            ORGANISATIONS,
        )


def test_the_first_administrators_are_made_once_and_only_in_an_empty_archive(
    engine: Engine,
) -> None:
    with writing(engine) as session:
        secrets = first_administrators(
            session, ORGANISATIONS, [fresh_secret() for _ in FIRST_ADMINISTRATORS]
        )
    assert all(may_log_in(engine, login, secret) for login, secret in secrets.items())
    with writing(engine) as session, pytest.raises(ConflictError):
        first_administrators(session, ORGANISATIONS, [fresh_secret() for _ in FIRST_ADMINISTRATORS])


def test_a_password_is_kept_as_an_argon2id_hash_and_must_not_be_easy(engine: Engine) -> None:
    enter(engine, OFFICER)
    for weak in (
        "short",
        "the-officer-himself",
        "长" * 2000,
        "aaaaaaaaaaaa",
        "啊啊啊啊啊啊啊啊啊啊啊啊",
        "abcabcabcabc",
        "123456789012",
        "password1234",
        "qwertyuiopas",
    ):
        with pytest.raises(WeakPasswordError):
            hash_password("officer", weak)
    hashed = hash_password("officer", "长一些的口令 4711 绿色")
    with writing(engine) as session:
        set_password(session, "officer", "officer", hashed)
    assert may_log_in(engine, "officer", "长一些的口令 4711 绿色")
    with reading(engine) as session:
        assert (session.scalars(select(Account.secret_hash)).one() or "").startswith("$argon2id$")


def test_the_sixth_failure_in_a_row_locks_also_against_the_right_password_and_time_opens_again(
    engine: Engine,
) -> None:
    secret = enter(engine, OFFICER)
    for _ in range(5):
        assert not may_log_in(engine, "officer", "wrong")
    assert not may_log_in(engine, "officer", secret)
    with writing(engine) as session:
        attempt = session.scalars(select(LoginAttempt)).one()
        attempt.locked_until = database_now(session) - timedelta(seconds=1)
    assert may_log_in(engine, "officer", secret)
    assert not may_log_in(engine, "officer", "wrong")
    assert may_log_in(engine, "officer", secret)


def attempted(engine: Engine, secret: str, address: str) -> bool:
    try:
        log_in(
            engine,
            Credentials.of("officer", secret, address),
            kind=AccountKind.PERSON,
            limit=lambda _: None,
        )
    except LoginRefusedError:
        return False
    return True


def test_a_stranger_who_sends_wrong_secrets_locks_out_nobody_but_the_strangers_address(
    engine: Engine,
) -> None:
    secret = enter(engine, OFFICER)
    assert attempted(engine, secret, "10.0.0.1")
    for _ in range(6):
        assert not attempted(engine, "wrong", "10.9.9.9")
    assert not attempted(engine, secret, "10.9.9.9")
    assert attempted(engine, secret, "10.0.0.1")
    assert attempted(engine, secret, "10.0.0.2")  # a new one, too


def test_guesses_from_everywhere_lock_new_addresses_and_never_the_owners(engine: Engine) -> None:
    secret = enter(engine, OFFICER)
    assert attempted(engine, secret, "10.0.0.1")
    for number in range(30):
        assert not attempted(engine, "wrong", f"10.9.{number}.9")
    assert not attempted(engine, secret, "10.8.0.1")
    assert not attempted(engine, secret, "2001:db8::1")
    assert attempted(engine, secret, "10.0.0.1")


def test_a_login_at_the_desk_ends_when_it_is_not_used_and_its_owner_ends_others(
    engine: Engine,
) -> None:
    enter(engine, OFFICER)
    with writing(engine) as session:
        account = session.scalars(select(Account)).one()
        first, other = (open_login(session, account, LoginKind.WEB) for _ in range(2))
        open_at = logins.logins_of(session, "officer", first)
        assert sorted(row.this for row in open_at) == [False, True]
        with pytest.raises(NotFoundError):
            logins.end_login(session, "another", open_at[0].id)
        logins.end_login(session, "officer", next(row.id for row in open_at if not row.this))
        assert reader_of(session, other, LoginKind.WEB) is None
        assert reader_of(session, first, LoginKind.WEB) is not None
        session.scalars(select(Login)).one().used_at = database_now(session) - logins.WEB_IDLE
        session.flush()
        assert reader_of(session, first, LoginKind.WEB) is None
        assert logins.logins_of(session, "officer", first) == []


def test_an_unknown_account_costs_a_hash_like_a_known_one(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(engine, OFFICER)
    asked = []
    verify = passwords.verify_secret
    monkeypatch.setattr(
        logins,
        "verify_secret",
        lambda hashed, secret: asked.append(hashed[:31]) or verify(hashed, secret),
    )
    assert not may_log_in(engine, "officer", "wrong")
    assert not may_log_in(engine, "nobody", "wrong")
    assert len(asked) == 2
    assert asked[0].startswith("$argon2id$v=19$m=64")


def test_an_attempt_is_counted_by_address_and_by_login_before_anything_is_looked_up(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(engine, OFFICER)
    counted: list[str] = []

    class TooManyError(Exception):
        pass

    def limit(name: str) -> None:
        counted.append(name)
        if name.startswith("login:"):
            raise TooManyError

    monkeypatch.setattr(logins, "verify_secret", lambda *_: pytest.fail("hashed"))
    credentials = Credentials.of(" officer\0" + "x" * 100, "wrong", "10.1.2.3")
    with pytest.raises(TooManyError):
        log_in(engine, credentials, kind=AccountKind.PERSON, limit=limit)
    assert counted == ["address:10.1.2.3", f"login:officer{'x' * 57}@10.1.2.3"]
    with reading(engine) as session:
        assert session.scalars(select(Account)).one().failures == 0


def test_others_write_while_a_secret_is_hashed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hash takes 73 ms; held meanwhile, the write lock would stop the whole archive."""
    secret = enter(engine, OFFICER)
    verify, wrote = passwords.verify_secret, list[str]()

    def meanwhile(hashed: str, given: str) -> bool:
        with writing(engine) as session:
            session.scalars(select(Account)).one().name = "改名"
        wrote.append(given)
        return verify(hashed, given)

    monkeypatch.setattr(logins, "verify_secret", meanwhile)
    credentials = Credentials.of("officer", secret, "127.0.0.1")
    log_in(engine, credentials, kind=AccountKind.PERSON, limit=lambda _: None)
    assert wrote == [secret]


def test_a_secret_is_hashed_anew_at_a_login_when_the_parameters_were_raised(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = enter(engine, OFFICER)

    def hashed() -> str:
        with reading(engine) as session:
            return session.scalars(select(Account.secret_hash)).one() or ""

    before = hashed()
    assert may_log_in(engine, "officer", secret)
    assert hashed() == before
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 128)
    assert not may_log_in(engine, "officer", "wrong")
    assert hashed() == before
    assert may_log_in(engine, "officer", secret)
    assert hashed().startswith("$argon2id$v=19$m=128")
    assert may_log_in(engine, "officer", secret)


def test_a_secret_that_was_renewed_while_the_old_one_was_hashed_does_not_open(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = enter(engine, OFFICER)
    verify, renewed = passwords.verify_secret, list[str]()

    def meanwhile(hashed: str, given: str) -> bool:
        if not renewed:
            with writing(engine) as session:
                renewed.append(renew_secret(session, "secadmin", "officer", fresh_secret()))
        return verify(hashed, given)

    monkeypatch.setattr(logins, "verify_secret", meanwhile)
    assert not may_log_in(engine, "officer", secret)
    assert may_log_in(engine, "officer", renewed[0])


def test_a_person_and_a_client_log_in_each_at_their_own_door(engine: Engine) -> None:
    secret, client = enter(engine, OFFICER), enter(engine, CLIENT)

    def enters(login: str, word: str, kind: AccountKind, *wanted: str) -> tuple[Scope, ...]:
        credentials = Credentials.of(login, word, "127.0.0.1")
        return log_in(engine, credentials, kind=kind, limit=lambda _: None, wanted=wanted).scopes

    assert enters("officer", secret, AccountKind.PERSON) == ()
    assert set(enters("station", client, AccountKind.CLIENT)) == {Scope.SEARCH, Scope.READ}
    assert enters("station", client, AccountKind.CLIENT, "read", "submit") == (Scope.READ,)
    for login, word, kind in (
        ("officer", secret, AccountKind.CLIENT),
        ("station", client, AccountKind.PERSON),
        ("station", "wrong", AccountKind.CLIENT),
    ):
        with pytest.raises(LoginRefusedError):
            enters(login, word, kind)
    with pytest.raises(NoScopeError):
        enters("station", client, AccountKind.CLIENT, "submit")


def test_a_login_opens_with_what_was_given_out_only_in_its_kind_and_until_it_ends(
    engine: Engine,
) -> None:
    enter(engine, OFFICER)
    with writing(engine) as session:
        carried = open_login(session, session.scalars(select(Account)).one(), "WEB")
        assert reader_of(session, carried, "WEB") == Reader("officer", Role.OFFICER, HOME)
        assert reader_of(session, carried, "TOKEN") is None
        assert reader_of(session, carried + "x", "WEB") is None
        assert carried not in str([login.digest for login in session.scalars(select(Login))])
        assert csrf_token(carried) not in {carried, csrf_token(carried + "x")}
        session.scalars(select(Login)).one().expires_at = database_now(session)
        session.flush()
        assert reader_of(session, carried, "WEB") is None
        again = open_login(session, session.scalars(select(Account)).one(), "WEB")
        assert session.scalars(select(Login)).all() != []
        close_login(session, again)
        assert reader_of(session, again, "WEB") is None


def test_a_token_carries_no_scope_that_the_client_does_not_have(engine: Engine) -> None:
    enter(engine, CLIENT)
    with writing(engine) as session:
        carried = open_login(
            session, session.scalars(select(Account)).one(), "TOKEN", [Scope.READ, Scope.SUBMIT]
        )
        reader = reader_of(session, carried, "TOKEN")
    assert reader == Reader("station", Role.STATION_CLIENT, HOME, frozenset({Scope.READ}))


@pytest.mark.parametrize("end", ["disable", "renew"])
def test_every_login_ends_when_the_account_is_shut_or_its_secret_renewed(
    engine: Engine, end: str
) -> None:
    enter(engine, CLIENT)
    with writing(engine) as session:
        carried = open_login(session, session.scalars(select(Account)).one(), "TOKEN", [Scope.READ])
        if end == "disable":
            disable_account(session, SECURITY, "station", "停用")
        else:
            renew_secret(session, "secadmin", "station", fresh_secret())
        assert reader_of(session, carried, "TOKEN") is None
