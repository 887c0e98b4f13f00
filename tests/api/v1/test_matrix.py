"""Every role × organisation × operation of the OpenAPI on a foreign record.

Nothing is said of it that is not said of one that does not exist.
"""

import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from archive.accession.accession import DeliveryResult
from archive.accession.deliveries import log_delivery
from archive.administration.policy import (
    ADMINISTRATORS,
    Act,
    Reader,
    Role,
    acts_of,
    org_kinds_of,
)
from archive.database.engine import writing
from archive.database.tables_cases import Delivery
from archive.paper.places import make_place
from archive.paper.stocktakes import open_stocktake
from archive.printing.choice import PrintChoice
from archive.printing.orders import order_print, print_number
from archive.reference.findings import finding
from archive.reference.print_terms import PrintKind
from archive.reference.vocabulary import IntakeOutcome
from tests.support.paper import keeper
from tests.support.station import (
    BIRTH,
    CITY,
    DISTRICT,
    HOME,
    LOOK,
    MOVE,
    NEIGHBOUR,
    ORGANISATIONS,
    OTHER,
    OTHER_DISTRICT,
    StationClient,
)

THERE, NOT_THERE = "J602-ZY.HJ.QR.2026.Y-000001", "J602-ZY.HJ.QR.2026.Y-000901"
PLACES = (HOME, NEIGHBOUR, OTHER, DISTRICT, OTHER_DISTRICT, CITY)
PAIRS = [
    (role, org)
    for role in Role
    for org in PLACES
    if ORGANISATIONS.get(org).kind in org_kinds_of(role)
]
ABOVE_HOME = {HOME, DISTRICT, CITY}
# What each operation on a record, by its path, asks the policy.
# An operation that this table lacks fails the test below.
ACT_OF = {
    "/volumes/{name}": Act.VIEW,
    "/volumes/{name}/facts": Act.VIEW_PLAIN,
    "/volumes/{name}/signature": Act.VIEW,
    "/volumes/{name}/pages/{page}": Act.VIEW_PAGES,
    "/volumes/{name}/file": Act.DOWNLOAD,
    "/volumes/{name}/items/{no}/file": Act.DOWNLOAD,
    "/submissions/{id_}": Act.FOLLOW,
    "/submissions/{id_}/parts/{part}": Act.SUBMIT,
    "/submissions/{id_}/complete": Act.SUBMIT,
    "/uploads/{id_}": Act.FOLLOW,
    "/uploads/{id_}/parts/{part}": Act.SUBMIT,
    "/uploads/{id_}/complete": Act.SUBMIT,
    "/uploads/{id_}/take-back": Act.SUBMIT,
    "/checking/{case_no}": Act.CHECK,
    "/checking/{case_no}/return": Act.CHECK,
    "/checking/{case_no}/assignment": Act.CHECK,
    "/checking/{case_no}/remarks": Act.CHECK,
    "/checking/{case_no}/materials/{material}/files/{file}": Act.CHECK,
    "/window/cases/{case_no}": Act.HANDLE,
    "/window/cases/{case_no}/acts": Act.HANDLE,
    "/usage-requests/{number}": Act.REQUEST_USE,
    "/usage-requests/{number}/decision": Act.DECIDE_USE,
    "/copies": Act.CERTIFY,
    "/copies/{check_code}/file": Act.CERTIFY,
    "/webhooks/{id_}": Act.WATCH,
    "/paper/stocktakes/{id_}": Act.VIEW_PAPER,
    "/paper/stocktakes/{id_}/close": Act.KEEP_PAPER,
    "/refused/{id_}/return": Act.SUBMIT,
    "/registers/{print_no}": Act.PRINT,
    "/registers/{print_no}/files/{kind}": Act.PRINT,
}
# Operations that name no record: who may, and what is in the answer, is tested beside them.
WITHOUT_RECORD = {
    "/token": None,
    "/checks/{check_code}": None,
    "/search": Act.SEARCH,
    "/saved-searches": Act.SEARCH,
    "/saved-searches/{id_}": Act.SEARCH,
    "/todo": Act.VIEW,
    "/notices": Act.VIEW,
    "/notices/read": Act.VIEW,
    "/checking": Act.CHECK,
    "/returns": Act.FOLLOW,
    "/submissions": Act.SUBMIT,
    "/uploads": Act.SUBMIT,
    "/uploads/place": Act.SUBMIT,
    "/uploads/covers": Act.SUBMIT,
    "/window/cases": Act.HANDLE,
    "/window/files": Act.HANDLE,
    "/window/people": Act.HANDLE,
    "/capacities": Act.REQUEST_USE,
    "/usage-requests": None,
    "/webhooks": Act.WATCH,
    "/paper": Act.VIEW_PAPER,
    "/paper/tasks": Act.VIEW_PAPER,
    "/paper/places": Act.VIEW_PAPER,
    "/paper/sessions": Act.KEEP_PAPER,
    "/paper/scans": Act.KEEP_PAPER,
    "/paper/stocktakes": Act.KEEP_PAPER,
    "/refused": Act.FOLLOW,
    "/registers": Act.PRINT,
    "/registers/pages": Act.PRINT,
    "/compilations": Act.COMPILE,
    "/compilations/preview": Act.COMPILE,
    "/compilations/periods": Act.COMPILE,
    "/statistics": Act.VIEW,
    "/supervision/responsibility": Act.SUPERVISE,
    "/supervision/overdue": Act.SUPERVISE,
    "/supervision/citywide": Act.SUPERVISE,
}

