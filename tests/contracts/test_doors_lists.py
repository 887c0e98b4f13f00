"""Every list of the desk, of every role: sorted, narrowed, paged and exported in one way."""

import csv
import html
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.routing import APIRoute

from api.web import mount
from api.web.shell.tables import Table, tables_of
from archive.administration.notices import NoticeKind, NoticeTopic, notify
from archive.administration.policy import Role
from archive.database.engine import writing
from tests.support import station
from tests.support.shared import made_once
from tests.support.station import CITY, DISTRICT, HOME, Person, StationClient

PLACES = {
    Role.SYSTEM_ADMIN: CITY,
    Role.SECURITY_ADMIN: CITY,
    Role.AUDIT_ADMIN: CITY,
    Role.CITY_SUPERVISOR: CITY,
    Role.DISTRICT_SUPERVISOR: DISTRICT,
}
ADDRESSES = tuple(
    dict.fromkeys(
        route.path
        for pages in mount._PAGES
        for route in pages.router.routes
        if isinstance(route, APIRoute)
        and "GET" in route.methods
        and "{" not in route.path
        and not route.path.endswith(("/live", "/login", ".csv", ".bpmn", "/new", "/strip"))
    )
)
WHOLE = {
    "/": "grouped by deadline, all of it on one page",
    "/password": "the logins of one person",
    "/overview": "the last volumes and the sums by district, links to the lists themselves",
    "/series": "sums, one row a series",
    "/citywide": "sums, one row a series",
    "/statistics": "sums",
    "/jobs": "what runs now",
    "/compile/periods": "twelve months of a year",
    "/paper/places": "one level of a tree",
    "/system/accounts": "what waits for approval stands above the list",
    "/system/daily": "one day's counts",
    "/system/items": "a catalogue of the size of one page",
    "/system/organisations": "a table of the size of one page",
    "/system/retention": "a table of the rules",
    "/system/settings": "settings",
    "/system/status": "what runs now",
    "/uses/sheet": "laid out for paper",
    "/window/flow": "the rules of the flow",
    "/window/grants": "the grants in force of one office",
    "/help": "words",
}
"""Pages with tables that are no lists, and why."""
MOVED = "J602-ZY·HJ·QR·2026·Y-000001"
SORT = re.compile(r'<a class="sort" href="([^"]+)"')


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StationClient]:
    station.cheap_hashes()
    built = made_once(tmp_path_factory, "station", station.build)
    folder = tmp_path_factory.mktemp("desk")
    with station.desk(built, folder, rate_limit=100_000, daily_person_looks=100_000) as client:
        client.granted(client.token(), MOVED)
        yield client


def lists_of(page: str) -> list[Table]:
    return [table for table in tables_of(page) if table.name]


def part(page: str, name: str) -> str:
    """The list of a name as it stands in a page, from its table to its pager."""
    begin = page.index(f'data-named="{name}"')
    end = page.find('data-named="', begin + 12)
    return page[begin : end if end > 0 else len(page)]


def exported(person: Person, path: str, name: str) -> list[list[str]]:
    joint = "&" if "?" in path else "?"
    answer = person.ask(f"{path}{joint}format=csv&list={name}")
    assert answer.headers.get("content-type") == "text/csv; charset=utf-8", answer.text
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))[1:]


Visit = tuple[Role, Person, str, str]


@pytest.fixture(scope="module")
def visits(desk: StationClient) -> list[Visit]:
    """Every page that a role may see: the role, who asks, the address, the page."""
    rows: list[Visit] = []
    for role in Role:
        if role is Role.STATION_CLIENT:
            continue
        person = desk.person(role, PLACES.get(role, HOME))
        for path in ADDRESSES:
            answer = person.ask(path)
            assert answer.status_code < 500, (role, path, answer.text)
            if answer.status_code == 200:
                rows.append((role, person, path, answer.text))
    return rows


def test_every_table_of_the_desk_is_a_list_or_says_why_not(visits: list[Visit]) -> None:
    kinds = set()
    for role, _, path, page in visits:
        tables = tables_of(page)
        kinds |= {path} if lists_of(page) else set()
        if path not in WHOLE:
            assert all(table.name for table in tables), (role, path, tables)
    assert kinds >= {
        "/volumes",
        "/checks",
        "/compile",
        "/collecting",
        "/usage",
        "/approvals",
        "/uses",
        "/journal",
        "/notices",
        "/print",
        "/paper",
        "/paper/boxes",
        "/paper/loans",
        "/paper/stocktakes",
        "/paper/handovers",
        "/paper/registers",
        "/window",
        "/system/accounts",
    }, kinds


