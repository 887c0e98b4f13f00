"""The population system through the doors of the window: desk, station API, command line."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient
from lxml import html
from sqlalchemy import select
from typer.testing import CliRunner

from api.app import create_app
from api.cli.main import app as cli_app
from api.demo.population import DEAD_NUMBER, PRIVATE_NUMBER
from api.demo.sources import KEY, World
from api.jobs.duties import DUTY_FUNCTIONS
from api.runtime import failures
from api.runtime.bootstrap import Runtime, start
from api.runtime.settings import Settings
from archive.administration.accounts import (
    AccountKind,
    NewAccount,
    approve_account,
    propose_account,
    set_password,
)
from archive.administration.logins import csrf_token, open_login
from archive.administration.passwords import hash_secret
from archive.administration.policy import SCOPE_OF, Role, acts_of
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, reading, writing
from archive.database.tables_administration import Account, Login
from archive.database.tables_audit import JournalEntry
from archive.database.tables_gathering import GatheredCase
from archive.database.tables_window import WindowCase, WindowRegistration
from archive.gathering.cases import Gathering
from archive.reference.vocabulary import LoginKind
from archive.reference.window_steps import Step
from ingest.window.officers import register_officer
from ingest.window.rows import state_of
from tests.support.population import HUSBAND, WIFE, population_served
from tests.support.staffed import SECURITY, SYSTEM
from tests.support.window import BEGIN, HOME, id_number
from tests.support.window_rows import Desk, enter_staff

PASSWORD = "correct-Horse-9-battery"  # noqa: S105 - of a test


@dataclass(frozen=True)
class City:
    """A window that is joined to the population system, and who works there."""

    runtime: Runtime
    client: TestClient
    carried: str
    token: str
    base: str
    world: World

    def desk(
        self, path: str, page: str = "", form: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """The answer of a page, or to a form that stood on a page."""
        headers = {"Cookie": f"yice_desk={self.carried}"}
        if form is None:
            return self.client.get(path, headers=headers, follow_redirects=False)
        headers["Referer"] = f"{self.client.base_url}{page}"
        data = {"csrf": csrf_token(self.carried), **form}
        return self.client.post(path, headers=headers, data=data, follow_redirects=False)

    def api(self, path: str, body: dict[str, Any], key: str = "api-key-1") -> httpx.Response:
        """The answer of the station API."""
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Yice-Operator": "060301",
            "Idempotency-Key": key,
        }
        return self.client.post(f"/api/v1/window{path}", json=body, headers=headers)

    def cli(self, *words: str, typed: str = "") -> tuple[str, str]:
        """The code and what `yice window …` printed."""
        env = {
            "YICE_DATA": str(self.runtime.settings.data),
            "YICE_POPULATION_URL": self.base,
            "YICE_POPULATION_KEY": KEY,
            "USER": "tester",
        }
        done = CliRunner().invoke(cli_app, ("window", *words), env=env, input=typed)
        if done.exception and not isinstance(done.exception, SystemExit):
            code, *text = failures.explain(done.exception)
            return code, "".join(map(str, text))
        return "OK", done.stdout

    def journal(self, act: JournalAct) -> list[JournalEntry]:
        """The entries of an act."""
        with reading(self.runtime.engine) as session:
            return list(session.scalars(select(JournalEntry).filter_by(act=str(act))))

    def population(self, case_no: str) -> list[str]:
        """What the opening of a case says of its people."""
        with reading(self.runtime.engine) as session:
            case = session.scalars(select(WindowCase).filter_by(case_no=case_no)).one()
            return [row["outcome"] for row in state_of(session, case.id).opening.population]


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    world = tmp_path / "world"
    world.mkdir()
    with population_served(world) as (base, _, simulator):
        settings = Settings(
            data=tmp_path / "var", population_url=base, population_key=KEY, population_timeout=2
        )
        runtime = start(settings)
        with writing(runtime.engine) as session:
            carried, token = _people(session, runtime)
        with (
            TestClient(create_app(runtime), raise_server_exceptions=False) as client,
        ):
            yield City(runtime, client, carried, token, base, simulator)
        runtime.engine.dispose()


def _people(session: Any, runtime: Runtime) -> tuple[str, str]:
    """An officer who is logged in, and the station's own system with its token."""
    new = NewAccount("window-clerk", AccountKind.PERSON, "演警甲", HOME, Role.OFFICER, "060301")
    propose_account(session, SYSTEM, new, runtime.organisations)
    clerk = approve_account(session, SECURITY, "window-clerk")
    set_password(session, SYSTEM.account, "window-clerk", hash_secret(PASSWORD))
    clerk.must_change = False
    now = database_now(session)
    register_officer(session, SYSTEM, officer_no="060301", id_number=id_number(42000), now=now)
    scopes = tuple({SCOPE_OF[act] for act in acts_of(Role.STATION_CLIENT) if act in SCOPE_OF})
    client = NewAccount(
        "system", AccountKind.CLIENT, "派出所系统", HOME, Role.STATION_CLIENT, scopes=scopes
    )
    propose_account(session, SYSTEM, client, runtime.organisations)
    approved = approve_account(session, SECURITY, "system")
    return open_login(session, clerk, LoginKind.WEB), open_login(session, approved, "TOKEN", scopes)


