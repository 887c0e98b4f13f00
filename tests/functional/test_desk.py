"""The archivist's desk in a real Chromium, against a real server, worker, index and store.

One small city serves all stories, told in order.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from api.demo.accounts import DemoAccount, make_demo_accounts
from api.demo.build import write_case
from api.demo.run import write_login_accounts
from api.jobs.acts import ingest_paths
from api.jobs.batch import reserve, void_number
from api.jobs.progress import NoProgress
from api.runtime.bootstrap import Runtime, start
from api.runtime.settings import Settings
from archive.arrangement.choice import Choice
from archive.database.engine import reading
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case, Component
from archive.database.tables_volumes import Volume
from archive.reference.objects import blob_key
from tests.resources import images
from tests.support.browser import MILLISECONDS, ROOT, compile_all, served
from tests.support.factories import make_bag, sound_case
from tests.support.filing import FILER

pytestmark = pytest.mark.skipif(
    not (ROOT / "node_modules/htmx.org").is_dir() and not os.environ.get("CI"),
    reason="front-end packages are missing: make setup",
)

READ, LOST, FOREIGN = (
    "150602140000-20260316-000014",
    "150602150000-20260710-000021",
    "150622020000-20261016-000022",
)
WINDOW = {"在办", "授权与用章", "流程"}
AT_WINDOW = {"demo-officer", "demo-auxiliary", "demo-chief", "demo-district", "demo-city"}
PAPER = {"纸质登记", "库房", "盒", "借阅", "盘点", "交接", "登记簿"}
MORNINGS = {
    "demo-officer": {
        "待办",
        "工作台",
        "归集池",
        "检索",
        "册",
        "卷目",
        "全域通办卷",
        "利用申请",
        "统计",
    },
    "demo-auxiliary": {"待办", "工作台", "归集池", "检索", "册", "卷目", "全域通办卷", "统计"},
    "demo-archivist": {
        "待办",
        "工作台",
        "归集池",
        "核对",
        "组卷",
        "任务",
        "检索",
        "册",
        "卷目",
        "全域通办卷",
        "打印中心",
        "利用申请",
        "查询登记",
        "统计",
    },
    "demo-chief": {
        "待办",
        "工作台",
        "检索",
        "册",
        "卷目",
        "全域通办卷",
        "打印中心",
        "利用申请",
        "审批",
        "查询登记",
        "统计",
    },
    "demo-district": {
        "待办",
        "工作台",
        "检索",
        "册",
        "卷目",
        "全域通办卷",
        "打印中心",
        "利用申请",
        "审批",
        "查询登记",
        "统计",
    },
    "demo-city": {
        "待办",
        "工作台",
        "检索",
        "册",
        "卷目",
        "全域通办卷",
        "打印中心",
        "利用申请",
        "审批",
        "查询登记",
        "统计",
    },
    "sysadmin": {"待办", "工作台", "账号与三员", "运行状态", "机构", "事项", "保管期限", "设置"},
    "secadmin": {"待办", "工作台", "账号与三员", "当日查阅", "审计日志"},
    "auditor": {"待办", "工作台", "账号与三员", "审计日志"},
}
PLACES = {
    "归集池": "/collecting",
    "核对": "/checks",
    "组卷": "/compile",
    "任务": "/jobs",
    "检索": "/search",
    "册": "/volumes",
    "卷目": "/series",
    "全域通办卷": "/citywide",
    "打印中心": "/print",
    "利用申请": "/usage",
    "审批": "/approvals",
    "查询登记": "/uses",
    "统计": "/statistics",
    "账号与三员": "/system/accounts",
    "当日查阅": "/system/daily",
    "机构": "/system/organisations",
    "事项": "/system/items",
    "保管期限": "/system/retention",
    "运行状态": "/system/status",
    "设置": "/system/settings",
    "审计日志": "/journal",
    "纸质登记": "/paper",
    "库房": "/paper/places",
    "盒": "/paper/boxes",
    "借阅": "/paper/loans",
    "盘点": "/paper/stocktakes",
    "交接": "/paper/handovers",
    "登记簿": "/paper/registers",
    "在办": "/window",
    "授权与用章": "/window/grants",
    "流程": "/window/flow",
}


@dataclass(frozen=True)
class City:
    """The served city and its accounts."""

    address: str
    runtime: Runtime
    accounts: dict[str, DemoAccount]

    @contextmanager
    def client(self, login: str) -> Iterator[httpx.Client]:
        """An HTTP client that is logged in: for what a browser would never send."""
        with httpx.Client(base_url=self.address, timeout=120) as client:
            answer = client.post(
                "/login", data={"login": login, "secret": self.accounts[login].secret}
            )
            assert answer.status_code == 303
            yield client

    def code_of(self, case_no: str) -> str:
        with reading(self.runtime.engine) as session:
            return (
                session.query(Volume.code)
                .join(Case, Case.id == Volume.case_id)
                .filter(Case.case_no == case_no)
                .scalar()
                or ""
            )


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    data: Path = tmp_path_factory.mktemp("desk")
    runtime = start(Settings(data=data, workers=1))
    (data / "bags").mkdir()
    for index in (9, 14, 21, 22):
        write_case(data / "bags", 1, index)
    for number in (901, 902):
        case = sound_case(f"150602010000-20260901-000{number}")
        make_bag(
            data / "bags" / f"waits-{number}",
            case=case,
            files={"materials/006.jpg": images.blank_jpeg()},
        )
    ingest_paths(runtime, "cli:test", [data / "bags"], NoProgress())
    accounts = make_demo_accounts(runtime)
    write_login_accounts(runtime, accounts)
    with served(data) as address:
        yield City(address, runtime, {account.login: account for account in accounts})


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 1366, "height": 768}, locale="zh-CN", color_scheme="light"
    )
    page = context.new_page()
    page.set_default_timeout(MILLISECONDS)
    strange: list[str] = []
    page.on(
        "console",
        lambda message: (
            strange.append(message.text) if "Content Security Policy" in message.text else None
        ),
    )
    page.on(
        "request",
        lambda request: (
            strange.append(request.url) if not request.url.startswith("http://127.0.0.1:") else None
        ),
    )
    page.on("pageerror", lambda error: strange.append(str(error)))
    yield page
    context.close()
    assert strange == []  # no other host was asked, no policy broken, no script failed


def enter(page: Page, city: City, login: str) -> None:
    page.goto(f"{city.address}/login")
    page.get_by_label("用户名").fill(login)
    page.get_by_label("口令").fill(city.accounts[login].secret)
    page.get_by_role("button", name="登录", exact=True).click()
    page.wait_for_url(f"{city.address}/")


def drawn(page: Page, image: str, width: int) -> None:
    """Wait until an image is there, at least this wide.

    It is asked from here, because the page's policy lets no text become script.
    """
    for _ in range(1200):
        if page.evaluate("(one) => document.querySelector(one)?.naturalWidth ?? 0", image) > width:
            return
        time.sleep(0.1)
    raise AssertionError(f"{image} was not drawn")


def tick_all(page: Page) -> None:
    """Tick all by key: what was not seen yet is laid on the table first, then ticked."""
    left = page.locator("#check input:not(:checked)[type=checkbox]:not([form])")
    for _ in range(240):
        if left.count() == 0:
            return
        page.keyboard.press("x")
        page.wait_for_timeout(150)
    raise AssertionError(page.locator("#open").inner_text())


def test_an_archivist_checks_what_waits_by_keyboard_alone(city: City, page: Page) -> None:
    enter(page, city, "demo-district-archivist")
    page.get_by_label("待办").get_by_role("link", name="2 待核对").click()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="非婚生育子女随母出生登记")).to_be_visible()
    first = page.url
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#at")).to_have_text("3 / 3")  # the page in question lies open
    page.keyboard.press("k")
    expect(page.locator("#at")).to_have_text("2 / 3")
    tick_all(page)
    page.keyboard.press("c")
    page.keyboard.type("与原件核对，确为空白")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(
        lambda url: url != first and "/checks/" in url
    )  # the next case lies there at once
    expect(page.locator("#at")).to_have_text("3 / 3")
    page.get_by_label("确认的理由").fill("同上")
    page.get_by_role("button", name="确认").click()
    assert (
        page.locator("#check").evaluate("(form) => form.checkValidity()") is False
    )  # not before each is ticked
    page.locator("#pages").focus()
    tick_all(page)
    page.get_by_role("button", name="确认").click()
    expect(page.get_by_text("没有待核对的办件")).to_be_visible()
    with reading(city.runtime.engine) as session:
        done = session.query(JournalEntry).filter_by(act="CONFIRM").all()
        looks = (
            session.query(JournalEntry)
            .filter_by(act="CHECK_LOOK", actor="demo-district-archivist")
            .count()
        )
    assert [entry.actor for entry in done] == ["demo-district-archivist"] * 2
    assert looks == 2


def test_a_bulk_compile_shows_its_progress_and_a_failed_one_is_retried(
    city: City, page: Page
) -> None:
    lost = _take_an_original_away(city)
    enter(page, city, "demo-district-archivist")
    page.goto(f"{city.address}/compile")
    compile_all(page, 4)
    # Nothing is loaded again by hand: the page itself asks.
    expect(page.get_by_text("3 / 4 册，失败 1")).to_be_visible(timeout=600_000)
    expect(page.locator(".tag.bad").last).to_be_visible()
    assert city.code_of(LOST) in page.content()
    lost.rename(lost.with_name(lost.name.removesuffix(".away")))
    page.get_by_role("button", name=f"重试 {city.code_of(LOST)}").click()
    expect(page.get_by_text("4 / 4 册", exact=True)).to_be_visible(timeout=600_000)
    assert city.code_of(FOREIGN) == ""  # another district's case was left alone


def _take_an_original_away(city: City) -> Path:
    with reading(city.runtime.engine) as session:
        row = (
            session.query(Component)
            .join(Case, Case.id == Component.case_id)
            .filter(Case.case_no == LOST)
            .first()
        )
    assert row is not None
    kept = next(
        path
        for path in (city.runtime.settings.data / "store").rglob(f"*{row.sha256}*")
        if blob_key(row.sha256) in path.as_posix()
    )
    return kept.rename(kept.with_name(kept.name + ".away"))


def test_a_volume_is_read_with_its_seal_its_originals_and_its_trace(city: City, page: Page) -> None:
    enter(page, city, "demo-district-archivist")
    code = city.code_of(READ)
    page.goto(f"{city.address}/volumes/{code}")
    expect(page.get_by_text("签后无任何改动")).to_be_visible()
    page.get_by_role("button", name="档案管理").click()
    page.locator(".toc a").nth(3).click()
    expect(page.locator("#at")).not_to_have_text(re.compile("^1 /"))
    shown = page.locator(".toc a").nth(3).get_attribute("data-page")
    drawn(page, f"#p{shown} img", 1000)
    page.get_by_role("button", name="放大").click()
    expect(page.locator("#zoom")).to_have_text("125%")
    page.get_by_role("button", name="旋转").click()
    expect(page.locator(f"#p{shown}")).to_have_class(re.compile("r90"))
    page.get_by_role("button", name="对照原件").first.click()
    drawn(page, "#compare img", 300)
    page.keyboard.press("Escape")
    expect(page.locator("#compare")).to_be_hidden()
    page.reload()
    expect(page.get_by_text("演示档案员 对照原件")).to_be_visible()


def test_words_are_found_inside_a_volume_and_marked_on_its_pages_by_keyboard(
    city: City, page: Page
) -> None:
    enter(page, city, "demo-district-archivist")
    code = city.code_of(READ)
    address = f"{city.address}/volumes/{code}"
    page.goto(address)
    if page.get_by_role("button", name="核查比对").count():  # asked once a day
        page.get_by_role("button", name="核查比对").click()
    page.keyboard.press("f")
    page.keyboard.type("华侨回国 落户")
    page.keyboard.press("Enter")
    expect(page.locator(".places [aria-current]")).to_contain_text("华侨回国")
    count = page.locator(".places li").count()
    assert count > 2
    assert page.locator(".marks rect").count() >= count
    mark = page.locator(".marks rect.now").first
    on = page.locator(".places [aria-current]").get_attribute("data-on")
    assert page.locator(f"#p{on} .marks rect.now").count() > 0
    expect(mark).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#nth")).to_have_text("2")
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Escape")  # out of the box: now one letter goes on
    page.keyboard.press("Shift+n")
    expect(page.locator("#nth")).to_have_text(str(count))
    page.keyboard.press("n")
    expect(page.locator("#nth")).to_have_text("1")
    with reading(city.runtime.engine) as session:
        name = session.query(Case).filter(Case.case_no == READ).one().facts["applicant"]["name"]
    page.locator("#within").fill(name)
    page.locator("#within").press("Enter")
    expect(page.locator(".places mark").first).to_contain_text("*")
    assert name not in page.locator("#inside").inner_text()
    page.evaluate((ROOT / "node_modules/axe-core/axe.min.js").read_text("utf-8"))
    assert page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"] == []
    page.locator("#within").fill("没有这样的字句")
    page.locator("#within").press("Enter")
    expect(page.get_by_text("本册中没有找到")).to_be_visible()
    assert page.locator(".marks").count() == 0
    assert unquote(page.url) == address
    with reading(city.runtime.engine) as session:
        looks = session.query(JournalEntry).filter(JournalEntry.act == "FIND_INSIDE").all()
    assert {look.subject for look in looks} == {code}
    assert not any(word in look.detail for look in looks for word in ("华侨", name))


def test_what_was_archived_is_found_masked_and_what_is_foreign_is_not(
    city: City, page: Page
) -> None:
    enter(page, city, "demo-district-archivist")
    for _ in range(360):
        page.goto(city.address)
        page.keyboard.press("/")
        page.keyboard.type("华侨回国")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search/*")
        if page.locator(".hit").count():
            break
        time.sleep(0.5)  # the index follows within seconds
    expect(page.locator(".hit").first).to_contain_text(city.code_of(READ))
    expect(page.locator(".hit mark").first).to_have_text("华侨回国")
    assert "华侨" not in page.url
    assert re.search(r"\S\*", page.locator(".hit h3").first.inner_text())
    # An ID number is not in the index: the rows say which volumes name it.
    with reading(city.runtime.engine) as session:
        number = (
            session.query(Case).filter(Case.case_no == READ).one().facts["applicant"]["id_number"]
        )
    page.locator("#find").fill(number)
    page.locator("#find").press("Enter")
    expect(page.locator(".hit").first).to_contain_text(city.code_of(READ))
    assert number not in page.url
    enter(page, city, "demo-officer-other")
    page.locator("#find").fill("华侨回国")
    page.locator("#find").press("Enter")
    expect(page.get_by_text("没有找到")).to_be_visible()


def test_the_enter_that_ends_a_composition_never_submits(city: City, page: Page) -> None:
    enter(page, city, "demo-officer")
    page.locator("#find").focus()
    chosen = """({composing}) => document.getElementById('find').dispatchEvent(
        new KeyboardEvent('keydown', {
            key: 'Enter', isComposing: composing, bubbles: true, cancelable: true
        }))"""
    assert page.evaluate(chosen, {"composing": True}) is False  # kept from the form
    assert page.evaluate(chosen, {"composing": False}) is True
    assert page.url == f"{city.address}/"


@pytest.mark.parametrize("login", MORNINGS)
def test_each_role_is_shown_what_is_his_and_refused_the_rest(
    city: City, page: Page, login: str
) -> None:
    enter(page, city, login)
    links = {link.strip() for link in page.locator(".menu li a").all_inner_texts()}
    paper = PAPER if login.startswith("demo-") else set()
    assert links == MORNINGS[login] | paper | (WINDOW if login in AT_WINDOW else set())
    with city.client(login) as client:
        answers = {name: client.get(address).status_code for name, address in PLACES.items()}
    assert answers == {name: 200 if name in links else 403 for name in PLACES}


def _token(client: httpx.Client) -> str:
    field = re.search(r'name="csrf"\s+value="(\w+)"', client.get("/").text)
    assert field
    return field[1]


def test_forced_requests_are_refused(city: City) -> None:
    code, waiting = city.code_of(READ), "150602010000-20260901-000901"
    with (
        city.client("demo-district-archivist") as district,
        city.client("demo-officer-other") as other,
    ):
        purpose = {"csrf": _token(district), "purpose": "ARCHIVE"}
        assert district.post(f"/volumes/{code}/purpose", data=purpose).status_code == 303
        look = re.search(r"pages/1\.jpg\?look=(\d+)", district.get(f"/volumes/{code}").text)
        assert look
        image = f"/volumes/{code}/v1/pages/1.jpg?look={look[1]}"
        assert district.get(image).headers["content-type"] == "image/jpeg"
        assert (
            district.get(image.replace(look[1], "1")).status_code == 404
        )  # a look at something else
        assert other.get(image).status_code == 404
        report = district.get(f"/volumes/{code}/inspection.pdf")
        assert (
            report.headers["content-type"],
            report.headers["cache-control"],
            report.content[:5],
        ) == (
            "application/pdf",
            "no-store",
            b"%PDF-",
        )
        assert other.get(f"/volumes/{code}/inspection.pdf").status_code == 404
        sought = {"csrf": _token(other), "look": look[1], "q": "华侨"}
        assert other.post(f"/volumes/{code}/v1/find", data=sought).status_code == 404
        assert (
            district.post(f"/volumes/{code}/v1/find", data=sought).status_code == 409
        )  # the token of another login
        assert (
            district.post(
                f"/volumes/{code}/v1/find", data={**sought, "csrf": _token(district), "look": "1"}
            ).status_code
            == 404
        )
        foreign, missing = (
            other.get(f"/volumes/{code}"),
            other.get("/volumes/J602-ZY·HJ·QR·2026·Y-999999"),
        )
        assert (foreign.status_code, foreign.text) == (
            404,
            missing.text.replace("J602-ZY·HJ·QR·2026·Y-999999", code),
        )
        csrf = re.search(r'name="csrf"\s+value="(\w+)"', district.get("/").text)
        assert csrf
        assert district.post("/compile", data={"count": "1"}).status_code == 409  # no token
        assert (
            district.post(
                "/jobs/retry",
                data={"csrf": csrf[1], "job": "all"},
                headers={"Sec-Fetch-Site": "cross-site"},
            ).status_code
            == 409
        )
    with city.client("demo-auxiliary") as auxiliary:
        token = re.search(r'name="csrf"\s+value="(\w+)"', auxiliary.get("/").text)
        assert token
        for address in ("/compile", "/jobs/retry", f"/checks/{waiting}", "/journal/verify"):
            assert (
                auxiliary.post(
                    address, data={"csrf": token[1], "reason": "硬来", "count": "1"}
                ).status_code
                == 403
            )


def test_a_restricted_volume_shows_no_page_without_a_grant(city: City, page: Page) -> None:
    enter(page, city, "demo-district-archivist")
    page.goto(f"{city.address}/volumes/{city.code_of('150602010000-20260901-000901')}")
    expect(page.get_by_text("此操作须有批准的利用单")).to_be_visible()
    expect(page.locator(".leaf")).to_have_count(0)


def test_a_gap_in_the_numbers_is_explained_on_the_register(city: City) -> None:
    case = sound_case("150602010000-20260902-000903")
    make_bag(city.runtime.settings.data / "late" / "one", case=case)
    ingest_paths(city.runtime, "cli:test", [city.runtime.settings.data / "late"], NoProgress())
    reserve(city.runtime, FILER, Choice(frozenset({case["case_no"]})))
    code = city.code_of(case["case_no"])
    void_number(city.runtime, FILER, code=code, reason="来源系统撤回")
    with city.client("demo-district-archivist") as client:
        assert "断号说明：来源系统撤回" in client.get("/series/J602/CS/2026/Y").text
        assert "作废：来源系统撤回" in client.get("/series/J602/CS/2026/Y/register").text
        listed = re.findall(
            r'href="/volumes/(J602[^"?&/]+)"', client.get("/volumes?series=CS").text
        )
        assert code in listed
        assert sorted(listed) == listed
        turned = client.get("/volumes", params={"series": "CS", "sort": "-code"}).text
        assert re.findall(r'href="/volumes/(J602[^"?&/]+)"', turned) == listed[::-1]
        assert "/volumes?series=CS&amp;sort=code" in turned  # the filter stays


def test_nobody_gets_in_without_the_secret_and_learns_nothing(city: City) -> None:
    with httpx.Client(base_url=city.address) as client:
        assert client.get("/volumes").headers["location"] == "/login?next=%2Fvolumes"
        known = client.post("/login", data={"login": "demo-officer", "secret": "wrong"})
        unknown = client.post("/login", data={"login": "nobody-here", "secret": "wrong"})
        station = client.post(
            "/login", data={"login": "station-home", "secret": city.accounts["station-home"].secret}
        )
        assert known.status_code == unknown.status_code == station.status_code == 401
        assert known.text == unknown.text == station.text
        right = client.post(
            "/login", data={"login": "demo-officer", "secret": city.accounts["demo-officer"].secret}
        )
    cookie = right.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert (
        "unsafe"
        not in right.headers.get("content-security-policy", "")
        + known.headers["content-security-policy"]
    )


def test_the_journal_is_verified_by_a_button(city: City, page: Page) -> None:
    enter(page, city, "auditor")
    page.goto(f"{city.address}/journal")
    page.get_by_role("button", name="验证全部").click()
    expect(page.get_by_role("status")).to_contain_text("条记录全部衔接")
    with city.client("auditor") as auditor:
        begun = auditor.post("/journal/verify", data={"csrf": _token(auditor)}).text
        mark = re.search(r'name="mark"\s+value="(\w+)"', begun)
        assert mark
        for after, asked in (
            ("1", mark[1]),
            ("0", "0" * 64),
            ("0", "印"),
            ("x", mark[1]),
        ):  # what nobody has walked can't be said to be walked
            refused = auditor.post(
                "/journal/verify/on", data={"csrf": _token(auditor), "after": after, "mark": asked}
            )
            assert refused.status_code == 409, refused.text
        walked = auditor.post(
            "/journal/verify/on", data={"csrf": _token(auditor), "after": "0", "mark": mark[1]}
        )
        assert "条记录全部衔接" in walked.text


@pytest.mark.parametrize(
    ("login", "addresses"),
    [
        (
            "demo-district-archivist",
            (
                "/",
                "/?whose=unit",
                "/notices",
                "/overview",
                "/collecting",
                "/collecting/pool",
                "/checks",
                "/compile",
                "/compile/periods",
                "/jobs",
                "/search",
                "/volumes",
                "/series",
                "/citywide",
                "/statistics",
                "/print",
                "VOLUME",
                "SHEET",
            ),
        ),
        (
            "sysadmin",
            (
                "/",
                "/system/accounts",
                "/system/organisations",
                "/system/items",
                "/system/settings",
                "/system/status",
            ),
        ),
        ("auditor", ("/journal",)),
        ("", ("/login",)),
    ],
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_on_any_page(
    city: City, browser: Browser, login: str, addresses: tuple[str, ...], scheme: str
) -> None:
    axe = (ROOT / "node_modules/axe-core/axe.min.js").read_text("utf-8")
    context = browser.new_context(
        viewport={"width": 1366, "height": 768},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    if login:
        enter(page, city, login)
    violations = []
    for address in addresses:
        code = city.code_of(READ)
        page.goto(
            city.address
            + {"VOLUME": f"/volumes/{code}", "SHEET": f"/volumes/{code}/contents"}.get(
                address, address
            )
        )
        page.evaluate(axe)
        result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        violations += [
            (address, violation["id"], [node["html"][:120] for node in violation["nodes"][:3]])
            for violation in result["violations"]
        ]
    context.close()
    assert violations == []