def test_every_list_sorts_by_its_columns_and_exports_the_rows_that_it_shows(
    visits: list[Visit],
) -> None:
    for role, person, path, page in visits:
        for table in lists_of(page):
            links = SORT.findall(part(page, table.name))
            assert links, (role, path, table.name)
            for link in links:
                address = html.unescape(link)
                answer = person.ask(address)
                assert answer.status_code == 200, (role, address, answer.text)
                (listed,) = [row for row in lists_of(answer.text) if row.name == table.name]
                assert "aria-sort=" in part(answer.text, table.name), address
                rows = exported(person, address, table.name)
                if path == "/journal":
                    continue  # it has many pages, and each export is a further entry of it
                assert len(rows) == len(listed.rows), (role, address)
                if path == "/volumes":
                    shown = [row[-6].split()[0] for row in listed.rows]
                    assert [row[1] for row in rows] == shown
                elif path not in ("/uses", "/compile"):
                    assert rows == listed.rows, (role, address)


def test_a_span_that_ends_before_it_begins_is_said_at_its_field_and_loses_nothing(
    visits: list[Visit],
) -> None:
    for role, person, path, page in visits:
        for name in [table.name for table in lists_of(page)]:
            field = next(
                (
                    word
                    for word in (f"{name}.since", "since")
                    if f'name="{word}"' in page and (name == "main" or "." in word)
                ),
                None,
            )
            if field is None:
                continue
            until = field.replace("since", "until")
            joint = f"{path}?{field}=2026-12-31&{until}=2026-01-01&station=x"
            answer = person.ask(joint)
            assert answer.status_code == 422, (role, joint)
            assert "结束日期早于开始日期" in answer.text
            assert re.search(
                rf'name="{re.escape(until)}"\s+value="2026-01-01"\s+aria-invalid="true"',
                answer.text,
            ), joint
            assert 'value="2026-12-31"' in answer.text
            later = person.ask(f"{path}?{field}=2090-01-01")
            tables = {table.name: table.rows for table in lists_of(later.text)}
            assert later.status_code == 200
            assert not tables.get(name), (role, path, name)
            assert person.ask(f"{path}?{field}=gestern").status_code == 422


def test_a_long_list_has_pages_of_a_hundred_both_ways_and_its_csv_has_every_row(
    desk: StationClient,
) -> None:
    person = desk.person(Role.AUXILIARY)
    login = f"person-auxiliary-{HOME}"
    with writing(desk.runtime.engine) as session:
        for number in range(250):
            notify(
                session,
                NoticeKind.GRANTED,
                NoticeTopic.VOLUME,
                f"J602-{number:03d}",
                account=login,
            )
    subjects = [f"J602-{number:03d}" for number in range(250)]
    shown: list[str] = []
    address = "/notices?sort=subject"
    sizes = []
    while address:
        page = person.ask(address).text
        rows = lists_of(page)[0].rows
        sizes.append(len(rows))
        shown += [row[1] for row in rows]
        following = re.search(r'data-key="next"[^>]*?href="([^"]+)"', page)
        before = re.search(r'data-key="previous"[^>]*?href="([^"]+)"', page)
        assert bool(before) == (len(sizes) > 1)
        address = html.unescape(following[1]) if following else ""
    assert sizes == [100, 100, 50]
    assert shown == subjects
    assert "第 201–250 条，共 250 条" in " ".join(page.split())
    assert [row[1] for row in exported(person, "/notices?sort=subject", "main")] == subjects
    backwards = person.ask("/notices?sort=-subject&page=3").text
    assert [row[1] for row in lists_of(backwards)[0].rows] == subjects[49::-1]
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    assert lists_of(person.ask(f"/notices?since={tomorrow}").text)[0].rows == []


def test_no_list_names_people_in_its_address(visits: list[Visit]) -> None:
    for role, _, path, page in visits:
        for link in SORT.findall(page):
            words = re.findall(r"[?&]([a-z.]+)=", html.unescape(link))
            assert all(word.rpartition(".")[2] in {"sort", "desk"} for word in words), (role, path)