def opening_form(page: httpx.Response) -> dict[str, str]:
    """What the form of 开办 holds on a page."""
    (form,) = html.fromstring(page.text).xpath("//form[@action='/window/new']")
    return dict(form.form_values())


def queried(city: City, **typed: str) -> httpx.Response:
    """The page of 开办 after 查询人口信息 was pressed with this typed."""
    page = "/window/new?item=CS02"
    form = {**opening_form(city.desk(page)), "id_number": HUSBAND, **typed, "ask": "1"}
    answer = city.desk("/window/new", page, form)
    assert answer.status_code == 303
    place = answer.headers["location"]
    assert HUSBAND not in place
    return city.desk(place)


def test_at_the_desk_a_query_fills_the_form_and_keeps_what_was_typed(city: City) -> None:
    page = queried(city, phone="13800000000")
    form = opening_form(page)
    assert (form["name"], form["phone"], form["home"]) == ("演甲", "13800000000", HOME)
    assert form["fact-户号"] == "HJ00000001"
    assert form["fact-户籍地址"].startswith("鄂尔多斯市演示路")
    assert "申报人在册，已知的内容已填入" in page.text
    opened = city.desk("/window/new", "/window/new?item=CS02", form)
    case_no = opened.headers["location"].rpartition("/")[2]
    assert city.population(case_no) == ["KNOWN", "KNOWN"]
    assert len(city.journal(JournalAct.WINDOW_QUERY)) == 1
    assert "人口信息在册" in city.desk(f"/window/{case_no}").text


def test_at_the_desk_another_name_than_the_systems_stays_and_is_said(city: City) -> None:
    page = queried(city, name="演丙")
    assert opening_form(page)["name"] == "演丙"
    assert "申报人的姓名与人口信息不一致" in page.text


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (DEAD_NUMBER, "已注销（死亡），不能申报"),
        (PRIVATE_NUMBER, "U+E863"),
        (id_number(44993), "没有申报人的公民身份号码"),
    ],
)
def test_at_the_desk_what_a_person_is_stands_above_the_form_and_nothing_is_lost(
    city: City, number: str, words: str
) -> None:
    page = queried(city, id_number=number, phone="13800000000")
    assert words in page.text
    form = opening_form(page)
    assert (form["id_number"], form["phone"]) == (number, "13800000000")


def test_at_the_desk_a_dead_applicant_is_refused_and_nothing_typed_is_lost(city: City) -> None:
    page = "/window/new?item=CS02"
    form = opening_form(city.desk(page))
    typed = {**form, "name": "白某某", "id_number": DEAD_NUMBER, "phone": "13800000000"}
    answer = city.desk("/window/new", page, typed)
    again = city.desk(answer.headers["location"])
    assert "冒用他人身份的，不予收件" in again.text
    assert opening_form(again)["phone"] == "13800000000"


def test_at_the_desk_a_silent_system_is_said_and_the_case_is_opened_by_hand(city: City) -> None:
    city.world.faults = {"error": 1.0}
    page = queried(city, name="演甲")
    assert "没有应答" in page.text
    assert "请按证件填写，继续办理" in page.text
    opened = city.desk("/window/new", "/window/new?item=CS02", opening_form(page))
    case_no = opened.headers["location"].rpartition("/")[2]
    assert city.population(case_no) == ["SILENT", "SILENT"]
    assert "未查询：人口信息管理系统没有应答" in city.desk(f"/window/{case_no}").text


