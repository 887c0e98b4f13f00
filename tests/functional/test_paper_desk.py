"""The paper room in a real Chromium: scanned into boxes, counted, lent, with the network going."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import segno
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import select

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
from archive.database.engine import reading, writing
from archive.database.tables_paper import PaperItem, PaperLoan, PaperScan, PaperStocktake
from archive.paper.codes import PaperCodeKind, paper_code
from archive.reference.vocabulary import LoginKind
from tests.support.browser import MILLISECONDS, ROOT, served
from tests.support.paper import CITY, PaperRoom, furnish, keeper

pytestmark = pytest.mark.skipif(
    not (ROOT / "node_modules/htmx.org").is_dir() and not os.environ.get("CI"),
    reason="front-end packages are missing: make setup",
)
STATION = "150623010000"
SYSTEM = Reader("sysadmin", Role.SYSTEM_ADMIN, CITY)
SECURITY = Reader("secadmin", Role.SECURITY_ADMIN, CITY)
BOX, PLACE, ITEM = PaperCodeKind.BOX, PaperCodeKind.PLACE, PaperCodeKind.ITEM


@dataclass(frozen=True)
class House:
    """The served paper room, and the cookie of each role of its station."""

    address: str
    runtime: Runtime
    room: PaperRoom
    cookies: dict[Role, str]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    data = tmp_path_factory.mktemp("paper") / "var"
    runtime = start(Settings(data=data))
    owner = keeper(org=STATION, organisations=runtime.organisations)
    room = furnish(runtime.engine, owner, items=24, boxes=3, shelves=2, waiting=3)
    cookies = {}
    with writing(runtime.engine) as session:
        for role in (Role.ARCHIVIST, Role.OFFICER, Role.CHIEF):
            login = role.value.lower()
            new = NewAccount(login, AccountKind.PERSON, role.label, STATION, role)
            propose_account(session, SYSTEM, new, runtime.organisations)
            account = approve_account(session, SECURITY, login)
            account.must_change = False
            cookies[role] = open_login(session, account, LoginKind.WEB)
    with served(data) as address:
        yield House(address, runtime, room, cookies)


def seated(browser: Browser, house: House, role: Role) -> Page:
    context = browser.new_context(locale="zh-CN", viewport={"width": 1366, "height": 768})
    context.add_cookies([{"name": "yice_desk", "value": house.cookies[role], "url": house.address}])
    page = context.new_page()
    page.set_default_timeout(MILLISECONDS)
    return page


@pytest.fixture
def page(browser: Browser, house: House) -> Iterator[Page]:
    page = seated(browser, house, Role.ARCHIVIST)
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    yield page
    page.context.close()
    assert faults == []


def scan(page: Page, *codes: str) -> None:
    """What a scanner types, each code ended by Enter."""
    for code in codes:
        page.keyboard.type(code)
        page.keyboard.press("Enter")


def settled(page: Page, count: int) -> None:
    expect(page.locator("[data-scan]")).to_have_attribute("data-answered", str(count))


def test_covers_are_scanned_into_a_box(page: Page, house: House) -> None:
    page.goto(f"{house.address}/paper")
    expect(page.locator("#scan-code")).to_be_focused()
    waiting = page.locator("section", has_text="待登记").locator("tbody td.code a")
    expect(waiting).to_have_count(3)
    scan(page, paper_code(BOX, house.room.boxes[0]), "J623-ZY.HJ.CS.2026.Y-000025", "123")
    settled(page, 3)
    expect(page.locator("[data-verdict]")).to_contain_text("条码不能用")
    expect(waiting).to_have_count(2)
    row = page.locator("tr", has_text="000026")
    row.locator("input[name=pages]").fill("5")
    row.locator("select[name=box]").select_option(str(house.room.boxes[1]))
    row.get_by_role("button", name="登记", exact=True).click()
    expect(page.locator("#differences")).to_contain_text("纸质多于电子")
    page.goto(f"{house.address}/checks")
    page.locator(".notice", has_text="纸质与电子不符 1 处").get_by_role("link").click()
    difference = page.locator("#differences tr", has_text="000026")
    difference.locator("input[name=reason]").fill("附页两张，已注明")
    difference.get_by_role("button", name="记下").click()
    expect(page.locator("#differences")).to_contain_text("纸质与电子相符")
    with reading(house.runtime.engine) as session:
        assert len(session.scalars(select(PaperItem)).all()) == 26


def test_every_scan_arrives_in_order_while_the_network_goes(page: Page, house: House) -> None:
    page.goto(f"{house.address}/paper/stocktakes")
    page.locator("select[name=place]").select_option(str(house.room.room))
    page.get_by_role("button", name="冻结清单，开始盘点").click()
    expect(page.locator("#scan-code")).to_be_focused()
    codes = [paper_code(PLACE, house.room.shelves[0]), paper_code(BOX, house.room.boxes[0])]
    codes += [paper_code(ITEM, item) for item in house.room.items[::3]]
    codes += [paper_code(ITEM, 9999), "23000000000000"]
    scan(page, *codes[:4])
    settled(page, 4)

    def away(route: Route) -> None:
        route.abort("internetdisconnected")

    page.route("**/paper/scans", away)
    scan(page, *codes[4:6])
    # An input method that is open composes the digits, and its own Enter ends the composition.
    page.evaluate(
        """code => {
          const input = document.querySelector('#scan-code');
          input.dispatchEvent(new CompositionEvent('compositionstart', {bubbles: true}));
          input.value = code;
          input.dispatchEvent(new InputEvent('input', {bubbles: true, isComposing: true}));
          input.dispatchEvent(new KeyboardEvent(
            'keydown', {key: 'Enter', isComposing: true, bubbles: true}));
          input.dispatchEvent(new CompositionEvent('compositionend', {bubbles: true}));
        }""",
        codes[6],
    )
    expect(page.locator("[data-queue]")).to_contain_text("3 次待送达")
    expect(page.locator("[data-ready]")).to_contain_text("网断")
    page.reload()
    expect(page.locator("[data-queue]")).to_contain_text("3 次待送达")
    scan(page, *codes[7:])
    page.unroute("**/paper/scans", away)
    expect(page.locator("[data-queue]")).to_have_text("全部送达")
    with reading(house.runtime.engine) as session:
        stocktake = session.scalars(select(PaperStocktake)).one()
        rows = session.scalars(
            select(PaperScan).filter_by(stocktake_id=stocktake.id).order_by(PaperScan.id)
        ).all()
    assert [row.code for row in rows] == [*codes[:-1], None]
    assert [row.seq for row in rows] == list(range(1, len(codes) + 1))
    assert [row.verdict for row in rows[-3:]] == ["PRESENT", "UNREGISTERED", "REFUSED"]
    expect(page.locator("#live")).to_contain_text("未登记")
    page.locator(".title button").click()
    expect(page.locator("#live")).to_contain_text("盘点结果")
    expect(page.locator(".title button")).to_have_count(0)
    # Read whole: of a body that nobody reads Chromium never says that it is complete.
    begins = page.evaluate(
        """async () => {
          const answer = await fetch(document.querySelector('.notice a').href);
          return (await answer.text()).slice(0, 4);
        }"""
    )
    assert begins == "%PDF"


def test_paper_is_asked_for_approved_lent_and_taken_back(
    browser: Browser, page: Page, house: House
) -> None:
    item = house.room.items[1]
    page.goto(f"{house.address}/paper/loans")
    form = page.locator("form.fields")
    for name, value in {
        "code": paper_code(ITEM, item),
        "name": "测某某",
        "papers": "警官证",
        "number": "060101",
        "unit": "交通派出所",
        "purpose": "核对",
        "basis": "东公〔2026〕1号",
    }.items():
        form.locator(f"input[name={name}]").fill(value)
    form.get_by_role("button", name="提交审批").click()
    expect(page.locator("#waiting")).to_contain_text("0 / 1 人")
    assert "测某某" not in page.content()
    chief = seated(browser, house, Role.CHIEF)
    chief.goto(f"{house.address}/paper/loans")
    expect(chief.locator("[data-scan]")).to_have_count(0)
    chief.locator("#waiting input[name=reason]").fill("同意")
    chief.locator("#waiting button[value=approve]").click()
    expect(chief.locator("#waiting")).to_contain_text("已批准待取")
    chief.context.close()
    page.goto(f"{house.address}/paper/loans?flow=LEND")
    scan(page, paper_code(ITEM, item))
    expect(page.locator("[data-verdict]")).to_contain_text("已借出")
    page.goto(f"{house.address}/paper/loans")
    scan(page, paper_code(ITEM, item))
    expect(page.locator("[data-verdict]")).to_contain_text("已归还")
    with reading(house.runtime.engine) as session:
        assert session.scalars(select(PaperLoan)).one().state == "RETURNED"


def test_half_a_code_waits_for_the_other_half(page: Page, house: House) -> None:
    page.goto(f"{house.address}/paper/places")
    code = paper_code(PLACE, house.room.shelves[0])
    page.keyboard.type(code[:10])
    page.wait_for_timeout(200)  # longer than the silence that ends a whole code
    page.keyboard.type(code[10:])
    expect(page.locator("[data-verdict]")).to_contain_text("第1层")
    settled(page, 1)


CAMERA = """rows => {
  const canvas = document.createElement('canvas');
  const size = 8;
  canvas.width = canvas.height = (rows.length + 8) * size;
  const pen = canvas.getContext('2d');
  const draw = () => {
    pen.fillStyle = 'white';
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.fillStyle = 'black';
    rows.forEach((row, y) => row.forEach((dark, x) =>
      dark && pen.fillRect((x + 4) * size, (y + 4) * size, size, size)));
  };
  setInterval(draw, 50);
  navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(20);
}"""


def test_a_telephone_reads_a_label_with_its_camera(page: Page, house: House) -> None:
    page.goto(f"{house.address}/paper/places")
    label = segno.make(paper_code(PLACE, house.room.shelves[1]), micro=False)
    page.evaluate(CAMERA, [[bool(module) for module in row] for row in label.matrix])
    page.get_by_role("button", name="用手机摄像头扫").click()
    expect(page.locator("[data-verdict]")).to_contain_text("第2层")
    settled(page, 1)
    page.get_by_role("button", name="关闭摄像头").click()
    expect(page.locator("[data-video]")).to_be_hidden()


PAGES = ("", "/places", "/boxes", "/boxes/1", "/loans", "/stocktakes", "/handovers", "/registers")


@pytest.mark.parametrize("address", PAGES)
def test_each_page_has_no_fault_that_axe_finds(page: Page, house: House, address: str) -> None:
    page.goto(f"{house.address}/paper{address}")
    page.evaluate((ROOT / "node_modules/axe-core/axe.min.js").read_text("utf-8"))
    violations = page.evaluate("async () => (await axe.run()).violations.map(one => one.id)")
    assert violations == []


def test_shelves_are_drawn_and_hand_overs_listed(page: Page, house: House) -> None:
    page.goto(f"{house.address}/paper/places")
    for name in ("库1", "第1列", "第1节"):
        page.locator("#live").get_by_role("link", name=name).click()
        expect(page.locator(".crumbs")).to_contain_text(name)
    expect(page.locator(".shelf rect.in")).to_have_count(3)
    page.goto(f"{house.address}/paper/handovers")
    page.locator("select[name=to]").select_option("150623020000")
    page.locator("input[name=reason]").fill("集中保管")
    page.get_by_role("button", name="立单，开始清点").click()
    expect(page.locator("h1")).to_contain_text("交接 JJ")
    expect(page.locator("#scan-code")).to_be_focused()
    scan(page, paper_code(BOX, house.room.boxes[2]))
    expect(page.locator("[data-verdict]")).to_contain_text("整盒移出")
    expect(page.locator("#live")).to_contain_text("整盒")
