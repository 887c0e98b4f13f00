"""导入台账 at the desk: nothing is registered before the preview was confirmed."""

import re
from base64 import b64encode
from html import unescape
from typing import Any

import pytest
from sqlalchemy import func, select

from api.web.shell.page import COOKIE
from archive.administration.accounts import (
    AccountKind,
    NewAccount,
    approve_account,
    propose_account,
)
from archive.administration.logins import csrf_token, open_login
from archive.administration.policy import Role
from archive.database.engine import reading, writing
from archive.database.tables_paper import PaperItem
from tests.support import station
from tests.support.paper import furnish, keeper
from tests.support.station import HOME, StationClient


class Person:
    """Somebody of the home station at the page 导入台账."""

    def __init__(self, desk: StationClient, role: Role) -> None:
        self._client = desk.client
        login = f"ledger-{role.value.lower()}"
        with writing(desk.runtime.engine) as session:
            new = NewAccount(login, AccountKind.PERSON, "警某", HOME, role)
            propose_account(session, station.SYSTEM, new, station.ORGANISATIONS)
            account = approve_account(session, station.SECURITY, login)
            self._carried = open_login(session, account, "WEB")

    def post(self, ledger: bytes | str, **form: str) -> Any:
        text = ledger if isinstance(ledger, str) else b64encode(ledger).decode()
        data = {"csrf": csrf_token(self._carried), "file": text, **form}
        headers = {"Cookie": f"{COOKIE}={self._carried}"}
        return self._client.post("/paper/ledgers", data=data, headers=headers)


def items(desk: StationClient) -> int:
    with reading(desk.runtime.engine) as session:
        return session.scalar(select(func.count()).select_from(PaperItem)) or 0


def test_a_ledger_is_shown_with_its_faults_and_registered_once_confirmed(
    desk: StationClient,
) -> None:
    furnish(desk.runtime.engine, keeper(), items=0, boxes=1, waiting=2, first=700)
    lines = ["办件编号,盒号,页数", f"{HOME}-20260901-000700,甲,3", f"{HOME}-20260901-000701,甲,三"]
    ledger = "\r\n".join(lines).encode("gb18030")
    archivist = Person(desk, Role.ARCHIVIST)
    seen = archivist.post(ledger)
    assert seen.status_code == 200
    assert "“页数”不是整数。" in unescape(seen.text)
    assert items(desk) == 0
    (digest,) = re.findall(r'name="confirm"\s+value="([0-9a-f]{64})"', seen.text)
    (kept,) = re.findall(r'<textarea name="file"[^>]*>([^<]+)</textarea>', seen.text)
    done = archivist.post(unescape(kept), confirm=digest)
    assert "已登记 1 件" in done.text
    assert items(desk) == 1
    again = archivist.post(unescape(kept), confirm=digest)
    assert again.status_code == 422
    assert "有变化" in again.text
    assert items(desk) == 1


@pytest.fixture(scope="module")
def officer(desk: StationClient) -> Person:
    return Person(desk, Role.OFFICER)


@pytest.mark.parametrize(
    ("ledger", "sentence"),
    [
        ("", "没有选择台账文件"),
        ("%%%", "没有传完整"),
        (b"PK\x03\x04", "台账没有读出"),
        (b"a,b\r\n1,2", "没有找到台账的表头"),
        (("档号,盒号\r\n" + "x,1\r\n" * 2001).encode(), "超过2000行"),
    ],
)
def test_what_is_no_ledger_is_told_on_a_page(
    officer: Person, ledger: bytes | str, sentence: str
) -> None:
    answer = officer.post(ledger)
    assert answer.status_code in {409, 422}  # a form that lacks something, a file that is none
    assert sentence in answer.text


def test_who_does_not_keep_paper_gets_no_preview(desk: StationClient) -> None:
    assert Person(desk, Role.CHIEF).post("档号,盒号".encode()).status_code == 403
