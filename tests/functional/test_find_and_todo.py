"""Find and come back, told and not lost: two people at two browsers, told in order."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from api.runtime.bootstrap import Runtime, start
from api.runtime.settings import Settings
from archive.administration.accounts import (
    AccountKind,
    NewAccount,
    approve_account,
    propose_account,
    set_password,
)
from archive.administration.logins import WEB_IDLE
from archive.administration.passwords import hash_secret
from archive.administration.policy import Role
from archive.database.engine import database_now, writing
from archive.database.tables_administration import Account, Login
from archive.database.tables_usage import UsageRequest
from tests.support import station
from tests.support.browser import MILLISECONDS, served
from tests.support.station import HOME, ORGANISATIONS, OTHER, SECURITY, SYSTEM

pytestmark = pytest.mark.slow
PASSWORD = "correct-Horse-9-battery"  # noqa: S105 - of a test
CODE = "J602-ZY·HJ·QR·2026·Y-000001"
PEOPLE = {"liu": (Role.OFFICER, OTHER), "bai": (Role.OFFICER, HOME), "wuyun": (Role.CHIEF, HOME)}


@dataclass(frozen=True)
class Place:
    """The served archive and its address."""

    address: str
    runtime: Runtime


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    data = station.build(tmp_path_factory.mktemp("find"))
    runtime = start(Settings(data=data))
    with writing(runtime.engine) as session:
        for login, (role, org) in PEOPLE.items():
            new = NewAccount(login, AccountKind.PERSON, f"警{login}", org, role)
            propose_account(session, SYSTEM, new, ORGANISATIONS)
            approve_account(session, SECURITY, login)
            set_password(session, login, login, hash_secret(PASSWORD))
            session.query(Account).filter_by(login=login).one().must_change = False
    with served(data) as address:
        yield Place(address, runtime)


def at_desk(browser: Browser, place: Place, login: str, page: str = "/") -> Page:
    """A browser of a person's own, come in by a link that was sent."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    tab = context.new_page()
    tab.set_default_timeout(MILLISECONDS)
    tab.goto(place.address + page)
    enter(tab, login)
    return tab


def enter(tab: Page, login: str) -> None:
    tab.get_by_label("用户名").fill(login)
    tab.get_by_label("口令").fill(PASSWORD)
    tab.get_by_role("button", name="登录", exact=True).click()


@pytest.fixture(scope="module")
def officer(place: Place, browser: Browser) -> Page:  # signing comes before the browser
    return at_desk(browser, place, "bai", "/volumes?series=QR")


@pytest.fixture(scope="module")
def stranger(place: Place, browser: Browser) -> Page:
    return at_desk(browser, place, "liu", "/usage/new")


def test_a_sent_link_opens_its_page_after_the_login(officer: Page, place: Place) -> None:
    expect(officer).to_have_url(f"{place.address}/volumes?series=QR")
    expect(officer.get_by_role("link", name=CODE)).to_be_visible()


def test_hits_are_read_one_after_the_other_and_back_works(officer: Page) -> None:
    officer.locator("#find").fill("姓名:测某")
    officer.locator("#find").press("Enter")
    expect(officer).to_have_url(re.compile(r"/search/[\w-]{24}$"))
    results = officer.url
    officer.locator(".hit a").first.click()
    expect(officer.get_by_text("第 1 / 2 条")).to_be_visible()
    officer.locator("body").press("n")
    expect(officer.get_by_text("第 2 / 2 条")).to_be_visible()
    officer.locator("body").press("p")
    expect(officer.get_by_text("第 1 / 2 条")).to_be_visible()
    officer.get_by_role("link", name=re.compile("回到结果")).click()
    expect(officer.locator(".hit")).to_have_count(2)
    officer.locator(".hit a").last.click()
    expect(officer.get_by_text("第 2 / 2 条")).to_be_visible()
    officer.go_back()
    expect(officer.locator(".hit")).to_have_count(2)
    assert officer.url.startswith(results)


def test_a_scanned_cover_opens_its_volume_and_a_wrong_digit_is_said(officer: Page) -> None:
    officer.locator("#find").fill(CODE.replace("·", "."))
    officer.locator("#find").press("Enter")
    expect(officer.locator(".title .code")).to_have_text(CODE)
    officer.locator("#find").fill("150602 19900101 0017")
    officer.locator("#find").press("Enter")
    expect(officer.get_by_role("alert")).to_contain_text("校验码不符")


