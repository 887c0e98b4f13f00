"""A window's case that 核对 returns after it was taken: back to its step, amended, taken again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from typer.testing import CliRunner

from api.app import create_app
from api.cli.main import app as cli_app
from api.jobs.duties import DUTY_FUNCTIONS
from api.runtime.bootstrap import start
from api.runtime.settings import Settings
from archive.administration.logins import csrf_token, open_login
from archive.administration.policy import Role
from archive.database.engine import reading, writing
from archive.database.tables_administration import Account
from archive.database.tables_cases import Case
from archive.reference.vocabulary import CaseState, LoginKind
from archive.reference.window_steps import Step
from ingest.window.cases import Done
from ingest.window.closing import owed
from ingest.window.files import keep_file
from ingest.window.holding import window_faults
from ingest.window.rows import acts_of
from ingest.window.terms import WindowAct
from tests.resources.images import blank_jpeg
from tests.support.factories import page as scanned_page
from tests.support.station import StationClient
from tests.support.window import BEGIN, DISTRICT, lacking, scanned, signing
from tests.support.window_rows import PEOPLE, Desk, enter_staff


@dataclass
class RealDesk(Desk):
    """One case with scans that can be packed; the first of them is empty."""

    station: StationClient | None = None
    today: bool = False
    """Whether acts are of now: the archive answers by its own clock."""

    def do(self, *words: Any, **more: Any) -> Done:
        """Do an act, in a transaction of its own."""
        if self.today:
            self.now = datetime.now(UTC) - timedelta(minutes=7)
        return super().do(*words, **more)

    def gathered(self) -> None:
        """Take in what the item requires, compare the person, let the applicant sign."""
        for at, row in enumerate(lacking(self.state)):
            self.scan(row.name, blank_jpeg() if at == 0 else scanned_page(at))
        self.do(WindowAct.IDENTIFY, "", {"result": "MATCH", "device": "仪1", "score": 0.9})
        self.do(WindowAct.SIGN, "", signing(self.state))

    def scan(self, name: str, data: bytes) -> None:
        """Take in a material of one page."""
        assert self.station is not None
        kept = keep_file(self.station.runtime.store, PEOPLE["clerk"], data)
        self.do(WindowAct.ADD_MATERIAL, "", {**scanned(name), "files": [kept]})


@pytest.fixture
def station(tmp_path: Path) -> Iterator[StationClient]:
    runtime = start(Settings(data=tmp_path / "var", workers=1))
    enter_staff(runtime.engine)
    with TestClient(create_app(runtime), raise_server_exceptions=False) as client:
        yield StationClient(runtime, client)
    runtime.engine.dispose()


def waiting(station: StationClient) -> RealDesk:
    """A case of the window that the archive took and that waits at 核对."""
    desk = RealDesk(station.runtime.engine, station=station)
    desk.until(Step.CLOSED)
    DUTY_FUNCTIONS["window"](station.runtime)
    assert desk.state.step is Step.ARCHIVED
    assert archived(station, desk.case_no) == (CaseState.CONFIRM, 1)
    return desk


def archived(station: StationClient, case_no: str) -> tuple[str, int]:
    with reading(station.runtime.engine) as session:
        case = session.scalars(select(Case).filter_by(case_no=case_no)).one()
        return case.state, case.revision


def by_desk(station: StationClient, case_no: str) -> None:
    keeper = station.person(Role.ARCHIVIST, DISTRICT)
    form = {"revision": "1", "reason-ILLEGIBLE": "on", "text": "第1号材料是空白页"}
    answer = keeper.ask(f"/checks/{case_no}/return", **form)
    assert answer.status_code == 303, answer.text


def by_api(station: StationClient, case_no: str) -> None:
    body = {"reasons": ["ILLEGIBLE"], "text": "第1号材料是空白页"}
    answer = station.client.post(
        f"/api/v1/checking/{case_no}/return",
        json=body,
        headers={**station.token(Role.ARCHIVIST, DISTRICT), "Yice-Purpose": "CHECK"},
    )
    assert answer.status_code == 200, answer.text


def by_cli(station: StationClient, case_no: str) -> None:
    done = CliRunner().invoke(
        cli_app,
        ["check", "return", case_no, "--reason", "ILLEGIBLE", "--text", "第1号材料是空白页"],
        env={"YICE_DATA": str(station.runtime.settings.data), "USER": "tester"},
    )
    assert done.exit_code == 0, done.output


def page_of(station: StationClient, login: str, path: str) -> str:
    with writing(station.runtime.engine) as session:
        account = session.scalars(select(Account).filter_by(login=login)).one()
        carried = open_login(session, account, LoginKind.WEB)
    assert csrf_token(carried)
    return station.client.get(path, headers={"Cookie": f"yice_desk={carried}"}).text


@pytest.mark.parametrize("give_back", [by_desk, by_api, by_cli])
def test_what_is_returned_is_at_its_step_at_once_with_the_reason_and_in_the_todo(
    station: StationClient, give_back: object
) -> None:
    desk = waiting(station)
    assert desk.case_no not in page_of(station, "clerk", "/")
    assert callable(give_back)
    give_back(station, desk.case_no)
    assert archived(station, desk.case_no)[0] == CaseState.RETURNED
    assert desk.state.step is Step.AMENDING
    assert desk.case_no in page_of(station, "clerk", "/")
    page = page_of(station, "clerk", f"/window/{desk.case_no}")
    assert "看不清，请以 300 dpi 重扫" in page
    assert "第1号材料是空白页" in page
    with reading(station.runtime.engine) as session:
        assert [row["why"] for row in owed(session)] == ["归档退回，待收件单位更正后再送"]
        assert [str(fault) for fault in window_faults(session)] == []


def test_what_is_amended_is_closed_again_and_taken_under_the_same_number(
    station: StationClient,
) -> None:
    desk = waiting(station)
    by_desk(station, desk.case_no)
    desk.today = True
    blank = min(no for no, row in desk.state.papers.items() if not row.stated.get("form"))
    desk.scan(desk.state.papers[blank].title, scanned_page(77))
    desk.do(WindowAct.SIGN, "", signing(desk.state))
    desk.do(WindowAct.CLOSE, "")
    DUTY_FUNCTIONS["window"](station.runtime)
    assert desk.state.step is Step.ARCHIVED
    assert archived(station, desk.case_no)[1] == 2
    with reading(station.runtime.engine) as session:
        acts = [row.act for row in acts_of(session, desk.row(session).id)]
        assert [str(fault) for fault in window_faults(session)] == []
    assert acts[-5:] == [
        WindowAct.ARCHIVE_REFUSED,
        WindowAct.ADD_MATERIAL,
        WindowAct.SIGN,
        WindowAct.CLOSE,
        WindowAct.ARCHIVE_TOOK,
    ]


def test_the_duty_enters_a_return_once_however_often_it_runs(station: StationClient) -> None:
    desk = waiting(station)
    by_desk(station, desk.case_no)
    count = desk.state.seq
    for _ in range(2):
        DUTY_FUNCTIONS["window"](station.runtime)
    assert desk.state.seq == count
    assert desk.state.opening.opened_at == BEGIN
