"""The Celery worker. Messages only wake it: the job rows are the truth, and a message that comes twice does nothing twice."""

from functools import cache

from api.bootstrap import Runtime, open_workshop, start, worker_name
from api.broker import OCR_QUEUE, celery_app
from api.settings import Settings
from archive.compile.volume import Workshop, make_volume
from archive.custody import finish_job
from archive.db import writing
from ingest.ocr import recognise_page

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


@app.task(name="recognise_page", queue=OCR_QUEUE)  # type: ignore[misc, untyped-decorator, unused-ignore]
def recognise(sha256: str, page: int) -> None:
    """Read one scanned page; what fails is on its job row."""
    runtime = _runtime()
    recognise_page(runtime.engine, runtime.store, worker_name(), sha256, page)


@cache
def _runtime() -> Runtime:
    return start(Settings())


@cache
def _workshop(runtime: Runtime) -> Workshop:
    # At the first task, hence after the fork: the JVM does not survive one.
    return open_workshop(runtime)
