"""A window's day in a real Chromium; nothing is lost on the way.

Files are dropped, gathered, checked, made into volumes, read and found.
"""

import io
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import func, select

from api.demo.accounts import make_demo_accounts
from api.demo.run import write_login_accounts
from api.demo.sources import KEY, World
from api.runtime.bootstrap import start
from api.runtime.settings import Settings
from archive.database.engine import reading
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case
from archive.database.tables_gathering import CapturedFile
from archive.database.tables_volumes import Step, Volume, VolumeVersion
from archive.reference.codes import ArchivalCode, storage_prefix
from tests.functional.test_desk import City, drawn, enter, page, tick_all
from tests.resources import images
from tests.support.browser import ROOT, compile_all, served
from tests.support.factories import page as picture
from tests.support.proxy import Fault, proxied
from tests.support.simulator import simulated
from tests.support.station import moved_case

__all__ = ["page"]
pytestmark = pytest.mark.skipif(
    not (ROOT / "node_modules/htmx.org").is_dir() and not os.environ.get("CI"),
    reason="front-end packages are missing: make setup",
)
CASES = [f"150602010000-20260901-{number:06d}" for number in range(701, 711)]
WAITS, BLANK_NO = CASES[3], 6


def closed(case_no: str) -> dict[str, Any]:
    """The facts of a closed case whose three materials are scanned at the window.

    One has two pages.
    """
    case = moved_case(case_no)
    for material in case["materials"]:
        if "form" not in material:
            material.pop("files")
            material.update(
                source="SCANNED_PROOF",
                source_ref=None,
                pages=2 if material["no"] == 4 and case_no == WAITS else 1,
            )
    return case


def scans() -> list[tuple[str, bytes]]:
    """Thirty files and one, named as scanning programs name them."""
    files = []
    for index, case_no in enumerate(CASES):
        for no, kind in ((4, "居民户口簿"), (5, "住所材料"), (6, "情况说明")):
            data = (
                images.blank_jpeg()
                if (case_no, no) == (WAITS, BLANK_NO)
                else picture(no + 101 * index)
            )
            files.append((f"{case_no}_{no:03d}_{kind}_1.jpg", data))
    return [*files, (f"{WAITS}_004_居民户口簿_2.jpg", picture(4444))]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    data, world = tmp_path_factory.mktemp("window"), tmp_path_factory.mktemp("world")
    events = [
        {
            "seq": seq,
            "kind": "CASE_CLOSED",
            "occurred_at": "2026-09-01T18:00:00+08:00",
            "case": closed(case_no),
        }
        for seq, case_no in enumerate(CASES, 1)
    ]
    for name, rows in (("events", events), ("certificates", []), ("applications", [])):
        (world / f"{name}.json").write_text(json.dumps(rows), "utf-8")
    runtime = start(Settings(data=data, workers=1))
    accounts = make_demo_accounts(runtime)
    write_login_accounts(runtime, accounts)
    with (
        simulated(World(world, None)) as (systems, _),
        served(data, workers="1", forms_url=f"{systems}/forms", forms_key=KEY) as address,
    ):
        yield City(address, runtime, {account.login: account for account in accounts})


def gathered(city: City) -> int:
    with reading(city.runtime.engine) as session:
        return session.scalar(select(func.count()).select_from(Case)) or 0


def given(files: list[tuple[str, bytes]], folder: Path) -> list[str]:
    for name, data in files:
        (folder / name).write_bytes(data)
    return [str(folder / name) for name, _ in files]


