"""Attacks that ask: for records of others, and by numbers that no record has."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
from sqlalchemy import select

from archive.administration.policy import ADMINISTRATORS, Role, org_kinds_of
from archive.database.engine import reading
from archive.database.tables_cases import Case, Component
from tests.attack.routes import Route, api_routes, ask_api, ask_page, desk_routes
from tests.support.station import (
    BIRTH,
    CITY,
    DISTRICT,
    HOME,
    NEIGHBOUR,
    ORGANISATIONS,
    OTHER,
    OTHER_DISTRICT,
    StationClient,
)

PLACES = (HOME, NEIGHBOUR, OTHER, DISTRICT, OTHER_DISTRICT, CITY)
PAIRS = [
    (role, org)
    for role in Role
    for org in PLACES
    if ORGANISATIONS.get(org).kind in org_kinds_of(role)
]
OUTSIDE = (NEIGHBOUR, OTHER, OTHER_DISTRICT)
"""Organisations of which the archive of `tests.support.station` holds nothing."""
ODD = (
    *(str(2**31), str(2**63 - 1), str(2**63), str(2**64), "9" * 25, "-1", str(-(2**63) - 1)),
    *("0", "1e400", "１２", "", "1.5", "true"),
)
_SERVER_FAULT = 500
_CASE, _CODE = BIRTH, "J602-ZY.HJ.QR.2026.Y-000001"
_MISSING = {
    "case_no": "150602010000-20260901-000909",
    "name": "J602-ZY.HJ.QR.2026.Y-000909",
    "code": "J602-ZY.HJ.QR.2026.Y-000909",
    "id_": "0" * 32,
    "hook": "909090",
    "number": "LY2026-909090",
    "delivery": "909090",
    "component": "909090",
}
_RECORDS = frozenset({"case_no", "name", "code", "id_", "number", "delivery", "component"})
_NO_RECORDS = ("/system", "/series", "/static", "/check/", "/copies", "/api/v1/checks", "/jobs")
"""Addresses that name no record of an organisation, or one that anyone may check."""
Call = Callable[[Route, Mapping[str, str], Mapping[str, str]], httpx.Response]


@dataclass
class Report:
    """How many tries an attack made, and those that got through."""

    tried: int = 0
    through: list[str] = field(default_factory=list)

    def note(self, what: str, *, refused: bool) -> None:
        """Count a try."""
        self.tried += 1
        if not refused:
            self.through.append(what)


def belongings(desk: StationClient) -> dict[str, str]:
    """Make and name things of the home station's client.

    They are a submission, a usage request that is granted, a certified copy, a webhook and a file.
    """
    headers = desk.token()

    def created(path: str, **body: object) -> dict[str, str]:
        answer = desk.client.post(f"/api/v1/{path}", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        kept = answer.json()
        return dict(kept[0] if isinstance(kept, list) else kept)

    sent = created("submissions", name="mine", size=9, sha256="0" * 64)["id"]
    number = desk.granted(headers, _CODE)
    under = {**headers, "Yice-Usage": number}
    copied = {"name": _CODE, "items": [4]}
    copy = desk.client.post("/api/v1/copies", json=copied, headers=under).json()
    hook = created("webhooks", url="http://127.0.0.1:9999/")["id"]
    files = [{"name": "1.jpg", "size": 9, "sha256": "0" * 64}]
    upload = created(
        "uploads",
        station="窗口",
        operator="060123",
        dpi=300,
        captured_at="2026-09-01T09:00:00+08:00",
        files=files,
    )["id"]
    with reading(desk.runtime.engine) as session:
        component = session.scalars(
            select(Component.id).join(Case, Case.id == Component.case_id).filter_by(case_no=BIRTH)
        ).first()
    return {
        "id_": sent,
        "number": number,
        "check_code": copy["check_code"],
        "hook": str(hook),
        "upload": upload,
        "component": str(component),
        "case_no": _CASE,
        "name": _CODE,
        "code": _CODE,
    }


def _values(route: Route, named: Mapping[str, str]) -> dict[str, str]:
    """The values of a route's parameters: what `id_` and `number` mean depends on the path."""
    values = dict(named) | {"no": "4", "part": "0", "page": "1", "material": "4"}
    if route.path.startswith("/api/v1/webhooks"):
        values["id_"] = values["hook"]
    elif "uploads" in route.path or route.path.startswith("/collecting"):
        values["id_"] = values.get("upload", values["id_"])
    if "number" in route.numbers:
        values["number"] = "1"
    return values


