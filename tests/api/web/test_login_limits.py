"""Both doors limit attempts to log in, by address and by login, and answer alike."""

from pathlib import Path

import httpx
import pytest

from archive.administration.policy import Role
from tests.support import station
from tests.support.station import CITY, StationClient

ATTEMPTS = 4


def attempt(client: StationClient, door: str, login: str, secret: str) -> httpx.Response:
    if door == "desk":
        form = {"login": login, "secret": secret}
        return client.client.post("/login", data=form, follow_redirects=False)
    form = {"grant_type": "client_credentials", "client_id": login, "client_secret": secret}
    return client.client.post("/api/v1/token", data=form)


@pytest.mark.parametrize("door", ["desk", "token"])
def test_who_tries_too_often_waits_also_with_the_right_secret(
    built: Path, tmp_path: Path, door: str
) -> None:
    with station.desk(built, tmp_path / door, rate_limit=10 * ATTEMPTS) as client:
        role = Role.SECURITY_ADMIN if door == "desk" else Role.STATION_CLIENT
        login, secret = client.secret(role, CITY if door == "desk" else station.HOME)
        answers = [attempt(client, door, f"nobody-{n}", "wrong") for n in range(ATTEMPTS)]
        assert [answer.status_code for answer in answers] == [401] * ATTEMPTS
        refused = attempt(client, door, login, secret)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert "请求过于频繁。" in refused.text


def test_the_desk_says_in_words_how_long_to_wait(built: Path, tmp_path: Path) -> None:
    with station.desk(built, tmp_path / "words", rate_limit=10) as client:
        attempt(client, "desk", "nobody", "wrong")
        page = attempt(client, "desk", "nobody", "wrong")
        assert page.headers["content-type"].startswith("text/html")
        assert f"请在 {page.headers['retry-after']} 秒后重试。" in page.text


@pytest.mark.parametrize("door", ["desk", "token"])
def test_a_text_of_any_length_is_answered_like_any_wrong_secret(
    desk: StationClient, door: str
) -> None:
    for login, secret in (("x" * 500, "y" * 2000), ("nobody\0", "z"), ("", "")):
        assert attempt(desk, door, login, secret).status_code == 401
