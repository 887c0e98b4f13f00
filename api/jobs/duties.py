"""The duties that a beat starts, each done by the functions that the command line calls.

A worker that takes a turn does it; any other finds it taken. Each duty may be killed anywhere and
be done again. The duties themselves are named in `archive.jobs.duties`.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from api.jobs.batch import begin_timestamps, free_dead, retry, send, waiting
from api.jobs.periods import begin_terms, end_terms
from api.jobs.population import open_population
from api.jobs.preservation import anchor_journal, budget
from api.jobs.progress import NoProgress
from api.jobs.pull import open_sources, pull_round, submit_whole
from api.jobs.recognition import wake_readers
from api.jobs.renewal import renew_due
from api.runtime.bootstrap import Runtime, is_gone, open_second_store, worker_name
from api.runtime.broker import QUEUE_OF, queue_lengths
from api.runtime.failures import explain
from api.runtime.workshop import open_compile_context
from archive.administration.signatories import BEAT
from archive.arrangement.periods import begun_terms, due, followed_terms, late_terms, settled
from archive.database.engine import database_now, reading, writing
from archive.database.tables_jobs import DutyRow
from archive.finding_aids.due_notices import tell_of_dates
from archive.jobs.duties import DUTIES, Duty, end_turn, take_turn
from archive.jobs.job_rows import duty_rows
from archive.jobs.leases import free_gone, owners
from archive.jobs.reconcile import orphans, tidy
from archive.preservation.fixity import scrub
from archive.preservation.replicas import replicate
from archive.reference.vocabulary import DutyState, JobKind, StoreRole
from ingest.captures.uploads import sweep_parts
from ingest.window.alerts import ring
from ingest.window.cases import Tables
from ingest.window.closing import owed, take_answers
from ingest.window.registering import register_results

ACTOR = BEAT
Result = dict[str, Any]


def do_turn(runtime: Runtime, name: str) -> Result | None:
    """Do the turn of a duty when it is due and nobody has it, and return its result.

    None when there is nothing to do. An error is written on the duty's row, and raised.
    """
    duty = DUTIES[name]
    _free_gone(runtime)
    with writing(runtime.engine) as session:
        turn = take_turn(session, duty, worker_name())
    if turn is None:
        return None
    try:
        result = DUTY_FUNCTIONS[name](runtime)
    except Exception as error:
        # The text of an error may quote a record, so only its code is kept.
        with writing(runtime.engine) as session:
            end_turn(session, turn, {}, error_code=explain(error)[0])
        raise
    with writing(runtime.engine) as session:
        end_turn(session, turn, result)
    return result


def _free_gone(runtime: Runtime) -> None:
    with reading(runtime.engine) as session:
        gone = any(is_gone(owner) for owner in owners(session, DutyRow))
    if gone:
        with writing(runtime.engine) as session:
            free_gone(session, DutyRow, is_gone)


def _reconcile(runtime: Runtime) -> Result:
    """Send again what waits in no queue, and remove what dead workers left in staging.

    The result counts what remains in staging.
    """
    free_dead(runtime)
    lengths = queue_lengths(
        runtime.settings.model_copy(update={"queues": tuple(set(QUEUE_OF.values()))})
    )
    sent = 0
    for kind, queue in QUEUE_OF.items():
        # A queue that holds messages is worked off or has no workers; to send again would only
        # make it longer.
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
    pulled, submitted = pull_round(runtime, ACTOR, sources, NoProgress())
    errors = sorted({result.error.code for result in pulled if result.error})
    return {
        "sources": len(sources),
        "taken": sum(result.taken for result in pulled),
        "submitted": sum(submitted.values()),
        "errors": errors,
    }


def _period(runtime: Runtime) -> Result:
    """Begin the terms that are due, and end those of which nothing is on its way any more.

    Earlier months that cases came late for are begun too. Terms that ended and whose volumes have
    further versions since get their next register.
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
    begin_terms(runtime, runtime.operator(ACTOR), terms)
    retry(runtime, JobKind.COMPILE)
    with reading(runtime.engine) as session:
        ended = settled(session, terms)
    reports = end_terms(runtime, open_compile_context(runtime), ACTOR, ended)
    if reports:
        anchor_journal(runtime, ACTOR)
    return {
        "terms": len(terms),
        "ended": len(reports),
        "made": sum(report.volumes for report in reports),
        "missing": sum(report.missing for report in reports),
        "failed": sum(report.failed for report in reports),
    }


