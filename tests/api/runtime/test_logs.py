"""Logs are JSON lines that say where and with which code, and never what a record says."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.app import create_app
from api.runtime import logs
from api.runtime.bootstrap import Runtime
from api.runtime.settings import Settings
from storage.local_store import LocalStore
from tests.support.holdings import CATALOGUE, ORGANISATIONS

PERSON = "张三丰"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What our formatter writes, on a handler of its own: the root's belongs to pytest."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonLines())
    logging.getLogger().addHandler(handler)
    logging.getLogger("yice").setLevel(logging.INFO)
    yield stream
    logging.getLogger().removeHandler(handler)


def lines_of(written: io.StringIO) -> list[dict[str, Any]]:
    """Each line read as JSON."""
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_what_a_library_fills_in_is_not_written_and_its_template_and_place_are(
    written: io.StringIO,
) -> None:
    logging.getLogger("somebody.else").warning("could not parse %s", PERSON)
    filled_in = f"could not parse {PERSON}"
    logging.getLogger("somebody.else").warning(filled_in)
    first, second = lines_of(written)
    assert first["event"] == "could not parse %s"
    assert second["event"] is None
    assert str(first["place"]).startswith("test_logs:")


def test_an_error_is_told_by_its_classes_and_places_on_one_line(written: io.StringIO) -> None:
    try:
        try:
            json.loads(PERSON)
        except ValueError as error:
            raise RuntimeError(f"about\n{PERSON}") from error
    except RuntimeError:
        with logs.log_context(job=7):
            logging.getLogger("celery.app.trace").exception(
                "Task %(name)s raised: %(exc)r", {"name": "x", "exc": PERSON}
            )
    (line,) = lines_of(written)
    assert PERSON not in json.dumps(line, ensure_ascii=False)
    assert (line["job"], line["code"]) == (7, "UNEXPECTED")
    assert [cause["class"] for cause in line["error"]][:2] == [
        "builtins.RuntimeError",
        "json.decoder.JSONDecodeError",
    ]


def test_how_something_ended_is_told_with_its_code_and_the_error_passes_on(
    written: io.StringIO,
) -> None:
    with pytest.raises(ValueError, match=PERSON), logs.log_outcome("volume", job=9):
        raise ValueError(PERSON)
    with logs.log_outcome("volume", job=10):
        pass
    failed, done = lines_of(written)
    assert (failed["event"], failed["job"], failed["ok"], failed["code"]) == (
        "volume",
        9,
        False,
        "UNEXPECTED",
    )
    assert (done["job"], done["ok"]) == (10, True)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_request_is_logged_by_the_pattern_of_its_address_and_its_number_is_in_the_answer(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory, written: io.StringIO
) -> None:
    folder = tmp_path_factory.mktemp("logged")
    client = TestClient(
        create_app(
            Runtime(
                Settings(data=folder),
                engine,
                LocalStore(folder / "store"),
                CATALOGUE,
                ORGANISATIONS,
            )
        )
    )
    answer = client.get(f"/api/v1/volumes/{PERSON}", params={"q": PERSON})
    client.get(f"/nowhere/{PERSON}")
    known, unknown = (line for line in lines_of(written) if line["event"] == "request")
    assert (known["status"], known["request"]) == (answer.status_code, answer.headers["Request-Id"])
    assert "{" in str(known["route"])
    assert unknown["route"] is None
    assert PERSON not in json.dumps([known, unknown], ensure_ascii=False)


def test_what_the_web_server_says_of_a_fault_quotes_no_record() -> None:
    """uvicorn printed whole traces, in which an error of the database quotes its rows."""
    program = f"""
import logging, logging.config
from api.runtime.logs import CONFIG
logging.config.dictConfig(CONFIG)
for name in ("uvicorn.error", "asyncio"):
    try:
        raise ValueError("{PERSON}")
    except ValueError as error:
        logging.getLogger(name).error("Exception in ASGI application", exc_info=error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [line["error"][0]["class"] for line in lines] == ["builtins.ValueError"] * 2
    assert PERSON not in ran.stderr
