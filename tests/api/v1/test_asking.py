"""A mask is not undone by asking: neither by parts of a number nor by guessing many."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.web.shell.page import COOKIE
from archive.administration.accounts import (
    AccountKind,
    NewAccount,
    approve_account,
    propose_account,
)
from archive.administration.logins import csrf_token, open_login
from archive.administration.policy import Role
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from tests.support import station
from tests.support.station import HOME, StationClient

GUESSES = 3


@pytest.fixture(scope="module")
def guarded(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StationClient]:
    folder = tmp_path_factory.mktemp("guarded")
    limits = {"daily_numbers": GUESSES, "daily_person_numbers": GUESSES}
    with station.desk(built, folder, rate_limit=100_000, **limits) as client:
        yield client


def entered(desk: StationClient, role: Role) -> str:
    """The cookie of a person of the home station."""
    login = f"person-{role.value.lower()}"
    with writing(desk.runtime.engine) as session:
        person = NewAccount(login, AccountKind.PERSON, "警某", HOME, role)
        propose_account(session, station.SYSTEM, person, station.ORGANISATIONS)
        return open_login(session, approve_account(session, station.SECURITY, login), "WEB")


def asked(desk: StationClient, carried: str, typed: str) -> tuple[int, str]:
    answer = desk.client.post(
        "/search",
        data={"q": typed, "csrf": csrf_token(carried)},
        headers={"Cookie": f"{COOKIE}={carried}"},
    )
    return answer.status_code, answer.text


def born(day: int) -> str:
    return f"150602199001{day:02d}0016"


def test_who_never_sees_numbers_in_plain_asks_for_whole_ones_only(
    guarded: StationClient,
) -> None:
    carried = entered(guarded, Role.AUXILIARY)
    for typed in (
        "150602********0016",
        "证件:1506020016",
        "NOT 150602****0016",
        "(王 OR 证件:1506020016)",
    ):
        status, page = asked(guarded, carried, typed)
        assert (status, "只能按完整号码检索" in page) == (422, True), typed
    assert asked(guarded, carried, "1506020016")[0] == 200  # may be any number: text alone
    officer = entered(guarded, Role.OFFICER)
    assert asked(guarded, officer, "150602********0016")[0] == 200


def test_a_number_is_not_guessed_day_by_day_nor_many_in_one_query(
    guarded: StationClient,
) -> None:
    carried = entered(guarded, Role.ARCHIVIST)
    answers = [asked(guarded, carried, born(day)) for day in range(1, GUESSES + 2)]
    assert [status for status, _ in answers] == [200] * GUESSES + [429]
    assert "今日号码检索已达上限" in answers[-1][1]
    assert asked(guarded, carried, "姓名:王")[0] == 200  # other searches go on
    chief = entered(guarded, Role.CHIEF)
    many = " OR ".join(born(day) for day in range(1, GUESSES + 2))
    assert asked(guarded, chief, many)[0] == 429
    headers = guarded.token()
    statuses = [
        guarded.client.post(
            "/api/v1/search", json={"query": born(day)}, headers=headers
        ).status_code
        for day in range(1, GUESSES + 2)
    ]
    assert statuses == [200] * GUESSES + [429]


def test_the_security_administrator_is_told_who_guessed(guarded: StationClient) -> None:
    with reading(guarded.runtime.engine) as session:
        alarms = session.query(JournalEntry).filter_by(act="ALARM").all()
        named = {alarm.subject for alarm in alarms if '"NUMBERS"' in alarm.detail}
    assert {"account:person-archivist", "account:person-chief"} <= named


def test_the_desk_is_limited_in_rate_as_the_api_is(built: Path, tmp_path: Path) -> None:
    with station.desk(built, tmp_path / "slow", rate_limit=2) as client:
        carried = entered(client, Role.OFFICER)
        answers = [asked(client, carried, "迁入")[0] for _ in range(3)]
    assert answers == [200, 200, 429]