FIXED = {
    "kind": "register",
    "page": "1",
    "no": "4",
    "part": "0",
    "material": "4",
    "file": "1",
    "case_no": MOVE,
}
MISSING = {
    "name": NOT_THERE,
    "id_": "0" * 32,
    "number": "LY2026-999999",
    "case_no": "150602010000-20260901-000999",
    "check_code": "AAAA-AAAA-AAAA-AAAA-AAAA",
    "hook": "999",
    "upload": "0" * 32,
    "stocktake": "999",
    "refused": "999",
    "print_no": "DY2026-999999",
}
FEW, MANY, SECONDS_APART = 8, 800, 0.001


@pytest.fixture(scope="module")
def operations(desk: StationClient) -> list[tuple[str, str]]:
    """Every operation under /api/v1, from the schema itself."""
    paths = desk.client.get("/openapi.json", headers=desk.token()).json()["paths"]
    return [
        (method, path.removeprefix("/api/v1"))
        for path, methods in paths.items()
        if path.startswith("/api/v1")
        for method in methods
    ]


@pytest.fixture(scope="module")
def owned(desk: StationClient) -> dict[str, str]:
    """Things of the home station's client.

    They are a submission, a usage request, a certified copy and a webhook.
    """
    headers = desk.token()
    sent = desk.client.post(
        "/api/v1/submissions", json={"name": "mine", "size": 9, "sha256": "0" * 64}, headers=headers
    ).json()["id"]
    number = desk.granted(headers, THERE)
    copy = desk.client.post(
        "/api/v1/copies",
        json={"name": THERE, "items": [4]},
        headers={**headers, "Yice-Usage": number},
    ).json()
    hook = desk.client.post(
        "/api/v1/webhooks", json={"url": "http://127.0.0.1:9999/"}, headers=headers
    ).json()["id"]
    sent_file = {"name": "1.jpg", "size": 9, "sha256": "0" * 64}
    capture = {
        "station": "窗口",
        "operator": "060123",
        "dpi": 300,
        "captured_at": "2026-09-01T09:00:00+08:00",
        "files": [sent_file],
    }
    upload = desk.client.post("/api/v1/uploads", json=capture, headers=headers).json()[0]["id"]
    return {
        "id_": sent,
        "number": number,
        "check_code": copy["check_code"],
        "hook": str(hook),
        "upload": upload,
        "stocktake": str(stocktake_at_home(desk)),
        "refused": str(refused_at_home(desk)),
        "print_no": print_at_home(desk),
    }


