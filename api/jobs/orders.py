"""Orders of people who wait (certified copies, sealed registers): sent until all are made.

They share a queue of their own, so that what somebody at the window waits for does not stand
behind a month's volumes.
"""

import time
from collections.abc import Callable
from contextlib import nullcontext

from sqlalchemy.orm import Session

from api.jobs.resending import is_due
from api.runtime.bootstrap import Runtime, is_gone
from api.runtime.broker import COPIES, celery_app
from api.runtime.processes import own_workers
from archive.database.engine import reading, writing
from archive.database.leased import Leased
from archive.jobs.leases import free_gone

_RESEND_SECONDS = 20.0


def make_waiting_orders(
    runtime: Runtime,
    *,
    task: str,
    table: type[Leased],
    orders_waiting: Callable[[Session], list[int]],
) -> None:
    """Send each waiting order of a table as a task, and again what is not made in time.

    Returns when nothing waits any more; on one machine with a worker of its own.
    """
    with reading(runtime.engine) as session:
        waiting = orders_waiting(session)
    if not waiting:
        return
    app, sent = celery_app(runtime.settings), dict[int, float]()
    keep_alive: Callable[[], None]
    with (
        nullcontext(lambda: None)
        if runtime.settings.broker_url
        else own_workers(runtime, 1, (COPIES,)) as keep_alive
    ):
        while waiting:
            due = [key for key in waiting if is_due(sent.get(key), 0, shortest=_RESEND_SECONDS)]
            if due:
                with writing(runtime.engine) as session:
                    free_gone(session, table, is_gone)
            for key in due:
                app.send_task(task, (key,), queue=COPIES)
                sent[key] = time.monotonic()
            keep_alive()
            time.sleep(0.2)
            with reading(runtime.engine) as session:
                waiting = orders_waiting(session)