def test_thirty_files_find_their_cases_and_go_on_by_themselves(
    city: City, page: Page, tmp_path: Path
) -> None:
    enter(page, city, "demo-district-archivist")
    page.get_by_label("主菜单").get_by_role("link", name="归集池").click()
    page.get_by_role("button", name="立即提取").click()
    expect(page.get_by_text("缺 4 居民户口簿")).to_have_count(
        len(CASES), timeout=600_000
    )  # the page itself asks
    expect(page.locator(".sources li").first.get_by_text("正常")).to_be_visible()
    page.locator("#choose").set_input_files(given(scans(), tmp_path))
    expect(page.locator("#told")).to_have_text("已收到 31 / 31，全部完成", timeout=600_000)
    expect(page.locator("#sent li small.ok")).to_have_count(30)
    expect(page.locator("#sent li small.wait")).to_contain_text(
        "材料 4 共 2 个文件，已到 1 个"
    )  # until its other page came
    for _ in range(1200):
        if gathered(city) == len(CASES):
            break
        time.sleep(0.5)
    assert gathered(city) == len(CASES)
    page.reload()
    expect(page.get_by_text("没有归集中的办件")).to_be_visible(
        timeout=600_000
    )  # the page asks while it runs
    # The same heap again is known, and nothing is doubled.
    page.locator("#choose").set_input_files(given(scans(), tmp_path))
    expect(page.locator("#told")).to_have_text("已收到 31 / 31，全部完成", timeout=600_000)
    assert page.get_by_text("此前已收到").count() == 31
    with reading(city.runtime.engine) as session:
        assert session.query(CapturedFile).count() == 31


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_the_window_are_open_to_everybody_at_any_width(
    city: City, browser: Browser, scheme: str, tmp_path: Path
) -> None:
    axe = (ROOT / "node_modules/axe-core/axe.min.js").read_text("utf-8")
    dark = "dark" if scheme == "dark" else "light"
    context = browser.new_context(
        viewport={"width": 1366, "height": 768}, color_scheme=dark, locale="zh-CN"
    )
    page = context.new_page()
    enter(page, city, "demo-district-archivist")
    page.goto(f"{city.address}/collecting")
    heap = [(f"{scheme}-{number}.png", small(900 + number + 10 * len(scheme))) for number in (1, 2)]
    page.locator("#choose").set_input_files(given(heap, tmp_path))
    expect(page.locator("#told")).to_have_text("已收到 2 / 2，全部完成", timeout=600_000)
    waits = page.locator("[data-row] a").first
    expect(waits).to_be_visible()
    capture = waits.get_attribute("href") or ""
    violations: list[Any] = []
    for address in (
        "",
        capture,
        f"/checks/{WAITS}",
        f"/checks/{CASES[0]}",
        "/checks",
        "/compile",
        "/",
    ):
        if address:
            page.goto(city.address + address)
        page.evaluate(axe)
        result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        violations += [
            (address, violation["id"], [node["html"][:120] for node in violation["nodes"][:3]])
            for violation in result["violations"]
        ]
        for width, height in ((683, 384), (390, 844)):  # 200 % of a station's screen, and a phone
            page.set_viewport_size({"width": width, "height": height})
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                violations.append((address, "scrolls sideways", width))
        page.set_viewport_size({"width": 1366, "height": 768})
    page.goto(f"{city.address}/collecting")
    page.get_by_label("退回这 2 个的理由").fill("试扫，作废")
    page.get_by_role("button", name="退回全部 2 个").click()
    expect(page.get_by_text("没有待处理的文件")).to_be_visible()
    context.close()
    assert violations == []


