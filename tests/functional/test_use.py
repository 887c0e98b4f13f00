"""利用 in a real Chromium, nothing mocked: asked for, approved by another, read.

A worker certifies a copy, anybody checks it from the QR code; then the use is over.
"""

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pypdfium2
import pytest
import zxingcpp
from playwright.sync_api import Browser, Page, expect

from api.demo.accounts import make_demo_accounts
from api.demo.run import write_login_accounts
from api.jobs.acts import ingest_paths, run_compile
from api.jobs.progress import NoProgress
from api.runtime.bootstrap import start
from api.runtime.settings import Settings
from archive.checking.confirming import confirm
from archive.database.engine import database_now, reading, writing
from archive.database.tables_audit import JournalEntry
from archive.database.tables_usage import UsageRequest
from archive.reference.vocabulary import SourceKind
from tests.functional.test_desk import City, drawn, enter, page, pytestmark
from tests.support.browser import ROOT, served
from tests.support.factories import make_bag, sound_case
from tests.support.filing import FILER, FILING

__all__ = ["page", "pytestmark"]
BIRTH, SECOND = "150602010000-20260901-000901", "150602010000-20260901-000902"
ADMINISTRATION = (
    "/system/accounts",
    "/system/accounts/new",
    "/system/accounts/demo-chief",
    "/system/organisations",
    "/system/items",
    "/system/items/import",
    "/system/items/CS01/2026-1",
    "/system/retention",
    "/system/settings",
    "/password",
)
NUMBER = sound_case(BIRTH)["applicant"]["id_number"]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    data: Path = tmp_path_factory.mktemp("use")
    runtime = start(Settings(data=data, workers=1))
    for case_no in (BIRTH, SECOND):
        make_bag(data / "bags" / case_no, case=sound_case(case_no))
    ingest_paths(runtime, "cli:test", [data / "bags"], NoProgress())
    with writing(runtime.engine) as session:
        for entry in session.query(JournalEntry).filter(JournalEntry.act == "ACCESSION").all():
            if "CONFIRM" in entry.detail or '"WAITING"' in entry.detail:
                confirm(
                    session,
                    FILER,
                    case_no=entry.subject,
                    reason="核对无误",
                    units=FILING,
                    ticks=None,
                )
    assert run_compile(runtime, FILER, NoProgress()).failed == 0
    accounts = make_demo_accounts(runtime)
    write_login_accounts(runtime, accounts)
    with served(data) as address:
        yield City(address, runtime, {account.login: account for account in accounts})


def csrf(client: httpx.Client) -> str:
    field = re.search(r'name="csrf"\s+value="(\w+)"', client.get("/").text)
    assert field
    return field[1]


def asked(city: City, login: str, code: str, **other: str) -> str:
    """A request entered as a form would; gives its number."""
    with city.client(login) as client:
        form = {
            "capacity": "POLICE",
            "scope": "CASE",
            "purpose": "核对材料",
            "basis": "公户核〔2026〕1号",
            "paper:办理业务的依据": "1",
        }
        answer = client.post(
            "/usage", data={"csrf": csrf(client), "code": code, "days": "2", **form, **other}
        )
        assert answer.status_code == 303, answer.text
        return answer.headers["location"].removeprefix("/usage/")


def decided(city: City, login: str, number: str, decision: str = "approve") -> int:
    with city.client(login) as client:
        return client.post(
            f"/usage/{number}/decision",
            data={"csrf": csrf(client), "decision": decision, "reason": "材料齐全"},
        ).status_code


def ask_by_hand(page: Page, city: City, code: str) -> str:
    """Found in the search, refused, asked for; gives the number."""
    for _ in range(360):
        page.goto(f"{city.address}/search")
        page.locator("#q").fill(f"档号:{code}")
        page.locator("#q").press("Enter")
        if page.locator(".hit").count():
            break
        time.sleep(0.5)  # the index follows within seconds
    page.locator(".hit a").first.click()
    expect(page.get_by_text("此操作须有批准的利用单")).to_be_visible()
    page.get_by_role("link", name="申请利用", exact=True).click()
    page.get_by_label("办理业务的依据").check()
    page.get_by_role("textbox", name="事由").fill("核对出生登记材料")
    page.get_by_label("依据文书号").fill("东公户核〔2026〕12号")
    page.get_by_role("button", name="提交申请").click()
    expect(page.get_by_text("您不能审批自己的申请")).to_be_visible()
    return page.url.rsplit("/", 1)[1]


