"""The Celery app: its queues, tasks and beat schedule.

Importing this reads no settings, so that a wrong one is reported as any other error.
"""

from typing import Any

from celery import Celery
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError

from api.runtime.file_broker import URL as FILES
from api.runtime.file_broker import file_broker
from api.runtime.settings import Settings
from archive.jobs.duties import DUTIES
from archive.reference.vocabulary import JobKind

COMPILE_LIMIT_SECONDS = 600
RECYCLE_AFTER = 400  # volumes per process: bounds what native libraries keep
FOLLOW_SECONDS = 60
QUEUE_OF = {JobKind.COMPILE: "compile", JobKind.TIMESTAMP: "sign", JobKind.RENEW: "sign"}
VOLUME_QUEUES = tuple(dict.fromkeys(QUEUE_OF.values()))
"""The queues that carry the jobs of each kind to MAKE.

Renewals do not stand before the volumes of the day: fifty thousand may fall due at once.
"""
COPIES = "copies"
"""The queue of certified copies and sealed registers, for which people wait.

A person at the window does not wait behind a month's volumes.
"""
OCR_QUEUE = "ocr"
"""The queue of pages to read.

A page costs as much as seventeen volumes' other work, so pages have a queue, and workers, of their
own.
"""
MAKE, READ, CERTIFY, PRINT, DUTY, FOLLOW = (
    "compile_volume",
    "recognise_page",
    "certify_copy",
    "print_registers",
    "duty",
    "follow_index",
)
"""The names of the tasks."""


def celery_app(settings: Settings) -> Celery:
    """Return the Celery app on the configured broker.

    The broker is RabbitMQ by URL, or files in the data folder. The app reads the
    queues that the settings name.
    """
    app = Celery("yice", broker=settings.broker_url or FILES, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        worker_max_tasks_per_child=RECYCLE_AFTER,
        task_time_limit=COMPILE_LIMIT_SECONDS,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue="compile",
        # Each with an exchange of its own: Celery would otherwise bind all of them to one, and
        # every queue would get every message.
        task_queues=[
            Queue(name, Exchange(name, type="direct"), routing_key=name) for name in settings.queues
        ],
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options=file_broker(settings.data) if not settings.broker_url else {},
        beat_schedule=_beat_schedule(),
    )
    return app


def _beat_schedule() -> dict[str, Any]:
    """Return what a beat sends, and how often.

    A message that no worker took is worth nothing once the next one comes, so it expires. Two beats
    need not know of each other.
    """
    schedule = {
        duty.name: {
            "task": DUTY,
            "args": (duty.name,),
            "schedule": duty.beat_seconds,
            "options": {"queue": duty.queue, "expires": duty.beat_seconds},
        }
        for duty in DUTIES.values()
    }
    options = {"queue": "index", "expires": FOLLOW_SECONDS}
    return {**schedule, FOLLOW: {"task": FOLLOW, "schedule": FOLLOW_SECONDS, "options": options}}


def node_answers(settings: Settings, address: str) -> bool:
    """Return whether a worker node answers over the broker.

    A broker that is away or still starting is no answer.
    """
    try:
        with celery_app(settings) as app:
            return bool(app.control.ping(destination=[address], timeout=1.0))
    except (OSError, OperationalError):
        return False


def queue_lengths(settings: Settings, *, timeout: float = 5.0) -> dict[str, tuple[int, int]]:
    """Return for each queue the messages that wait and the workers that listen.

    `timeout` is in seconds. Raises OperationalError or OSError when the broker is away.
    """
    with (
        celery_app(settings) as app,
        app.connection_for_write(connect_timeout=timeout) as connection,
    ):
        return {name: _length(connection, name) for name in settings.queues}


def queue_lengths_or_none(settings: Settings) -> dict[str, tuple[int, int]] | None:
    """Return what `queue_lengths` returns, and None when the broker is away."""
    try:
        return queue_lengths(settings)
    except (OSError, OperationalError):
        return None


def _length(connection: Any, name: str) -> tuple[int, int]:  # noqa: ANN401 - kombu has no types
    # Declaring what is there changes nothing, and makes what no worker has declared yet.
    with connection.channel() as channel:
        queue = Queue(name, Exchange(name, type="direct"), routing_key=name)(channel)
        queue.declare()
        declared = channel.queue_declare(queue=name, passive=True)
        return int(declared.message_count), int(declared.consumer_count or 0)
