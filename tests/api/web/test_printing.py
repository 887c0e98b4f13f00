"""打印中心 at desk and station API: masked or named as the asker may, within reach, journalled."""

import io
import json
from typing import Any

import httpx
import pikepdf
import pypdfium2
import pytest

from api.jobs import printing as jobs
from api.runtime.workshop import open_compile_context
from archive.administration.policy import Role
from archive.database.engine import reading
from archive.database.tables_audit import JournalEntry
from archive.database.tables_desk import Notice
from archive.preservation.bucket import bucket_faults
from archive.printing.orders import orders_waiting
from archive.signing.validation import read_signature
from tests.support.station import CITY, DISTRICT, HOME, NEIGHBOUR, OTHER, Person, StationClient

CODE, BIRTH_CODE = "J602-ZY·HJ·QR·2026·Y-000001", "J602-ZY·HJ·CS·2026·Y-000001"
NAME = "测某"
ALL = {f"kind:{kind}": "1" for kind in ("register", "contents", "spines", "transfer")}


@pytest.fixture(autouse=True)
def nobody_makes_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker is called by the tests; no process is started beside them."""
    monkeypatch.setattr(jobs, "start_module", lambda *_, **__: None)


def text_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    return pdf_text(answer.content)


def pdf_text(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    return "".join(page.get_textpage().get_text_range() for page in document)


def newest(desk: StationClient, act: str) -> JournalEntry | None:
    with reading(desk.runtime.engine) as session:
        query = session.query(JournalEntry).filter_by(act=act)
        entry = query.order_by(JournalEntry.seq.desc()).first()
        if entry is not None:
            session.expunge(entry)
        return entry


def make_all(desk: StationClient) -> None:
    context = open_compile_context(desk.runtime)
    with reading(desk.runtime.engine) as session:
        waiting = orders_waiting(session)
    for order_id in waiting:
        jobs.make_order(desk.runtime, context, order_id)


def test_an_archivist_prints_names_of_own_volumes_in_plain_and_it_is_journalled(
    desk: StationClient,
) -> None:
    printed = text_of(desk.person(Role.ARCHIVIST).ask("/print", **ALL, year="2026"))
    assert NAME in printed
    assert CODE in printed
    assert BIRTH_CODE in printed
    entry = newest(desk, "PRINT")
    assert entry is not None
    detail = json.loads(entry.detail)
    assert (entry.subject, detail["sealed"], detail["purpose"]) == ("pages", False, "ARCHIVE")
    assert detail["named"] == 6  # two volumes in three lists; spines name nobody
    assert NAME not in entry.detail


@pytest.mark.parametrize(
    ("role", "org"),
    [(Role.CHIEF, HOME), (Role.DISTRICT_SUPERVISOR, DISTRICT), (Role.CITY_SUPERVISOR, CITY)],
)
def test_everybody_else_prints_them_masked(desk: StationClient, role: Role, org: str) -> None:
    printed = text_of(desk.person(role, org).ask("/print", **ALL, year="2026"))
    assert CODE in printed
    assert NAME not in printed
    assert "姓名已遮蔽" in printed


@pytest.mark.parametrize("role", [Role.OFFICER, Role.AUXILIARY])
def test_who_may_not_print_finds_neither_page_nor_menu(desk: StationClient, role: Role) -> None:
    person = desk.person(role)
    assert person.ask("/print").status_code == 403
    assert person.ask("/print", **ALL, year="2026").status_code == 403
    assert person.ask("/print/DY2026-000001").status_code == 403
    assert 'href="/print"' not in person.ask("/volumes").text


@pytest.mark.parametrize("org", [NEIGHBOUR, OTHER])
def test_a_forged_code_or_station_is_answered_like_none(desk: StationClient, org: str) -> None:
    stranger = desk.person(Role.ARCHIVIST, org)
    answers = [
        stranger.ask("/print", **{"kind:register": "1"}, codes=code)
        for code in (CODE, "J602-ZY·HJ·QR·2026·Y-000901")
    ]
    answers += [
        stranger.ask("/print", **{"kind:register": "1"}, station=station)
        for station in (HOME, "150699999999")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert all(CODE not in answer.text for answer in answers)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"year": "2026"}, "没有选要打印的目录"),
        ({"kind:register": "1"}, "没有选册"),
        ({"kind:register": "1", "year": "20x6"}, "年度应为四位数字"),
        ({"kind:register": "1", "since": "2026-13-01"}, "日期无法读取"),
        ({"kind:register": "1", "since": "2026-09-02", "until": "2026-09-01"}, "起始日期晚于截止"),
        ({"kind:register": "1", "until": "2199-01-01"}, "在今天之后"),
        ({"kind:nothing": "1", "year": "2026"}, "无法读取"),
        ({"kind:register": "1", "series": "ZZ"}, "无法读取"),
        ({"kind:register": "1", "series": "SW"}, "没有符合条件的册"),
    ],
)
def test_a_choice_that_says_nothing_is_refused_in_words(
    desk: StationClient, form: dict[str, str], words: str
) -> None:
    answer = desk.person(Role.ARCHIVIST).ask("/print", **form, way="pages")
    assert answer.status_code == 422
    assert words in answer.text


def test_ticked_volumes_lead_to_the_choice_and_no_ticks_are_told(desk: StationClient) -> None:
    person = desk.person(Role.ARCHIVIST)
    assert f'name="item:{CODE}"' in person.ask("/volumes").text
    sent = person.ask("/print/ticked", **{f"item:{CODE}": "1"})
    assert sent.status_code == 303
    assert CODE in person.ask(sent.headers["location"]).text
    assert person.ask("/print/ticked", other="1").status_code == 422
    printed = text_of(person.ask("/print", **{"kind:register": "1"}, codes=CODE.replace("·", ".")))
    assert CODE in printed
    assert BIRTH_CODE not in printed


def test_a_sealed_order_is_made_told_and_fetched_by_its_owner_alone(desk: StationClient) -> None:
    archivist = desk.person(Role.ARCHIVIST)
    sent = archivist.ask("/print", **ALL, year="2026", way="sealed")
    place = sent.headers["location"]
    number = place.rpartition("/")[2]
    assert "等待出具" in archivist.ask(place).text
    make_all(desk)
    page = archivist.ask(place).text
    assert "已出具" not in page  # files, not a step
    for kind in ("register", "contents", "spines", "transfer"):
        address = f"{place}/{kind}.pdf"
        assert address in page
        pdf = archivist.ask(address).content
        app: Any = desk.client.app
        signature = read_signature(pdf, app.state.web.trust)
        assert (signature.valid, signature.covers_whole_document) == (True, True)
        with pikepdf.open(io.BytesIO(pdf)) as opened:
            assert "2" in str(opened.open_metadata().get("pdfaid:part"))
        assert "打印件，未签章" not in pdf_text(pdf)
    sealed, fetched = newest(desk, "SEAL_PRINT"), newest(desk, "DOWNLOAD_PRINT")
    assert sealed is not None
    assert fetched is not None
    assert (sealed.subject, fetched.subject) == (number, number)
    with reading(desk.runtime.engine) as session:
        notice = session.query(Notice).filter_by(topic="PRINT", subject=number).one()
        assert (notice.kind, notice.account) == ("FINISHED", f"person-archivist-{HOME}")
    assert place in archivist.ask("/notices").text
    for other in (desk.person(Role.CHIEF), desk.person(Role.ARCHIVIST, DISTRICT)):
        assert other.ask(place).status_code == 404
        assert other.ask(f"{place}/register.pdf").status_code == 404
    assert archivist.ask(f"{place}/uses.pdf").status_code == 404
    assert list(bucket_faults(desk.runtime.engine, desk.runtime.store)) == []


def test_an_order_is_made_as_the_account_is_then(desk: StationClient) -> None:
    """Who lost the role in between gets nothing, and is told why."""
    archivist = desk.person(Role.ARCHIVIST, DISTRICT)
    sent = archivist.ask("/print", **{"kind:register": "1"}, year="2026", way="sealed")
    account = f"person-archivist-{DISTRICT}"
    with desk.runtime.engine.begin() as raw:
        raw.exec_driver_sql("UPDATE accounts SET role='OFFICER' WHERE login=?", (account,))
    make_all(desk)
    with desk.runtime.engine.begin() as raw:
        raw.exec_driver_sql("UPDATE accounts SET role='ARCHIVIST' WHERE login=?", (account,))
        step, error = raw.exec_driver_sql(
            "SELECT step, error FROM print_orders WHERE account=? ORDER BY id DESC", (account,)
        ).first()
    assert step == "FAILED"
    assert "您的角色不能进行此操作" in error
    place = sent.headers["location"]
    assert "未成功" in archivist.ask(place).text
    assert archivist.ask(f"{place}/retry", way="x").status_code == 303
    make_all(desk)
    assert "下载" in archivist.ask(place).text


def test_the_register_of_use_is_printed_with_visitors_masked_or_named(desk: StationClient) -> None:
    archivist = desk.person(Role.ARCHIVIST)
    wanted = {"capacity": "SELF", "scope": "OWN_HISTORY", "purpose": "核对登记", "basis": "申请"}
    came = {
        "visitor:name": "欧阳小明",
        "visitor:document": "PASSPORT",
        "visitor:number": "E12345678",
    }
    paper = {"code": CODE, "paper:有效身份证件": "1", "days": "3"}
    assert archivist.ask("/usage", **wanted, **came, **paper).status_code == 303
    named = text_of(archivist.ask("/print", **{"kind:uses": "1"}))
    assert "欧阳小明" in named
    assert "E12345678" not in named
    masked = text_of(desk.person(Role.CHIEF).ask("/print", **{"kind:uses": "1"}))
    assert "欧阳小明" not in masked
    assert "欧**明" in masked


def test_a_station_api_client_prints_orders_and_fetches_the_same(desk: StationClient) -> None:
    headers = desk.token(Role.ARCHIVIST)
    wanted: dict[str, Any] = {"kinds": ["register", "uses"], "year": 2026}
    pages = desk.client.post("/api/v1/registers/pages", json=wanted, headers=headers)
    assert NAME in text_of(pages)
    order = desk.client.post("/api/v1/registers", json=wanted, headers=headers)
    assert order.status_code == 202, order.text
    number = order.json()["number"]
    make_all(desk)
    shown = desk.client.get(f"/api/v1/registers/{number}", headers=headers).json()
    assert (shown["step"], [file["kind"] for file in shown["files"]]) == (
        "DONE",
        ["register", "uses"],
    )
    file = desk.client.get(f"/api/v1/registers/{number}/files/register", headers=headers)
    assert NAME in text_of(file)
    listed = desk.client.get("/api/v1/registers", headers=headers).json()
    assert number in {row["number"] for row in listed}
    bad = desk.client.post("/api/v1/registers", json={"kinds": ["register"]}, headers=headers)
    assert (bad.status_code, bad.json()["code"]) == (422, "BAD_PRINT")
    client = desk.token(Role.STATION_CLIENT)
    refused = desk.client.post("/api/v1/registers/pages", json=wanted, headers=client)
    assert (refused.status_code, refused.json()["code"]) == (403, "ROLE")


def test_prints_are_counted_towards_the_day(desk: StationClient) -> None:
    person = desk.person(Role.CHIEF)
    before = looks(desk, person)
    person.ask("/print", **{"kind:register": "1"}, year="2026")
    assert looks(desk, person) == before + 1


def looks(desk: StationClient, _person: Person) -> int:
    with desk.runtime.engine.connect() as raw:
        row = raw.exec_driver_sql(
            "SELECT looks FROM daily_uses WHERE account = ?", (f"person-chief-{HOME}",)
        )
        return sum(row.scalars().all())