def approve_by_hand(browser: Browser, city: City, number: str) -> None:
    chief = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN").new_page()
    enter(chief, city, "demo-chief")
    chief.get_by_role("link", name="审批", exact=True).click()
    chief.get_by_role("link", name=number).click()
    chief.get_by_label("理由").fill("材料齐全，依据明确")
    chief.get_by_role("button", name="批准 3 天").click()
    expect(chief.get_by_text("没有待审批的申请")).to_be_visible()
    chief.context.close()


def check_as_anybody(browser: Browser, city: City, address: str, pdf: bytes) -> None:
    """On a phone, without an account."""
    anybody = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN").new_page()
    anybody.goto(address)
    expect(anybody.get_by_text("属实：确由本系统出具，内容无改动")).to_be_visible()
    expect(anybody.get_by_text("签章覆盖整份文件，签后无任何改动")).to_be_visible()
    assert not re.search(f"{NUMBER}|测某|{BIRTH}", anybody.content())
    compared = anybody.locator("#mine input")
    compared.set_input_files({"name": "copy.pdf", "mimeType": "application/pdf", "buffer": pdf})
    expect(anybody.get_by_text("您手中的文件就是本系统出具的那一份")).to_be_visible()
    compared.set_input_files(
        {"name": "copy.pdf", "mimeType": "application/pdf", "buffer": pdf + b"\n"}
    )
    expect(anybody.get_by_text("不是本系统出具的那一份")).to_be_visible()
    anybody.goto(f"{city.address}/check?code=AAAA AAAA AAAA AAAA AAAA")
    expect(anybody.get_by_text("没有这个核验码")).to_be_visible()
    anybody.context.close()


def test_from_search_to_a_certified_copy_that_anybody_checks_by_its_qr_code(
    city: City, page: Page, browser: Browser
) -> None:
    enter(page, city, "demo-archivist")
    number = ask_by_hand(page, city, city.code_of(BIRTH))
    approve_by_hand(browser, city, number)
    page.reload()
    page.get_by_role("link", name="凭单阅览").click()
    drawn(page, "#p1 img", 1000)
    assert NUMBER not in page.content()
    page.get_by_role("button", name="查看明文").click()
    expect(page.get_by_text(NUMBER).first).to_be_visible()
    page.get_by_role("link", name=f"利用单 {number}").click()
    page.get_by_label("004").check()
    page.get_by_role("button", name="出具证明件").click()
    expect(page.get_by_text("已出具")).to_be_visible(timeout=600_000)
    with page.expect_download() as coming:
        page.get_by_role("link", name="下载", exact=True).click()
    pdf = Path(coming.value.path()).read_bytes()
    with pypdfium2.PdfDocument(pdf) as document:
        assert len(document) == 2
        codes = zxingcpp.read_barcodes(document[0].render(scale=3).to_pil())
    assert len(codes) == 1
    check_as_anybody(browser, city, codes[0].text, pdf)
    with reading(city.runtime.engine) as session:
        acts = {
            entry.act
            for entry in session.query(JournalEntry)
            .filter(JournalEntry.detail.contains(number))
            .all()
        }
    assert {
        "REQUEST_USE",
        "DECIDE_USE",
        "VIEW_PAGES",
        "VIEW_PLAIN",
        "ORDER_COPY",
        "CERTIFY",
        "DOWNLOAD_COPY",
    } <= acts


