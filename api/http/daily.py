"""The day's limits of what an account is shown, for clients and for persons alike."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from api.http.problems import ProblemError
from api.runtime.bootstrap import Runtime
from api.runtime.settings import Settings
from archive.administration import daily_use
from archive.administration.daily_use import DailyLimitError, DailyLimits, Shown
from archive.administration.policy import Reader


def limits_of(settings: Settings, reader: Reader) -> DailyLimits:
    """Return the limits of a reader: a client has scopes, a person has none."""
    if reader.scopes is not None:
        return DailyLimits(settings.daily_looks, settings.daily_content, settings.daily_numbers)
    return DailyLimits(
        settings.daily_person_looks, settings.daily_person_content, settings.daily_person_numbers
    )


@contextmanager
def within_limits(runtime: Runtime, reader: Reader) -> Iterator[Session]:
    """Open a transaction in which uses may be counted towards the reader's limits of today.

    Raises ProblemError DAILY_LIMIT; beyond the limit all records are answered alike.
    """
    limits = limits_of(runtime.settings, reader)
    try:
        with daily_use.within_limits(runtime.engine, reader.account, limits) as session:
            yield session
    except DailyLimitError as error:
        headers = {"Retry-After": str(error.wait)}
        raise ProblemError(429, error.code, error.message, error.action, headers) from None


@contextmanager
def counted(runtime: Runtime, reader: Reader, kind: Shown) -> Iterator[Session]:
    """Open the transaction of an access, counted first. Raises as `within_limits` does."""
    with within_limits(runtime, reader) as session:
        most = limits_of(runtime.settings, reader).of(kind)
        daily_use.count(session, reader.account, kind, most)
        yield session


def count_content(session: Session, runtime: Runtime, reader: Reader) -> None:
    """Count that an access, which is counted as a look, also shows pages."""
    most = limits_of(runtime.settings, reader).content
    daily_use.count(session, reader.account, Shown.CONTENT, most)
