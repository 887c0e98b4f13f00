"""组卷 and 归集池 in a real Chromium: chosen, previewed, confirmed; placed, undone, sent back."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from api.demo.source_world import _pdf, _sheet
from api.runtime.bootstrap import Runtime, start
from api.runtime.settings import Settings
from archive.administration.accounts import (
    AccountKind,
    NewAccount,
    approve_account,
    propose_account,
)
from archive.administration.logins import open_login
from archive.administration.policy import Role
from archive.database.engine import reading, writing
from archive.database.tables_cases import Case
from archive.database.tables_gathering import GatheredMaterial
from archive.database.tables_volumes import Volume
from archive.gathering.captures import Capturing, NewFile, announce
from archive.gathering.cases import (
    GatheredFile,
    GatheredPiece,
    add_piece,
    close_case,
    record_arrival,
)
from archive.reference.vocabulary import LoginKind
from ingest.captures.parts import store_part
from ingest.captures.uploads import complete_capture
from ingest.reading.virus import NO_SCANNER
from tests.support.browser import MILLISECONDS, ROOT, served
from tests.support.factories import page as scanned_page
from tests.support.factories import sound_case
from tests.support.ready_cases import HOME, accept
from tests.support.station import DISTRICT, OTHER, SECURITY, SYSTEM

pytestmark = pytest.mark.skipif(
    not (ROOT / "node_modules/htmx.org").is_dir() and not os.environ.get("CI"),
    reason="front-end packages are missing: make setup",
)
START = datetime(2026, 9, 1, 2, tzinfo=UTC)
FIRST = "J602-ZY·HJ·CS·2026·Y-000001"
SHORT = "CS·2026·Y-00000"


@dataclass(frozen=True)
class House:
    """The served archive, and the cookie of each organisation's archivist."""

    address: str
    runtime: Runtime
    cookies: dict[str, str]

    def codes(self) -> dict[str, str]:
        """The 档号 of each case that has one."""
        with reading(self.runtime.engine) as session:
            query = select(Case.case_no, Volume.code).join(Volume, Volume.case_id == Case.id)
            return dict(session.execute(query).all())


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    data = tmp_path_factory.mktemp("arranging") / "var"
    runtime = start(Settings(data=data))
    for number in range(1, 5):
        accept(runtime.engine, number, START + timedelta(days=20 * number))
    accept(runtime.engine, 5, START, receive=OTHER)
    cookies = {}
    with writing(runtime.engine) as session:
        for org in (HOME, OTHER, DISTRICT):
            login = f"archivist-{org}"
            new = NewAccount(login, AccountKind.PERSON, "测档案", org, Role.ARCHIVIST)
            propose_account(session, SYSTEM, new, runtime.organisations)
            account = approve_account(session, SECURITY, login)
            account.must_change = False
            cookies[org] = open_login(session, account, LoginKind.WEB)
    with served(data) as address:
        yield House(address, runtime, cookies)


def seated(browser: Browser, house: House, org: str) -> Page:
    context = browser.new_context(locale="zh-CN", viewport={"width": 1366, "height": 768})
    context.add_cookies([{"name": "yice_desk", "value": house.cookies[org], "url": house.address}])
    page = context.new_page()
    page.set_default_timeout(MILLISECONDS)
    return page


@pytest.fixture
def page(browser: Browser, house: House) -> Iterator[Page]:
    page = seated(browser, house, HOME)
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    yield page
    page.context.close()
    assert faults == []


def test_what_is_ticked_shows_the_numbers_that_it_would_get(page: Page, house: House) -> None:
    page.goto(f"{house.address}/compile")
    rows = page.locator("tr[data-row]")
    expect(rows).to_have_count(4)
    expect(page.locator("section", has_text="由其他单位组卷")).to_contain_text(
        "由沙圪堵镇派出所组卷"
    )
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(rows.nth(0).locator("[data-code-of]")).to_have_text(f"{SHORT}1")
    for _ in range(2):
        page.keyboard.press("j")
    page.keyboard.press("Shift+X")
    expect(page.locator("#ticked")).to_have_text("已勾 3 件")
    expect(rows.nth(2).locator("[data-code-of]")).to_have_text(f"{SHORT}3")
    rows.nth(0).get_by_role("checkbox").uncheck()
    expect(rows.nth(0).locator("[data-code-of]")).to_have_text("不勾则不赋")
    expect(rows.nth(1).locator("[data-code-of]")).to_have_text(f"{SHORT}1")
    page.locator("select[name=period]").select_option("2026-10")
    page.wait_for_url("**period=2026-10*")
    expect(rows).to_have_count(2)
    expect(page.locator(".months")).to_contain_text("未归")
    assert house.codes() == {}


