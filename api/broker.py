"""How messages travel; importing this reads no settings, so that a wrong one is told as any other error."""

from pathlib import Path
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from api.settings import Settings

COMPILE_LIMIT_SECONDS = 600
COMPILE_QUEUE, OCR_QUEUE = "compile", "ocr"
"""A page costs as much as seventeen volumes' other work, so pages have a queue, and workers, of their own."""
RECYCLE_AFTER = 400  # volumes per process: bounds what native libraries keep


def celery_app(settings: Settings) -> Celery:
    """The app on the configured broker: RabbitMQ by URL, or kombu's file broker in the data folder."""
    app = Celery("yice", broker=settings.broker_url or "filesystem://", set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        worker_max_tasks_per_child=RECYCLE_AFTER,
        task_time_limit=COMPILE_LIMIT_SECONDS,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue=COMPILE_QUEUE,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options=_file_broker(settings.data) if not settings.broker_url else {},
    )
    return app


def node_answers(settings: Settings, address: str) -> bool:
    """True when a worker node answers over the broker; a broker that is away or still starting is no answer."""
    try:
        with celery_app(settings) as app:
            return bool(app.control.ping(destination=[address], timeout=1.0))
    except (OSError, OperationalError):
        return False


def _file_broker(data: Path) -> dict[str, Any]:
    folder = data.resolve() / "broker"
    for name in ("messages", "control"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    messages = str(folder / "messages")
    return {"data_folder_in": messages, "data_folder_out": messages, "control_folder": str(folder / "control"), "polling_interval": 0.1}
