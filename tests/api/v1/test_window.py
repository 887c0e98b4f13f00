"""The window over the station API: one case by two officers, and what is refused in words."""

import io
from typing import Any

import httpx
import pytest
from PIL import Image

from archive.administration.accounts import (
    AccountKind,
    NewAccount,
    approve_account,
    propose_account,
)
from archive.administration.policy import Role
from archive.database.engine import reading, writing
from ingest.window.forms import shown_digest
from ingest.window.officers import register_officer
from ingest.window.rows import cases_numbered, state_of
from ingest.window.state import CaseState
from tests.support.station import HOME, ORGANISATIONS, OTHER, SECURITY, SYSTEM, StationClient
from tests.support.window import BEGIN, STROKES, id_number, lacking, opening

PEOPLE = {"060201": Role.OFFICER, "060202": Role.OFFICER, "060203": Role.CHIEF}


@pytest.fixture(scope="module")
def staffed(desk: StationClient) -> StationClient:
    """The home station with two officers and a chief."""
    for at, (number, role) in enumerate(PEOPLE.items()):
        with writing(desk.runtime.engine) as session:
            login = f"window-{number}"
            new = NewAccount(login, AccountKind.PERSON, f"警{number}", HOME, role, number)
            propose_account(session, SYSTEM, new, ORGANISATIONS)
            approve_account(session, SECURITY, login)
            register_officer(
                session, SYSTEM, officer_no=number, id_number=id_number(41000 + at), now=BEGIN
            )
    return desk


class Caller:
    """The home station's own system."""

    def __init__(self, desk: StationClient, org: str = HOME) -> None:
        self.desk, self.headers, self.count = desk, desk.token(org=org), 0
        self.case_no = ""

    def post(self, path: str, body: dict[str, Any], number: str = "060201") -> httpx.Response:
        self.count += 1
        headers = {
            **self.headers,
            "Yice-Operator": number,
            "Idempotency-Key": f"{id(self)}-{self.count:06d}",
        }
        return self.desk.client.post(f"/api/v1/window{path}", json=body, headers=headers)

    def act(self, act: str, number: str = "060201", **data: Any) -> httpx.Response:
        body = {"act": act, "data": data}
        return self.post(f"/cases/{self.case_no}/acts", body, number)

    def state(self) -> CaseState:
        with reading(self.desk.runtime.engine) as session:
            return state_of(session, cases_numbered(session, [self.case_no])[self.case_no].id)


def scan() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (100, 100), "white").save(out, "JPEG")
    return out.getvalue()


def done(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture(scope="module")
def caller(staffed: StationClient) -> Caller:
    caller = Caller(staffed)
    caller.case_no = done(caller.post("/cases", opening("CS02")))["case_no"]
    return caller


def test_a_case_goes_from_its_opening_to_its_close_by_acts_of_two_officers_and_the_chief(
    caller: Caller,
) -> None:
    headers = {**caller.headers, "Content-Type": "application/octet-stream"}
    kept = done(caller.desk.client.post("/api/v1/window/files", content=scan(), headers=headers))
    refused = caller.act("RECEIVE")
    assert (refused.status_code, refused.json()["code"]) == (409, "IDENTITY_MISSING")
    assert "核验" in refused.json()["action"]
    done(caller.act("IDENTIFY", result="MATCH", device="仪1", score=0.9))
    for row in lacking(caller.state()):
        stated = {"type": row.name, "source": str(row.sources[0]), "files": [kept], "pages": 1}
        done(caller.act("ADD_MATERIAL", **stated))
    state = caller.state()
    paper = next(row for row in state.papers.values() if row.stated.get("form") == "RECEIPT")
    signed = {"form": "RECEIPT", "form_sha256": shown_digest(state, paper), "device": "屏1"}
    done(caller.act("SIGN", **signed, strokes=STROKES))
    done(caller.act("RECEIVE"))
    done(caller.act("ACCEPT"))
    numbers = {"materials": sorted(state.papers)}
    assert caller.act("TICK", **numbers).json()["code"] == "ACT_COLLECTOR"
    for act in ("SHOW", "TICK"):
        done(caller.act(act, "060202", **numbers))
    done(caller.act("REVIEW", "060202"))
    assert caller.act("APPROVE", "060202").json()["code"] == "ACT_ROLE"
    done(caller.act("APPROVE", "060203"))
    done(caller.act("ISSUE"))
    assert done(caller.act("CLOSE"))["step"] == "CLOSED"


def test_one_case_is_shown_with_acts_clocks_and_spans_and_names_no_applicant(
    caller: Caller,
) -> None:
    client = caller.desk.client
    answer = client.get(f"/api/v1/window/cases/{caller.case_no}", headers=caller.headers)
    shown = done(answer)
    assert [act["seq"] for act in shown["acts"]] == list(range(1, shown["seq"] + 1))
    assert {"clocks", "returns", "seal_uses"} <= set(shown)
    assert "测某" not in answer.text
    assert id_number(44990) not in answer.text
    closed = client.get("/api/v1/window/cases?step=CLOSED", headers=caller.headers)
    assert [row["case_no"] for row in closed.json()] == [caller.case_no]


def test_a_stranger_is_answered_as_if_the_case_was_not_there(caller: Caller) -> None:
    headers = caller.desk.token(org=OTHER)
    client = caller.desk.client
    paths = (caller.case_no, "150602010000-20260302-W09999")
    answers = [client.get(f"/api/v1/window/cases/{no}", headers=headers) for no in paths]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text == answers[1].text
    assert client.get("/api/v1/window/cases?step=CLOSED", headers=headers).json() == []


def test_nobody_acts_in_the_name_of_an_officer_of_another_station(caller: Caller) -> None:
    other = Caller(caller.desk, OTHER)
    answer = other.post("/cases", opening("CS02"), "060201")
    assert (answer.status_code, answer.json()["code"]) == (403, "OPERATOR_UNKNOWN")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"item": "XX99"}, "ITEM_UNKNOWN"),
        ({"home": "150602000000"}, "HOME_UNKNOWN"),
        ({"item": "BL07", "home": OTHER}, "ITEM_HOME_ONLY"),
        ({"applicant": {"name": "测某", "id_number": "150602199001010017"}}, "ID_NUMBER"),
        ({"applicant": {"name": "测某", "id_number": "150602201901010015"}}, "ID_NUMBER"),
        ({"applicant": {"name": "测\ue123", "id_number": id_number(44990)}}, "NAME_GLYPH"),
    ],
)
def test_a_case_that_may_not_be_opened_is_refused_in_words(
    caller: Caller, change: dict[str, Any], code: str
) -> None:
    answer = caller.post("/cases", {**opening("CS02"), **change})
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert answer.json()["action"].endswith("。")
