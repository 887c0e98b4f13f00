"""No form loses what was typed: faults, choices, logins that ended, links, and clicks twice."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from lxml import html

from api.web.shell.kept_forms import safe_next
from api.web.shell.page import COOKIE
from archive.administration.accounts import set_password
from archive.administration.logins import WEB_IDLE, csrf_token
from archive.administration.passwords import hash_secret
from archive.administration.policy import Role
from archive.database.engine import database_now, writing
from archive.database.tables_administration import Account, Login
from archive.database.tables_usage import UsageRequest
from tests.support.station import HOME, OTHER, Person, StationClient

PASSWORD = "correct-Horse-9-battery"  # noqa: S105 - of a test
TYPED = {
    "code": "J602-ZY·HJ·QR·2026·Y-000001",
    "capacity": "LAWYER",
    "scope": "ADDRESS",
    "purpose": "核对 <b>登记</b>\n第二行",
    "basis": "12",
    "paper:执业证": "1",
    "days": "7",
    "visitor:name": "欧阳小明",
    "visitor:document": "PASSPORT",
    "visitor:number": "E12345678",
}


@pytest.fixture
def officer(desk: StationClient) -> Person:
    return desk.person(Role.OFFICER, OTHER)


def sent(
    person: Person, path: str, page: str, form: dict[str, str], **headers: str
) -> httpx.Response:
    """The answer to a form that stood on a page, as a browser sends it."""
    return person.client.post(
        path,
        data={"csrf": person.csrf, **form},
        headers={"Cookie": person.cookie, "Referer": f"{person.client.base_url}{page}", **headers},
        follow_redirects=False,
    )


def fields(text: str) -> dict[str, str]:
    """What the form of a request holds on a page."""
    (form,) = html.fromstring(text).xpath("//form[@action='/usage']")
    return dict(form.form_values())


def test_a_fault_stands_at_its_field_and_all_that_was_typed_is_there(officer: Person) -> None:
    answer = sent(officer, "/usage", "/usage/new?capacity=LAWYER", {**TYPED, "basis": "1"})
    assert answer.status_code == 303
    place = answer.headers["location"]
    assert re.fullmatch(r"/usage/new\?capacity=LAWYER&kept=[\w-]{24}", place)
    page = officer.ask(place)
    kept = fields(page.text)
    assert {key: kept[key].replace("\r", "") for key in TYPED} == {**TYPED, "basis": "1"}
    basis = html.fromstring(page.text).xpath("//input[@name='basis']")[0]
    assert basis.get("aria-invalid") == "true"
    assert "依据文书应为2至100字。" in basis.getnext().text
    assert html.fromstring(page.text).xpath("//*[@role='alert']/text()") == [
        "依据文书应为2至100字。"
    ]


def test_a_fault_of_the_act_returns_to_the_page_too(officer: Person) -> None:
    answer = sent(
        officer, "/usage", "/usage/new", {**TYPED, "capacity": "SELF", "scope": "ADDRESS"}
    )
    page = officer.ask(answer.headers["location"]).text
    assert "该主体不能申请此利用范围" in page
    assert fields(page)["purpose"] == "核对 <b>登记</b>\n第二行"


def test_what_was_kept_is_of_its_owner_alone_and_sealed(
    desk: StationClient, officer: Person
) -> None:
    place = sent(officer, "/usage", "/usage/new", {**TYPED, "basis": "1"}).headers["location"]
    stranger = desk.person(Role.OFFICER).ask(place)
    assert stranger.status_code == 200
    assert fields(stranger.text)["purpose"] == ""
    with desk.runtime.engine.connect() as raw:
        stored = raw.exec_driver_sql("SELECT body FROM kept_views").scalars().all()
    assert stored
    assert not any("登记" in body for body in stored)


def test_without_a_page_to_go_back_to_the_error_has_a_page(officer: Person) -> None:
    assert officer.ask("/usage", **{**TYPED, "basis": "1"}).status_code == 422
    foreign = {"Referer": "https://elsewhere.example/usage/new"}
    assert sent(officer, "/usage", "/x", {**TYPED, "basis": "1"}, **foreign).status_code == 422


def test_changing_a_choice_keeps_the_rest(officer: Person) -> None:
    answer = sent(officer, "/usage/new", "/usage/new", {**TYPED, "capacity": "POLICE"})
    page = officer.ask(answer.headers["location"]).text
    kept = fields(page)
    assert (kept["capacity"], kept["basis"], kept["days"]) == ("POLICE", "12", "7")
    assert kept["purpose"] == "核对 <b>登记</b>\n第二行"
    assert kept["scope"] == "CASE"  # of the lawyer's scopes none is offered: the page proposes
    assert "公安机关内部" in page
    assert "登记" not in unescape(answer.headers["location"])


@pytest.fixture
def idle(desk: StationClient) -> Person:
    """An officer whose login ended by itself, and who knows the password."""
    login = f"person-officer-{OTHER}"
    fresh = desk.person(Role.OFFICER, OTHER)
    with writing(desk.runtime.engine) as session:
        set_password(session, login, login, hash_secret(PASSWORD))
        account = session.query(Account).filter_by(login=login).one()
        account.must_change = False
    fresh = desk.person(Role.OFFICER, OTHER)
    with writing(desk.runtime.engine) as session:
        ended = database_now(session) - WEB_IDLE - timedelta(minutes=1)
        session.query(Login).filter_by(account_id=account.id).update({"used_at": ended})
    return fresh


def entered(desk: StationClient, login: str, place: str) -> Person:
    """The person after a login, and the page that it leads to."""
    client = desk.client
    answer = client.post(
        "/login",
        data={"login": login, "secret": PASSWORD, "next": place},
        follow_redirects=False,
    )
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == place
    carried = re.search(rf"{COOKIE}=([^;]+)", answer.headers["set-cookie"])
    assert carried
    client.cookies.clear()
    return Person(client, carried[1])


def test_a_login_that_ended_returns_to_the_page_with_its_text(
    desk: StationClient, idle: Person
) -> None:
    answer = sent(idle, "/usage", "/usage/new?capacity=LAWYER", TYPED)
    where = urlsplit(answer.headers["location"])
    assert where.path == "/login"
    (place,) = parse_qs(where.query)["next"]
    again = entered(desk, f"person-officer-{OTHER}", place)
    page = again.ask(place).text
    assert "登录已过期，现已恢复" in page
    assert fields(page)["purpose"] == "核对 <b>登记</b>\n第二行"
    assert fields(page)["csrf"] == csrf_token(again.carried)


def test_a_login_that_ended_keeps_nothing_that_another_site_sent(idle: Person) -> None:
    forged = Person(idle.client, idle.carried)
    answer = forged.client.post(
        "/usage",
        data={**TYPED, "csrf": "0" * 64},
        headers={"Cookie": forged.cookie, "Referer": f"{forged.client.base_url}/usage/new"},
        follow_redirects=False,
    )
    assert answer.headers["location"] == "/login"


def test_a_sent_link_opens_its_page_after_the_login(desk: StationClient, idle: Person) -> None:
    answer = idle.ask("/volumes?series=QR&year=2026")
    (place,) = parse_qs(urlsplit(answer.headers["location"]).query)["next"]
    assert place == "/volumes?series=QR&year=2026"
    shown = desk.client.get(answer.headers["location"])
    assert html.fromstring(shown.text).xpath("//input[@name='next']/@value")[0] == place
    entered(desk, f"person-officer-{OTHER}", place)


@pytest.mark.parametrize(
    "text",
    [
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "/\\elsewhere.example",
        "\\\\elsewhere.example",
        "/%0d%0aSet-Cookie:x\r\n",
        "javascript:alert(1)",
        "/login?next=/login",
        "/logout",
        "",
        "/" + "a" * 500,
    ],
)
def test_a_login_leads_nowhere_but_to_a_page_of_ours(text: str) -> None:
    assert safe_next(text) == "/"


def test_a_form_that_is_sent_twice_is_done_once(desk: StationClient, officer: Person) -> None:
    page = officer.ask("/usage/new?capacity=LAWYER").text
    papers = {f"paper:{paper}": "1" for paper in ("法院调查令", "执业证", "代理合同")}
    papers |= {"paper:受理通知书": "1", "paper:律所证明": "1"}
    form = {**TYPED, **papers, "once": fields(page)["once"]}
    before = count(desk)
    first, second = (sent(officer, "/usage", "/usage/new", form) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    assert count(desk) == before + 1
    other = fields(officer.ask("/usage/new?capacity=LAWYER").text)["once"]
    third = sent(officer, "/usage", "/usage/new", {**form, "once": other})
    assert third.headers["location"] != first.headers["location"]


def count(desk: StationClient) -> int:
    with writing(desk.runtime.engine) as session:
        return session.query(UsageRequest).count()


def test_what_was_not_taken_can_be_sent_again_with_the_same_word(officer: Person) -> None:
    page = officer.ask("/usage/new").text
    form = {**TYPED, "capacity": "POLICE", "scope": "CASE", "paper:办理业务的依据": "1"}
    form["once"] = fields(page)["once"]
    refused = sent(officer, "/usage", "/usage/new", {**form, "basis": "1"})
    assert "kept=" in refused.headers["location"]
    assert "/usage/LY" in sent(officer, "/usage", "/usage/new", form).headers["location"]


def test_a_password_is_never_kept(desk: StationClient) -> None:
    person = desk.person(Role.OFFICER, HOME)
    answer = sent(
        person, "/password", "/password", {"old": "x", "new": PASSWORD, "again": PASSWORD}
    )
    assert answer.status_code == 403
    with desk.runtime.engine.connect() as raw:
        kept = raw.exec_driver_sql(
            "SELECT kind FROM kept_views WHERE account = ?", (f"person-officer-{HOME}",)
        )
        assert list(kept) == []
