"""/healthz, /readyz and /metrics over HTTP from a real uvicorn.

Each dependency is there, and then gone.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from api.cluster.nodes import WEB
from api.cluster.services import free_port, seaweedfs
from api.web.administration.status import _renewal
from archive.database.engine import connect, writing
from archive.database.tables_jobs import Job
from archive.preservation.renewal import Outlook

ROOT = Path(__file__).parents[3]


KEY = "collector-of-figures"


@contextmanager
def served(data: Path, settings: Mapping[str, str] = {}) -> Iterator[httpx.Client]:
    """The web app of this data folder, with an HTTP client."""
    port = free_port()
    env = {
        **os.environ,
        "YICE_METRICS_KEY": KEY,
        "YICE_DATA": str(data),
        "PYTHONPATH": str(ROOT),
        **settings,
    }
    server = subprocess.Popen(
        [
            sys.executable,
            *WEB,
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ],
        env=env,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            for _ in range(1800):
                try:
                    client.get("/healthz")
                except httpx.HTTPError:
                    assert server.poll() is None, "the server ended"
                    time.sleep(0.1)
                else:
                    break
            yield client
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Engine]:
    """The database of the served data folder."""
    engine = connect(f"sqlite:///{tmp_path / 'yice.db'}")
    yield engine
    engine.dispose()


def gauges(client: httpx.Client) -> dict[tuple[str, ...], float]:
    """/metrics read by the field's own parser: name and label values to number."""
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {KEY}"})
    assert answer.headers["content-type"].startswith("text/plain; version=")
    samples = [
        sample
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    ]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


def test_an_archive_on_one_machine_is_ready_without_any_setting(tmp_path: Path) -> None:
    with served(tmp_path) as client:
        answer = client.get("/readyz")
        assert answer.status_code == 200
        assert {
            name: answer.json()[name]["state"] for name in ("database", "store", "broker")
        } == dict.fromkeys(("database", "store", "broker"), "ok")


def test_a_broker_that_is_gone_makes_the_node_unready_but_alive_and_tells_no_password(
    tmp_path: Path,
) -> None:
    with served(
        tmp_path, {"YICE_BROKER_URL": f"amqp://yice:hush-hush@127.0.0.1:{free_port()}//"}
    ) as client:
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert (answer.json()["database"]["state"], answer.json()["store"]["state"]) == ("ok", "ok")
        assert answer.json()["broker"]["state"] == "down"
        assert "hush" not in answer.text
        assert client.get("/healthz").status_code == 200


def test_a_broker_that_never_answers_is_down_within_the_limit(tmp_path: Path) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        with served(
            tmp_path, {"YICE_BROKER_URL": f"amqp://yice:x@127.0.0.1:{mute.getsockname()[1]}//"}
        ) as client:
            begin = time.monotonic()
            assert client.get("/readyz").json()["broker"]["state"] == "down"
            assert time.monotonic() - begin < 8


def test_a_store_that_goes_away_and_comes_back_is_told_each_time(tmp_path: Path) -> None:
    port = free_port()
    store = seaweedfs(tmp_path / "weed", port, "yice", "yice", "secret-of-the-test")
    settings = {
        "YICE_S3_ENDPOINT": f"127.0.0.1:{port}",
        "YICE_S3_ACCESS_KEY": "yice",
        "YICE_S3_SECRET_KEY": "secret-of-the-test",
        "YICE_S3_SECURE": "false",
    }
    try:
        store.start().wait()
        with served(tmp_path, settings) as client:
            assert client.get("/readyz").status_code == 200
            store.kill()
            gone = client.get("/readyz")
            assert (
                gone.status_code,
                gone.json()["store"]["state"],
                gone.json()["database"]["state"],
            ) == (503, "down", "ok")
            store.start().wait()
            assert client.get("/readyz").json()["store"]["state"] == "ok"
    finally:
        store.kill()


def test_a_database_without_its_tables_is_not_ready(tmp_path: Path, rows: Engine) -> None:
    with served(tmp_path) as client:
        with rows.begin() as connection:
            connection.exec_driver_sql("DROP TABLE alembic_version")
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["database"]["state"]) == (503, "down")


def test_metrics_count_the_rows_and_the_wait_at_each_scrape(tmp_path: Path, rows: Engine) -> None:
    with served(tmp_path) as client:
        empty = gauges(client)
        assert empty["yice_volumes", "COMMITTED"] == 0
        assert empty["yice_jobs", "compile", "WAITING"] == 0
        assert empty["yice_oldest_waiting_job_age_seconds",] == 0
        now = datetime.now(UTC)
        with writing(rows) as session:
            for number, (state, code) in enumerate(
                (("WAITING", None), ("WAITING", None), ("FAILED", "NOT_PROVED"), ("DONE", None))
            ):
                created = now - timedelta(hours=number)
                session.add(
                    Job(
                        kind="compile",
                        version_id=number,
                        state=state,
                        attempts=0,
                        error_code=code,
                        created_at=created,
                    )
                )
        values = gauges(client)
        assert values["yice_jobs", "compile", "WAITING"] == 2
        assert values["yice_jobs", "compile", "FAILED"] == 1
        assert values["yice_job_failures", "NOT_PROVED"] == 1
        assert 3600 <= values["yice_oldest_waiting_job_age_seconds",] < 3700


def test_every_answer_carries_a_number_and_the_headers_that_keep_a_browser_careful(
    tmp_path: Path,
) -> None:
    with served(tmp_path) as client:
        answers = [
            client.get(address)
            for address in (
                "/healthz",
                "/nothing-here",
                "/api/v1/volumes/x",
                "/login",
                "/openapi.json",
            )
        ]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff", answer.url
        assert "unsafe" not in answer.headers["content-security-policy"], answer.url
        assert "cache-control" in answer.headers, answer.url
    numbers = {answer.headers["request-id"] for answer in answers}
    assert len(numbers) == len(answers)


def test_the_status_page_says_when_the_first_time_stamp_ends_and_how_many_are_due() -> None:
    end = datetime(2030, 5, 1, 4, tzinfo=UTC)
    none, well, due = (
        _renewal(outlook) for outlook in (Outlook(None, 0), Outlook(end, 0), Outlook(end, 12))
    )
    assert (none.tone, none.state, none.detail) == ("ok", "0", "尚无时间戳")
    assert well.tone == "ok"
    assert "2030" in well.detail
    assert (due.tone, due.state) == ("wait", "12")
    assert "自动续为新版本" in due.detail