def test_at_the_desk_a_query_without_a_number_is_said_and_nothing_is_lost(city: City) -> None:
    page = "/window/new?item=CS02"
    form = {**opening_form(city.desk(page)), "name": "演甲", "ask": "1"}
    answer = city.desk("/window/new", page, form)
    again = city.desk(answer.headers["location"])
    assert "没有可查询的公民身份号码" in again.text
    assert opening_form(again)["name"] == "演甲"


def test_a_station_system_asks_and_opens_with_what_it_was_told(city: City) -> None:
    answer = city.api("/people", {"item": "CS02", "id_numbers": [HUSBAND, WIFE]})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert [(row["who"], row["name"]) for row in body["people"]] == [
        ("申报人", "演甲"),
        ("被办理人", "演乙"),
    ]
    person = {"name": "演甲", "id_number": HUSBAND}
    opened = city.api(
        "/cases",
        {
            "item": "CS02",
            "home": HOME,
            "applicant": person,
            "subjects": [person],
            "query": body["query"],
        },
        "api-key-2",
    )
    assert opened.status_code == 200, opened.text
    assert city.population(opened.json()["case_no"]) == ["KNOWN", "KNOWN"]
    assert len(city.journal(JournalAct.WINDOW_QUERY)) == 2
    assert {entry.actor for entry in city.journal(JournalAct.WINDOW_QUERY)} == {"window-clerk"}


def test_a_dead_applicant_is_refused_to_a_station_system_in_words(city: City) -> None:
    person = {"name": "白某某", "id_number": DEAD_NUMBER}
    data = {"item": "CS02", "home": HOME, "applicant": person, "subjects": [person]}
    answer = city.api("/cases", data)
    assert (answer.status_code, answer.json()["code"]) == (409, "PERSON_DEAD")
    assert DEAD_NUMBER not in answer.text


def test_at_the_command_line_a_person_is_asked_for_with_a_number_that_no_history_keeps(
    city: City,
) -> None:
    words = ("query", "--as", "window-clerk", "--item", "CS02")
    code, text = city.cli(*words, typed=f"{PASSWORD}\n{HUSBAND}\n")
    assert code == "OK", text
    assert "申报人在册" in text
    assert "户号：HJ00000001" in text
    assert HUSBAND not in text
    code, text = city.cli(*words, "--json", typed=f"{PASSWORD}\n{HUSBAND}\n")
    body = json.loads(text[text.index("{") :])
    assert body["people"][0]["outcome"] == "KNOWN"


def test_a_result_is_owed_in_the_list_until_it_is_registered_by_hand_or_by_the_duty(
    city: City,
) -> None:
    assert city.cli("register", "--json")[0] == "OK"
    enter_staff(city.runtime.engine)
    desk = Desk(city.runtime.engine).until(Step.CLOSED)
    city.world.faults = {"error": 1.0}
    code, text = city.cli("register")
    assert (code, text) == ("OK", "")
    rows = json.loads(city.cli("owed", "--json")[1])
    assert [(row["case_no"], row["owes"]) for row in rows] == [
        (desk.case_no, "VOLUME"),
        (desk.case_no, "RESULT"),
    ]
    assert "没有应答，已试 1 次" in rows[1]["why"]
    assert "结果未登记 1 件" in city.cli("owed")[1]
    city.world.faults = {}
    with writing(city.runtime.engine) as session:
        session.scalars(select(WindowRegistration)).one().not_before = None
    assert json.loads(city.cli("register", "--json")[1])["registered"] == 1
    other = Desk(city.runtime.engine, now=BEGIN + timedelta(days=1)).until(Step.CLOSED)
    with writing(city.runtime.engine) as session:
        for gathered in session.scalars(select(GatheredCase)):
            gathered.state = Gathering.COLLECTING  # their scans are invented and can't be packed
    assert DUTY_FUNCTIONS["window"](city.runtime)["registered"] == 1
    subjects = [entry.subject for entry in city.journal(JournalAct.WINDOW_REGISTER)]
    assert subjects == [desk.case_no, other.case_no]