def names_a_record(route: Route) -> bool:
    """Whether a route is about a record of an organisation."""
    return not route.path.startswith(_NO_RECORDS) and bool(_RECORDS & set(route.in_path))


def _readers(
    desk: StationClient, places: tuple[str, ...], *, people: bool
) -> Iterator[tuple[str, Call]]:
    """Each role at each of these places, as a client of the API or a person at the desk."""
    for role, org in PAIRS:
        if org not in places and role not in ADMINISTRATORS:
            continue
        if people and role is not Role.STATION_CLIENT:
            yield f"{role} {org}", partial(ask_page, desk.person(role, org))
        elif not people:
            yield f"{role} {org}", partial(ask_api, desk, desk.token(role, org))


def ask_for_others(
    desk: StationClient,
    known: Mapping[str, str],
    *,
    people: bool,
    places: tuple[str, ...] = OUTSIDE,
) -> Report:
    """Every role outside asks for what is there and for what is nowhere: one answer for both.

    `known` are `belongings`.
    """
    report = Report()
    routes = [
        route for route in (desk_routes() if people else api_routes(desk)) if names_a_record(route)
    ]
    assert routes
    for reader, call in _readers(desk, places, people=people):
        for route in routes:
            mine, none = _values(route, known), _values(route, _MISSING)
            query = {"look": "1"} if "look" in route.numbers else {}
            known_answer, nowhere = call(route, mine, query), call(route, none, query)
            alike = (known_answer.status_code, _plain(known_answer, mine)) == (
                nowhere.status_code,
                _plain(nowhere, none),
            ) and known_answer.status_code not in {200, 201}
            report.note(
                f"{reader}: {route} {known_answer.status_code}/{nowhere.status_code}", refused=alike
            )
    return report


def ask_for_own(desk: StationClient, known: Mapping[str, str]) -> Report:
    """Every role of the home side reads its own: no server fault, nothing for administrators."""
    report = Report()
    for people in (True, False):
        routes = desk_routes() if people else api_routes(desk)
        for reader, call in _readers(desk, (HOME, DISTRICT, CITY), people=people):
            administers = reader.partition(" ")[0] in set(map(str, ADMINISTRATORS))
            for route in routes:
                if route.method != "GET" or not names_a_record(route):
                    continue
                query = {"look": "1"} if "look" in route.numbers else {}
                status = call(route, _values(route, known), query).status_code
                refused = status < _SERVER_FAULT and not (administers and status == httpx.codes.OK)
                report.note(f"{reader}: {route} {status}", refused=refused)
    return report


def _plain(answer: httpx.Response, named: Mapping[str, str]) -> str:
    """The text of an answer and where it leads, without what was asked for."""
    text = answer.text + answer.headers.get("location", "")
    values = sorted({value for value in named.values() if len(value) > 3}, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, values)), "NAME", text)


def ask_by_odd_numbers(
    desk: StationClient, known: Mapping[str, str], odd_numbers: Sequence[str] = ODD
) -> Report:
    """Numbers beyond every column, and words for numbers: no server fault, and one answer."""
    report = Report()
    pages, operations = desk_routes(), api_routes(desk)
    everyone: list[tuple[bool, Call, list[Route]]] = []
    for org in (HOME, OTHER):
        foreign = org == OTHER
        everyone.append((foreign, partial(ask_page, desk.person(Role.ARCHIVIST, org)), pages))
        everyone.append((foreign, partial(ask_api, desk, desk.token(org=org)), operations))
    for foreign, call, routes in everyone:
        for route in routes:
            for parameter in route.numbers:
                for odd in odd_numbers:
                    _ask_one(report, call, route, known, (parameter, odd), foreign=foreign)
    return report


