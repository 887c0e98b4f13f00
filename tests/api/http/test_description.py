"""What the archive says of itself is for those who have an account in it."""

from archive.administration.policy import Role
from tests.support.station import CITY, StationClient


def test_nobody_reads_the_description_or_the_figures_without_an_account(
    desk: StationClient,
) -> None:
    for path in ("/openapi.json", "/metrics"):
        answer = desk.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "INVALID_TOKEN"), path
        guessed = {"Authorization": "Bearer "}
        assert desk.client.get(path, headers=guessed).status_code == 401, path


def test_any_account_reads_the_description_and_an_operator_alone_the_figures(
    desk: StationClient,
) -> None:
    assert desk.client.get("/openapi.json", headers=desk.token()).status_code == 200
    assert desk.client.get("/metrics", headers=desk.token()).status_code == 403
    assert desk.person(Role.ARCHIVIST).ask("/openapi.json").status_code == 200
    assert desk.person(Role.ARCHIVIST).ask("/metrics").status_code == 403
    figures = desk.person(Role.SYSTEM_ADMIN, CITY).ask("/metrics")
    assert figures.headers["content-type"].startswith("text/plain; version=")
