"""Is this node able to work? Each dependency is asked, within a time limit, and its state is told without the text of any error."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLateError
from dataclasses import asdict, dataclass

from sqlalchemy import text

from api.runtime.bootstrap import Runtime
from api.runtime.broker import celery_app
from archive.database.engine import reading

LIMIT_SECONDS = 5.0
# One thread for each dependency: a store that hangs keeps its own thread and no other's.
_ASKING = {name: ThreadPoolExecutor(1, f"ready-{name}") for name in ("database", "store", "broker")}


@dataclass(frozen=True, slots=True)
class State:
    """What one dependency answered: `ok`, or `down` with the class of the error; `ms` is how long it took."""

    state: str
    ms: float
    error: str | None = None


def readiness(runtime: Runtime) -> Mapping[str, State]:
    """Ask database, store and broker at the same time."""
    asked = {name: _ASKING[name].submit(_timed, ask, runtime) for name, ask in _QUESTIONS.items()}
    end = time.monotonic() + LIMIT_SECONDS
    return {
        name: _answer(future, max(0.0, end - time.monotonic())) for name, future in asked.items()
    }


def ready(states: Mapping[str, State]) -> bool:
    """True when every dependency answered well."""
    return all(one.state == "ok" for one in states.values())


def public(states: Mapping[str, State]) -> dict[str, object]:
    """The body of /readyz."""
    return {
        "status": "ready" if ready(states) else "not ready",
        **{name: asdict(one) for name, one in states.items()},
    }


def _answer(future: Future[State], seconds: float) -> State:
    try:
        return future.result(seconds)
    except TooLateError:
        future.cancel()
        return State("down", round(LIMIT_SECONDS * 1000, 1), "Timeout")


def _timed(ask: Callable[[Runtime], None], runtime: Runtime) -> State:
    begin = time.monotonic()
    try:
        ask(runtime)
    except Exception as error:  # noqa: BLE001 - any failure means the same; its text may hold an address or a password
        return State("down", round((time.monotonic() - begin) * 1000, 1), type(error).__name__)
    return State("ok", round((time.monotonic() - begin) * 1000, 1))


def _database(runtime: Runtime) -> None:
    with reading(runtime.engine) as session:
        session.execute(text("SELECT 1 FROM alembic_version"))


def _store(runtime: Runtime) -> None:
    # Asking for an object that is not there costs one request and writes nothing; that it refuses to overwrite was proved at the start.
    runtime.store.stat("probe/readiness")


def _broker(runtime: Runtime) -> None:
    with (
        celery_app(runtime.settings) as app,
        app.connection_for_write(connect_timeout=LIMIT_SECONDS) as connection,
    ):
        connection.connect()


_QUESTIONS: Mapping[str, Callable[[Runtime], None]] = {
    "database": _database,
    "store": _store,
    "broker": _broker,
}
