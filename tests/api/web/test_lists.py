"""Every list takes `format=csv`: masked as its page is, safe for spreadsheets, journalled."""

import csv
import io
import re

import pytest

from api.web.shell.tables import tables_of
from archive.administration.policy import Role
from tests.support.station import CITY, DISTRICT, HOME, MOVE, StationClient

LISTS = {
    Role.ARCHIVIST: (
        "/",
        "/notices",
        "/volumes",
        "/volumes?state=overdue",
        "/series",
        "/citywide",
        "/series/J602/QR/2026/Y",
        "/checks",
        "/compile",
        "/usage",
        "/uses",
        "/paper",
        "/paper/boxes",
        "/paper/loans",
        "/paper/stocktakes",
        "/paper/handovers",
        "/paper/registers",
    ),
    Role.CHIEF: ("/approvals",),
    Role.SYSTEM_ADMIN: (
        "/system/accounts",
        "/system/status",
        "/system/organisations",
        "/system/items",
        "/system/retention",
    ),
    Role.SECURITY_ADMIN: ("/system/daily", "/journal"),
}
PLACES = {Role.SYSTEM_ADMIN: CITY, Role.SECURITY_ADMIN: CITY}
ALL = [(role, path) for role, paths in LISTS.items() for path in paths]


@pytest.mark.parametrize(("role", "path"), ALL)
def test_every_list_is_given_as_csv_masked_and_journalled(
    desk: StationClient, role: Role, path: str
) -> None:
    person = desk.person(role, PLACES.get(role, HOME))
    page = person.ask(path)
    assert page.status_code == 200, page.text
    answer = person.ask(f"{path}{'&' if '?' in path else '?'}format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert "测某" not in answer.text
    with desk.runtime.engine.connect() as raw:
        newest = raw.exec_driver_sql(
            "SELECT actor, act FROM journal ORDER BY seq DESC LIMIT 1"
        ).one()
    assert newest[1] == "EXPORT_LIST"


def test_a_list_of_volumes_is_sorted_narrowed_and_paged(desk: StationClient) -> None:
    person = desk.person(Role.ARCHIVIST, DISTRICT)

    def codes(query: str) -> list[str]:
        text = person.ask(f"/volumes?{query}").text
        return re.findall(r'<a href="/volumes/(J[^"?]+)"', text)

    first, second = codes("")
    assert codes("sort=-code") == [second, first]
    assert codes("sort=-completed") == list(reversed(codes("sort=completed")))
    assert codes(f"station={HOME}") == [first, second]
    assert codes("station=150622020000") == []
    assert codes("since=2026-01-01&until=2026-12-31") == [first, second]
    assert codes("until=2020-01-01") == []
    assert codes("page=2") == []


def test_the_whole_list_is_exported_in_its_order(desk: StationClient) -> None:
    person = desk.person(Role.ARCHIVIST, DISTRICT)
    text = person.ask("/volumes?sort=-code&format=csv").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert MOVE in {row["办件编号"] for row in rows}
    assert rows[0]["档号"] > rows[1]["档号"]


def test_what_begins_like_a_formula_is_quoted_in_the_tables_of_a_page() -> None:
    page = """<main><h1>名单</h1><table><thead><tr><th>甲</th><th>乙</th></tr></thead>
    <tr><td>=1+1 <small>x</small></td><td>a<button>删除</button></td></tr></table></main>"""
    (table,) = tables_of(page)
    assert (table.title, table.heading, table.rows) == ("名单", ["甲", "乙"], [["=1+1 x", "a"]])
