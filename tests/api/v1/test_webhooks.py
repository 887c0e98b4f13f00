"""Webhooks against a real receiver on loopback.

They are signed, in order, tried again, and tell only what the client may see.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select, text, update

from api.jobs.webhooks import allowed, send_due, signature
from archive.checking.returning import return_case
from archive.database.engine import reading, writing
from archive.database.tables_administration import Account
from archive.database.tables_exchange import Webhook
from archive.database.tables_volumes import Volume
from archive.jobs import feed
from archive.reference.check_terms import ReturnReason
from ingest.intake.intake import take_package
from tests.resources import images
from tests.support import station
from tests.support.factories import make_bag, sound_case
from tests.support.filing import FILER
from tests.support.station import OTHER, StationClient


class Receiver(HTTPServer):
    """Keeps what it is sent; answers with `status`."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        self.send_response(self.server.status)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hooked(built: Path, tmp_path: Path, receiver: Receiver) -> Iterator[StationClient]:
    with station.desk(
        built, tmp_path / "desk", webhook_hosts=f"127.0.0.1:{receiver.server_port}"
    ) as desk:
        yield desk


def subscribe(desk: StationClient, receiver: Receiver, org: str = station.HOME) -> str:
    url = f"http://127.0.0.1:{receiver.server_port}/{org}"
    answer = desk.client.post("/api/v1/webhooks", json={"url": url}, headers=desk.token(org=org))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["secret"])


def commit_again(desk: StationClient, *series: str) -> None:
    """What the commit step does: announce the volume in the feed."""
    for code in series:
        with writing(desk.runtime.engine) as session:
            feed.announce(
                session, session.scalars(select(Volume.id).where(Volume.series == code)).one()
            )


def due_now(desk: StationClient) -> None:
    with writing(desk.runtime.engine) as session:
        session.execute(update(Webhook).values(next_at=datetime.now(UTC) - timedelta(seconds=1)))


def test_a_committed_volume_is_told_signed_and_in_order_without_personal_data(
    hooked: StationClient, receiver: Receiver
) -> None:
    secret = subscribe(hooked, receiver)
    commit_again(hooked, "QR", "CS")
    assert send_due(hooked.runtime) == 2
    assert send_due(hooked.runtime) == 0
    for headers, body in receiver.got:
        match = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", headers["Yice-Signature"])
        assert match
        at, given = match.groups()
        assert hmac.compare_digest(
            given, hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
        )
    notices = [json.loads(body) for _, body in receiver.got]
    assert [notice["code"][:13] for notice in notices] == ["J602-ZY·HJ·QR", "J602-ZY·HJ·CS"]
    assert {frozenset(notice) for notice in notices} == {
        frozenset({"id", "event", "code", "case_no", "version", "at"})
    }
    assert len({notice["id"] for notice in notices}) == 2
    with reading(hooked.runtime.engine) as session:
        assert secret not in str(
            [tuple(row) for row in session.execute(text("SELECT * FROM webhooks"))]
        )


def test_a_notice_that_is_not_taken_is_sent_again_before_any_later_one(
    hooked: StationClient, receiver: Receiver
) -> None:
    subscribe(hooked, receiver)
    commit_again(hooked, "QR", "CS")
    receiver.status = 500
    assert send_due(hooked.runtime) == 0
    assert send_due(hooked.runtime) == 0, "it waits before it tries again"
    assert len(receiver.got) == 1
    receiver.status = 204
    due_now(hooked)
    assert send_due(hooked.runtime) == 2
    ids = [json.loads(body)["id"] for _, body in receiver.got]
    assert ids == [ids[0], ids[0], ids[2]]


@pytest.mark.parametrize("lost", ["org", "scopes", "role"])
def test_rights_are_asked_again_at_each_notice(
    hooked: StationClient, receiver: Receiver, lost: str
) -> None:
    subscribe(hooked, receiver)
    commit_again(hooked, "QR")
    assert send_due(hooked.runtime) == 1
    now = {"org": OTHER, "scopes": ["search"], "role": "AUDIT_ADMIN"}[lost]
    with writing(hooked.runtime.engine) as session:
        client = Account.login.like("station-client-%")
        session.execute(update(Account).where(client).values({lost: now}))
    commit_again(hooked, "QR", "CS")
    due_now(hooked)
    assert send_due(hooked.runtime) == 0
    assert len(receiver.got) == 1


def test_a_redirect_is_not_followed(hooked: StationClient, receiver: Receiver) -> None:
    subscribe(hooked, receiver)
    commit_again(hooked, "QR")
    receiver.status = 307
    assert send_due(hooked.runtime) == 0
    assert len(receiver.got) == 1


def test_a_client_is_not_told_of_foreign_volumes_nor_a_shut_one_of_any(
    hooked: StationClient, receiver: Receiver
) -> None:
    subscribe(hooked, receiver, OTHER)
    subscribe(hooked, receiver)
    with writing(hooked.runtime.engine) as session:
        session.execute(
            text("UPDATE accounts SET state = 'DISABLED' WHERE login LIKE :one"),
            {"one": f"%{station.HOME}"},
        )
    commit_again(hooked, "QR")
    assert send_due(hooked.runtime) == 0
    assert receiver.got == []


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://station.example/hook", True),
        ("https://STATION.example:443/hook", True),
        ("http://station.example/hook", False),
        ("https://station.example:8443/", False),
        ("https://station.example.evil.example/", False),
        ("https://station.example@evil.example/", False),
        ("https://%75ser@station.example/", False),
        ("https://127.0.0.1/", False),
        ("https://[::1]/", False),
        ("https://station.example:99999/", False),
        ("ftp://station.example/", False),
    ],
)
def test_only_hosts_that_the_operator_named_are_called(url: str, fits: bool) -> None:
    assert allowed(url, "station.example:443, other.example:80") is fits
    assert not allowed(url, "")


def test_a_signature_depends_on_time_body_and_secret() -> None:
    signatures = {
        signature(secret, at, body)
        for secret in ("a", "b")
        for at in (1, 2)
        for body in (b"x", b"y")
    }
    assert len(signatures) == 8


def test_the_sender_of_a_case_is_told_that_it_was_returned_and_nobody_else(
    hooked: StationClient, receiver: Receiver, tmp_path: Path
) -> None:
    subscribe(hooked, receiver)
    subscribe(hooked, receiver, OTHER)
    runtime, case_no = hooked.runtime, "150602010000-20260901-000801"
    blank = {"materials/006.jpg": images.blank_jpeg()}
    taken = take_package(
        runtime.engine,
        runtime.store,
        "test",
        make_bag(tmp_path / "bag", case=sound_case(case_no), files=blank),
        sender=None,
        rules=runtime.intake_rules,
        now=datetime.now(UTC),
    )
    assert taken.outcome == "CONFIRM"
    with writing(runtime.engine) as session:
        return_case(
            session,
            FILER,
            case_no=case_no,
            reasons=[ReturnReason.ILLEGIBLE],
            text="第 1 页看不清",
            units=runtime.filing,
        )
    due_now(hooked)
    assert send_due(runtime) == 1
    ((headers, body),) = receiver.got
    notice = json.loads(body)
    assert headers["Yice-Event"] == notice["event"] == "case.returned"
    assert (notice["case_no"], notice["code"], notice["version"]) == (case_no, None, 1)
    assert "看不清" not in body.decode()
