"""What one client is shown in a day has a limit, on all nodes together.

Who answers for security sees who reached it.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from archive.administration import daily_use
from archive.administration.daily_use import DailyLimitError, Shown
from archive.administration.policy import Role
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from tests.support import station
from tests.support.station import CITY, MOVE, NEIGHBOUR, StationClient

LOOKS, CONTENT = 3, 2


@pytest.fixture(scope="module")
def tight(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StationClient]:
    folder = tmp_path_factory.mktemp("tight")
    with station.desk(
        built, folder, rate_limit=100_000, daily_looks=LOOKS, daily_content=CONTENT
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
    assert tight.client.get("/system/daily?day=x").status_code == 200
    assert "这一天没有系统查阅档案" in tight.client.get("/system/daily?day=2020-01-01").text
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
