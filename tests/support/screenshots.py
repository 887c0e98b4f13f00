"""`make screenshots`: every page of the demo in light and dark, at a station's 1366×768 and on a
narrow phone, to be looked at by people.
"""

import re
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page
from sqlalchemy import select

from api.jobs.certified_copies import make_order, open_copy_sealer
from api.runtime.bootstrap import Runtime, start
from api.runtime.settings import Settings
from archive.administration.logins import reader
from archive.database.engine import writing
from archive.database.tables_administration import Account
from archive.database.tables_usage import CertifiedCopy
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.usage.copy_orders import order_copy
from archive.usage.requests import UseApplication, decide_request, number_of, request_use
from tests.support.browser import ROOT, chromium, served

# Name, role whose demo account looks, address, and what is clicked then, one after the other.
PAGES = (
    ("login", "", "/login", ""),
    ("todo", "档案员·旗区", "/", ""),
    ("todo-chief", "所领导", "/", ""),
    ("notices", "档案员·旗区", "/notices", ""),
    ("desk", "档案员·旗区", "/overview", ""),
    ("morning", "辅警", "/", ""),
    ("window", "所领导", "/window", ""),
    ("window-new", "辅警", "/window/new?q=出生", ""),
    ("window-item", "辅警", "/window/new?item=CS02", ""),
    ("window-grants", "所领导", "/window/grants", ""),
    ("window-flow", "所领导", "/window/flow", ""),
    ("collecting", "档案员·旗区", "/collecting", ""),
    ("capture", "档案员·旗区", "/collecting", "[data-row] a"),
    ("pool", "档案员·旗区", "/collecting/pool", ""),
    ("checks", "档案员·旗区", "/checks", ""),
    ("check", "档案员·旗区", "/checks", "[data-row] a"),
    ("compile", "档案员·旗区", "/compile", ""),
    ("periods", "档案员·旗区", "/compile/periods", ""),
    ("jobs", "档案员·旗区", "/jobs", ""),
    ("search", "市局监督", "/search?show=落户", ""),
    ("person", "市局监督", "/volumes?state=archived", "[data-row] a ; button:has-text('全部档案')"),
    ("volumes", "市局监督", "/volumes", ""),
    (
        "room",
        "市局监督",
        "/volumes?series=QY&state=archived",
        "[data-row] a ; button[name=purpose]",
    ),
    ("print", "档案员·旗区", "/print", ""),
    ("series", "市局监督", "/series", "[data-row] a"),
    ("citywide", "市局监督", "/citywide", ""),
    ("register", "市局监督", "/series", "a:has-text('案卷目录')"),
    ("spines", "市局监督", "/series", "a:has-text('脊背') >> nth=0"),
    ("transfer", "市局监督", "/series", "a:has-text('移交清册') >> nth=0"),
    (
        "contents",
        "市局监督",
        "/volumes?state=archived",
        "[data-row] a ; a:has-text('打印卷内目录')",
    ),
    ("usage", "档案员·旗区", "/usage", ""),
    ("usage-new", "档案员·旗区", "/usage/new?capacity=LAWYER", ""),
    ("usage-request", "档案员·旗区", "/usage", "tr:has-text('已批准') a >> nth=0"),
    ("room-granted", "档案员·旗区", "/usage", "tr:has-text('已批准') a >> nth=1"),
    ("approvals", "市局监督", "/approvals", ""),
    ("decision", "市局监督", "/approvals", "[data-row] a"),
    ("uses", "市局监督", "/uses", ""),
    ("uses-sheet", "市局监督", "/uses/sheet", ""),
    ("checked", "", "/check?code={copy}", ""),
    ("statistics", "市局监督", "/statistics", ""),
    ("admin", "系统管理员", "/", ""),
    ("organisations", "系统管理员", "/system/organisations", ""),
    ("items", "系统管理员", "/system/items", ""),
    ("item", "系统管理员", "/system/items", "[data-row] a"),
    ("items-import", "系统管理员", "/system/items/import", ""),
    ("retention", "系统管理员", "/system/retention", ""),
    ("status", "系统管理员", "/system/status", ""),
    ("settings", "系统管理员", "/system/settings", ""),
    ("accounts", "安全保密管理员", "/system/accounts", ""),
    ("daily", "安全保密管理员", "/system/daily", ""),
    ("account", "系统管理员", "/system/accounts/demo-chief", ""),
    ("account-new", "系统管理员", "/system/accounts/new", ""),
    ("account-decision", "安全保密管理员", "/system/accounts/demo-officer", ""),
    ("password", "安全审计员", "/password", ""),
    ("journal", "安全审计员", "/journal", ""),
)
_WHY = ("核对出生登记材料", "办理户口迁移核查", "核查重复落户", "查证亲属关系")
_REASON = {True: "材料齐全，依据明确", False: "依据文书与所查档案不符"}
VIEWS = {"light": (1366, 768), "dark": (1366, 768), "phone": (390, 844)}


