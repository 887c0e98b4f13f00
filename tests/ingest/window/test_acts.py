"""Acts on a database: done once however often they are asked for, columns as the fold, alerts."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select, update

from archive.audit.acts import JournalAct
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from archive.database.tables_gathering import GatheredCase, GatheredMaterial
from archive.database.tables_window import (
    WindowActRow,
    WindowAlert,
    WindowCase,
    WindowClock,
    WindowGrant,
    WindowSealUse,
)
from archive.gathering.cases import Gathering
from archive.reference.vocabulary import IntakeOutcome
from archive.reference.window_steps import Step
from archive.usage.looks import DeniedError
from ingest.window.alerts import ring
from ingest.window.cases import do_act, open_case
from ingest.window.closing import owed, take_answers
from ingest.window.decide import Asked
from ingest.window.grants import end_grant
from ingest.window.holding import window_faults
from ingest.window.known import NOBODY_ASKED
from ingest.window.refusals import RefusedActError
from ingest.window.terms import WindowAct
from tests.support.window import BEGIN, opening, scanned, signing
from tests.support.window_rows import PEOPLE, TABLES, Desk, give, staff_window

AT_ONCE = 10


@pytest.fixture
def staffed(engine: Engine) -> Engine:
    staff_window(engine)
    return engine


def faults(engine: Engine) -> list[str]:
    with reading(engine) as session:
        return [str(fault) for fault in window_faults(session)]


def rows(engine: Engine, table: type, **where: object) -> int:
    with reading(engine) as session:
        query = select(func.count()).select_from(table).filter_by(**where)
        return session.scalar(query) or 0


def code_of(desk: Desk, act: WindowAct, login: str, **more: object) -> str:
    with pytest.raises(RefusedActError) as refused:
        desk.do(act, login, **more)
    return refused.value.code


def test_a_cross_station_case_is_closed_and_waits_in_gathering(staffed: Engine) -> None:
    number = give(staffed)
    desk = Desk(staffed, "CS02", "away").until(Step.CLOSED)
    assert faults(staffed) == []
    with reading(staffed) as session:
        gathered = session.scalars(select(GatheredCase)).one()
        assert gathered.state == Gathering.READY
        assert gathered.facts["spec"] == "case-submission/2"
        assert gathered.facts["grant"]["grantee"] == desk.state.opening.receive_org
        pieces = session.scalars(select(GatheredMaterial)).all()
        assert {piece.case_no for piece in pieces} == {desk.case_no}
        assert [row["case_no"] for row in owed(session)] == [desk.case_no]
        uses = session.scalars(select(WindowSealUse).order_by(WindowSealUse.id)).all()
        assert [use.grant_number for use in uses] == [None, number]


def test_what_the_archive_refuses_comes_back_and_goes_again_once_mended(staffed: Engine) -> None:
    desk = Desk(staffed).until(Step.CLOSED)
    answered(staffed, IntakeOutcome.REFUSED)
    assert desk.state.step is Step.AMENDING
    desk.now = BEGIN + timedelta(days=31)
    desk.do(WindowAct.ADD_MATERIAL, "", scanned("非婚生育说明"))
    assert code_of(desk, WindowAct.CLOSE, "") == "SIGNATURE_MISSING"
    desk.do(WindowAct.SIGN, "", signing(desk.state))
    desk.do(WindowAct.CLOSE, "")
    answered(staffed, IntakeOutcome.ACCEPTED, days=40)
    assert desk.state.step is Step.ARCHIVED
    with reading(staffed) as session:
        assert [row["why"] for row in owed(session)] == ["已接收，待组卷"]


def answered(engine: Engine, outcome: IntakeOutcome, days: int = 30) -> None:
    """Let the intake answer, as it does in the row of the gathered case."""
    with writing(engine) as session:
        newest = session.scalar(select(func.max(GatheredCase.id)))
        session.execute(
            update(GatheredCase)
            .where(GatheredCase.id == newest)
            .values(state=Gathering.SUBMITTED, outcome=outcome, packages=1)
        )
        now = BEGIN + timedelta(days=days)
        assert take_answers(session, tables=TABLES, now=now) == 1
        assert take_answers(session, tables=TABLES, now=now) == 0


def test_the_same_act_ten_times_at_once_is_one_row(staffed: Engine) -> None:
    desk = Desk(staffed).until(Step.ACCEPT)
    seen, now = desk.state.seq, desk.now + timedelta(minutes=1)

    def accept(_: int) -> tuple[int, bool]:
        with writing(staffed) as session:
            asked = Asked(WindowAct.ACCEPT, "one-key-01", seen)
            actor = PEOPLE["accepter"]
            done = do_act(session, actor, case_no=desk.case_no, asked=asked, tables=TABLES, now=now)
            return done.seq, done.again

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(accept, range(AT_ONCE)))
    assert len({seq for seq, _ in answers}) == 1
    assert sum(not again for _, again in answers) == 1
    assert rows(staffed, WindowActRow, act="ACCEPT") == 1


def test_of_ten_people_on_one_page_one_acts_and_the_others_are_told(staffed: Engine) -> None:
    desk = Desk(staffed).until(Step.ACCEPT)
    seen, now = desk.state.seq, desk.now + timedelta(minutes=1)

    def accept(number: int) -> str:
        with writing(staffed) as session:
            asked = Asked(WindowAct.ACCEPT, f"key-of-{number:04d}", seen)
            try:
                do_act(
                    session,
                    PEOPLE["accepter"],
                    case_no=desk.case_no,
                    asked=asked,
                    tables=TABLES,
                    now=now,
                )
            except RefusedActError as refused:
                return refused.code
        return "done"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = sorted(pool.map(accept, range(AT_ONCE)))
    assert answers.count("done") == 1
    assert set(answers) == {"done", "ACT_ORDER"}
    assert faults(staffed) == []


def test_opening_twice_with_one_key_is_one_case(staffed: Engine) -> None:
    desk = Desk(staffed)
    with reading(staffed) as session:
        key = session.scalars(select(WindowActRow.key)).one()
    with writing(staffed) as session:
        asked = Asked(WindowAct.OPEN, key, data=opening("CS02"))
        done = open_case(
            session,
            PEOPLE["clerk"],
            asked=asked,
            tables=TABLES,
            now=BEGIN,
            answers=NOBODY_ASKED,
        )
    assert (done.case_no, done.again) == (desk.case_no, True)
    assert rows(staffed, WindowCase) == 1


def test_a_foreign_case_and_a_missing_one_answer_alike(staffed: Engine) -> None:
    desk = Desk(staffed)
    asked = Asked(WindowAct.RECEIVE, "key-foreign")
    answers = []
    for number in (desk.case_no, "150602010000-20260302-W09999"):
        with writing(staffed) as session, pytest.raises(DeniedError) as denied:
            do_act(session, PEOPLE["away"], case_no=number, asked=asked, tables=TABLES, now=BEGIN)
        answers.append(str(denied.value))
    assert answers[0] == answers[1]


def test_each_rung_rings_once_whoever_looks_and_a_stopped_clock_does_not(staffed: Engine) -> None:
    desk = Desk(staffed, "LF03").until(Step.REVIEW)
    ringing = [rung_at(staffed, desk, days) for days in (1, 4, 5, 8, 9, 10, 30)]
    assert ringing == [0, 0, 1, 0, 1, 0, 0] or sum(ringing) == 2
    assert rows(staffed, WindowAlert) == 2
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: rung_at(staffed, desk, 60), range(4))) == [0] * 4
    stopped = Desk(staffed, "LF03").until(Step.ACCEPT)
    stopped.do(WindowAct.CORRECT, "accepter", {"reason": "缺页", "materials": [named(stopped)]})
    assert rung_at(staffed, stopped, 60) == 0


def named(desk: Desk) -> str:
    papers = desk.state.papers.values()
    return next(paper.title for paper in papers if "files" in paper.stated)


def rung_at(engine: Engine, desk: Desk, days: int) -> int:
    with writing(engine) as session:
        return ring(session, "beat", now=desk.now + timedelta(days=days))


def test_the_quota_of_a_grant_is_used_up_and_a_grant_taken_back_seals_no_more(
    staffed: Engine,
) -> None:
    number = give(staffed, quota=1)
    first = Desk(staffed, "CS02", "away").until(Step.ISSUE)
    second = Desk(staffed, "CS02", "away").until(Step.ISSUE)
    first.do(WindowAct.ISSUE, "away")
    assert code_of(second, WindowAct.ISSUE, "away") == "NO_GRANT"
    more = give(staffed)
    with writing(staffed) as session:
        end_grant(session, PEOPLE["chief"], number=more, now=BEGIN)
    assert code_of(second, WindowAct.ISSUE, "away") == "NO_GRANT"
    assert number != more
    assert faults(staffed) == []


def test_a_column_that_somebody_changed_is_told(staffed: Engine) -> None:
    give(staffed)
    Desk(staffed, "LF03", "away").until(Step.CLOSING)
    assert faults(staffed) == []
    edits = {
        WindowCase: {"step": str(Step.CLOSED)},
        WindowClock: {"budget": 7},
        WindowGrant: {"ends_at": BEGIN},
    }
    for table, values in edits.items():
        with writing(staffed) as session:
            before = session.scalars(select(table).order_by(table.id)).first()
            old = {name: getattr(before, name) for name in values}
            session.execute(update(table).where(table.id == before.id).values(**values))
        assert faults(staffed), table
        with writing(staffed) as session:
            session.execute(update(table).where(table.id == before.id).values(**old))
    assert faults(staffed) == []


def test_every_act_is_journalled_with_the_digest_of_its_row(staffed: Engine) -> None:
    desk = Desk(staffed).until(Step.REVIEW)
    with reading(staffed) as session:
        query = select(JournalEntry.detail).where(JournalEntry.act == str(JournalAct.WINDOW_ACT))
        details = "".join(session.scalars(query))
        digests = list(session.scalars(select(WindowActRow.digest)))
    assert all(digest in details for digest in digests)
    assert len(digests) == desk.state.seq
    assert "测某" not in details


@pytest.mark.parametrize("point", ["window-acted", "window-closed"])
def test_a_kill_in_an_act_loses_it_whole_and_it_is_done_once_when_sent_again(
    staffed: Engine, point: str
) -> None:
    act, step = (
        (WindowAct.CLOSE, Step.CLOSING)
        if point == "window-closed"
        else (WindowAct.ACCEPT, Step.ACCEPT)
    )
    login = "clerk" if act is WindowAct.CLOSE else "accepter"
    desk = Desk(staffed).until(step)
    before = desk.state
    staffed.dispose()
    child = os.fork()
    if not child:
        os.environ["YICE_CRASH_AT"] = point
        desk.do(act, login, key="sent-twice")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 137
    assert desk.state == before
    assert faults(staffed) == []
    desk.do(act, login, key="sent-twice")
    assert desk.do(act, login, key="sent-twice").again
    assert desk.state.seq == before.seq + 1
    assert faults(staffed) == []
