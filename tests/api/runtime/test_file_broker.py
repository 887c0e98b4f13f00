"""The broker of files: what a crash cut is built anew, and nothing is left half-written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from celery import Celery
from kombu.simple import SimpleQueue

from api.runtime.broker import celery_app, queue_lengths
from api.runtime.file_broker import sweep
from api.runtime.settings import Settings

TASK = "compile_volume"
QUEUE = "compile"
CUT = [b"", b"[[", b'[["compile", "", "comp', b"null", b'{"a": 1}', b"\xff\xfe", b"\0" * 40]


@contextmanager
def app_on(data: Path) -> Iterator[Celery]:
    with celery_app(Settings(data=data, queues="compile")) as app:  # type: ignore[arg-type]
        yield app


def send(app: Celery, version_id: int) -> None:
    app.send_task(TASK, (version_id,), queue=QUEUE)


def received(app: Celery) -> list[Any]:
    """The arguments of the messages that a worker would read, in order."""
    arguments = []
    with app.connection_for_read() as connection, connection.channel() as channel:
        # kombu has no types.
        queue: Any = cast("Any", SimpleQueue)(channel, app.amqp.queues[QUEUE], no_ack=True)
        try:
            while True:
                arguments.append(queue.get(block=False).payload[0])
        except queue.Empty:
            return arguments
        finally:
            queue.close()


@pytest.mark.parametrize("rest", CUT, ids=range(len(CUT)))
def test_bindings_that_a_crash_cut_are_built_anew(tmp_path: Path, rest: bytes) -> None:
    control = tmp_path / "broker" / "control"
    control.mkdir(parents=True)
    (control / "compile.exchange").write_bytes(rest)
    (control / "celery.pidbox.exchange").write_bytes(rest)
    with app_on(tmp_path) as app:
        send(app, 7)
        assert received(app) == [[7]]
        assert app.control.ping(timeout=0.1) == []
    assert b"compile" in (control / "compile.exchange").read_bytes()


@pytest.mark.parametrize("rest", CUT[:3] + CUT[5:], ids=range(len(CUT) - 2))
def test_a_message_that_a_crash_cut_is_passed_over_and_goes(tmp_path: Path, rest: bytes) -> None:
    with app_on(tmp_path) as app:
        messages = tmp_path / "broker" / "messages"
        (messages / f"0_cut.{QUEUE}.msg").write_bytes(rest)
        send(app, 8)
        assert received(app) == [[8]]
        assert list(messages.iterdir()) == []
        assert list((tmp_path / "broker" / "taken").iterdir()) == []


def test_messages_come_in_their_order_and_are_counted(tmp_path: Path) -> None:
    with app_on(tmp_path) as app:
        for number in range(3):
            send(app, number)
        settings = Settings(data=tmp_path, queues="compile")  # type: ignore[arg-type]
        assert queue_lengths(settings)[QUEUE][0] == 3
        assert sorted(received(app)) == [[0], [1], [2]]
        assert received(app) == []


def test_leftovers_of_killed_processes_and_messages_that_nobody_reads_are_swept(
    tmp_path: Path,
) -> None:
    with app_on(tmp_path) as app:
        send(app, 9)
    folder = tmp_path / "broker"
    (unread,) = (folder / "messages").iterdir()
    begun, taken = folder / "messages" / ".1_x.compile.msg-y", folder / "taken" / "1_x.compile.msg"
    for path in (begun, taken):
        path.write_bytes(b"{")
    now = unread.stat().st_mtime
    assert sweep(folder, now + 60) == 0
    assert sweep(folder, now + 2 * 3600) == 2
    assert (unread.exists(), begun.exists(), taken.exists()) == (True, False, False)
    os.utime(unread, (now - 2 * 86_400, now - 2 * 86_400))
    with app_on(tmp_path) as app:  # the broker is opened
        assert received(app) == []
    assert not unread.exists()
