"""Whatever people try in whatever order: the columns say what the acts come to.

`WINDOW_SEQUENCES` says how many sequences are tried; ten thousand take about an hour.
"""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from archive.database.engine import reading, writing
from archive.preservation.journalled import folded
from archive.preservation.reconcile_window import window_faults as journal_faults
from archive.reference.window_steps import Step
from archive.usage.looks import DeniedError
from ingest.window.alerts import ring
from ingest.window.fold import fold
from ingest.window.holding import window_faults
from ingest.window.refusals import RefusedActError
from ingest.window.rows import acts_of
from ingest.window.terms import SYSTEM_ACTS, WindowAct
from tests.support.databases import sqlite_database
from tests.support.window import REFUSED, scanned, signing
from tests.support.window_rows import PEOPLE, Desk, give, staff_window

SEQUENCES = int(os.environ.get("WINDOW_SEQUENCES", "12"))
ACTS = sorted(set(WindowAct) - SYSTEM_ACTS - {WindowAct.OPEN})


@pytest.fixture(scope="module")
def staffed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = sqlite_database(Path(tmp_path_factory.mktemp("window"), "yice.db"))
    staff_window(engine)
    give(engine)
    yield engine
    engine.dispose()


def words_of(act: WindowAct, desk: Desk) -> dict[str, object]:
    """Something that the act could say."""
    state = desk.state
    papers = sorted(state.papers)
    files = [paper.title for paper in state.papers.values() if "files" in paper.stated]
    reason = {"reason": "按规定办理"}
    words: dict[WindowAct, dict[str, object]] = {
        WindowAct.ADD_MATERIAL: scanned(files[0] if files else "其他证明"),
        WindowAct.FILL_FORM: {"no": 1, "data": {"备注": "无"}},
        WindowAct.IDENTIFY: {"result": "MATCH", "device": "仪1", "score": 0.8},
        WindowAct.SIGN: signing(state),
        WindowAct.SHOW: {"materials": papers},
        WindowAct.TICK: {"materials": papers},
        WindowAct.REFUSE_ACCEPT: REFUSED,
        WindowAct.REFUSE_APPROVE: REFUSED,
        WindowAct.CORRECT: {"materials": files[:1] or ["其他"], "again": "首次未见", **reason},
        WindowAct.RATE: {"score": 5},
        WindowAct.EXTEND: {"days": 3, **reason},
        WindowAct.MIGRATE: {"flow": "0" * 64, **reason},
    }
    reasoned = {
        WindowAct.STEP_BACK,
        WindowAct.WITHDRAW,
        WindowAct.BEGIN_SPECIAL,
        WindowAct.URGE,
        WindowAct.SUPERVISE,
        WindowAct.ANSWER,
    }
    return words.get(act, reason if act in reasoned else {})


attempts = st.lists(
    st.tuples(st.sampled_from(ACTS), st.sampled_from(sorted(PEOPLE)), st.integers(0, 4)),
    max_size=25,
)
way = st.sampled_from(
    [Step.RECEIVE, Step.ACCEPT, Step.REVIEW, Step.APPROVE, Step.ISSUE, Step.CLOSING]
)


@settings(
    max_examples=SEQUENCES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.sampled_from(["CS02", "LF03", "HF03"]), st.sampled_from(["clerk", "away"]), way, attempts)
def test_columns_clocks_and_seals_are_what_the_acts_come_to(
    staffed: Engine,
    item: str,
    window: str,
    step: Step,
    tries: list[tuple[WindowAct, str, int]],
) -> None:
    desk = Desk(staffed, item, window)
    if item != "HF03":
        desk.until(step)
    for act, login, days in tries:
        desk.now += timedelta(days=days)
        before = desk.state
        try:
            desk.do(act, login, words_of(act, desk))
        except (RefusedActError, DeniedError):
            assert desk.state == before
    with writing(staffed) as session:
        ring(session, "beat", now=desk.now)
    with reading(staffed) as session:
        assert list(window_faults(session)) == []
        acts = acts_of(session, desk.row(session).id)
    assert fold(acts) == desk.state
    assert [row.seq for row in acts] == list(range(1, len(acts) + 1))


def test_the_journal_holds_every_act_seal_and_grant_of_all_of_them(staffed: Engine) -> None:
    with reading(staffed) as session, folded(session) as state:
        assert list(journal_faults(session, state)) == []


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE window_acts SET org = '150600000000' WHERE seq = 1",
        "DELETE FROM window_acts WHERE id = (SELECT max(id) FROM window_acts)",
        "UPDATE window_acts SET content = (SELECT content FROM window_acts WHERE id = 1)",
        "UPDATE window_grants SET ends_at = '2099-01-01 00:00:00.000000'",
        "UPDATE window_seal_uses SET seq = seq + 1",
    ],
)
def test_a_row_that_somebody_edited_is_named_by_the_journal(staffed: Engine, edit: str) -> None:
    Desk(staffed, "CS02", "away").until(Step.CLOSING)
    with Session(staffed) as session:
        session.execute(text("DROP TRIGGER IF EXISTS window_seal_uses_no_update"))
        session.execute(text(edit))
        with folded(session) as state:
            named = list(journal_faults(session, state))
        session.rollback()
    assert named
    with reading(staffed) as session, folded(session) as state:
        assert list(journal_faults(session, state)) == []
