"""What a request may be is judged before it is read, alike on every route."""

from collections.abc import Iterator

import pytest

from api.http.bounds import LONGEST_BODY
from tests.support.station import MOVE, StationClient

HUGE = "9" * 25
ROUTES = ["/", "/login", "/logout", "/search", "/api/v1/token", "/api/v1/search", "/healthz", "/x"]


@pytest.mark.parametrize("route", ROUTES)
def test_a_body_that_is_too_long_is_refused_before_it_is_read(
    desk: StationClient, route: str
) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(200):
            sent += 1 << 16
            yield bytes(1 << 16)

    announced = desk.client.post(route, content=bytes(LONGEST_BODY + 1))
    assert (announced.status_code, announced.json()["code"]) == (413, "TOO_LARGE")
    assert desk.client.post(route, content=endless(), follow_redirects=False).status_code in {
        303,
        401,
        404,
        405,
        409,
        413,
    }


@pytest.mark.parametrize(
    "address",
    [
        "/api/v1/volumes/{}/pages/" + HUGE,
        "/api/v1/webhooks/" + HUGE,
        "/volumes/{}/v" + HUGE,
        "/checks/" + HUGE,
        "/volumes/{}?v=" + HUGE,
        "/api/v1/volumes/{}?v=-" + HUGE,
    ],
)
def test_a_number_that_no_record_has_is_answered_alike_for_own_foreign_and_missing(
    desk: StationClient, address: str
) -> None:
    headers = desk.token()
    answers = {
        (answer.status_code, answer.text)
        for name in (MOVE, "150622020000-20260901-000001", "150602010000-20260901-000909")
        for answer in [desk.client.get(address.format(name), headers=headers)]
    }
    assert {status for status, _ in answers} == {404}
    assert len(answers) == 1
