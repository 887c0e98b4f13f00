"""一人一档: a person's records across series, within reach, masked, and each look journalled."""

import json
import re
from urllib.parse import unquote

import httpx

from archive.administration.policy import Role
from archive.database.engine import reading
from archive.database.tables_audit import JournalEntry
from tests.support.station import HOME, OTHER, Person, StationClient

BIRTH_CODE, CODE = "J602-ZY·HJ·CS·2026·Y-000001", "J602-ZY·HJ·QR·2026·Y-000001"
NUMBER = "150602199001010016"


def opened(user: Person, /, **form: str) -> tuple[str, httpx.Response]:
    sent = user.ask("/people", **form)
    assert sent.status_code == 303, sent.text
    return sent.headers["location"], user.ask(sent.headers["location"])


def codes(page: httpx.Response) -> list[str]:
    return [unquote(code) for code in re.findall(r'<a href="/volumes/(J[^"?]+)"', page.text)]


def test_a_person_of_a_volume_has_records_in_every_series(desk: StationClient) -> None:
    officer = desk.person(Role.OFFICER)
    room = officer.ask(f"/volumes/{CODE}").text
    assert "的全部档案" in room
    address, page = opened(officer, volume=CODE, person="0")
    assert re.fullmatch(r"/people/[\w-]{24}", address)
    assert sorted(codes(page)) == sorted([BIRTH_CODE, CODE])
    assert "测某" not in page.text
    assert NUMBER not in page.text + address
    with reading(desk.runtime.engine) as session:
        entry = session.query(JournalEntry).order_by(JournalEntry.seq.desc()).first()
    assert entry is not None
    assert (entry.act, entry.subject) == ("VIEW_PERSON", "people")
    assert sorted(json.loads(entry.detail)["shown"]) == sorted([BIRTH_CODE, CODE])
    assert NUMBER not in entry.detail


def test_a_search_by_the_whole_number_leads_there_and_no_other_does(desk: StationClient) -> None:
    officer = desk.person(Role.OFFICER)
    place = officer.ask("/search", q=NUMBER).headers["location"]
    assert "一人一档" in officer.ask(place).text
    _, page = opened(officer, of=place.rpartition("/")[2])
    assert len(codes(page)) == 2
    other = officer.ask("/search", q="姓名:测某").headers["location"]
    assert officer.ask("/people", of=other.rpartition("/")[2]).status_code == 409


def test_nobody_sees_a_person_beyond_the_reach_or_by_the_address_of_another(
    desk: StationClient,
) -> None:
    officer, stranger = desk.person(Role.OFFICER), desk.person(Role.OFFICER, OTHER)
    address, _ = opened(officer, volume=CODE, person="0")
    assert stranger.ask(address).status_code == 404
    assert desk.person(Role.CHIEF).ask(address).status_code == 404
    assert stranger.ask("/people", volume=CODE, person="0").status_code == 404
    place = stranger.ask("/search", q=NUMBER).headers["location"]
    _, page = opened(stranger, of=place.rpartition("/")[2])
    assert codes(page) == []
    assert "您范围内没有此人的档案" in page.text


def test_a_look_at_a_person_is_counted_as_a_number_that_is_asked_for(
    desk: StationClient,
) -> None:
    auxiliary = desk.person(Role.AUXILIARY, HOME)
    before = count(desk, f"person-auxiliary-{HOME}")
    opened(auxiliary, volume=CODE, person="0")
    assert count(desk, f"person-auxiliary-{HOME}") == before + 1


def count(desk: StationClient, account: str) -> int:
    with desk.runtime.engine.connect() as raw:
        row = raw.exec_driver_sql("SELECT numbers FROM daily_uses WHERE account = ?", (account,))
        return sum(row.scalars().all())
