"""A case at the window in a real Chromium, through the people whose turn it is."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from api.http.window import act_at_window
from api.jobs.duties import DUTY_FUNCTIONS
from api.runtime.bootstrap import Runtime, start
from api.runtime.settings import Settings
from archive.administration.accounts import (
    AccountKind,
    NewAccount,
    approve_account,
    propose_account,
)
from archive.administration.logins import open_login
from archive.administration.policy import Reader, Role
from archive.database.engine import database_now, reading, writing
from archive.database.tables_cases import CaseRevision
from archive.database.tables_window import WindowCase, WindowSealUse
from archive.reference.case_facts import CaseFacts
from archive.reference.vocabulary import FormKind, LoginKind
from archive.reference.window_steps import Step
from ingest.window.decide import Asked
from ingest.window.officers import register_officer
from ingest.window.rows import state_of
from ingest.window.terms import WindowAct
from tests.support.browser import MILLISECONDS, ROOT, served
from tests.support.factories import page as scanned_page
from tests.support.staffed import SECURITY, SYSTEM
from tests.support.window import id_number

pytestmark = pytest.mark.skipif(
    not (ROOT / "node_modules/htmx.org").is_dir() and not os.environ.get("CI"),
    reason="front-end packages are missing: make setup",
)
HOME, AWAY = "150602010000", "150622020000"
PEOPLE = {
    "clerk": (Role.OFFICER, AWAY),
    "accepter": (Role.OFFICER, HOME),
    "reviewer": (Role.OFFICER, HOME),
    "chief": (Role.CHIEF, HOME),
    "city": (Role.CITY_SUPERVISOR, "150600000000"),
}
APPLICANT = id_number(44990)


@dataclass(frozen=True)
class Window:
    """The served window, and the cookie of each person."""

    address: str
    runtime: Runtime
    cookies: dict[str, str]
    pages: Path


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    folder = tmp_path_factory.mktemp("window")
    data, pages, cookies = folder / "var", folder / "pages", {}
    pages.mkdir()
    for number in range(1, 8):
        (pages / f"{number}.jpg").write_bytes(scanned_page(number))
    runtime = start(Settings(data=data))
    with writing(runtime.engine) as session:
        now = database_now(session)
        for at, (login, (role, org)) in enumerate(PEOPLE.items(), 1):
            number = f"0601{at:02d}"
            new = NewAccount(login, AccountKind.PERSON, f"演警{login}", org, role, number)
            propose_account(session, SYSTEM, new, runtime.organisations)
            account = approve_account(session, SECURITY, login)
            account.must_change = False
            cookies[login] = open_login(session, account, LoginKind.WEB)
            city = Reader("city", Role.CITY_SUPERVISOR, PEOPLE["city"][1])
            register_officer(
                session, city, officer_no=number, id_number=id_number(1000 + at), now=now
            )
    with served(data) as address:
        yield Window(address, runtime, cookies, pages)


class Desk:
    """The pages of the people at the window; a fault of a script fails the test."""

    def __init__(self, browser: Browser, window: Window) -> None:
        self._browser, self.window, self._pages = browser, window, dict[str, Page]()
        self.faults: list[str] = []

    def of(self, login: str, path: str = "/window", *, width: int = 1366) -> Page:
        """The page of a person, at an address."""
        if login not in self._pages:
            view = {"width": width, "height": 900}
            context = self._browser.new_context(locale="zh-CN", viewport=view)
            cookie = self.window.cookies[login]
            context.add_cookies(
                [{"name": "yice_desk", "value": cookie, "url": self.window.address}]
            )
            page = context.new_page()
            page.set_default_timeout(MILLISECONDS)
            page.on("pageerror", lambda fault: self.faults.append(str(fault)))
            self._pages[login] = page
        page = self._pages[login]
        page.goto(f"{self.window.address}{path}")
        return page

    def close(self) -> None:
        """Close every page."""
        for page in self._pages.values():
            page.context.close()


@pytest.fixture(scope="module")
def desk(browser: Browser, window: Window) -> Iterator[Desk]:
    desk = Desk(browser, window)
    yield desk
    desk.close()
    assert desk.faults == []


def case_of(window: Window) -> str:
    with reading(window.runtime.engine) as session:
        return str(session.scalars(select(WindowCase.case_no).order_by(WindowCase.id)).first())


def step_of(window: Window) -> Step:
    with reading(window.runtime.engine) as session:
        case = session.scalars(select(WindowCase).order_by(WindowCase.id)).first()
        assert case is not None
        return state_of(session, case.id).step


def act(page: Page, name: str) -> None:
    """Do the act whose turn it is."""
    page.locator(".mine").get_by_role("button", name=name, exact=True).click()
    expect(page.locator("ol.line li").first).to_contain_text(name)


def also(page: Page, name: str) -> None:
    """Open one of the further acts, and give its form."""
    details = page.locator("details", has=page.locator("summary", has_text=name))
    if details.get_attribute("open") is None:
        details.locator("summary").click()


def test_a_case_is_opened_from_a_word_and_shows_what_it_needs(desk: Desk, window: Window) -> None:
    page = desk.of("clerk", "/window/new?q=非婚生育")
    page.get_by_role("link", name="CS02").click()
    expect(page.locator("body")).to_contain_text("出生医学证明")
    page.locator("input[name=name]").fill("测某")
    page.locator("input[name=id_number]").fill(
        APPLICANT[:-1] + ("0" if APPLICANT[-1] != "0" else "1")
    )
    page.locator("select[name=home]").select_option(HOME)
    page.get_by_role("button", name="开办").click()
    expect(page.locator(".notice.bad, .notice").first).to_contain_text("号码")
    expect(page.locator("input[name=name]")).to_have_value("测某")
    page.locator("input[name=id_number]").fill(APPLICANT)
    page.get_by_role("button", name="开办").click()
    expect(page.locator(".mine")).to_contain_text("收件：等您办")
    expect(page.locator(".mine .notice")).to_be_visible()
    assert step_of(window) is Step.RECEIVE


def test_identity_materials_and_signature_are_taken_and_it_goes_on(
    desk: Desk, window: Window
) -> None:
    page = desk.of("clerk", f"/window/{case_of(window)}")
    page.locator("input[name=score]").first.fill("0.94")
    page.get_by_role("button", name="人证核验", exact=True).click()
    expect(page.locator("body")).to_contain_text("人证一致")
    names = page.locator("input[data-material]").evaluate_all(
        "rows => rows.filter(row => row.closest('tr').children[1].textContent.trim() === '必交')"
        ".map(row => row.dataset.material)"
    )
    assert names
    for at, name in enumerate(names, 1):
        page.locator(f"input[data-material='{name}']").set_input_files(
            str(window.pages / f"{at}.jpg")
        )
        expect(page.locator("tr", has_text=name).locator(".shots img")).to_have_count(1)
    page.get_by_role("link", name="请申报人签名").first.click()
    # The form is a tall picture above the field: nobody signs before it is there.
    expect(page.locator(".form-shown img")).to_have_js_property("complete", value=True)
    canvas = page.locator("canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    page.get_by_role("button", name="确认签名").click()
    expect(page.locator(".pad output")).to_contain_text("没有笔迹")
    for begin, end in (
        ((0.1, 0.2), (0.4, 0.8)),
        ((0.5, 0.2), (0.5, 0.9)),
        ((0.6, 0.3), (0.9, 0.8)),
    ):
        page.mouse.move(box["x"] + begin[0] * box["width"], box["y"] + begin[1] * box["height"])
        page.mouse.down()
        page.mouse.move(
            box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"], steps=12
        )
        page.mouse.up()
    page.get_by_role("button", name="确认签名").click()
    expect(page.locator("figcaption", has_text="收件单")).to_contain_text("已签名")
    act(page, "收件")
    act(page, "流转")
    assert step_of(window) is Step.ACCEPT


def test_who_may_not_is_told_who_may(desk: Desk, window: Window) -> None:
    page = desk.of("clerk", f"/window/{case_of(window)}")
    expect(page.locator(".mine")).to_have_count(0)
    refused = page.locator("section", has_text="您不能办的").locator("li", has_text="受理").first
    expect(refused).to_contain_text("交通派出所")


def test_the_home_station_accepts_reviews_and_approves(desk: Desk, window: Window) -> None:
    where = f"/window/{case_of(window)}"
    act(desk.of("accepter", where), "受理")
    page = desk.of("reviewer", where)
    page.locator(".mine").get_by_role("button", name="审核").click()
    expect(page.locator("body")).to_contain_text("勾核")
    page = desk.of("reviewer", where)
    while page.get_by_role("button", name="看过，勾核").count():
        left = page.get_by_role("button", name="看过，勾核").count()
        page.get_by_role("button", name="看过，勾核").first.click()
        expect(page.get_by_role("button", name="看过，勾核")).to_have_count(left - 1)
    act(page, "审核")
    act(desk.of("chief", where), "批准")
    act(desk.of("accepter", where), "反馈")
    assert step_of(window) is Step.ISSUE


def test_without_a_grant_nothing_is_issued_and_with_one_the_seal_is_written_down(
    desk: Desk, window: Window
) -> None:
    where = f"/window/{case_of(window)}"
    page = desk.of("clerk", where)
    expect(page.locator(".mine .notice")).to_contain_text("授权")
    chief = desk.of("chief", "/window/grants")
    chief.locator("select[name=grantee]").select_option(AWAY)
    chief.locator("input[name=ends]").fill("2027-12-31")
    chief.get_by_role("button", name="授权", exact=True).click()
    expect(chief.locator("tbody")).to_contain_text("有效")
    act(desk.of("clerk", where), "出件")
    with reading(window.runtime.engine) as session:
        uses = session.scalars(select(WindowSealUse).order_by(WindowSealUse.id)).all()
        assert [(use.owner, use.caller) for use in uses] == [(HOME, HOME), (HOME, AWAY)]


def test_it_is_rated_and_closed_and_leaves_the_board(desk: Desk, window: Window) -> None:
    where = f"/window/{case_of(window)}"
    page = desk.of("clerk", where)
    also(page, "好差评")
    page.get_by_role("button", name="好差评").click()
    expect(page.locator("ol.line li").first).to_contain_text("好差评")
    act(page, "办结")
    assert step_of(window) is Step.CLOSED
    expect(desk.of("clerk").locator("tbody")).to_contain_text("没有办件")
    expect(desk.of("clerk", "/window?at=CLOSED").locator("tbody")).to_contain_text(case_of(window))


def test_what_the_window_closed_is_taken_by_the_archive_as_any_other(
    desk: Desk, window: Window
) -> None:
    DUTY_FUNCTIONS["window"](window.runtime)
    assert step_of(window) is Step.ARCHIVED
    with reading(window.runtime.engine) as session:
        (revision,) = session.scalars(select(CaseRevision)).all()
        facts = CaseFacts.model_validate(revision.facts)
    assert {row["code"] for row in revision.findings} <= {"SOURCE_UNUSUAL"}
    assert [row.form for row in facts.signatures] == [FormKind.RECEIPT]
    assert len(facts.signatures[0].strokes) == 3
    assert facts.rating is not None
    shown = desk.of("clerk", f"/window/{case_of(window)}")
    expect(shown.locator("ol.line li").first).to_contain_text("归档接收")


def test_the_flow_is_a_picture_and_a_file_for_documents(desk: Desk) -> None:
    page = desk.of("city", "/window/flow")
    expect(page.locator("svg.flow text", has_text="审核")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="下载 BPMN 2.0").click()
    text = Path(download.value.path()).read_text("utf-8")
    assert "userTask" in text
    assert "sequenceFlow" in text


def test_a_page_that_another_overtook_is_told_and_changes_nothing(
    desk: Desk, window: Window
) -> None:
    page = desk.of("clerk", "/window/new?item=CS02")
    page.locator("input[name=name]").fill("测某")
    page.locator("input[name=id_number]").fill(APPLICANT)
    page.get_by_role("button", name="开办").click()
    expect(page.locator(".mine")).to_contain_text("收件：等您办")
    case_no = page.url.rpartition("/")[2]
    wanted = {"result": "NO_DEVICE", "reason": "设备故障，已比对身份证"}
    clerk = Reader("clerk", Role.OFFICER, AWAY)
    act_at_window(
        window.runtime, clerk, case_no, Asked(WindowAct.IDENTIFY, "another-door", None, wanted)
    )
    page.locator("input[name=score]").first.fill("0.94")
    page.get_by_role("button", name="人证核验", exact=True).click()
    expect(page.locator("body")).to_contain_text("刷新")
    page = desk.of("clerk", f"/window/{case_no}")
    expect(page.locator("ol.line li", has_text="人证核验")).to_have_count(1)