def print_at_home(desk: StationClient) -> str:
    """An order of registers of the home station's archivist."""
    desk.token(Role.ARCHIVIST)
    archivist = Reader(f"archivist-{HOME}", Role.ARCHIVIST, HOME)
    with writing(desk.runtime.engine) as session:
        choice = PrintChoice((PrintKind.REGISTER,), year=2026)
        return print_number(order_print(session, archivist, choice, desk.runtime.reference))


def refused_at_home(desk: StationClient) -> int:
    """A package of the home station that was refused."""
    taken = DeliveryResult(IntakeOutcome.REFUSED, (finding("BAG_INVALID", "bag", why="缺清单"),))
    with writing(desk.runtime.engine) as session:
        log_delivery(
            session,
            "t",
            bag="mine.zip",
            case_no=None,
            sender=HOME,
            content_digest="0" * 64,
            taken=taken,
            quarantine_prefix=None,
            at=datetime.now(UTC),
        )
        return session.scalars(select(Delivery.id).filter_by(bag="mine.zip")).one()


def stocktake_at_home(desk: StationClient) -> int:
    owner = keeper(organisations=desk.runtime.organisations)
    with writing(desk.runtime.engine) as session:
        room = make_place(session, owner, parent_id=None, name="一号库", org=None)
        return open_stocktake(session, owner, room).id


def call(
    desk: StationClient, method: str, path: str, headers: dict[str, str], named: dict[str, str]
) -> Any:
    """The operation on one record."""
    other = {
        "/webhooks": "hook",
        "/uploads": "upload",
        "/paper": "stocktake",
        "/refused": "refused",
    }.get(path[: path.find("/", 1)])
    where = named | ({"id_": named[other]} if other else {})
    filled = re.sub(r"{(\w+)}", lambda match: where[match[1]], path)
    body: dict[str, Any] = {}
    if path == "/copies":
        body = {"json": {"name": named["name"]}}
    elif path.startswith("/refused"):
        body = {"json": {"reason": "请更正后重送"}}
    elif path.endswith("/decision"):
        body = {"json": {"approve": False, "reason": "不同意"}}
    elif path.startswith("/checking/"):
        acts = {
            "return": {"reasons": ["ILLEGIBLE"]},
            "assignment": {"org": HOME},
            "remarks": {"text": "看过"},
        }
        asked = acts.get(path.rpartition("/")[2])
        body = {"json": asked} if asked else {"content": b"x"} if method == "put" else {}
        filled += "?revision=1" if method == "put" else ""
    elif path.startswith("/window/"):
        headers = {**headers, "Yice-Operator": "060101", "Idempotency-Key": "0" * 16}
        body = {"json": {"act": "RECEIVE"}} if path.endswith("/acts") else {}
    elif path.endswith("/parts/{part}"):
        body = {"content": b"x" * 9}
    return desk.client.request(method, f"/api/v1{filled}", headers=headers, **body)


def test_every_operation_of_the_schema_is_in_this_matrix(operations: list[tuple[str, str]]) -> None:
    assert {path for _, path in operations} == set(ACT_OF) | set(WITHOUT_RECORD)


@pytest.mark.parametrize(("role", "org"), PAIRS, ids=[f"{role}-{org}" for role, org in PAIRS])
def test_a_foreign_record_and_one_that_does_not_exist_are_answered_equally(
    desk: StationClient,
    operations: list[tuple[str, str]],
    owned: dict[str, str],
    role: Role,
    org: str,
) -> None:
    headers = desk.token(role, org)
    there, missing = FIXED | {"name": THERE} | owned, FIXED | MISSING
    checked = 0
    for method, path in operations:
        if path not in ACT_OF or (path == "/copies" and method != "post"):
            continue
        known, unknown = (
            call(desk, method, path, headers, there),
            call(desk, method, path, headers, missing),
        )
        foreign = (
            org not in ABOVE_HOME
            if path.startswith(("/volumes", "/copies", "/paper", "/refused", "/checking"))
            or path.endswith("/take-back")
            else (role, org) != (Role.STATION_CLIENT, HOME)
        )
        if path.startswith("/uploads") and not path.endswith("/take-back"):
            foreign = org != HOME
        if path.startswith("/registers"):
            foreign = (role, org) != (Role.ARCHIVIST, HOME)
        decides = (
            Act.DECIDE_USE in acts_of(role)
            and org in ABOVE_HOME
            and path.startswith("/usage-requests")
        )
        if ACT_OF[path] not in acts_of(role):
            assert (known.status_code, known.json()["code"]) == (403, "ROLE"), (method, path)
        if ACT_OF[path] not in acts_of(role) or (
            foreign and not decides and path != "/copies/{check_code}/file"
        ):
            assert (known.status_code, known.text) == (unknown.status_code, unknown.text), (
                method,
                path,
            )
            assert known.status_code in {403, 404}
            checked += 1
        assert unknown.status_code in {403, 404}, (method, path, unknown.text)
        assert known.status_code < 500
    assert checked or role in {Role.STATION_CLIENT, Role.ARCHIVIST}


