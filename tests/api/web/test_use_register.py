"""The register of use: who came, by name and document, masked; people instead of logins."""

import csv
import io
from typing import Any

from sqlalchemy import text

from archive.administration.policy import Role
from archive.database.engine import reading
from archive.reference.citizen_id import check_digit
from tests.support.station import DISTRICT, MOVE, Person, StationClient

CODE = "J602-ZY·HJ·QR·2026·Y-000001"
NUMBER = "15060219900101001" + check_digit("15060219900101001")
WANTED = {
    "code": CODE,
    "capacity": "SELF",
    "scope": "OWN_HISTORY",
    "purpose": "核对登记",
    "basis": "本人申请",
    "paper:有效身份证件": "1",
    "days": "3",
}
CAME = {
    "visitor:name": "欧阳小明",
    "visitor:document": "CITIZEN_ID",
    "visitor:number": NUMBER,
    "visitor:phone": "13804770001",
    "visitor:agent": "赵大海",
}


def entered(person: Person) -> str:
    answer = person.ask("/usage", **WANTED, **CAME)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removeprefix("/usage/")


def test_the_form_asks_who_came_where_somebody_comes(desk: StationClient) -> None:
    person = desk.person(Role.ARCHIVIST)
    assert 'name="visitor:number"' in person.ask("/usage/new?capacity=SELF").text
    assert 'name="visitor:number"' not in person.ask("/usage/new?capacity=POLICE").text
    refused = person.ask("/usage", **WANTED)
    assert refused.status_code == 422
    assert "利用人的姓名、证件和号码须按证件填写。" in refused.text


def test_a_wrong_check_digit_is_refused_and_not_repeated(desk: StationClient) -> None:
    wrong = NUMBER[:17] + ("1" if NUMBER[17] != "1" else "2")
    refused = desk.person(Role.ARCHIVIST).ask(
        "/usage", **WANTED, **{**CAME, "visitor:number": wrong}
    )
    assert refused.status_code == 422
    assert "校验码不符" in refused.text
    assert wrong not in refused.text


def test_the_register_names_the_visitor_masked_on_page_paper_and_csv(desk: StationClient) -> None:
    archivist = desk.person(Role.ARCHIVIST)
    number = entered(archivist)
    pages = [archivist.ask(path).text for path in ("/uses", "/uses/sheet", f"/usage/{number}")]
    rows = list(csv.DictReader(io.StringIO(archivist.ask("/uses.csv").text.lstrip("\ufeff"))))
    row = next(row for row in rows if row["利用单号"] == number)
    assert (row["利用人"], row["证件"], row["代理人"]) == ("欧**明", "居民身份证", "赵*海")
    for shown in (*pages, str(row)):
        assert "欧**明" in shown
        assert "150602********" in shown
        for plain in (CAME["visitor:name"], NUMBER, CAME["visitor:phone"], CAME["visitor:agent"]):
            assert plain not in shown


def test_who_came_is_encrypted_in_the_row_and_in_no_journal_entry(desk: StationClient) -> None:
    entered(desk.person(Role.ARCHIVIST))
    with reading(desk.runtime.engine) as session:
        stored = str(session.execute(text("SELECT visitor FROM usage_requests")).all())
        details = str(session.execute(text("SELECT detail FROM journal")).all())
    for plain in (CAME["visitor:name"], NUMBER, CAME["visitor:phone"]):
        assert plain not in stored
        assert plain not in details


def test_a_station_states_the_visitor_and_the_same_is_refused(desk: StationClient) -> None:
    wanted: dict[str, Any] = {
        **{key: value for key, value in WANTED.items() if ":" not in key},
        "papers": ["有效身份证件"],
        "visitor": {"name": "欧阳小明", "document": "CITIZEN_ID", "number": NUMBER},
    }
    wrong = {**wanted, "visitor": {**wanted["visitor"], "number": NUMBER[:17] + "Y"}}
    answers = [
        desk.client.post("/api/v1/usage-requests", json=asked, headers=desk.token())
        for asked in (wanted, {**wanted, "visitor": None}, wrong)
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 422]
    assert answers[2].json()["code"] == "BAD_VISITOR"


def test_people_are_named_and_logins_are_not_shown(desk: StationClient) -> None:
    archivist, chief = desk.person(Role.ARCHIVIST), desk.person(Role.CHIEF)
    number = entered(archivist)
    page = chief.ask(f"/usage/{number}").text
    assert "<dt>申请人</dt>" in page
    assert "person-archivist" not in page.partition("<dt>申请人</dt>")[2].partition("</dd>")[0]
    assert f'href="/volumes/{CODE}"' in page  # who decides opens what he decides on


def test_the_holder_of_a_grant_takes_the_volume_along_from_its_page(desk: StationClient) -> None:
    archivist = desk.person(Role.ARCHIVIST)
    assert archivist.ask(f"/volumes/{CODE}/purpose", purpose="ARCHIVE").status_code == 303
    assert f"/volumes/{CODE}/file" in archivist.ask(f"/volumes/{CODE}").text
    file = archivist.ask(f"/volumes/{CODE}/file")
    assert file.headers["content-type"] == "application/pdf"
    assert file.content.startswith(b"%PDF")
    supervisor = desk.person(Role.DISTRICT_SUPERVISOR, DISTRICT)
    assert f"/volumes/{CODE}/file" not in supervisor.ask(f"/volumes/{CODE}").text
    assert supervisor.ask(f"/volumes/{CODE}/file").status_code == 403
    assert MOVE in archivist.ask(f"/volumes/{CODE}").text