def test_two_at_one_case_see_each_other_and_nothing_is_overwritten(
    city: City, page: Page, browser: Browser
) -> None:
    enter(page, city, "demo-district-archivist")
    page.goto(f"{city.address}/checks/{WAITS}")
    expect(page.locator("#at")).to_have_text("4 / 4")  # the blank page lies open
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    other = context.new_page()
    enter(other, city, "demo-archivist")
    other.goto(f"{city.address}/checks/{WAITS}")
    expect(other.get_by_text("演示档案员 也正在核对这一件")).to_be_visible()
    expect(page.get_by_text("演示档案员 也正在核对这一件")).to_be_visible(timeout=600_000)
    # The other one lays the pages by key: the first page of material 4 goes behind its second.
    for _ in range(3):
        other.keyboard.press("k")
    expect(other.locator("#at")).to_have_text("1 / 4")
    other.keyboard.press("Shift+J")
    expect(other.locator("#at")).to_have_text("2 / 4")
    other.keyboard.press("r")
    expect(other.locator("#laid")).to_have_text("页序已保存")
    context.close()
    # Whoever looked before that changes nothing and confirms nothing.
    for _ in range(3):
        page.keyboard.press("k")
    page.keyboard.press("r")
    expect(page.get_by_role("alert")).to_contain_text("他人已调整这份材料的页，您的调整未保存")
    tick_all(page)
    page.keyboard.press("c")
    page.keyboard.type("与原件核对，确为空白")
    page.get_by_role("button", name="确认").click()
    expect(page.get_by_text("看过最新情况后再办理")).to_be_visible()
    page.goto(f"{city.address}/checks/{WAITS}")
    expect(page.locator("#thumbs li").first).to_have_attribute("data-file", "2")
    # By hand it is laid back and laid anew: dragging saves as keys do.
    thumbs = page.locator("#thumbs li")
    thumbs.nth(1).drag_to(thumbs.nth(0))
    expect(thumbs.first).to_have_attribute("data-file", "1")
    thumbs.nth(1).drag_to(thumbs.nth(0))
    expect(thumbs.first).to_have_attribute("data-file", "2")
    expect(page.locator("#laid")).to_have_text("页序已保存")
    tick_all(page)
    page.keyboard.press("c")
    page.keyboard.type("与原件核对，确为空白")
    page.get_by_role("button", name="确认").click()
    expect(page.get_by_text("没有待核对的办件")).to_be_visible()
    with reading(city.runtime.engine) as session:
        (confirmation,) = (
            json.loads(entry.detail)
            for entry in session.query(JournalEntry).filter_by(act="CONFIRM")
        )
        laid = [
            json.loads(entry.detail)["leaves"]
            for entry in session.query(JournalEntry).filter_by(act="PAGE_ORDER")
        ]
    assert confirmation["ticked"] == [1, 2, 3, 4, 5, 6]
    assert laid[0] == laid[-1] == [[2, 1, 0], [1, 1, 90]]


def test_what_was_laid_is_how_the_volume_lies_and_it_is_read_and_found(
    city: City, page: Page
) -> None:
    enter(page, city, "demo-district-archivist")
    page.goto(f"{city.address}/compile")
    compile_all(page, 10)
    expect(page.get_by_text("10 / 10 册", exact=True)).to_be_visible(timeout=600_000)
    code = city.code_of(WAITS)
    with reading(city.runtime.engine) as session:
        volume = session.query(Volume).filter_by(code=code).one()
        step = session.query(Step).join(VolumeVersion, VolumeVersion.id == Step.volume_version_id)
        compiled = (
            step.filter(VolumeVersion.volume_id == volume.id, Step.step == "COMPILED").one().result
        )
    item = next(entry for entry in compiled["contents"] if entry["title"] == "居民户口簿")
    prefix = f"{storage_prefix(ArchivalCode.parse(code), 1)}/"
    with pikepdf.open(io.BytesIO(city.runtime.store.read(f"{prefix}volume.pdf"))) as pdf:
        first, second = (pdf.pages[item["page"] - 1 + at] for at in (0, 1))
        assert [sheet.Resources.XObject.Im0.read_raw_bytes() for sheet in (first, second)] == [
            picture(4444),
            picture(4 + 101 * 3),
        ]
        box = second.mediabox.as_list()
        assert box[2] > box[3]  # turned, so it lies across
    assert json.loads(city.runtime.store.read(f"{prefix}process.json"))["page_orders"] == [
        {"material": 4, "leaves": [[2, 1, 0], [1, 1, 90]]}
    ]
    page.goto(f"{city.address}/volumes/{code}")
    page.get_by_role("button", name="核查比对").click()
    page.goto(f"{city.address}/volumes/{code}#p{item['page']}")
    drawn(page, f"#p{item['page']} img", 1000)
    for _ in range(360):
        page.goto(city.address)
        page.keyboard.press("/")
        page.keyboard.type(WAITS)
        page.keyboard.press("Enter")
        page.wait_for_url("**/search/*")
        if page.locator(".hit").count():
            break
        time.sleep(0.5)  # the index follows within seconds
    expect(page.locator(".hit").first).to_contain_text(code)