@pytest.mark.parametrize(
    ("role", "org"), [pair for pair in PAIRS if pair[1] in {OTHER, OTHER_DISTRICT}], ids=str
)
def test_a_foreign_record_and_one_that_does_not_exist_take_the_same_time(
    desk: StationClient,
    operations: list[tuple[str, str]],
    owned: dict[str, str],
    role: Role,
    org: str,
) -> None:
    headers, apart = desk.token(role, org), {}
    for method, path in operations:
        if path not in ACT_OF or (path == "/copies" and method != "post"):
            continue
        least, rounds = [1.0, 1.0], 0
        # By turns, so that both meet the same load. The least of many is what the work itself
        # takes: a busy machine needs more of them, a difference in the work stays whatever their
        # number.
        while rounds < FEW or (rounds < MANY and abs(least[0] - least[1]) > SECONDS_APART):
            rounds += 1
            for which, named in enumerate((FIXED | {"name": THERE} | owned, FIXED | MISSING)):
                begin = time.perf_counter()
                assert call(desk, method, path, headers, named).status_code in {403, 404}, (
                    method,
                    path,
                )
                least[which] = min(least[which], time.perf_counter() - begin)
        apart[method, path] = abs(least[0] - least[1])
    assert {key: took for key, took in apart.items() if took > SECONDS_APART} == {}


@pytest.mark.parametrize(("role", "org"), PAIRS, ids=[f"{role}-{org}" for role, org in PAIRS])
def test_hits_counts_and_facets_hold_no_foreign_record(
    desk: StationClient, role: Role, org: str
) -> None:
    headers = desk.token(role, org)
    for query in ("", "测某", MOVE, BIRTH, "150602199001010016", "NOT 王", "旗区:东胜"):
        answer = desk.client.post(
            "/api/v1/search", json={"query": query, "facets": ["district", "year"]}, headers=headers
        )
        if role in ADMINISTRATORS:
            assert answer.status_code == 403
        elif org not in ABOVE_HOME:
            assert answer.json() == {
                "total": 0,
                "hits": [],
                "facets": {"district": [], "year": []},
                "next": None,
                "doubts": [],
            }
        else:
            assert answer.json()["total"] >= 1, query


@pytest.mark.parametrize(("role", "org"), PAIRS, ids=[f"{role}-{org}" for role, org in PAIRS])
def test_lists_of_supervision_hold_nothing_from_outside_the_reach(
    desk: StationClient, role: Role, org: str
) -> None:
    headers = desk.token(role, org)
    for path in ("responsibility?actor_no=3", "overdue", "citywide"):
        answer = desk.client.get(f"/api/v1/supervision/{path}", headers=headers)
        if Act.SUPERVISE not in acts_of(role):
            assert answer.status_code == 403
        else:
            expected = 2 if path.startswith("responsibility") and org in ABOVE_HOME else 0
            assert len(answer.json()["rows"]) == expected


def test_without_a_token_every_operation_but_the_public_ones_is_shut(
    desk: StationClient, operations: list[tuple[str, str]], owned: dict[str, str]
) -> None:
    named = FIXED | {"name": THERE} | owned
    for method, path in operations:
        if path in {"/token", "/checks/{check_code}"}:
            continue
        assert call(desk, method, path, dict(LOOK), named).status_code == 401, (method, path)