def _timestamp(runtime: Runtime) -> Result:
    """Begin what owes its time-stamps, and try again what failed.

    Most often a time-stamp failed because the authority was away.
    """
    begun = begin_timestamps(runtime, ACTOR)
    todo = retry(runtime, JobKind.TIMESTAMP)
    send(runtime, JobKind.TIMESTAMP, todo)
    return {"begun": begun, "sent": len(todo)}


def _renew(runtime: Runtime) -> Result:
    """Renew the time-stamps that end within the time that the settings say.

    A share of them is begun each day; what earlier days began goes on.
    """
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
    runs = [
        scrub(runtime.engine, runtime.store, second, ACTOR, which=StoreRole.FIRST, budget=allowed)
    ]
    if second is not None:
        runs.append(
            scrub(
                runtime.engine, second, runtime.store, ACTOR, which=StoreRole.SECOND, budget=allowed
            )
        )
    counts = {
        "packages": sum(run.packages for run in runs),
        "bytes": sum(run.bytes for run in runs),
    }
    counts |= {
        "faults": sum(len(run.faults) for run in runs),
        "frozen": sum(len(run.frozen) for run in runs),
    }
    return {**counts, "blind": any(run.blind for run in runs)}


def _anchor(runtime: Runtime) -> Result:
    head = anchor_journal(runtime, ACTOR)
    return {"checkpoint": head.number, "size": head.size} if head else {"checkpoint": 0}


def _remind(runtime: Runtime) -> Result:
    with writing(runtime.engine) as session:
        return {"notices": tell_of_dates(session)}


def _window(runtime: Runtime) -> Result:
    """Ring what is due at the window, hand in and register what it closed, count what is owed."""
    with writing(runtime.engine) as session:
        rung = ring(session, ACTOR, now=database_now(session))
    results = register_results(runtime.engine, ACTOR, population=open_population(runtime.settings))
    submitted = submit_whole(runtime, ACTOR, NoProgress())
    tables = Tables(runtime.organisations, runtime.catalogue)
    with writing(runtime.engine) as session:
        answered = take_answers(session, tables=tables, now=database_now(session))
        remaining = len(owed(session))
    counts = {**results, "alerts": rung, "submitted": sum(submitted.values()), "answered": answered}
    return {**counts, "owed": remaining}


DUTY_FUNCTIONS: Mapping[str, Callable[[Runtime], Result]] = {
    "reconcile": _reconcile,
    "pull": _pull,
    "period": _period,
    "timestamp": _timestamp,
    "renew": _renew,
    "replicate": _replicate,
    "scrub": _scrub,
    "anchor": _anchor,
    "remind": _remind,
    "window": _window,
}


def rows(runtime: Runtime) -> list[dict[str, Any]]:
    """Return each duty with its last turn; one that was never done is there too."""
    with reading(runtime.engine) as session:
        known = duty_rows(session)
    return [_row(duty, known.get(name)) for name, duty in DUTIES.items()]


def _row(duty: Duty, row: DutyRow | None) -> dict[str, Any]:
    done = row.done_at if row else None
    return {
        "name": duty.name,
        "every_seconds": int(duty.every.total_seconds()),
        "queue": duty.queue,
        "state": row.state if row else DutyState.NEVER,
        "turn": row.turn if row else None,
        "done_at": done.isoformat(timespec="seconds") if done else None,
        "error_code": row.error_code if row else None,
        "result": row.result if row else {},
    }