def _ask_one(
    report: Report,
    call: Call,
    route: Route,
    known: Mapping[str, str],
    odd_parameter: tuple[str, str],
    *,
    foreign: bool,
) -> None:
    """Ask with one odd number, of a record that is there and of one that is nowhere."""
    parameter, odd = odd_parameter
    answers = []
    for named in (known, _MISSING):
        values = _values(route, named)
        query = {name: "1" for name in route.numbers if name not in route.in_path}
        if parameter in route.in_path:
            values[parameter] = odd
        else:
            query[parameter] = odd
        answer = call(route, values, query)
        answers.append((answer.status_code, _plain(answer, values)))
    alike = all(status < _SERVER_FAULT for status, _ in answers)
    alike = alike and (not foreign or not names_a_record(route) or answers[0] == answers[1])
    report.note(f"{route} {parameter}={odd}: {[status for status, _ in answers]}", refused=alike)


_BODIES: dict[str, dict[str, Any]] = {
    "search": {"query": "测某", "facets": ["year"], "size": 10, "after": "x"},
    "submissions": {"name": "x", "size": 9, "sha256": "0" * 64},
    "uploads": {
        "station": "窗口",
        "operator": "060123",
        "dpi": 300,
        "captured_at": "2026-09-01T09:00:00+08:00",
        "files": [
            {
                "name": "1.jpg",
                "size": 9,
                "sha256": "1" * 64,
                "material": {"case_no": _CASE, "no": 4, "type": "x", "position": 1, "of": 1},
            }
        ],
    },
    "usage-requests": {
        "code": _CODE,
        "capacity": "POLICE",
        "scope": "CASE",
        "purpose": "核对材料",
        "basis": "东公户核〔2026〕12号",
        "papers": ["办理业务的依据"],
        "days": 3,
    },
    "copies": {"name": _CODE, "items": [4]},
    "webhooks": {"url": "http://127.0.0.1:9999/"},
}
_ODD_VALUES = (2**63, -(2**63) - 1, 10**25, 1e308, -1, True, None, "9" * 25, "\x00", "x" * 70_000)
_SENDERS = ((Role.ARCHIVIST, HOME), (Role.CHIEF, HOME), (Role.SECURITY_ADMIN, CITY))
_FORM = (
    *("q", "text", "sort", "kind", "job", "mark", "retry", "old", "count", "confirm", "officer_no"),
    *("code", "capacity", "scope", "purpose", "basis", "days", "revision", "seen", "material"),
    *("edition", "leaves", "position", "of", "no", "case_no", "type", "state", "until", "since"),
    *("login", "secret", "new", "again", "role", "org", "name", "approve", "query", "words", "day"),
    *("tick-1", "item:1", "number", "at", "progress", "period", "series", "year"),
)


def send_odd_values(
    desk: StationClient, known: Mapping[str, str], roles: Sequence[tuple[Role, str]] = _SENDERS
) -> Report:
    """Every field of every body and form with values that no column takes: no server fault."""
    report, headers = Report(), desk.token()
    for path, body in _BODIES.items():
        for place in _places(body):
            for odd in _ODD_VALUES:
                content = json.dumps(_replaced(body, place, odd), ensure_ascii=True)
                answer = desk.client.post(
                    f"/api/v1/{path}",
                    content=content,
                    headers={**headers, "Content-Type": "application/json"},
                )
                what = f"{path} {place}={str(odd)[:30]!r}: {answer.status_code}"
                report.note(what, refused=answer.status_code < _SERVER_FAULT)
    for role, org in roles:
        person = desk.person(role, org)
        for route in desk_routes():
            if route.method != "POST" or route.path in {
                "/logout",
                "/logins/end",
                "/collecting/pull",
            }:
                continue
            for odd in ("9" * 25, "9" * 5000, "-1", "\x00", "１２", "x" * 5000):
                answer = person.ask(
                    route.at(_values(route, known)), **dict.fromkeys(_FORM, odd), reason="攻击"
                )
                what = f"{role} {route} {odd[:30]!r}: {answer.status_code}"
                report.note(what, refused=answer.status_code < _SERVER_FAULT)
    return report


def _places(body: Any, before: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where a value stands in a body: the keys and indexes that lead to it."""
    pairs = body.items() if isinstance(body, dict) else enumerate(body)
    for key, value in pairs:
        yield (*before, key)
        if isinstance(value, dict | list):
            yield from _places(value, (*before, key))


def _replaced(body: Any, place: tuple[str | int, ...], odd: Any) -> Any:
    """The body with another value in one place."""
    changed = json.loads(json.dumps(body))
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = odd
    return changed
