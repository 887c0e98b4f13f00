"""Renewal of time-stamps in bulk, for `yice timestamp --renew` and for the periodic jobs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from api.jobs.batch import make_all, wake
from api.jobs.progress import Batch
from api.runtime.bootstrap import Runtime
from api.runtime.workshop import open_compile_context
from archive.database.engine import database_now, reading, writing
from archive.preservation.renewal import Outlook, freeze_renewals, learn_stamps, outlook
from archive.reference.errors import NotFoundError
from archive.reference.vocabulary import JobKind, OrgKind
from archive.signing.validation import Stamp


def ends(runtime: Runtime) -> dict[str, datetime]:
    """Return until when the settings let each algorithm be relied upon."""
    return {
        name: datetime(day.year, day.month, day.day, tzinfo=UTC)
        for name, day in runtime.settings.algorithm_ends.items()
    }


def horizon(runtime: Runtime, within: int | None = None) -> datetime:
    """Return the time before which a time-stamp's end makes it due; `within` is in days."""
    with reading(runtime.engine) as session:
        return database_now(session) + timedelta(
            days=runtime.settings.renew_within if within is None else within
        )


def look_ahead(runtime: Runtime, before: datetime) -> Outlook:
    """Return when the first time-stamp ends, and how many end before a time."""
    with reading(runtime.engine) as session:
        return outlook(session, before, ends(runtime))


def begin_renewals(
    runtime: Runtime, actor: str, before: datetime, *, limit: int | None = None
) -> int:
    """Begin a version of each volume whose time-stamp ends before a time; return how many.

    Some hundred are begun in a transaction, so that nobody waits long for the database. The
    authority is asked first what its stamp is good for: it must answer, and what would not gain
    by it is left alone.
    """
    if not look_ahead(runtime, before).due:
        return 0
    good_for, begun = trial(runtime), 0
    while limit is None or begun < limit:
        with writing(runtime.engine) as session:
            now = datetime.now(UTC)
            more = freeze_renewals(
                session, actor, before=before, now_good_for=good_for, ends=ends(runtime), at=now
            )
        begun += more
        if not more:
            break
    return begun


def trial(runtime: Runtime) -> Stamp:
    """Return what a time-stamp of today is good for.

    Raises TimestampPendingError when the authority is away.
    """
    city = next(
        (org.fonds_no for org in runtime.organisations.of_kind(OrgKind.CITY) if org.fonds_no), None
    )
    if city is None:
        raise NotFoundError("没有市级全宗。", "请核对机构表。")
    return open_compile_context(runtime).sealer_for(city).trial_stamp()


def renew_batch(
    runtime: Runtime, actor: str, *, within: int | None, watch: Callable[[Batch], None]
) -> Batch:
    """Stamp again whatever ends soon, and wait for it.

    A run that is interrupted is continued by the next one.
    """
    begin_renewals(runtime, actor, horizon(runtime, within))
    return make_all(runtime, JobKind.RENEW, lambda: 0, watch)


def renew_due(runtime: Runtime, actor: str, *, limit: int = 2000) -> int:
    """Begin what is due, `limit` at most, send workers all that waits, return how many.

    For the periodic jobs; what waits from earlier runs is sent too.
    """
    learn_stamps(runtime.engine, runtime.store)
    begin_renewals(runtime, actor, horizon(runtime), limit=limit)
    return wake(runtime, JobKind.RENEW)