def sit_down(page: Page, address: str, role: str) -> None:
    """Log in as the demo account of a role; `档案员·旗区` is the one of the district."""
    page.goto(f"{address}/login")
    name, _, where = role.partition("·")
    buttons = page.get_by_role("button", name=name, exact=False)
    (buttons.filter(has_text=re.compile("旗公安局|分局")) if where else buttons).first.click()
    page.wait_for_url(f"{address}/")


def prepare(runtime: Runtime) -> str:
    """Requests for use and one certified copy, so that their pages show something.

    Gives its check code.
    """
    with writing(runtime.engine) as session:
        if code := session.scalars(select(CertifiedCopy.check_code)).first():
            return code
        asking, deciding = (
            reader(session.query(Account).filter_by(login=login).one())
            for login in ("demo-district-archivist", "demo-city")
        )
        volumes = session.scalars(
            select(Volume.code)
            .join(VolumeVersion)
            .where(VolumeVersion.state == "COMMITTED")
            .order_by(Volume.id)
        ).all()
        numbers = [
            number_of(
                request_use(
                    session,
                    asking,
                    UseApplication(
                        code, "POLICE", "CASE", why, basis, ("办理业务的依据",), 3, None
                    ),
                    runtime.organisations,
                )
            )
            for code, why, basis in zip(
                volumes, _WHY, (f"东公户核〔2026〕{no}号" for no in range(12, 20)), strict=False
            )
        ]
        for number in numbers[1:]:
            approve = number != numbers[-1]
            decide_request(
                session,
                deciding,
                number,
                approve=approve,
                reason=_REASON[approve],
                organisations=runtime.organisations,
            )
        order = order_copy(session, asking, numbers[1], [], runtime.reference).id
    return make_order(runtime, open_copy_sealer(runtime), order) or ""


def take(browser: Browser, address: str, out: Path, view: str, only: set[str], copy: str) -> None:
    """All pages in one view."""
    width, height = VIEWS[view]
    for name, role, where, click in PAGES:
        if only and name not in only:
            continue
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if view == "dark" else "light",
            locale="zh-CN",
        )
        page = context.new_page()
        if role:
            sit_down(page, address, role)
        path, _, words = where.partition("?show=")
        page.goto(f"{address}{path.replace('{copy}', copy)}")
        if words:
            page.locator("main input[name=q]").fill(words)
            page.locator("main input[name=q]").press("Enter")
        for selector in filter(None, click.split(" ; ")):
            if page.locator(selector).count():  # a small demo may have nothing there
                page.locator(selector).first.click()
                page.wait_for_load_state("networkidle")
        page.wait_for_load_state("networkidle")
        page.screenshot(path=out / f"{name}-{view}.png")
        context.close()


def main() -> None:
    """Names given pick pages."""
    out = ROOT / "screenshots"
    out.mkdir(exist_ok=True)
    views = [name for name in sys.argv[1:] if name in VIEWS] or list(VIEWS)
    copy = prepare(start(Settings()))
    with served(Settings().data.resolve()) as address, chromium() as browser:
        for view in views:
            take(browser, address, out, view, set(sys.argv[1:]) - set(VIEWS), copy)


if __name__ == "__main__":
    main()
