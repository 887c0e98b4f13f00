"""A search has an address that says nothing: it is kept, paged, saved, and of its owner alone."""

import csv
import io
import re
from urllib.parse import unquote

import httpx
import pytest

from archive.administration.policy import Role
from archive.database.engine import reading
from archive.database.tables_desk import KeptView, SavedSearch
from tests.support.station import BIRTH, HOME, MOVE, OTHER, Person, StationClient

CODE = "J602-ZY·HJ·QR·2026·Y-000001"
NUMBER = "150602199001010016"


@pytest.fixture(scope="module")
def officer(desk: StationClient) -> Person:
    return desk.person(Role.OFFICER)


def searched(person: Person, typed: str, **other: str) -> tuple[str, httpx.Response]:
    """The address of a search, and its page."""
    sent = person.ask("/search", q=typed, **other)
    assert sent.status_code == 303, sent.text
    return sent.headers["location"], person.ask(sent.headers["location"])


def hits(page: httpx.Response) -> list[str]:
    return [
        unquote(code)
        for code in re.findall(r'<a href="/volumes/([^?"]+)\?hits=', page.text.replace("\n", ""))
    ]


def test_an_address_of_hits_bears_no_query_and_opens_again(officer: Person) -> None:
    address, page = searched(officer, "姓名:测某")
    assert re.fullmatch(r"/search/[\w-]{24}", address)
    assert len(hits(page)) == 2
    assert hits(officer.ask(address)) == hits(page)


def test_what_was_typed_is_sealed_and_of_its_owner_alone(
    desk: StationClient, officer: Person
) -> None:
    address, _ = searched(officer, NUMBER)
    for stranger in (desk.person(Role.CHIEF), desk.person(Role.OFFICER, OTHER)):
        assert stranger.ask(address).status_code == 404
    with desk.runtime.engine.connect() as raw:
        stored = raw.exec_driver_sql("SELECT body FROM kept_views").scalars().all()
    assert stored
    assert not any(NUMBER in body for body in stored)


def test_logging_out_forgets_what_was_searched(desk: StationClient) -> None:
    chief = desk.person(Role.CHIEF)
    searched(chief, "姓名:测某")
    assert chief.ask("/logout", now="1").status_code == 303
    with reading(desk.runtime.engine) as session:
        assert session.query(KeptView).filter_by(account="person-chief-" + HOME).count() == 0


@pytest.mark.parametrize(
    "typed",
    [
        "150602 19900101 0016",
        "150602-19900101-0016",
        "１５０６０２１９９００１０１００１６",
        "1506 0219 9001 0100 16",
        "证件:150602　1990 0101 0016",
    ],
)
def test_a_number_is_understood_however_it_is_written(officer: Person, typed: str) -> None:
    _, page = searched(officer, typed)
    assert set(hits(page)) == set(hits(searched(officer, NUMBER)[1]))
    assert hits(page)
    assert "校验码" not in page.text.split('id="q"')[0]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("150602199001010017", "公民身份号码的校验码不符"),
        ("15060219900101001", "输入了17位"),
        ("21000000012399", "校验位不符"),
    ],
)
def test_a_wrong_check_digit_is_said_in_words(officer: Person, typed: str, words: str) -> None:
    assert words in searched(officer, typed)[1].text


@pytest.mark.parametrize(
    "scanned", [CODE, CODE.replace("·", "."), f"]C0{CODE.replace('·', '.')}", f"YICE/1 CASE {MOVE}"]
)
def test_the_code_of_a_cover_opens_its_volume(officer: Person, scanned: str) -> None:
    sent = officer.ask("/search", q=scanned)
    assert unquote(sent.headers["location"]) == f"/volumes/{CODE}"


def test_the_code_of_a_foreign_cover_is_searched_for_and_not_there(desk: StationClient) -> None:
    stranger = desk.person(Role.OFFICER, OTHER)
    address, page = searched(stranger, CODE)
    assert address.startswith("/search/")
    assert hits(page) == []


def test_the_reading_room_knows_the_hit_before_and_after(officer: Person) -> None:
    address, page = searched(officer, "姓名:测某", sort="code")
    first, second = hits(page)
    token = address.rpartition("/")[2]
    room = officer.ask(f"/volumes/{first}?hits={token}").text
    assert f'data-key="next" href="/volumes/{second}?hits={token}"' in room
    assert "第 1 / 2 条" in room
    room = officer.ask(f"/volumes/{second}?hits={token}").text
    assert f'data-key="previous" href="/volumes/{first}?hits={token}"' in room
    assert 'data-key="next" href="/volumes' not in room


def test_hits_as_csv_are_masked_and_journalled(desk: StationClient, officer: Person) -> None:
    address, page = searched(officer, "姓名:测某")
    sent = officer.ask(f"{address}?format=csv")
    assert sent.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(sent.content.decode("utf-8-sig"))))
    assert {row["档号"] for row in rows} == set(hits(page))
    assert {row["办件编号"] for row in rows} == {BIRTH, MOVE}
    assert "测某" not in sent.text
    with desk.runtime.engine.connect() as raw:
        acts = raw.exec_driver_sql("SELECT act FROM journal ORDER BY seq DESC LIMIT 1").scalars()
    assert list(acts) == ["EXPORT_LIST"]


def test_a_search_is_saved_under_a_name_opened_and_dropped(
    desk: StationClient, officer: Person
) -> None:
    address, page = searched(officer, "姓名:测某")
    saved = officer.ask("/searches", of=address.rpartition("/")[2], name="测某的件")
    assert saved.status_code == 303
    with reading(desk.runtime.engine) as session:
        (row,) = session.query(SavedSearch).all()
        assert (row.name, row.query) == ("测某的件", "姓名:测某")
    again = officer.ask("/search", saved=str(row.id))
    assert hits(officer.ask(again.headers["location"])) == hits(page)
    stranger = desk.person(Role.ARCHIVIST)
    assert "测某的件" not in stranger.ask("/search").text
    assert stranger.ask("/search", saved=str(row.id)).status_code == 404
    assert stranger.ask(f"/searches/{row.id}/drop", now="1").status_code == 404
    assert officer.ask(f"/searches/{row.id}/drop", now="1").status_code == 303
    assert "测某的件" not in officer.ask("/search").text


def test_pages_go_both_ways(officer: Person, many: None) -> None:
    del many
    address, page = searched(officer, "姓名:测某", sort="code")
    first = hits(page)
    second = hits(officer.ask(f"{address}?page=2"))
    assert len(first) == 1
    assert second
    assert second != first
    assert hits(officer.ask(f"{address}?page=1")) == first
    assert hits(officer.ask(f"{address}?page=9")) == second  # no further than was shown


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of one hit, so that two volumes have two of them."""
    monkeypatch.setattr("api.web.holdings.hits.SIZES", (1,))
    monkeypatch.setattr("api.web.holdings.search.SIZES", (1,))
