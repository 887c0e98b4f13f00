"""The Celery worker. Messages only wake it: the job rows are the truth, and a message that comes twice does nothing twice."""

from functools import cache

from api.bootstrap import Runtime, open_workshop, start
from api.broker import celery_app
from api.copying import make_order, open_stamps
from api.settings import Settings
from archive.certified_copies import StampRoom
from archive.compile.volume import Workshop, make_volume
from archive.custody import finish_job
from archive.db import writing

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


@app.task(name="certify_copy")  # type: ignore[misc, untyped-decorator, unused-ignore]
def certify_copy(order_id: int) -> None:
    """Make one certified copy; what fails is on its job row, and stays so until a person tries again."""
    runtime = _runtime()
    make_order(runtime, _stamps(runtime), order_id)


@cache
def _stamps(runtime: Runtime) -> StampRoom:
    return open_stamps(runtime)


@cache
def _started() -> Runtime:
    return start(Settings())


def _runtime() -> Runtime:
    runtime = _started()
    runtime.refresh()
    return runtime


@cache
def _workshop(runtime: Runtime) -> Workshop:
    # At the first task, hence after the fork: the JVM does not survive one.
    return open_workshop(runtime)
