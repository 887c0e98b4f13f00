"""What one client is shown in a day has a limit, on all nodes together.

Who answers for security sees who reached it.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from api.web.shell.page import COOKIE
from archive.administration import daily_use
from archive.administration.accounts import (
    AccountKind,
    NewAccount,
    approve_account,
    propose_account,
)
from archive.administration.daily_use import DailyLimitError, Shown
from archive.administration.logins import open_login
from archive.administration.policy import Reader, Role
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from archive.usage.looks import Purpose
from archive.usage.reading_room import state_purpose
from tests.support import station
from tests.support.station import CITY, HOME, MOVE, NEIGHBOUR, StationClient

LOOKS, CONTENT = 3, 2


@pytest.fixture(scope="module")
def tight(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StationClient]:
    folder = tmp_path_factory.mktemp("tight")
    with station.desk(
        built,
        folder,
        rate_limit=100_000,
        daily_looks=LOOKS,
        daily_content=CONTENT,
        daily_person_looks=LOOKS + 1,
        daily_person_content=CONTENT,
    ) as client:
        yield client


def alarms(desk: StationClient) -> list[str]:
    with reading(desk.runtime.engine) as session:
        return list(
            session.scalars(
                select(JournalEntry.subject)
                .where(JournalEntry.act == "ALARM")
                .order_by(JournalEntry.seq)
            )
        )


def test_beyond_the_limit_nothing_is_shown_and_foreign_and_missing_are_answered_alike(
    tight: StationClient,
) -> None:
    headers = tight.token()
    shown = [
        tight.client.get(f"/api/v1/volumes/{MOVE}", headers=headers).status_code
        for _ in range(LOOKS)
    ]
    assert shown == [200] * LOOKS
    refused = [
        tight.client.get(f"/api/v1/volumes/{MOVE}", headers=headers),
        tight.client.get("/api/v1/volumes/150602010000-20260901-000909", headers=headers),
        tight.client.post("/api/v1/search", json={"query": MOVE}, headers=headers),
    ]
    assert {(answer.status_code, answer.text) for answer in refused} == {(429, refused[0].text)}
    assert refused[0].json()["code"] == "DAILY_LIMIT"
    assert 0 < int(refused[0].headers["retry-after"]) <= 24 * 3600
    pages = [
        tight.client.get(f"/api/v1/volumes/{MOVE}/pages/1", headers=headers).status_code
        for _ in range(CONTENT + 1)
    ]
    assert pages == [200] * CONTENT + [429]
    assert alarms(tight) == ["account:station-client-150602010000"]
    other = tight.token(org=NEIGHBOUR)
    assert tight.client.post("/api/v1/search", json={"query": ""}, headers=other).status_code == 200


def test_what_was_refused_to_a_reader_costs_him_nothing(tight: StationClient) -> None:
    headers = tight.token(Role.ARCHIVIST)
    for _ in range(LOOKS + 1):
        assert (
            tight.client.get(
                "/api/v1/volumes/150602010000-20260901-000909", headers=headers
            ).status_code
            == 404
        )
    assert tight.client.get(f"/api/v1/volumes/{MOVE}", headers=headers).status_code == 200


def person(desk: StationClient, login: str) -> dict[str, str]:
    """The cookie of an officer of the home station at the desk."""
    with writing(desk.runtime.engine) as session:
        officer = NewAccount(login, AccountKind.PERSON, "警某", HOME, Role.OFFICER)
        propose_account(session, station.SYSTEM, officer, station.ORGANISATIONS)
        account = approve_account(session, station.SECURITY, login)
        return {"Cookie": f"{COOKIE}={open_login(session, account, 'WEB')}"}


def test_a_person_at_the_desk_is_counted_and_refused_by_a_page(tight: StationClient) -> None:
    headers, code = person(tight, "officer"), "J602-ZY·HJ·QR·2026·Y-000001"
    with writing(tight.runtime.engine) as session:
        officer = Reader("officer", Role.OFFICER, HOME)
        state_purpose(session, officer, code, Purpose.HANDLE, tight.runtime.reference)
    shown = [
        tight.client.get(f"/volumes/{code}", headers=headers).status_code
        for _ in range(CONTENT + 1)
    ]
    assert shown == [200] * CONTENT + [429]  # their pages are content
    sheets = [
        tight.client.get(f"/volumes/{code}/contents", headers=headers)
        for _ in range(LOOKS + 1 - CONTENT + 1)
    ]
    assert [sheet.status_code for sheet in sheets] == [200] * (LOOKS + 1 - CONTENT) + [429]
    assert "今日查阅已达上限。" in sheets[-1].text
    assert "请次日再试" in sheets[-1].text
    assert 0 < int(sheets[-1].headers["retry-after"]) <= 24 * 3600
    missing = tight.client.get(f"/volumes/{code[:-1]}9", headers=headers)
    assert missing.status_code == 429  # beyond the limit all are answered alike
    assert alarms(tight).count("account:officer") == 1
    with reading(tight.runtime.engine) as session:
        day = daily_use.uses_of_day(session, daily_use.today(session))
    counts = {row.account: (row.looks, row.content, row.refused) for row in day}
    assert counts["officer"] == (LOOKS + 1, CONTENT, 3)


def test_the_security_administrator_sees_it_and_nobody_else(tight: StationClient) -> None:
    login, secret = tight.secret(Role.SECURITY_ADMIN, CITY)
    assert (
        tight.client.post(
            "/login", data={"login": login, "secret": secret}, follow_redirects=False
        ).status_code
        == 303
    )
    page = tight.client.get("/system/daily")
    assert page.status_code == 200
    assert "station-client-150602010000" in page.text
    assert "officer" in page.text
    assert tight.client.get("/system/daily?day=x").status_code == 200
    assert "这一天没有账号查阅档案" in tight.client.get("/system/daily?day=2020-01-01").text
    tight.client.cookies.clear()
    login, secret = tight.secret(Role.AUDIT_ADMIN, CITY)
    tight.client.post("/login", data={"login": login, "secret": secret})
    assert tight.client.get("/system/daily").status_code == 403
    tight.client.cookies.clear()


def test_the_count_is_one_for_all_nodes_and_begins_anew_each_day(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        with writing(engine) as session:
            daily_use.count(session, "one", Shown.CONTENT, 2)
    with pytest.raises(DailyLimitError), writing(engine) as session:
        daily_use.count(session, "one", Shown.CONTENT, 2)
    with writing(engine) as session:
        daily_use.count(session, "one", Shown.LOOKS, 2)
        day = daily_use.today(session)
    tomorrow = day.replace(year=day.year + 1)
    monkeypatch.setattr(daily_use, "today", lambda _: tomorrow)
    with writing(engine) as session:
        daily_use.count(session, "one", Shown.CONTENT, 2)
    with reading(engine) as session:
        assert [(use.looks, use.content) for use in daily_use.uses_of_day(session, day)] == [(1, 2)]
        assert [(use.looks, use.content) for use in daily_use.uses_of_day(session, tomorrow)] == [
            (0, 1)
        ]
