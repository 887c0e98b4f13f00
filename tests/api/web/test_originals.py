"""Originals beside the page: sent is what the journal says was looked at, and soon after."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from archive.administration.logins import csrf_token
from archive.database.engine import reading
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case
from archive.database.tables_volumes import Volume
from archive.usage import looks
from tests.api.web.test_inspection_report import cookie
from tests.support import station


def code_of_the_move(desk: station.StationClient) -> str:
    """The 档号 of the volume whose pages its own station sees without a grant."""
    with reading(desk.runtime.engine) as session:
        query = select(Volume.code).join(Case, Case.id == Volume.case_id)
        return session.scalars(query.where(Case.case_no == station.MOVE)).one()


def looked_at(desk: station.StationClient, code: str, item: int, headers: dict[str, str]) -> str:
    """Open the originals of an item; return the address of its first image, empty without one."""
    shown = desk.client.get(f"/volumes/{code}/v1/items/{item}/originals", headers=headers).text
    address = re.search(r"/volumes/[^\"]+/originals/\d+/1\.jpg\?look=\d+", shown)
    return address[0] if address else ""


def say_what_for(desk: station.StationClient, code: str, headers: dict[str, str]) -> None:
    """State the purpose of the day, as the page of a volume asks for it."""
    csrf = csrf_token(headers["Cookie"].partition("=")[2])
    form = {"csrf": csrf, "purpose": "HANDLE"}
    sent = desk.client.post(
        f"/volumes/{code}/purpose", data=form, headers=headers, follow_redirects=False
    )
    assert sent.status_code == 303


def test_the_image_of_an_item_needs_a_look_at_that_item(built: Path, tmp_path: Path) -> None:
    with station.desk(built, tmp_path / "data") as desk:
        code = code_of_the_move(desk)
        headers = cookie(desk, "at-home", station.HOME)
        say_what_for(desk, code, headers)
        addresses = [looked_at(desk, code, item, headers) for item in range(1, 9)]
        first, second, *_ = [address for address in addresses if address]
        assert desk.client.get(first, headers=headers).status_code == 200
        look_of_first, look_of_second = (entry.partition("?")[2] for entry in (first, second))
        assert look_of_first != look_of_second
        borrowed = second.partition("?")[0] + "?" + look_of_first
        assert desk.client.get(borrowed, headers=headers).status_code == 404
        other = cookie(desk, "colleague", station.HOME)
        assert desk.client.get(first, headers=other).status_code == 404


def test_a_look_lasts_for_a_working_day_and_is_then_made_again(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with station.desk(built, tmp_path / "data") as desk:
        code = code_of_the_move(desk)
        headers = cookie(desk, "at-home", station.HOME)
        say_what_for(desk, code, headers)
        shown = desk.client.get(f"/volumes/{code}", headers=headers).text
        page = re.search(r"/volumes/[^\"]+/pages/1\.jpg\?look=\d+", shown)
        assert page is not None
        assert desk.client.get(page[0], headers=headers).status_code == 200
        monkeypatch.setattr(looks, "LASTS", timedelta(0))
        assert desk.client.get(page[0], headers=headers).status_code == 404
        with reading(desk.runtime.engine) as session:
            before = session.query(JournalEntry).count()
        desk.client.get(f"/volumes/{code}", headers=headers)
        with reading(desk.runtime.engine) as session:
            assert session.query(JournalEntry).count() == before + 1


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/nosuch", 404, "没有这个页面"),
        ("/checks/x/originals/1/1.jpg?look=abc", 422, "地址不完整或有误"),
    ],
)
def test_a_mistyped_address_is_a_page_in_a_browser_and_a_problem_for_a_program(
    built: Path, tmp_path: Path, address: str, status: int, words: str
) -> None:
    with station.desk(built, tmp_path / "data") as desk:
        headers = cookie(desk, "at-home", station.HOME)
        browser = {**headers, "Accept": "text/html,application/xhtml+xml"}
        drawn = desk.client.get(address, headers=browser)
        assert drawn.status_code == status
        assert drawn.headers["content-type"].startswith("text/html")
        assert words in drawn.text
        assert "回到待办" in drawn.text
        problem = desk.client.get(
            address, headers={**headers, "Accept": "application/problem+json"}
        )
        assert problem.status_code == status
        assert problem.json()["code"] in {"NOT_FOUND", "INVALID_REQUEST"}
        assert desk.client.get("/nosuch", headers={"Accept": "text/html"}).status_code == 404