def small(number: int) -> bytes:
    """A picture like no other, small enough that five hundred cost little."""
    out = io.BytesIO()
    Image.new("RGB", (16, 16), (number % 256, number // 256, 9)).save(out, "PNG")
    return out.getvalue()


def test_five_hundred_files_over_a_line_that_breaks_and_none_is_lost(
    city: City, page: Page, tmp_path: Path
) -> None:
    heap = given([(f"{number:03d}.png", small(number)) for number in range(500)], tmp_path)
    breaks = {
        40: Fault.RESET_HALFWAY,
        41: Fault.RESET_BEFORE,
        300: Fault.RESET_AFTER,
        301: Fault.UNAVAILABLE,
    }
    with proxied(city.address.removeprefix("http://")) as between:
        through = replace(city, address=f"http://{between.address}")
        enter(page, through, "demo-auxiliary")
        page.goto(f"{through.address}/collecting")
        between.count, between.choose = (
            0,
            lambda _method, path, number: breaks.get(number) if "/uploads/" in path else None,
        )
        page.locator("#choose").set_input_files(heap)
        expect(page.locator("#told")).to_have_text("已收到 500 / 500，全部完成", timeout=600_000)
        assert {fault for fault, _, _ in between.done} == set(breaks.values())
    expect(page.get_by_text("500 个要人处理")).to_be_visible()
    with reading(city.runtime.engine) as session:
        rows = (
            session.query(CapturedFile.state, CapturedFile.sha256)
            .filter(CapturedFile.account == "demo-auxiliary")
            .all()
        )
    assert [row.state for row in rows] == ["UNPLACED"] * 500
    assert len({row.sha256 for row in rows}) == 500
    page.goto(f"{city.address}/collecting")
    page.get_by_label("退回这 500 个的理由").fill("试扫，作废")
    page.get_by_role("button", name="退回全部 500 个").click()
    expect(page.get_by_text("没有待处理的文件")).to_be_visible()


def test_a_file_of_another_district_is_nobodys_business_here(city: City) -> None:
    with reading(city.runtime.engine) as session:
        known = session.scalars(select(CapturedFile.id).limit(1)).one()
    with city.client("demo-officer-other") as other, city.client("demo-chief") as chief:
        missing = "0" * 32
        assert (
            other.get(f"/collecting/{known}").status_code,
            chief.get(f"/collecting/{known}").status_code,
        ) == (404, 403)
        assert other.get(f"/collecting/{known}/1.jpg?look=1").status_code == 404
        csrf = re.search(r'name="csrf"\s+value="(\w+)"', other.get("/").text)
        assert csrf
        for act in ("file", "return"):
            form = {
                "csrf": csrf[1],
                "reason": "不是我的",
                "case_no": CASES[0],
                "no": "4",
                "type": "户口簿",
            }
            asked = [
                other.post(f"/collecting/{upload}/{act}", data=form) for upload in (known, missing)
            ]
            assert [answer.status_code for answer in asked] == [404, 404]
            assert asked[0].text.replace(known, missing) == asked[1].text
        headers = {"x-csrf": csrf[1], "accept": "application/json"}
        asked = [
            other.post(f"/collecting/uploads/{upload}/complete", headers=headers)
            for upload in (known, missing)
        ]
        assert [answer.status_code for answer in asked] == [404, 404]
        assert asked[0].text == asked[1].text
        assert other.post(
            "/collecting/uploads", headers={"accept": "application/json"}, json={}
        ).status_code in {409, 422}
        forged = {**headers, "sec-fetch-site": "cross-site"}
        assert (
            other.post(f"/collecting/uploads/{known}/complete", headers=forged).json()["code"]
            == "BAD_FORM"
        )
