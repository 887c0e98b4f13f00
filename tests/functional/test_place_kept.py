"""The page that an address names is kept while a purpose is asked first."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from archive.administration.policy import Role
from tests.support import station
from tests.support.browser import chromium, needs_chromium, served
from tests.support.shared import made_once

CODE = "J602-ZY·HJ·QR·2026·Y-000001"


def test_the_page_of_an_address_opens_after_the_purpose_is_stated(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    needs_chromium()
    station.cheap_hashes()
    built = made_once(tmp_path_factory, "station", station.build)
    with station.desk(built, tmp_path) as desk:
        name, _, value = desk.person(Role.OFFICER).cookie.partition("=")
    with served(tmp_path) as address, chromium() as browser:
        context = browser.new_context(viewport={"width": 390, "height": 800})
        context.add_cookies([{"name": name, "value": value, "url": address}])
        page = context.new_page()
        page.goto(f"{address}/volumes/{CODE}#p3")
        page.locator("form.purpose button").first.click()
        expect(page.locator("#p3")).to_be_in_viewport()
        assert page.url.endswith("#p3")