def test_a_search_is_saved_and_a_person_has_one_page(officer: Page) -> None:
    officer.locator("#find").fill("150602－19900101－0016")
    officer.locator("#find").press("Enter")
    officer.get_by_label("保存这次检索").fill("常查")
    officer.get_by_role("button", name="保存", exact=True).click()
    expect(officer.get_by_role("button", name="常查", exact=True)).to_be_visible()
    officer.get_by_role("button", name="一人一档").click()
    expect(officer).to_have_url(re.compile(r"/people/[\w-]{24}$"))
    expect(officer.locator("tbody tr")).to_have_count(2)
    officer.get_by_role("button", name="事项").click()
    expect(officer.locator("th[aria-sort=ascending]")).to_have_text("事项")


def test_changing_a_choice_and_a_fault_lose_nothing(stranger: Page) -> None:
    stranger.get_by_role("textbox", name="事由").fill("核对登记材料")
    stranger.get_by_label("依据文书号").fill("东公户核〔2026〕12号")
    stranger.get_by_label("利用主体").select_option("LAWYER")
    expect(stranger.get_by_label("执业证", exact=True)).to_have_count(1)
    expect(stranger.get_by_role("textbox", name="事由")).to_have_value("核对登记材料")
    stranger.get_by_label("档号").fill(CODE)
    stranger.locator("[name='visitor:name']").fill("欧阳小明")
    stranger.locator("[name='visitor:document']").select_option("PASSPORT")
    stranger.locator("[name='visitor:number']").fill("E12345678")
    stranger.get_by_role("button", name="提交申请").click()
    expect(stranger.get_by_role("alert").first).to_contain_text("材料不全")
    expect(stranger.get_by_label("档号")).to_have_value(CODE)
    expect(stranger.get_by_label("依据文书号")).to_have_value("东公户核〔2026〕12号")
    expect(stranger.locator("[name='visitor:name']")).to_have_value("欧阳小明")
    expect(stranger.locator("[name='visitor:document']")).to_have_value("PASSPORT")


def test_a_login_that_ended_returns_to_the_page_and_its_text(stranger: Page, place: Place) -> None:
    stranger.get_by_label("利用主体").select_option("POLICE")
    stranger.get_by_label("办理业务的依据").check()
    with writing(place.runtime.engine) as session:
        account = session.query(Account).filter_by(login="liu").one()
        ended = database_now(session) - WEB_IDLE - timedelta(minutes=1)
        session.query(Login).filter_by(account_id=account.id).update({"used_at": ended})
    stranger.get_by_role("button", name="提交申请").click()
    enter(stranger, "liu")
    expect(stranger.get_by_text("登录已过期，现已恢复")).to_be_visible()
    expect(stranger.get_by_role("textbox", name="事由")).to_have_value("核对登记材料")
    expect(stranger.get_by_label("办理业务的依据")).to_be_checked()


def test_what_is_sent_twice_is_done_once(stranger: Page, place: Place) -> None:
    stranger.evaluate(
        """() => {
            const form = document.querySelector('form[action="/usage"]');
            fetch(form.action, {method: 'POST', body: new URLSearchParams(new FormData(form))});
            form.submit();
        }"""
    )
    expect(stranger).to_have_url(re.compile(r"/usage/LY\d{4}-\d{6}$"))
    with writing(place.runtime.engine) as session:
        assert session.query(UsageRequest).count() == 1


def test_who_decides_has_it_first_and_who_asked_is_told(
    browser: Browser, stranger: Page, place: Place
) -> None:
    chief = at_desk(browser, place, "wuyun")
    expect(chief).to_have_url(f"{place.address}/")
    first = chief.locator(".tiles a").first
    expect(first).to_contain_text("待审批")
    expect(first.locator("b")).to_have_text("1")
    expect(chief.locator(".menu .count").first).to_have_text("1")
    chief.locator("body").press("n")
    chief.get_by_label("理由").fill("材料齐全，依据明确")
    chief.get_by_role("button", name="批准 3 天").click()
    chief.goto(place.address)
    expect(chief.locator(".tiles a").first.locator("b")).to_have_text("0")
    stranger.goto(f"{place.address}/notices")
    fresh = stranger.locator("tbody tr", has_text="新")
    expect(fresh.first).to_contain_text("已批准")
    stranger.get_by_role("button", name="全部标为已读").click()
    expect(stranger.locator("tbody tr").first).to_contain_text("已批准")
    expect(fresh).to_have_count(0)
