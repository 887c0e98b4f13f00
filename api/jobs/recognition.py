"""文字识别 (OCR) in batches: send the pages that wait to the `ocr` queue, and watch the rows.

On one machine a batch also keeps the one reader alive. Recognition never holds up a volume.
"""

import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

from api.jobs.progress import Batch
from api.jobs.resending import is_due
from api.runtime.bootstrap import Runtime, is_gone
from api.runtime.broker import OCR_QUEUE, READ, celery_app, queue_lengths
from api.runtime.processes import own_workers
from archive.database.engine import reading, writing
from archive.recognition.queue import (
    free_gone_readers,
    progress_of,
    queue_held,
    retry_failed,
    unread_cases,
    waiting_pages,
)
from archive.reference.errors import ConflictError
from archive.reference.vocabulary import JobState
from ingest.recognition.ocr import is_installed

_WINDOW = 200  # pages on their way at once: the rest waits in rows, not in messages
_RESEND_SECONDS = 60.0
_POLL_SECONDS = 0.5


def require_ocr(runtime: Runtime) -> None:
    """Raise ConflictError, with the next step, unless OCR is switched on and installed."""
    if not runtime.settings.ocr:
        raise ConflictError("文字识别没有启用。", "请设置 YICE_OCR=1 后重试。")
    if not is_installed():
        raise ConflictError("没有安装文字识别引擎。", "请运行 make setup-ocr 后重试。")


def queue_stored_scans(runtime: Runtime) -> None:
    """Queue the scans that were taken over while OCR was off.

    What is queued or read already stays as it is.
    """
    at: int | None = 0
    while at is not None:
        with writing(runtime.engine) as session:
            at = queue_held(session, at, datetime.now(UTC))


def recognise_all(
    runtime: Runtime,
    watch: Callable[[Batch], None],
    *,
    retry: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> Batch:
    """Read all pages that wait, and with `retry` those that failed.

    Returns when none is left, or when `stop` says so.
    """
    with writing(runtime.engine) as session:
        if retry:
            retry_failed(session)
        before = progress_of(session)
    batch = Batch(before[JobState.WAITING], 0, 0)
    if not batch.total:
        return batch
    # One process on one core: pages may wait, volumes may not.
    with (
        nullcontext(_nothing)
        if runtime.settings.broker_url
        else own_workers(runtime, 1, (OCR_QUEUE,)) as keep_alive
    ):
        sent_at: float | None = None
        goal = 0
        while batch.done + batch.failed < batch.total and not stop():
            if batch.done + batch.failed >= goal or is_due(sent_at, goal, shortest=_RESEND_SECONDS):
                goal = batch.done + batch.failed + _send(runtime)
                sent_at = time.monotonic()
            keep_alive()
            time.sleep(_POLL_SECONDS)
            with reading(runtime.engine) as session:
                now = progress_of(session)
            # Pages that came meanwhile are read in this run too.
            done = now[JobState.DONE] - before[JobState.DONE]
            failed = now[JobState.FAILED] - before[JobState.FAILED]
            batch = Batch(done + failed + now[JobState.WAITING], done, failed)
            watch(batch)
    return batch


def _nothing() -> None:
    """Do nothing: the readers of other machines are kept alive there."""


def _send(runtime: Runtime) -> int:
    """Send the reader the next pages; return how many.

    A lost message is sent again; one too many finds its page read or leased.
    """
    free_dead_readers(runtime)
    with reading(runtime.engine) as session:
        pages = waiting_pages(session, _WINDOW)
    # The queue is named here, whatever queues this node serves itself.
    app = celery_app(runtime.settings.model_copy(update={"queues": (OCR_QUEUE,)}))
    for sha256, page in pages:
        app.send_task(READ, (sha256, page), queue=OCR_QUEUE)
    return len(pages)


def wake_readers(runtime: Runtime) -> int:
    """Send the next pages to a queue that is empty, and do not wait for them.

    For many machines. Returns how many were sent.
    """
    if not runtime.settings.ocr:
        return 0
    ahead, _ = queue_lengths(runtime.settings.model_copy(update={"queues": (OCR_QUEUE,)}))[
        OCR_QUEUE
    ]
    return 0 if ahead else _send(runtime)


def free_dead_readers(runtime: Runtime) -> None:
    """Free the leases of this host's killed readers.

    A killed reader can't come back, so its leases need not run out first.
    """
    with writing(runtime.engine) as session:
        free_gone_readers(session, is_gone)


def follow_pages(runtime: Runtime, stop: Callable[[], bool]) -> None:
    """Read what comes until `stop` says so.

    What was stored before OCR was switched on is queued first.
    """
    queue_stored_scans(runtime)
    while not stop():
        if not recognise_all(runtime, lambda _: None, stop=stop).total:
            time.sleep(_POLL_SECONDS * 4)


def wait_for_texts(runtime: Runtime, watch: Callable[[Batch], None]) -> None:
    """Wait until the texts of new cases are read, before the cases are compiled.

    No case is waited for longer than the settings say.
    """
    minutes = timedelta(minutes=runtime.settings.ocr_wait_minutes)
    require_ocr(runtime)

    def enough() -> bool:
        with reading(runtime.engine) as session:
            return unread_cases(session, datetime.now(UTC) - minutes) == 0

    if not enough():
        recognise_all(runtime, watch, stop=enough)