def test_a_grant_opens_a_foreign_volume_while_it_lasts_and_only_when_stated(city: City) -> None:
    code = city.code_of(SECOND)
    number = asked(city, "demo-officer-other", code)
    with city.client("demo-officer-other") as other:
        assert (
            other.get(f"/volumes/{code}?usage={number}").status_code == 404
        )  # asked is not granted
        assert decided(city, "demo-chief-other", number) == 404  # another station does not decide
        assert decided(city, "demo-chief", number) == 303
        assert decided(city, "demo-chief", number) == 409
        assert other.get(f"/volumes/{code}").status_code == 404  # not stated
        room = other.get(f"/volumes/{code}?usage={number}")
        assert room.status_code == 200
        look = re.search(r"pages/1\.jpg\?look=(\d+)", room.text)
        assert look
        image = f"/volumes/{code}/v1/pages/1.jpg?look={look[1]}"
        plain = f"/volumes/{code}/plain?usage={number}"
        assert other.get(image).status_code == 200
        assert NUMBER in other.get(plain).text
        assert other.get(f"/volumes/{code}/v1/signature?usage={number}").status_code == 200
        with writing(city.runtime.engine) as session:
            session.query(UsageRequest).filter_by(account="demo-officer-other").one().ends_at = (
                database_now(session) - timedelta(seconds=1)
            )
        ended = [
            other.get(address).status_code
            for address in (f"/volumes/{code}?usage={number}", image, plain)
        ]
        assert ended == [404, 404, 404]
        assert "已到期" in other.get("/usage").text


def test_a_grant_is_taken_back_refused_and_withdrawn(city: City) -> None:
    code = city.code_of(SECOND)
    taken, refused, withdrawn = (asked(city, "demo-archivist", code) for _ in range(3))
    assert decided(city, "demo-chief", taken) == 303
    assert decided(city, "demo-district", refused, "refuse") == 303
    with city.client("demo-archivist") as archivist, city.client("demo-chief") as chief:
        assert archivist.get(f"/volumes/{code}/plain?usage={taken}").status_code == 200
        assert (
            chief.post(
                f"/usage/{taken}/end", data={"csrf": csrf(chief), "reason": "依据撤销"}
            ).status_code
            == 303
        )
        assert [
            archivist.get(f"/volumes/{code}/plain?usage={number}").status_code
            for number in (taken, refused)
        ] == [403, 403]
        token = csrf(archivist)
        assert (
            archivist.post(f"/usage/{withdrawn}/withdraw", data={"csrf": token}).status_code == 303
        )
        assert decided(city, "demo-chief", withdrawn) == 409
        assert (
            archivist.post(f"/usage/{taken}/copies", data={"csrf": token}).status_code == 403
        )  # ended: no copy either
        register = archivist.get("/uses").text
        assert all(number in register for number in (taken, refused, withdrawn))
        assert "查询登记簿" in archivist.get("/uses/sheet").text


def test_nobody_decides_his_own_and_roles_are_held_when_forced(city: City) -> None:
    code = city.code_of(SECOND)
    own = asked(city, "demo-chief", code)
    assert decided(city, "demo-chief", own) == 403
    assert decided(city, "demo-archivist", own) == 403  # his role decides nothing
    forms = {
        "/usage": {"code": code},
        f"/usage/{own}/decision": {},
        f"/usage/{own}/end": {},
        f"/usage/{own}/copies": {},
    }
    for login in ("demo-auxiliary", "sysadmin", "auditor"):
        with city.client(login) as client:
            token = csrf(client)
            assert [
                client.post(path, data={"csrf": token, **data}).status_code
                for path, data in forms.items()
            ] == [403] * 4
            assert [
                client.get(path).status_code
                for path in ("/usage", "/usage/new", "/approvals", "/uses", "/uses.csv")
            ] == [403] * 5
    with city.client("demo-officer") as officer:
        assert [officer.get(path).status_code for path in ("/approvals", "/uses")] == [403, 403]
        assert officer.get(f"/usage/{own}").status_code == 404  # somebody else's
    answer = asked(
        city, "demo-district-archivist", code, purpose="=HYPERLINK(1)", basis="+86 13800000000"
    )
    with city.client("demo-archivist") as archivist:
        lines = archivist.get("/uses.csv").content.decode("utf-8-sig").splitlines()
    line = next(row for row in lines if row.startswith(answer))
    assert "'=HYPERLINK(1)" in line
    assert "'+86" in line
    assert "13800000000" not in line


