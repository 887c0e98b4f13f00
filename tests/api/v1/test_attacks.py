"""What an attacker writes into a request is data.

It is no field that is not his, no syntax of the layers below, no address of our own network.
"""

import pytest

from archive.administration.policy import Role
from archive.database.engine import reading
from archive.database.tables_usage import UsageRequest
from tests.support.station import HOME, MOVE, StationClient

SYNTAX = (
    "姓名:.*",
    "档号:J602.*",
    "档号:.*|.*",
    "办件:%",
    "办件:1506________",
    "姓名:_",
    "' OR '1'='1",
    "测某'; DROP TABLE volumes; --",
    "text:*",
    "scope:150600000000",
    "[* TO *]",
    "kind:cursor",
    "测?",
    "测*",
    "\\u6d4b",
    "\x00测某",
    "((((((((((((((((",
    "NOT NOT NOT",
)
OWNED = {
    "/api/v1/search": ({"query": ""}, ("scope", "kinds", "org", "role")),
    "/api/v1/submissions": (
        {"name": "x", "size": 9, "sha256": "0" * 64},
        ("state", "account", "org", "id", "outcome"),
    ),
    "/api/v1/usage-requests": (
        {
            "code": MOVE,
            "capacity": "POLICE",
            "scope": "CASE",
            "purpose": "核对材料",
            "basis": "东公户核〔2026〕12号",
            "papers": ["办理业务的依据"],
        },
        ("state", "account", "decided_by", "ends_at", "keeper", "number"),
    ),
    "/api/v1/copies": ({"name": MOVE}, ("issued_by", "check_code", "sha256")),
    "/api/v1/webhooks": ({"url": "http://127.0.0.1:9999/"}, ("secret", "account", "org", "cursor")),
}


@pytest.mark.parametrize("path", OWNED)
def test_a_field_that_is_not_the_callers_to_set_is_refused_and_nothing_is_made(
    desk: StationClient, path: str
) -> None:
    headers = desk.token()
    body, fields = OWNED[path]

    def requests() -> int:
        with reading(desk.runtime.engine) as session:
            return session.query(UsageRequest).count()

    before = requests()
    for field in fields:
        answer = desk.client.post(path, json={**body, field: "x"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST"), field
    assert requests() == before


def test_a_decision_names_no_other_decider(desk: StationClient) -> None:
    headers = desk.token(Role.CHIEF)
    answer = desk.client.post(
        "/api/v1/usage-requests/LY2026-000001/decision",
        json={"approve": True, "reason": "x", "decided_by": "y"},
        headers=headers,
    )
    assert answer.status_code == 422


@pytest.mark.parametrize("typed", SYNTAX)
def test_the_syntax_of_the_layers_below_is_text_and_finds_nothing(
    desk: StationClient, typed: str
) -> None:
    answer = desk.client.post("/api/v1/search", json={"query": typed}, headers=desk.token())
    assert answer.status_code == 200, answer.text
    harmless = {
        "((((((((((((((((",
        "NOT NOT NOT",
        "\x00测某",
    }  # nothing is asked, or what is left is a name
    assert typed in harmless or answer.json()["total"] == 0


@pytest.mark.parametrize(
    "name", ["%", "J602%", "_" * 12, "' OR 1=1 --", "..%2f..%2fetc%2fpasswd", "%00"]
)
def test_a_name_of_a_volume_is_compared_as_a_whole(desk: StationClient, name: str) -> None:
    answer = desk.client.get(f"/api/v1/volumes/{name}", headers=desk.token())
    assert answer.status_code in {404, 422}
    assert MOVE not in answer.text


@pytest.mark.parametrize(
    "place",
    [
        "127.0.0.1",
        "localhost:9999",
        "[::1]:9999",
        "2130706433:9999",
        "0x7f.1:9999",
        "127.0.0.1:9999@evil.example",
        "evil.example:80#@127.0.0.1:9999",
        "10.0.0.1",
        "169.254.169.254/latest/meta-data",
        "127.0.0.1:9999.evil.example",
    ],
)
def test_no_station_points_us_into_our_own_network(desk: StationClient, place: str) -> None:
    answer = desk.client.post(
        "/api/v1/webhooks", json={"url": f"http://{place}/"}, headers=desk.token(org=HOME)
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "HOST_NOT_ALLOWED")
