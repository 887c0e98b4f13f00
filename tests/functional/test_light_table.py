"""核对 as a light table, in a real Chromium: seen before ticked, returned, passed on, replaced."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from api.demo.accounts import make_demo_accounts
from api.demo.run import write_login_accounts
from api.jobs.acts import ingest_paths
from api.jobs.progress import NoProgress
from api.runtime.bootstrap import start
from api.runtime.settings import Settings
from archive.database.engine import reading
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.database.tables_checks import CheckAct
from archive.reference.vocabulary import IntakeOutcome
from ingest.intake.intake import take_package
from tests.functional.test_desk import City, enter, page, tick_all
from tests.resources import documents, images
from tests.support.browser import MILLISECONDS, ROOT, served
from tests.support.factories import make_bag, sound_case
from tests.support.factories import page as picture

__all__ = ["page"]
pytestmark = pytest.mark.skipif(
    not (ROOT / "node_modules/htmx.org").is_dir() and not os.environ.get("CI"),
    reason="front-end packages are missing: make setup",
)
DOUBTED, REPLACED, RETURNED, ASKED = (
    f"150602010000-20260901-000{number}" for number in (911, 912, 913, 914)
)
BLANK = "materials/006.jpg"
KEEPER = "demo-district-archivist"


def build(data: Path) -> City:
    """Four cases that wait at 核对, each with a blank page; a certificate of one names another."""
    runtime = start(Settings(data=data, workers=1))
    for case_no in (DOUBTED, REPLACED, RETURNED, ASKED):
        case, files = sound_case(case_no), {BLANK: images.blank_jpeg()}
        if case_no == DOUBTED:
            case["materials"][3] |= {"files": ["materials/004.pdf"]}
            files["materials/004.pdf"] = documents.foreign_pdf()
        make_bag(data / "bags" / case_no, case=case, files=files)
    taken = ingest_paths(runtime, "cli:test", [data / "bags"], NoProgress())
    assert {entry.outcome for entry in taken} == {IntakeOutcome.CONFIRM}
    accounts = make_demo_accounts(runtime)
    write_login_accounts(runtime, accounts)
    return City("", runtime, {account.login: account for account in accounts})


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    data: Path = tmp_path_factory.mktemp("light")
    built = build(data)
    with served(data) as address:
        yield City(address, built.runtime, built.accounts)


def journalled(city: City, act: str, case_no: str) -> list[str]:
    with reading(city.runtime.engine) as session:
        wanted = select(JournalEntry.actor).where(
            JournalEntry.act == act, JournalEntry.subject == case_no
        )
        return list(session.scalars(wanted))


def state_of(city: City, case_no: str) -> tuple[str, int]:
    with reading(city.runtime.engine) as session:
        case = session.query(Case).filter_by(case_no=case_no).one()
        return case.state, case.revision


def test_nothing_is_ticked_that_the_server_did_not_send(city: City) -> None:
    with city.client(KEEPER) as client:
        shown = client.get(f"/checks/{DOUBTED}").text
        csrf = re.search(r'name="csrf" value="([^"]+)"', shown)
        assert csrf is not None
        form: dict[str, Any] = {
            "csrf": csrf[1],
            "revision": "1",
            "seen": "0",
            "reason": "都看过了",
            "blank-6-1": "on",
            **{f"tick-{no}": "on" for no in range(1, 7)},
        }
        refused = client.post(f"/checks/{DOUBTED}", data=form)
        assert refused.status_code == 409
        assert "材料 1、2、3、4、5、6 还没有看全，未作确认" in refused.text
        without = {name: value for name, value in form.items() if name != "blank-6-1"}
        assert "是否空白未单独确认" in client.post(f"/checks/{DOUBTED}", data=without).text
    assert journalled(city, "CONFIRM", DOUBTED) == []


def test_the_form_lies_beside_the_scan_with_the_doubt_marked_and_all_goes_by_keyboard(
    city: City, page: Page
) -> None:
    enter(page, city, KEEPER)
    page.goto(f"{city.address}/checks/{DOUBTED}")
    expect(page.locator(".crops").first).to_contain_text("证件载明")
    expect(page.locator(".crops").nth(1)).to_contain_text("150602********0013")
    expect(page.locator("#form-1 img")).to_have_attribute("src", re.compile("/forms/1.jpg"))
    expect(page.get_by_label("勾核材料 2 审批表")).to_have_attribute("aria-disabled", "")
    page.get_by_label("勾核材料 2 审批表").click()
    expect(page.locator("#told")).to_contain_text("材料 2 还没有看全")
    expect(page.get_by_label("勾核材料 2 审批表")).not_to_be_checked()
    page.evaluate((ROOT / "node_modules/axe-core/axe.min.js").read_text("utf-8"))
    axe = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert [(row["id"], [node["html"] for node in row["nodes"]]) for row in axe] == []
    tick_all(page)
    page.keyboard.press("c")
    page.keyboard.type("证件取错，已与原件核对")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(lambda url: DOUBTED not in url)
    assert state_of(city, DOUBTED) == ("ACCEPTED", 1)
    assert journalled(city, "CONFIRM", DOUBTED) == [KEEPER]
    with reading(city.runtime.engine) as session:
        (act,) = session.query(CheckAct).filter_by(kind="CONFIRM").all()
        assert act.signatory.startswith("演示档案员（D")
        assert "CERT_TEXT" in act.codes


def test_a_page_is_replaced_by_a_new_scan_and_the_old_one_is_kept(
    city: City, page: Page, tmp_path: Path
) -> None:
    scan = tmp_path / "new.jpg"
    scan.write_bytes(picture(777))
    enter(page, city, KEEPER)
    page.goto(f"{city.address}/checks/{REPLACED}")
    expect(page.get_by_text("材料 6 第 1 页，确为空白页")).to_be_visible()
    tick_all(page)
    page.locator("[data-open='6']").first.click()
    with page.expect_navigation():
        page.locator("#new-scan").set_input_files(scan)
    expect(page.get_by_text("材料 6 第 1 页，确为空白页")).to_have_count(0)
    expect(page.get_by_text("在核对时换了页，须由核对人复核").first).to_be_visible()
    # What was seen stays seen and ticked; the new page is to be looked at.
    expect(page.locator("#ticked")).to_have_text("已勾 5 / 6")
    assert state_of(city, REPLACED) == ("CONFIRM", 2)
    assert journalled(city, "REPLACE_PAGE", REPLACED) == [KEEPER]
    with reading(city.runtime.engine) as session:
        rows = session.execute(
            select(Component.revision, Component.sha256)
            .join(Case, Case.id == Component.case_id)
            .where(Case.case_no == REPLACED, Component.material_no == 6)
            .order_by(Component.revision)
        ).all()
        states = session.scalars(
            select(CaseRevision.state)
            .join(Case, Case.id == CaseRevision.case_id)
            .where(Case.case_no == REPLACED)
            .order_by(CaseRevision.revision)
        ).all()
    assert [revision for revision, _ in rows] == [1, 2]
    assert rows[0][1] != rows[1][1]
    assert states == ["SUPERSEDED", "CONFIRM"]


def test_a_returned_case_lies_in_the_sender_s_pool_and_comes_back_to_who_returned_it(
    city: City, page: Page, tmp_path: Path
) -> None:
    enter(page, city, KEEPER)
    page.goto(f"{city.address}/checks/{RETURNED}")
    page.keyboard.press("b")
    page.get_by_label("看不清，请以 300 dpi 重扫").check()
    page.locator("#back-text").fill("下半页看不清")
    page.locator("#back-text").press("Control+Enter")
    page.wait_for_url(lambda url: RETURNED not in url)
    assert state_of(city, RETURNED) == ("RETURNED", 1)
    page.goto(f"{city.address}/checks")
    expect(page.get_by_role("heading", name="已退回补正")).to_be_visible()
    enter(page, city, "demo-archivist")
    page.goto(f"{city.address}/collecting")
    expect(page.locator("#returned")).to_contain_text("看不清，请以 300 dpi 重扫")
    expect(page.locator("#returned")).to_contain_text("下半页看不清")
    case = sound_case(RETURNED) | {"supplement": True}
    bag = make_bag(tmp_path / "again", case=case, files={BLANK: picture(778)})
    runtime = city.runtime
    taken = take_package(
        runtime.engine,
        runtime.store,
        "cli:test",
        bag,
        sender=None,
        rules=runtime.intake_rules,
        now=datetime.now(UTC),
    )
    assert (taken.outcome, {row.code for row in taken.findings}) == (
        IntakeOutcome.CONFIRM,
        {"CORRECTED", "SUPPLEMENT"},
    )
    enter(page, city, KEEPER)
    page.goto(f"{city.address}/checks?desk=mine")
    page.get_by_role("link", name="非婚生育子女随母出生登记").click()
    expect(page.locator("h1 + .code")).to_have_text(RETURNED)
    expect(page.locator("#acts")).to_contain_text("退回补正")


def test_a_colleague_who_was_asked_has_the_case_and_decides_nothing(
    city: City, page: Page, browser: Browser
) -> None:
    enter(page, city, KEEPER)
    page.goto(f"{city.address}/checks/{ASKED}")
    page.keyboard.press("t")
    page.locator("#to").select_option("demo-officer")
    page.locator("#pass-text").fill("证件日期是否有涂改，请看原件")
    page.get_by_role("button", name="转请", exact=True).click()
    page.wait_for_url(lambda url: ASKED not in url)
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    other = context.new_page()
    other.set_default_timeout(MILLISECONDS)
    enter(other, city, "demo-officer")
    other.get_by_role("link", name=f"去办 应请核对 {ASKED}").click()
    expect(other.locator("#acts")).to_contain_text("证件日期是否有涂改，请看原件")
    assert other.locator("#reason").count() == 0
    assert other.locator("#back-text").count() == 0
    other.locator("#remark").fill("原件无涂改")
    other.locator("#remark").press("Enter")
    expect(other.locator("#acts")).to_contain_text("原件无涂改")
    other.locator("#to").select_option(KEEPER)
    other.locator("#pass-text").fill("看过")
    other.get_by_role("button", name="转请", exact=True).click()
    expect(other.get_by_role("heading", name="待办")).to_be_visible()
    expect(other.get_by_role("link", name="应请核对")).to_have_count(0)
    other.goto(f"{city.address}/checks/{ASKED}")
    expect(other.get_by_text("您的角色不能进行此操作")).to_be_visible()
    context.close()
    page.goto(f"{city.address}/checks/{ASKED}")
    expect(page.locator("#acts")).to_contain_text("原件无涂改")
    with reading(city.runtime.engine) as session:
        text = "".join(
            session.scalars(select(JournalEntry.detail).where(JournalEntry.subject == ASKED))
        )
    assert "涂改" not in text  # the journal holds that there are words, not the words
