"""What a beat knocks for, done: each duty of `archive.duties` by the functions that the command line calls.

Whoever takes a turn does it; everybody else finds it taken. Each of these may be killed anywhere and be done again.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from api.jobs.batch import begin_timestamps, free_dead, retry, send, waiting
from api.jobs.periods import begin_terms, end_terms
from api.jobs.preservation import budget, journal_sealer
from api.jobs.progress import Quiet
from api.jobs.pull import open_sources, pull_round
from api.jobs.recognition import wake_readers
from api.jobs.renewal import renew_due
from api.runtime.bootstrap import Runtime, is_gone, open_second_store, open_workshop, worker_name
from api.runtime.broker import QUEUE_OF, queue_lengths
from api.runtime.failures import explain
from archive.arrangement.periods import begun_terms, due, followed_terms, late_terms, settled
from archive.audit.anchors import anchor
from archive.compile.context import CompileContext
from archive.database.engine import reading, writing
from archive.database.tables_jobs import DutyRow
from archive.jobs.duties import DUTIES, Duty, end_turn, free_turn, running, take_turn
from archive.jobs.reconcile import orphans, tidy
from archive.preservation.fixity import scrub
from archive.preservation.replicas import replicate
from archive.reference.vocabulary import COMPILE, FIRST, SECOND, TIMESTAMP
from ingest.captures.uploads import sweep_parts

ACTOR = "beat"
Result = dict[str, Any]


def do_turn(runtime: Runtime, name: str) -> Result | None:
    """Do the turn of a duty when it is due and nobody has it; None when there is nothing to do. An error is on the row, and is raised."""
    duty = DUTIES[name]
    _free_gone(runtime)
    with writing(runtime.engine) as session:
        taken = take_turn(session, duty, worker_name())
    if taken is None:
        return None
    try:
        result = HANDS[name](runtime)
    except Exception as error:
        # The text of an error may quote a record, so only its code is kept.
        with writing(runtime.engine) as session:
            end_turn(session, taken, {}, error_code=explain(error)[0])
        raise
    with writing(runtime.engine) as session:
        end_turn(session, taken, result)
    return result


def _free_gone(runtime: Runtime) -> None:
    with reading(runtime.engine) as session:
        gone = [one for one in running(session) if one.owner and is_gone(one.owner)]
    if gone:
        with writing(runtime.engine) as session:
            for one in gone:
                free_turn(session, one)


def _reconcile(runtime: Runtime) -> Result:
    """Send again what waits and nobody carries, remove what dead workers left in staging, and count what remains there."""
    free_dead(runtime)
    lengths = queue_lengths(
        runtime.settings.model_copy(update={"queues": tuple(set(QUEUE_OF.values()))})
    )
    sent = 0
    for kind, queue in QUEUE_OF.items():
        # A queue that holds messages is worked off or has no workers; to send again would only make it longer.
        todo = [] if lengths[queue][0] else waiting(runtime, kind)
        send(runtime, kind, todo)
        sent += len(todo)
    sent += wake_readers(runtime)
    removed, swept = tidy(runtime.engine, runtime.store), sweep_parts(runtime.engine, runtime.store)
    return {
        "sent": sent,
        "removed": removed,
        "uploads": swept,
        "orphans": len(orphans(runtime.engine, runtime.store)),
    }


def _pull(runtime: Runtime) -> Result:
    sources = open_sources(runtime.settings)
    if not sources:
        return {"sources": 0}
    pulled, submitted = pull_round(runtime, ACTOR, sources, Quiet())
    errors = sorted({one.error.code for one in pulled if one.error})
    return {
        "sources": len(sources),
        "taken": sum(one.taken for one in pulled),
        "submitted": sum(submitted.values()),
        "errors": errors,
    }


def _period(runtime: Runtime) -> Result:
    """Begin the terms whose day has come, earlier months that cases came late for too; end those of which nothing is on its way any more.

    Those that ended and whose volumes have further versions since get their next register.
    """
    now = datetime.now(UTC)
    with reading(runtime.engine) as session:
        terms = due(now, runtime.organisations)
        terms = list(
            dict.fromkeys(
                [
                    *terms,
                    *late_terms(session, now, runtime.organisations),
                    *begun_terms(session),
                    *followed_terms(session),
                ]
            )
        )
    begin_terms(runtime, ACTOR, terms)
    retry(runtime, COMPILE)
    with reading(runtime.engine) as session:
        still = settled(session, terms)
    reports = end_terms(runtime, _shop(runtime), ACTOR, still)
    counts = {
        name: sum(getattr(one, name) for one in reports) for name in ("made", "missing", "failed")
    }
    return {"terms": len(terms), "ended": len(reports), **counts}


def _timestamp(runtime: Runtime) -> Result:
    """Begin what owes its time-stamps; what failed is tried again, because most often the authority was away."""
    begun = begin_timestamps(runtime, ACTOR)
    todo = retry(runtime, TIMESTAMP)
    send(runtime, TIMESTAMP, todo)
    return {"begun": begun, "sent": len(todo)}


def _renew(runtime: Runtime) -> Result:
    """Begin what ends within the time that the settings say, a share of it a day, and go on with what earlier days began."""
    return {"sent": renew_due(runtime, ACTOR)}


def _replicate(runtime: Runtime) -> Result:
    second = open_second_store(runtime.settings)
    if second is None:
        return {"stores": 1}
    copied = replicate(runtime.engine, runtime.store, second, ACTOR)
    return {"stores": 2, "objects": copied.objects, "bytes": copied.bytes}


def _scrub(runtime: Runtime) -> Result:
    """Go on with the cycle of the first store, then of the second, each within the budget."""
    allowed, second = budget(runtime.settings.scrub_budget), open_second_store(runtime.settings)
    runs = [scrub(runtime.engine, runtime.store, second, ACTOR, which=FIRST, budget=allowed)]
    if second is not None:
        runs.append(
            scrub(runtime.engine, second, runtime.store, ACTOR, which=SECOND, budget=allowed)
        )
    counts = {
        "packages": sum(one.packages for one in runs),
        "bytes": sum(one.bytes for one in runs),
    }
    counts |= {
        "faults": sum(len(one.faults) for one in runs),
        "frozen": sum(len(one.frozen) for one in runs),
    }
    return {**counts, "blind": any(one.blind for one in runs)}


def _anchor(runtime: Runtime) -> Result:
    made = anchor(runtime.engine, runtime.store, journal_sealer(runtime), ACTOR)
    return {"checkpoint": made.number, "size": made.size} if made else {"checkpoint": 0}


def _shop(runtime: Runtime) -> CompileContext:
    return open_workshop(runtime)


HANDS: Mapping[str, Callable[[Runtime], Result]] = {
    "reconcile": _reconcile,
    "pull": _pull,
    "period": _period,
    "timestamp": _timestamp,
    "renew": _renew,
    "replicate": _replicate,
    "scrub": _scrub,
    "anchor": _anchor,
}


def rows(runtime: Runtime) -> list[dict[str, Any]]:
    """Each duty with its last turn; one that was never done is there too."""
    with reading(runtime.engine) as session:
        known = {one.name: one for one in session.scalars(select(DutyRow))}
    return [_row(duty, known.get(name)) for name, duty in DUTIES.items()]


def _row(duty: Duty, row: DutyRow | None) -> dict[str, Any]:
    done = row.done_at if row else None
    return {
        "name": duty.name,
        "every_seconds": int(duty.every.total_seconds()),
        "queue": duty.queue,
        "state": row.state if row else "NEVER",
        "turn": row.turn if row else None,
        "done_at": done.isoformat(timespec="seconds") if done else None,
        "error_code": row.error_code if row else None,
        "result": row.result if row else {},
    }
