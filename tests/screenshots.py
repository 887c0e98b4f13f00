"""`make screenshots`: every page of the demo in light and dark, at a station's 1366×768 and on a narrow phone, to be looked at by people."""

import sys
from pathlib import Path

from playwright.sync_api import Browser, Page

from api.settings import Settings
from tests.browser import ROOT, chromium, served

# Name, role whose demo account looks, address, and what is clicked then.
PAGES = (
    ("login", "", "/login", ""),
    ("desk", "档案员·旗区", "/", ""),
    ("morning", "辅警", "/", ""),
    ("collecting", "档案员·旗区", "/collecting", ""),
    ("capture", "档案员·旗区", "/collecting", "[data-row] a"),
    ("checks", "档案员·旗区", "/checks", ""),
    ("check", "档案员·旗区", "/checks", "[data-row] a"),
    ("compile", "档案员·旗区", "/compile", ""),
    ("jobs", "档案员·旗区", "/jobs", ""),
    ("search", "市局监督", "/search?show=落户", ""),
    ("volumes", "市局监督", "/volumes", ""),
    ("room", "市局监督", "/volumes?series=QY&state=archived", "[data-row] a"),
    ("series", "市局监督", "/series", "[data-row] a"),
    ("citywide", "市局监督", "/citywide", ""),
    ("register", "市局监督", "/series", "a:has-text('案卷目录')"),
    ("spines", "市局监督", "/series", "a:has-text('脊背') >> nth=0"),
    ("statistics", "市局监督", "/statistics", ""),
    ("admin", "系统管理员", "/", ""),
    ("organisations", "系统管理员", "/system/organisations", ""),
    ("items", "系统管理员", "/system/items", ""),
    ("item", "系统管理员", "/system/items", "[data-row] a"),
    ("status", "系统管理员", "/system/status", ""),
    ("settings", "系统管理员", "/system/settings", ""),
    ("accounts", "安全保密管理员", "/system/accounts", ""),
    ("journal", "安全审计员", "/journal", ""),
)
VIEWS = {"light": (1366, 768), "dark": (1366, 768), "phone": (390, 844)}


def sit_down(page: Page, address: str, role: str) -> None:
    """Log in as the demo account of a role; `档案员·旗区` is the one of the district."""
    page.goto(f"{address}/login")
    name, _, where = role.partition("·")
    buttons = page.get_by_role("button", name=name, exact=False)
    (buttons.filter(has_text="分局") if where else buttons).first.click()
    page.wait_for_url(f"{address}/")


def take(browser: Browser, address: str, out: Path, view: str, only: set[str]) -> None:
    """All pages in one view."""
    width, height = VIEWS[view]
    for name, role, where, click in PAGES:
        if only and name not in only:
            continue
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if view == "dark" else "light", locale="zh-CN"
        )
        page = context.new_page()
        if role:
            sit_down(page, address, role)
        path, _, words = where.partition("?show=")
        page.goto(f"{address}{path}")
        if words:
            page.locator("main input[name=q]").fill(words)
            page.locator("main input[name=q]").press("Enter")
        if click and page.locator(click).count():  # a small demo may have nothing there
            page.locator(click).first.click()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=out / f"{name}-{view}.png")
        context.close()


def main() -> None:
    """Names given pick pages."""
    out = ROOT / "screenshots"
    out.mkdir(exist_ok=True)
    views = [one for one in sys.argv[1:] if one in VIEWS] or list(VIEWS)
    with served(Settings().data.resolve()) as address, chromium() as browser:
        for view in views:
            take(browser, address, out, view, set(sys.argv[1:]) - set(VIEWS))


if __name__ == "__main__":
    main()
