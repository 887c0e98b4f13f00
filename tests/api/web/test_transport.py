"""Behind TLS a browser is told to stay there, and its login goes nowhere else."""

from pathlib import Path

import pytest

from archive.administration.policy import Role
from tests.support import station
from tests.support.station import CITY


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_the_login_is_for_https_alone_when_it_came_by_https(
    built: Path, tmp_path: Path, scheme: str
) -> None:
    with station.desk(built, tmp_path / scheme) as client:
        login, secret = client.secret(Role.SECURITY_ADMIN, CITY)
        answer = client.client.post(
            f"{scheme}://testserver/login",
            data={"login": login, "secret": secret},
            follow_redirects=False,
        )
    assert answer.status_code == 303
    assert ("; Secure" in answer.headers["set-cookie"]) is (scheme == "https")
    assert ("strict-transport-security" in answer.headers) is (scheme == "https")