def test_an_address_of_the_query_says_nothing(city: City) -> None:
    page = "/window/new?item=CS02"
    form = {**opening_form(city.desk(page)), "id_number": HUSBAND, "ask": "1"}
    place = urlsplit(city.desk("/window/new", page, form).headers["location"])
    assert set(parse_qs(place.query)) == {"item", "query", "kept"}


# the forms of a case


def opened(city: City) -> tuple[str, str]:
    """The address of a case that was opened with what was known, and the number of its 审批表."""
    form = opening_form(queried(city))
    place = city.desk("/window/new", "/window/new?item=CS02", form).headers["location"]
    with reading(city.runtime.engine) as session:
        case = session.scalars(select(WindowCase)).one()
        papers = state_of(session, case.id).papers
    return place, str(next(no for no, row in papers.items() if row.title == "审批表"))


def form_of(page: httpx.Response, action: str) -> dict[str, str]:
    """What a form holds on a page."""
    (form,) = html.fromstring(page.text).xpath(f"//form[@action='{action}']")
    return dict(form.form_values())


def test_the_fields_of_a_form_have_what_is_known_and_keep_what_is_saved(city: City) -> None:
    place, number = opened(city)
    action = f"{place}/forms/{number}"
    form = form_of(city.desk(place), action)
    assert (form["f-户号"], form["f-性别"]) == ("HJ00000001", "男")
    sent = {**form, "f-母亲公民身份号码": WIFE, "lines": "申请理由：出生\n备注：无"}
    assert city.desk(action, place, sent).headers["location"] == f"{place}#fields"
    again = form_of(city.desk(place), action)
    assert again["f-母亲公民身份号码"] == WIFE
    assert again["lines"].split() == ["申请理由：出生", "备注：无"]


def test_a_wrong_check_digit_is_said_at_its_field_and_all_stays_typed(city: City) -> None:
    place, number = opened(city)
    action = f"{place}/forms/{number}"
    wrong = WIFE[:-1] + ("0" if WIFE[-1] != "0" else "1")
    form = form_of(city.desk(place), action)
    sent = {**form, "f-母亲公民身份号码": wrong, "f-民族": "鄂温克族", "lines": "备注：无"}
    again = city.desk(city.desk(action, place, sent).headers["location"])
    typed = form_of(again, action)
    assert (typed["f-母亲公民身份号码"], typed["f-民族"]) == (wrong, "鄂温克族")
    assert typed["lines"] == "备注：无"
    (fault,) = html.fromstring(again.text).xpath("//small[@class='fault']")
    assert "校验码不符" in fault.text
    assert fault.getprevious().get("name") == "f-母亲公民身份号码"
    assert html.fromstring(again.text).xpath(f"//details[@open]//form[@action='{action}']")


def test_what_was_typed_comes_back_into_the_form_of_its_act(city: City) -> None:
    place, _ = opened(city)
    action = f"{place}/acts/IDENTIFY"
    form = form_of(city.desk(place), action)
    sent = {**form, "result": "NO_DEVICE", "device": "窗口二号", "reason": ""}
    again = city.desk(city.desk(action, place, sent).headers["location"])
    assert "没有使用核验设备，须写明原因" in again.text
    assert form_of(again, action)["device"] == "窗口二号"


def test_what_was_typed_survives_a_login_that_ended(city: City) -> None:
    place, number = opened(city)
    action = f"{place}/forms/{number}"
    sent = {**form_of(city.desk(place), action), "f-民族": "鄂温克族"}
    with writing(city.runtime.engine) as session:
        for login in session.scalars(select(Login)):
            login.expires_at = database_now(session) - timedelta(minutes=1)
    answer = city.desk(action, place, sent)
    assert answer.headers["location"].startswith("/login?next=")
    (way_back,) = parse_qs(urlsplit(answer.headers["location"]).query)["next"]
    with writing(city.runtime.engine) as session:
        account = session.scalars(select(Account).filter_by(login="window-clerk")).one()
        carried = open_login(session, account, LoginKind.WEB)
    again = replace(city, carried=carried).desk(way_back)
    assert "登录已过期，现已恢复" in again.text
    assert form_of(again, action)["f-民族"] == "鄂温克族"
