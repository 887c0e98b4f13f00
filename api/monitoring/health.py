"""Readiness of a node: each dependency is asked, within a time limit.

Its state is reported without the text of any error.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLateError
from dataclasses import asdict, dataclass

from api.runtime.bootstrap import Runtime
from api.runtime.broker import celery_app
from archive.database.engine import reading, schema_version

LIMIT_SECONDS = 5.0
# One thread for each dependency: a store that hangs keeps its own thread and no other's.
_POOLS = {name: ThreadPoolExecutor(1, f"ready-{name}") for name in ("database", "store", "broker")}


@dataclass(frozen=True, slots=True)
class State:
    """The state of one dependency: `ok`, or `down` with the class of the error.

    `ms` is how long the answer took.
    """

    state: str
    ms: float
    error: str | None = None


def readiness(runtime: Runtime) -> Mapping[str, State]:
    """Ask database, store and broker at the same time."""
    futures = {name: _POOLS[name].submit(_timed, check, runtime) for name, check in _CHECKS.items()}
    end = time.monotonic() + LIMIT_SECONDS
    return {
        name: _answer(future, max(0.0, end - time.monotonic())) for name, future in futures.items()
    }


def ready(states: Mapping[str, State]) -> bool:
    """Return whether every dependency answered well."""
    return all(state.state == "ok" for state in states.values())


def public(states: Mapping[str, State]) -> dict[str, object]:
    """Return the body of /readyz."""
    return {
        "status": "ready" if ready(states) else "not ready",
        **{name: asdict(state) for name, state in states.items()},
    }


def _answer(future: Future[State], seconds: float) -> State:
    try:
        return future.result(seconds)
    except TooLateError:
        future.cancel()
        return State("down", round(LIMIT_SECONDS * 1000, 1), "Timeout")


def _timed(check: Callable[[Runtime], None], runtime: Runtime) -> State:
    began = time.monotonic()
    try:
        check(runtime)
    # The text of an error may hold an address or a password.
    except Exception as error:  # noqa: BLE001 - any failure means the same
        return State("down", round((time.monotonic() - began) * 1000, 1), type(error).__name__)
    return State("ok", round((time.monotonic() - began) * 1000, 1))


def _database(runtime: Runtime) -> None:
    with reading(runtime.engine) as session:
        schema_version(session)


def _store(runtime: Runtime) -> None:
    # Asking for an object that is not there costs one request and writes nothing; that it refuses
    # to overwrite was proved at the start.
    runtime.store.stat("probe/readiness")


def _broker(runtime: Runtime) -> None:
    with (
        celery_app(runtime.settings) as app,
        app.connection_for_write(connect_timeout=LIMIT_SECONDS) as connection,
    ):
        connection.connect()


_CHECKS: Mapping[str, Callable[[Runtime], None]] = {
    "database": _database,
    "store": _store,
    "broker": _broker,
}
