"""Debian's nginx before a real `yice serve`, as deploy/nginx configures it."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from api.cluster.services import free_port
from tests.support.wheel import wait_for

ROOT = Path(__file__).parents[2]
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        NGINX is None and not os.environ.get("CI"),
        reason="nginx is not installed: apt-get install nginx",
    ),
]


@dataclass(frozen=True)
class Front:
    """The front's two ports and the folder of its certificates."""

    plain: int
    secure: int
    folder: Path

    def client(self, *certificate: str) -> httpx.Client:
        """A client that trusts the front's certificate, with one of its own when named."""
        context = ssl.create_default_context(cafile=str(self.folder / "fullchain.pem"))
        if certificate:
            context.load_cert_chain(*(str(self.folder / name) for name in certificate))
        return httpx.Client(base_url=f"https://localhost:{self.secure}", verify=context, timeout=30)


def make_certificate(folder: Path, name: str, key: str) -> None:
    """A self-signed certificate for a day."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", str(folder / key), "-out", str(folder / name)),
        ],
        check=True,
        capture_output=True,
    )


def adapted(folder: Path, *, web: int, plain: int, secure: int) -> str:
    """The front's own configuration with paths and ports of this test, and nothing else changed."""
    text = (ROOT / "deploy/nginx/yice.conf").read_text("utf-8")
    for directive, replaced in (
        ("server 127.0.0.1:8000;", f"server 127.0.0.1:{web};"),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{secure} ssl http2;"),
        ("/etc/yice/tls/", f"{folder}/"),
        ("/etc/yice/nginx/", f"{folder}/extra/"),
        ("client_header_timeout 10s;", "client_header_timeout 2s;"),
    ):
        assert directive in text
        text = text.replace(directive, replaced)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    return (
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/error.log; "
        f"events {{}} http {{ {temporary}\n{text} }}"
    )


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The desk on loopback, and nginx before it."""
    folder = tmp_path_factory.mktemp("front")
    make_certificate(folder, "fullchain.pem", "key.pem")
    make_certificate(folder, "stations.pem", "station-key.pem")
    (folder / "extra").mkdir()
    text = (ROOT / "deploy/nginx/mutual-tls.conf").read_text("utf-8")
    (folder / "extra/mutual-tls.conf").write_text(text.replace("/etc/yice/tls/", f"{folder}/"))
    web, plain, secure = free_port(), free_port(), free_port()
    (folder / "nginx.conf").write_text(adapted(folder, web=web, plain=plain, secure=secure))
    env = {**os.environ, "YICE_DATA": str(folder / "var"), "PYTHONPATH": str(ROOT)}
    env |= {"YICE_WEB_PROCESSES": "1", "YICE_RATE_LIMIT": "60"}
    serve = [sys.executable, "-m", "api.cli", "serve", "--behind-proxy", "--port", str(web)]
    desk = subprocess.Popen(serve, env=env, cwd=folder)
    nginx = subprocess.Popen([str(NGINX), "-c", str(folder / "nginx.conf"), "-p", str(folder)])
    server = Front(plain, secure, folder)
    try:
        wait_for(lambda: httpx.get(f"http://127.0.0.1:{web}/healthz").status_code == 200, desk)
        with server.client() as client:
            wait_for(lambda: client.get("/healthz").status_code == 200, nginx)
        yield server
    finally:
        for process in (nginx, desk):
            process.terminate()
            process.wait(timeout=30)


def test_the_login_page_comes_over_tls_with_hsts(front: Front) -> None:
    with front.client() as client:
        page = client.get("/login")
    assert page.status_code == 200
    assert "一册" in page.text
    assert page.headers["strict-transport-security"].startswith("max-age=31536000")
    assert re.fullmatch("nginx", page.headers["server"])


def test_http_leads_to_https(front: Front) -> None:
    answer = httpx.get(f"http://127.0.0.1:{front.plain}/login?next=1", follow_redirects=False)
    assert answer.status_code == 301
    assert answer.headers["location"] == "https://127.0.0.1/login?next=1"


def test_a_body_that_is_too_large_is_refused_by_the_front(front: Front) -> None:
    with front.client() as client:
        assert client.post("/login", content=b"x" * (17 << 20)).status_code == 413


def test_old_tls_is_refused(front: Front) -> None:
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{front.secure}", "-tls1_1"],
        input="",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode != 0


def test_who_sends_headers_slowly_is_cut_off(front: Front) -> None:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", front.plain), 30) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        assert b"200" not in slow.recv(4096)
    assert time.monotonic() - began < 25


def test_a_station_needs_its_certificate_and_the_public_check_needs_none(front: Front) -> None:
    with front.client() as client:
        assert client.get("/api/v1/volumes/J602-ZY.HJ.CS.2026.Y-000001").status_code == 403
        assert client.get("/api/v1/checks/7KQM-2XWP-9RTA-H4ND-C8VE").status_code == 404
    with front.client("stations.pem", "station-key.pem") as client:
        assert client.get("/api/v1/volumes/J602-ZY.HJ.CS.2026.Y-000001").status_code == 401


def test_health_and_figures_are_not_for_outside(front: Front) -> None:
    with front.client() as client:
        assert [client.get(path).status_code for path in ("/metrics", "/readyz")] == [404, 404]


def test_clients_are_told_apart_by_the_address_that_the_front_saw(front: Front) -> None:
    # A client that names another address in its header is still counted as itself.
    with front.client() as client:
        codes = [
            client.get(
                "/api/v1/checks/7KQM-2XWP-9RTA-H4ND-C8VE",
                headers={"X-Forwarded-For": f"10.0.0.{number}"},
            ).status_code
            for number in range(12)
        ]
    assert codes.count(429) >= 6
