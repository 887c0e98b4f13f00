"""`yice window simulate`: cases played through window, intake and the making of volumes."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from api.demo.window_people import People
from api.demo.window_play import Play
from api.demo.window_ways import amend, play_through
from api.http.window import tables_of
from api.jobs.acts import run_compile
from api.jobs.progress import Progress
from api.jobs.pull import submit_whole
from api.runtime.bootstrap import Runtime
from archive.database.engine import reading, snapshot, writing
from archive.reference.window_steps import Step
from ingest.window.closing import take_answers
from ingest.window.counting import case_count, committed_cases, seal_use_count, steps_of
from ingest.window.holding import window_faults

_ROUNDS = 4


def simulate(
    runtime: Runtime, actor: str, *, cases: int, seed: int, progress: Progress
) -> dict[str, Any]:
    """Play cases to their end and compile them; return what became of them."""
    people = People(runtime, seed)
    with reading(runtime.engine) as session:
        first = case_count(session)
    plays: list[Play] = []
    with progress.pieces("窗口办理", cases) as advance:
        for number in range(1, cases + 1):
            # An archive that was simulated before goes on with other people and papers.
            play = Play(runtime, people, seed, first + number - 1)
            play_through(play)
            plays.append(play)
            advance(number, f"拒绝 {sum(row.refused for row in plays)}")
    _archive(runtime, actor, plays, progress)
    run_compile(runtime, runtime.operator(actor), progress)
    return _outcome(runtime, plays)


def _archive(runtime: Runtime, actor: str, plays: list[Play], progress: Progress) -> None:
    """Hand in what is closed; what is refused is amended and handed in again."""
    by_number = {play.case_no: play for play in plays}
    for _ in range(_ROUNDS):
        submit_whole(runtime, actor, progress)
        now = max(play.now for play in plays) + timedelta(hours=1)
        answer(runtime, now)
        with reading(runtime.engine) as session:
            steps = steps_of(session, list(by_number))
        refused = [by_number[number] for number, row in steps.items() if row[0] == Step.AMENDING]
        if not refused:
            return
        for play in refused:
            play.now = now
            play.reread()
            amend(play)


def answer(runtime: Runtime, now: datetime) -> int:
    """Enter what the archive answered to closed cases."""
    with writing(runtime.engine) as session:
        return take_answers(session, tables=tables_of(runtime), now=now, limit=100_000)


def _outcome(runtime: Runtime, plays: list[Play]) -> dict[str, Any]:
    numbers = [play.case_no for play in plays]
    with snapshot(runtime.engine) as session:
        steps = steps_of(session, numbers)
        states = Counter(
            (ending or step) if step == Step.ARCHIVED else step for step, ending in steps.values()
        )
        return {
            "cases": len(plays),
            "by_state": dict(sorted(states.items())),
            "volumes": committed_cases(session, numbers),
            "refused_acts": sum(play.refused for play in plays),
            "alerts": sum(play.alerts for play in plays),
            "seal_uses": seal_use_count(session, numbers),
            "unreconciled": sum(1 for _ in window_faults(session)),
        }