def test_one_case_is_numbered_only_after_its_count_is_typed(page: Page, house: House) -> None:
    page.goto(f"{house.address}/compile")
    row = page.locator("tr[data-row]").nth(2)
    row.hover()
    row.get_by_role("button", name="只组").click()
    plan = page.locator("#plan")
    expect(plan).to_contain_text("将赋予 1 个档号")
    expect(plan).to_contain_text("不可撤销")
    plan.locator("input[name=count]").fill("2")
    plan.get_by_role("button", name="赋予 1 个档号并组卷").click()
    expect(plan.get_by_role("alert")).to_contain_text("册数不符，未作任何更改")
    assert house.codes() == {}
    plan.locator("input[name=count]").fill("１")
    plan.get_by_role("button", name="赋予 1 个档号并组卷").click()
    page.wait_for_url("**/jobs")
    assert list(house.codes().values()) == [FIRST]


def test_of_two_people_the_second_is_told_what_changed_and_confirms_anew(
    browser: Browser, page: Page, house: House
) -> None:
    page.goto(f"{house.address}/compile")
    page.locator("input[name=all]").check()
    expect(page.locator("#plan")).to_contain_text("将赋予 3 个档号")
    expect(page.locator("#plan")).to_contain_text("补归")
    above = seated(browser, house, DISTRICT)
    above.goto(f"{house.address}/compile")
    above.locator("tr[data-row]").nth(0).get_by_role("checkbox").check()
    above.locator("input[name=count]").fill("1")
    above.get_by_role("button", name="赋予 1 个档号并组卷").click()
    above.wait_for_url("**/jobs")
    above.context.close()
    page.locator("input[name=count]").fill("3")
    page.get_by_role("button", name="赋予 3 个档号并组卷").click()
    plan = page.locator("#plan")
    expect(plan.get_by_role("alert")).to_contain_text("已不在待组卷之列")
    expect(plan).to_contain_text("将赋予 2 个档号")
    assert len(house.codes()) == 2
    plan.locator("input[name=count]").fill("2")
    plan.get_by_role("button", name="赋予 2 个档号并组卷").click()
    page.wait_for_url("**/jobs")
    assert sorted(house.codes().values()) == [f"{FIRST[:-1]}{number}" for number in range(1, 5)]
    page.goto(f"{house.address}/compile/periods?period=2026-09")
    expect(page.locator("tbody tr")).to_contain_text("派出所")


GATHERING = f"{HOME}-20260901-000901"


def close_gathering(house: House) -> None:
    """The population system tells that a case is closed; some of its materials are here."""
    facts = sound_case(GATHERING)
    for material in facts["materials"]:
        material.pop("files", None)
    facts["applicant"]["name"] = facts["subjects"][0]["name"] = "敖某"
    now = datetime.now(UTC)
    with writing(house.runtime.engine) as session:
        arrival = record_arrival(
            session,
            "t",
            source="forms",
            system="人口",
            notice="closed",
            sha256="0" * 64,
            size=1,
            outcome="TAKEN",
            at=now,
        )
        close_case(session, arrival, facts, at=now)
        piece = GatheredPiece(GATHERING, 4, (GatheredFile("0" * 64, "jpg"),), {})
        add_piece(session, arrival, piece, at=now)