def test_registers_are_checked_printed_and_taken_along_masked(city: City, page: Page) -> None:
    """Printed by Chromium to PDF, as an archivist prints them."""
    code = city.code_of(BIRTH)
    fonds, rest = code.split("-")[0], code.split("·")
    series = f"{city.address}/series/{fonds}/{rest[2]}/{rest[3]}/{rest[4].split('-')[0]}"
    enter(page, city, "demo-district-archivist")
    page.goto(series)
    expect(page.get_by_text("2 册按办结时间顺排，册号连续")).to_be_visible()
    expected = {
        f"{series}/register": ("案卷目录", code),
        f"{series}/transfer": ("档案移交清册", code, "以上共移交2册", "接收单位："),
        f"{series}/spines": ("000001", "000002"),
        f"{city.address}/volumes/{code}/contents": ("卷内目录", code, "审批表"),
    }
    for address, words in expected.items():
        page.goto(address)
        with pypdfium2.PdfDocument(
            page.pdf(prefer_css_page_size=True, print_background=True)
        ) as document:
            assert len(document) == 1
            assert [round(edge) for edge in document[0].get_size()] == [595, 842]
            text = "".join(document[0].get_textpage().get_text_range().split())  # titles are spaced
        assert [word for word in words if word not in text] == []
        assert "工作台" not in text  # the menu stays on the screen
    with city.client("demo-district-archivist") as client:
        line = (
            client.get(f"{series.removeprefix(city.address)}/register.csv")
            .content.decode("utf-8-sig")
            .splitlines()[1]
        )
        assert line.startswith(f"1,{code},{BIRTH},测*非婚生育子女随母出生登记,")
        figures = client.get(
            "/statistics.csv", params={"since": "2026-09", "until": "2026-09"}
        ).content.decode("utf-8-sig")
        assert "卷目,出生,2,册" in figures
        assert f"材料来源,{SourceKind.SHARED_CERT.label},4,份" in figures
        assert (
            "卷目"
            not in client.get("/statistics.csv", params={"until": "2026-08"})
            .content.decode("utf-8-sig")
            .split("口径", 1)[1]
        )
    with city.client("demo-officer-other") as other:
        assert other.get(f"{series.removeprefix(city.address)}/register.csv").status_code == 404


def test_axe_finds_no_violation_on_the_pages_of_use(city: City, browser: Browser) -> None:
    axe = (ROOT / "node_modules/axe-core/axe.min.js").read_text("utf-8")
    number = asked(city, "demo-archivist", city.code_of(BIRTH))
    violations = []
    for scheme in ("light", "dark"):
        for login, addresses in {
            "demo-archivist": (
                "/usage",
                "/usage/new",
                f"/usage/{number}",
                "/uses",
                "/uses/sheet",
                "/statistics",
                "SERIES",
                "SERIES/transfer",
            ),
            "demo-chief": ("/approvals", f"/usage/{number}"),
            "sysadmin": ADMINISTRATION,
            "secadmin": ("/system/daily", "/system/accounts"),
            "": ("/check", "/check/AAAA-AAAA-AAAA-AAAA-AAAA"),
        }.items():
            context = browser.new_context(
                viewport={"width": 1366, "height": 768},
                color_scheme="dark" if scheme == "dark" else "light",
            )
            page = context.new_page()
            if login:
                enter(page, city, login)
            for address in addresses:
                page.goto(city.address + address.replace("SERIES", "/series/J602/CS/2026/Y"))
                page.evaluate(axe)
                result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
                violations += [
                    (address, scheme, violation["id"], violation["nodes"][0]["html"][:120])
                    for violation in result["violations"]
                ]
            context.close()
    assert violations == []
