"""What a form of the desk states is held to the same model as the station API's request."""

from typing import Any

import pytest

from api.web.shell.page import COOKIE
from archive.administration.accounts import (
    AccountKind,
    NewAccount,
    approve_account,
    propose_account,
)
from archive.administration.logins import csrf_token, open_login
from archive.administration.policy import Role
from archive.database.engine import writing
from tests.support import station
from tests.support.station import HOME, StationClient

CODE = "J602-ZY·HJ·QR·2026·Y-000001"
WANTED: dict[str, Any] = {
    "code": CODE,
    "capacity": "POLICE",
    "scope": "CASE",
    "purpose": "核对材料",
    "basis": "东公户核〔2026〕12号",
    "papers": ["办理业务的依据"],
}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "days": ({"days": "三"}, "利用天数应为1至30。"),
    "many days": ({"days": "31"}, "利用天数应为1至30。"),
    "purpose": ({"purpose": "x"}, "事由应为2至200字。"),
    "basis": ({"basis": "x" * 101}, "依据文书应为2至100字。"),
    "code": ({"code": "x y"}, "请填写完整的档号。"),
    "capacity": ({"capacity": ""}, "请选择利用主体。"),
}


class Person:
    """An officer of the home station with a form of the desk."""

    def __init__(self, desk: StationClient, login: str) -> None:
        self._client = desk.client
        with writing(desk.runtime.engine) as session:
            new = NewAccount(login, AccountKind.PERSON, "警某", HOME, Role.OFFICER)
            propose_account(session, station.SYSTEM, new, station.ORGANISATIONS)
            account = approve_account(session, station.SECURITY, login)
            self._carried = open_login(session, account, "WEB")

    def post(self, path: str, **form: str) -> Any:
        data = {"csrf": csrf_token(self._carried), **form}
        headers = {"Cookie": f"{COOKIE}={self._carried}"}
        return self._client.post(path, data=data, headers=headers, follow_redirects=False)

    def ask(self, **changed: str) -> Any:
        papers = {f"paper:{paper}": "1" for paper in WANTED["papers"]}
        fields = {key: value for key, value in WANTED.items() if key != "papers"}
        return self.post("/usage", **{**fields, **papers, **changed})


@pytest.mark.parametrize("fault", WRONG)
def test_a_request_for_use_that_the_api_refuses_is_refused_by_the_desk_too(
    desk: StationClient, fault: str
) -> None:
    changed, sentence = WRONG[fault]
    answer = desk.client.post(
        "/api/v1/usage-requests", json={**WANTED, **changed}, headers=desk.token()
    )
    assert answer.status_code == 422
    page = Person(desk, f"asks-{len(fault)}-{fault[0]}").ask(**changed)
    assert page.status_code == 422
    assert sentence in page.text


def test_a_request_without_days_is_for_three_at_both_doors(desk: StationClient) -> None:
    assert Person(desk, "asks").ask().status_code == 303
    assert Person(desk, "asks-more").ask(days="5").status_code == 303


def test_papers_that_are_missing_and_an_unknown_code_have_the_same_status_at_both_doors(
    desk: StationClient,
) -> None:
    person = Person(desk, "asks-wrongly")
    for changed in ({"papers": []}, {"code": "ABC"}):
        answer = desk.client.post(
            "/api/v1/usage-requests", json={**WANTED, **changed}, headers=desk.token()
        )
        fields = {key: value for key, value in WANTED.items() if key != "papers"}
        page = person.post("/usage", **fields) if "papers" in changed else person.ask(code="ABC")
        assert page.status_code == answer.status_code == 422
        assert answer.json()["code"] in page.text
