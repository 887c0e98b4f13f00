"""The Celery worker. Messages only wake it: the job rows are the truth, and a message that comes twice does nothing twice."""

from functools import cache
from pathlib import Path
from typing import Any

from celery import Celery

from api.bootstrap import Runtime, open_workshop, start
from api.settings import Settings
from archive.compile.volume import Workshop, make_volume
from archive.custody import finish_job
from archive.db import writing

COMPILE_LIMIT_SECONDS = 600
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
        task_default_queue="compile",
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options=_file_broker(settings.data) if not settings.broker_url else {},
    )
    return app


def _file_broker(data: Path) -> dict[str, Any]:
    folder = data.resolve() / "broker"
    for name in ("messages", "control"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    messages = str(folder / "messages")
    return {"data_folder_in": messages, "data_folder_out": messages, "control_folder": str(folder / "control"), "polling_interval": 0.1}


app = celery_app(Settings())


@app.task(name="compile_volume")  # type: ignore[misc, untyped-decorator, unused-ignore]
def compile_volume(version_id: int) -> None:
    """Make one volume; what fails is on its job row, and the next run tries again."""
    runtime = _runtime()
    try:
        shop = _workshop(runtime)
    except Exception as error:
        # Without this, a machine without its keys would leave the job waiting for ever.
        with writing(runtime.engine) as session:
            finish_job(session, version_id, state="FAILED", error_code=getattr(error, "code", type(error).__name__))
        raise
    make_volume(shop, version_id)


@cache
def _runtime() -> Runtime:
    return start(Settings())


@cache
def _workshop(runtime: Runtime) -> Workshop:
    # At the first task, hence after the fork: the JVM does not survive one.
    return open_workshop(runtime)
