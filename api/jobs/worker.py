"""The Celery worker and the beat.

Messages only wake a worker: the rows are the truth, and a message that comes twice does nothing
twice.
"""

import logging
import time
from functools import cache
from typing import Any

from celery.signals import after_task_publish, beat_init, setup_logging, worker_process_init

from api.jobs import printing
from api.jobs.certified_copies import make_order, open_copy_sealer
from api.jobs.duties import do_turn
from api.runtime import logs
from api.runtime.bootstrap import Runtime, open_index_folder, source_of, start, worker_name
from api.runtime.broker import (
    CERTIFY,
    DUTY,
    FOLLOW,
    FOLLOW_SECONDS,
    MAKE,
    OCR_QUEUE,
    PRINT,
    READ,
    celery_app,
)
from api.runtime.failures import explain
from api.runtime.memory import share_one_heap
from api.runtime.settings import Settings
from api.runtime.workshop import open_compile_context
from archive.compile.context import CompileContext
from archive.compile.volume import make_volume
from archive.database.engine import writing
from archive.jobs.duties import DUTIES
from archive.jobs.processes import Lifeline
from archive.jobs.version_steps import fail_job
from archive.usage.certified_copies import CopySealer
from ingest.recognition.ocr import recognise_page
from search.errors import WriterBusyError
from search.follow import follow

logs.configure()  # before Celery warns of anything
app = celery_app(Settings())
_log = logging.getLogger(__name__)
_LONGEST = max(known.limit for known in DUTIES.values())


@setup_logging.connect  # type: ignore[untyped-decorator, unused-ignore]
def _logs(**_: Any) -> None:  # noqa: ANN401 - Celery's own signature
    """Set up nothing: our logs are configured, and this connection keeps Celery from its own."""


_lifeline = Lifeline()  # of the process that forks the workers


@worker_process_init.connect  # type: ignore[untyped-decorator, unused-ignore]
def _end_with_node(**_: Any) -> None:  # noqa: ANN401 - Celery's own signature
    """End a forked worker when the process that forked it ends: it would wait for ever."""
    _lifeline.hold()


@beat_init.connect  # type: ignore[untyped-decorator, unused-ignore]
def _touch_with_each_message(**_: Any) -> None:  # noqa: ANN401 - Celery's own signature
    """Touch the file `beat.alive` whenever the beat has sent something.

    A beat has no port to ask, so containers and `make cluster` read the age of this file.
    """
    settings = Settings()
    alive = settings.data / "beat.alive"
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)

    def touch(**_: Any) -> None:  # noqa: ANN401 - Celery's own signature
        alive.touch()

    touch()
    after_task_publish.connect(touch, weak=False)


@app.task(name=MAKE)  # type: ignore[misc, untyped-decorator, unused-ignore]
def compile_volume(version_id: int) -> None:
    """Make one volume; a failure is written on its job row, and the next run tries again."""
    runtime = _runtime()
    with logs.log_outcome("volume", job=version_id):
        try:
            context = _context(runtime)
        except Exception as error:
            # Without this, a machine without its keys would leave the job waiting for ever.
            with writing(runtime.engine) as session:
                fail_job(session, version_id, error)
            raise
        make_volume(context, version_id)


# Acknowledged at once: RabbitMQ takes a message back after half an hour, and the beat's next one
# comes anyway.
@app.task(  # type: ignore[misc, untyped-decorator, unused-ignore]
    name=DUTY, acks_late=False, time_limit=_LONGEST
)
def duty(name: str) -> None:
    """Do the turn of a duty if it is due; how it ended is written on its row."""
    begun = time.monotonic()
    with logs.log_context(duty=name):
        try:
            result = do_turn(_runtime(), name)
        except Exception as error:  # noqa: BLE001 - it is on the row; the next message tries again
            _log.warning(
                "duty failed", extra={"fields": {"code": explain(error)[0]}}, exc_info=error
            )
            return
        if result is not None:
            logs.log_event("duty", ms=round((time.monotonic() - begun) * 1000), **result)


@app.task(name=FOLLOW, acks_late=False)  # type: ignore[misc, untyped-decorator, unused-ignore]
def follow_index() -> None:
    """Follow the feed of changes until the next message of the beat.

    Return at once when another process follows this index: that is as good.
    """
    runtime, until = _runtime(), time.monotonic() + FOLLOW_SECONDS - 1
    try:
        follow(
            source_of(runtime),
            open_index_folder(runtime.settings),
            lambda: time.monotonic() > until,
        )
    except WriterBusyError:
        return


@app.task(name=CERTIFY)  # type: ignore[misc, untyped-decorator, unused-ignore]
def certify_copy(order_id: int) -> None:
    """Make one certified copy.

    A failure is written on its job row, and stays until a person tries again.
    """
    runtime = _runtime()
    with logs.log_outcome("copy", job=order_id):
        make_order(runtime, _copy_sealer(runtime), order_id)


@app.task(name=PRINT)  # type: ignore[misc, untyped-decorator, unused-ignore]
def print_registers(order_id: int) -> None:
    """Make the sealed registers of one order; a failure is written on its row."""
    runtime = _runtime()
    with logs.log_outcome("print", job=order_id):
        printing.make_order(runtime, _context(runtime), order_id)


@app.task(name=READ, queue=OCR_QUEUE)  # type: ignore[misc, untyped-decorator, unused-ignore]
def recognise(sha256: str, page: int) -> None:
    """Read one scanned page; a failure is written on its job row."""
    runtime = _runtime()
    recognise_page(runtime.engine, runtime.store, worker_name(), sha256, page)


@cache
def _copy_sealer(runtime: Runtime) -> CopySealer:
    return open_copy_sealer(runtime)


@cache
def _started() -> Runtime:
    return start(Settings())


def _runtime() -> Runtime:
    runtime = _started()
    runtime.refresh()
    return runtime


@cache
def _context(runtime: Runtime) -> CompileContext:
    # At the first task, hence after the fork: the JVM does not survive one.
    share_one_heap()
    return open_compile_context(runtime)