def scan(house: House, *files: tuple[str, bytes]) -> None:
    """Files that a window scanned in this order, and that say nothing of where they belong."""
    how = Capturing("前台一号", "060123", 300, datetime.now(UTC))
    runtime = house.runtime
    with writing(runtime.engine) as session:
        rows = announce(
            session,
            "window",
            HOME,
            [NewFile(name, len(data), sha256(data).hexdigest()) for name, data in files],
            how,
            at=datetime.now(UTC),
            quota=1 << 40,
        )
    for row, (_, data) in zip(rows, files, strict=True):
        store_part(runtime.store, row.id, 0, data)
        complete_capture(
            runtime.engine,
            runtime.store,
            runtime.organisations,
            "window",
            HOME,
            row.id,
            scanner=NO_SCANNER,
        )


def placed(house: House) -> list[tuple[int, int]]:
    """Number and count of files of each material that was gathered from scans."""
    with reading(house.runtime.engine) as session:
        rows = session.scalars(select(GatheredMaterial).filter_by(case_no=GATHERING))
        return sorted((row.no, len(row.files)) for row in rows if row.no != 4)


def test_pages_are_found_a_case_by_surname_and_dropped_where_it_lacks_them(
    page: Page, house: House
) -> None:
    close_gathering(house)
    scan(house, ("3.jpg", scanned_page(3)), ("2.jpg", scanned_page(2)), ("1.jpg", scanned_page(1)))
    page.goto(f"{house.address}/collecting")
    page.get_by_role("link", name="按页归入").click()
    leaves = page.locator(".thumb")
    expect(leaves).to_have_count(3)
    page.locator("input[name=words]").fill("敖")
    page.get_by_role("button", name="查找").click()
    assert "敖" not in page.url
    page.get_by_role("link", name="敖*").click()
    page.wait_for_url(f"**case={GATHERING}")
    target = page.get_by_role("button", name="缺 6 非婚生育说明")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("Shift+X")
    expect(page.locator("#ticked")).to_have_text("已选 2 页")
    leaves.nth(1).drag_to(target)
    expect(leaves).to_have_count(1)
    assert placed(house) == [(6, 2)]
    expect(target).to_have_count(0)


def test_what_was_placed_wrongly_is_taken_back_and_placed_anew(page: Page, house: House) -> None:
    page.goto(f"{house.address}/collecting/pool?case={GATHERING}")
    page.get_by_role("button", name=f"撤回 非婚生育说明 {GATHERING}").click()
    expect(page.locator(".thumb")).to_have_count(3)
    assert placed(house) == []
    page.locator(".thumb input").nth(2).check()
    page.get_by_role("button", name="缺 6 非婚生育说明").click()
    expect(page.locator(".thumb")).to_have_count(2)
    assert placed(house) == [(6, 1)]


def test_an_unknown_number_is_asked_about_and_the_pages_stay_selected(
    page: Page, house: House
) -> None:
    page.goto(f"{house.address}/collecting/pool")
    page.locator(".thumb input").nth(0).check()
    page.locator("#other-case").fill(GATHERING.replace("000901", "000910"))
    page.locator("input[name=no]").last.fill("6")
    page.locator("input[name=type]").last.fill("非婚生育说明")
    page.get_by_role("button", name="归入", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("编号可能写错")
    expect(page.locator(".thumb input").nth(0)).to_be_checked()
    assert page.locator(".thumb").count() == 2
    page.get_by_role("button", name="编号无误，等待办结").click()
    expect(page.locator(".thumb")).to_have_count(1)


def test_the_code_of_a_receipt_places_the_pages_after_it(page: Page, house: House) -> None:
    page.goto(f"{house.address}/collecting/pool?case={GATHERING}")
    page.get_by_role("button", name=f"撤回 非婚生育说明 {GATHERING}", exact=True).click()
    expect(page.get_by_role("button", name="缺 6 非婚生育说明")).to_be_visible()
    receipt = _sheet(f"https://hj.example/{GATHERING}")[1]
    scan(house, ("batch.pdf", _pdf([receipt, scanned_page(21), scanned_page(22)])))
    page.reload()
    suggested = page.locator(".suggestion")
    expect(suggested).to_contain_text("2 页归入 6 非婚生育说明")
    suggested.get_by_role("button", name="照此归入").click()
    expect(page.locator(".suggestion")).to_have_count(0)
    assert placed(house) == [(6, 1)]
    expect(page.locator("section", has_text="刚归入的")).to_contain_text("封面，不归入")
