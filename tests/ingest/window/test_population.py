"""The population system at the window: asked at 开办, told the result, and never in the way."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, select

from api.demo.population import DEAD_NUMBER, PRIVATE_NUMBER, RARE_NUMBER
from api.demo.sources import World
from archive.audit.acts import JournalAct
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from archive.database.tables_desk import KeptView
from archive.database.tables_window import WindowCase, WindowOfficer, WindowRegistration
from archive.reference.citizen_id import check_digit
from archive.reference.submission_terms import Ending
from archive.reference.window_steps import Step
from archive.usage.looks import DeniedError
from ingest.sources.population import PopulationSystem
from ingest.window.cases import Done
from ingest.window.closing import close_window_case
from ingest.window.decide import Asked
from ingest.window.holding import window_faults
from ingest.window.known import Answers, people_rows
from ingest.window.listing import shown_case
from ingest.window.population import QueryWanted, ask_people, kept_answers, open_with_query
from ingest.window.refusals import RefusedActError
from ingest.window.registering import owed_results, register_results
from ingest.window.terms import QueryOutcome, WindowAct
from tests.support.population import (
    GUARDS,
    HUSBAND,
    LIMITS,
    WIFE,
    population_served,
    system,
)
from tests.support.simulator import Recorded
from tests.support.window import APPLICANT, BEGIN, HOME, REFUSED, opening
from tests.support.window_rows import PEOPLE, TABLES, Desk, staff_window


@pytest.fixture
def staffed(engine: Engine) -> Engine:
    staff_window(engine)
    return engine


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[PopulationSystem, Recorded, World]]:
    with population_served(tmp_path) as (base, asked, world):
        yield system(base), asked, world


Served = tuple[PopulationSystem, Recorded, World]


def person(name: str, number: str | None) -> dict[str, Any]:
    return {"name": name, "id_number": number}


def for_himself(name: str, number: str, **more: Any) -> dict[str, Any]:
    """The opening of a case of one person, for that person."""
    who = person(name, number)
    subject = {**who, "relation": "本人"}
    return opening("CS02", applicant=who, subjects=[subject], **more)


def opened(
    engine: Engine,
    population: PopulationSystem | None,
    data: Mapping[str, Any],
    login: str = "clerk",
    key: str = "opened-1",
) -> Done:
    return open_with_query(
        engine,
        PEOPLE[login],
        asked=Asked(WindowAct.OPEN, key, data=data),
        tables=TABLES,
        population=population,
        limits=LIMITS,
    )


def asks(
    engine: Engine, population: PopulationSystem | None, *numbers: str, login: str = "clerk"
) -> Answers:
    wanted = QueryWanted("CS02", numbers)
    return ask_people(engine, PEOPLE[login], population=population, wanted=wanted, guards=GUARDS)


def remarks_of(answers: Answers) -> str:
    return "".join(text for row in people_rows(answers, BEGIN) for text in row["remarks"])


def entries(engine: Engine, *acts: JournalAct) -> list[JournalEntry]:
    with reading(engine) as session:
        query = select(JournalEntry).where(JournalEntry.act.in_([str(act) for act in acts]))
        return list(session.scalars(query.order_by(JournalEntry.seq)))


def cases(engine: Engine) -> int:
    with reading(engine) as session:
        return len(session.scalars(select(WindowCase)).all())


def population_of(done: Done) -> list[tuple[str, str]]:
    return [(row["who"], row["outcome"]) for row in done.state.opening.population]


def test_who_is_known_fills_the_forms_and_the_household_may_not_decide(
    staffed: Engine, served: Served
) -> None:
    done = opened(staffed, served[0], for_himself("演甲", HUSBAND))
    assert population_of(done) == [("申报人", "KNOWN"), ("被办理人", "KNOWN")]
    assert {HUSBAND, WIFE} <= done.state.opening.household
    forms = {row.stated["form"]: row.stated["data"] for row in done.state.papers.values()}
    assert forms["APPROVAL"]["户号"] == "HJ00000001"
    assert set(forms["APPROVAL"]) == {"性别", "民族", "出生日期", "户号", "户籍地址"}
    assert forms["RECEIPT"] == {}


def test_an_officer_of_the_household_is_told_to_stand_back(staffed: Engine, served: Served) -> None:
    with writing(staffed) as session:
        accepter = session.scalars(select(WindowOfficer).filter_by(officer_no="W0001")).one()
        accepter.id_number = WIFE
    desk = Desk(staffed, answers=asks(staffed, served[0], HUSBAND)).until(Step.ACCEPT)
    with pytest.raises(RefusedActError) as refused:
        desk.do(WindowAct.ACCEPT, "accepter")
    assert refused.value.code == "ACT_HOUSEHOLD"


def test_what_was_typed_stands_before_what_the_system_has(staffed: Engine, served: Served) -> None:
    typed = for_himself("演甲", HUSBAND, facts={"户籍地址": "演示路 9 号"})
    done = opened(staffed, served[0], typed)
    forms = {row.stated["form"]: row.stated["data"] for row in done.state.papers.values()}
    assert forms["APPROVAL"]["户籍地址"] == "演示路 9 号"
    assert forms["APPROVAL"]["户号"] == "HJ00000001"


def test_another_name_than_the_systems_is_marked_on_the_case(
    staffed: Engine, served: Served
) -> None:
    done = opened(staffed, served[0], for_himself("演丙", HUSBAND))
    assert [row["differs"] for row in done.state.opening.population] == [["姓名"], ["姓名"]]


def test_a_dead_person_applies_for_nothing_and_no_case_is_opened(
    staffed: Engine, served: Served
) -> None:
    with pytest.raises(RefusedActError) as refused:
        opened(staffed, served[0], for_himself("白某某", DEAD_NUMBER))
    assert refused.value.code == "PERSON_DEAD"
    assert DEAD_NUMBER not in str(refused.value)
    assert cases(staffed) == 0


def test_a_case_about_a_dead_person_is_opened_by_who_lives(staffed: Engine, served: Served) -> None:
    data = opening(
        "CS02", applicant=person("演甲", HUSBAND), subjects=[person("白某某", DEAD_NUMBER)]
    )
    done = opened(staffed, served[0], data)
    assert population_of(done) == [("申报人", "KNOWN"), ("被办理人", "DEAD")]


def test_who_is_unknown_is_said_and_the_case_goes_on(staffed: Engine, served: Served) -> None:
    done = opened(staffed, served[0], opening("CS02"))
    assert population_of(done) == [("申报人", "UNKNOWN"), ("被办理人", "UNKNOWN")]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (HUSBAND, "在册"),
        (DEAD_NUMBER, "已注销（死亡）"),
        (PRIVATE_NUMBER, "U+E863"),
        (APPLICANT["id_number"], "没有申报人的公民身份号码"),
        ((young := "15060220200101001") + check_digit(young), "未满14周岁"),
    ],
)
def test_each_person_is_said_in_a_sentence_with_the_next_step(
    staffed: Engine, served: Served, number: str, words: str
) -> None:
    text = remarks_of(asks(staffed, served[0], number))
    assert words in text
    assert "请" in text or "继续办理" in text
    assert number not in text


def test_a_rare_name_comes_whole(staffed: Engine, served: Served) -> None:
    (row,) = people_rows(asks(staffed, served[0], RARE_NUMBER), BEGIN)
    assert (row["name"], row["station"]) == ("云𬭎", HOME)


def test_who_moved_away_is_sent_to_the_new_station(staffed: Engine, served: Served) -> None:
    answers = asks(staffed, served[0], HUSBAND)
    (answer,) = answers.answers
    away = replace(answers, answers=(replace(answer, outcome=QueryOutcome.MOVED_OUT),))
    assert "请到现户籍地办理" in remarks_of(away)


def test_a_silent_system_stops_nobody_and_the_case_says_that_it_was_not_asked(
    staffed: Engine, served: Served
) -> None:
    served[2].faults = {"error": 1.0}
    done = opened(staffed, served[0], for_himself("演甲", HUSBAND))
    assert population_of(done) == [("申报人", "SILENT"), ("被办理人", "SILENT")]
    with writing(staffed) as session:
        shown = shown_case(
            session, PEOPLE["clerk"], case_no=done.case_no, tables=TABLES, now=datetime.now(UTC)
        )
    assert shown["population"][0]["label"] == "未查询：人口信息管理系统没有应答"


@pytest.mark.parametrize("fault", ["error", "truncated", "malformed"])
def test_a_failing_system_is_an_outcome_with_a_next_step(
    staffed: Engine, served: Served, fault: str
) -> None:
    served[2].faults = {fault: 1.0}
    answers = asks(staffed, served[0], HUSBAND)
    assert [row.outcome for row in answers.answers] == [QueryOutcome.SILENT]
    assert "请按证件填写，继续办理" in remarks_of(answers)


def test_a_silent_system_is_asked_for_one_person_and_not_for_the_rest(
    staffed: Engine, served: Served
) -> None:
    served[2].faults = {"error": 1.0}
    answers = asks(staffed, served[0], HUSBAND, WIFE, RARE_NUMBER)
    assert {row.outcome for row in answers.answers} == {QueryOutcome.SILENT}
    assert len(served[1].requests) == 2  # one call, made again once


def test_a_window_without_a_system_opens_and_says_so(staffed: Engine) -> None:
    done = opened(staffed, None, opening("CS02"))
    assert population_of(done) == [("申报人", "NOT_ASKED"), ("被办理人", "NOT_ASKED")]
    assert entries(staffed, JournalAct.WINDOW_QUERY) == []


def test_a_query_is_journalled_before_and_after_and_names_nobody(
    staffed: Engine, served: Served
) -> None:
    done = opened(staffed, served[0], for_himself("演甲", HUSBAND))
    before, after = entries(staffed, JournalAct.WINDOW_QUERY, JournalAct.WINDOW_QUERY_END)
    assert (before.actor, before.subject) == ("clerk", after.subject)
    assert json.loads(before.detail) == {
        "operator": "W0000",
        "org": HOME,
        "purpose": "开办 CS02",
    }
    assert json.loads(after.detail) == {"outcome": "KNOWN"}
    (act,) = entries(staffed, JournalAct.WINDOW_ACT)
    assert (act.subject, json.loads(act.detail)["query"]) == (done.case_no, before.subject)
    with reading(staffed) as session:
        text = json.dumps(
            [[row.detail, row.subject] for row in session.scalars(select(JournalEntry))]
        )
    assert not [word for word in (HUSBAND, WIFE, "演甲", "演示路", "HJ0000") if word in text]


def test_no_number_stands_in_an_address(staffed: Engine, served: Served) -> None:
    asks(staffed, served[0], HUSBAND)
    paths = {f"{path}{query}" for _, path, query in served[1].requests}
    assert paths == {"/population/people/query", "/population/households/query"}


def test_what_was_asked_before_is_not_asked_again_at_the_opening(
    staffed: Engine, served: Served
) -> None:
    answers = asks(staffed, served[0], HUSBAND)
    count = len(served[1].requests)
    done = opened(staffed, served[0], for_himself("演甲", HUSBAND, query=answers.token))
    assert len(served[1].requests) == count
    assert done.state.opening.query == answers.query
    with_child = opening(
        "CS02",
        applicant=person("演甲", HUSBAND),
        subjects=[person("演乙", WIFE)],
        query=answers.token,
    )
    further = opened(staffed, served[0], with_child, key="opened-2")
    assert len(served[1].requests) == count + 2
    assert further.state.opening.query.startswith(f"{answers.query}、")


def test_the_answers_of_another_officer_are_not_there(staffed: Engine, served: Served) -> None:
    answers = asks(staffed, served[0], HUSBAND)
    for login, token in (("helper", answers.token), ("clerk", "nothing")):
        with pytest.raises(RefusedActError) as refused:
            opened(staffed, served[0], for_himself("演甲", HUSBAND, query=token), login)
        assert refused.value.code == "QUERY_GONE"
    with reading(staffed) as session:
        assert kept_answers(session, PEOPLE["clerk"], answers.token) == answers


def test_what_was_learnt_is_sealed_in_the_database(staffed: Engine, served: Served) -> None:
    asks(staffed, served[0], HUSBAND)
    with staffed.connect() as plain:
        (body,) = plain.exec_driver_sql("SELECT body FROM kept_views").one()
    assert HUSBAND not in str(body)
    assert "演甲" not in str(body)


@pytest.mark.parametrize("login", ["chief", "district", "city"])
def test_who_opens_no_case_asks_for_nobody(staffed: Engine, served: Served, login: str) -> None:
    with pytest.raises((RefusedActError, DeniedError)):
        asks(staffed, served[0], HUSBAND, login=login)
    assert served[1].requests == []
    assert entries(staffed, JournalAct.WINDOW_QUERY) == []


@pytest.mark.parametrize(
    ("item", "numbers", "code"),
    [
        ("CS02", (), "QUERY_NOBODY"),
        ("CS02", ("150602199001010017",), "ID_NUMBER"),
        ("XX99", (HUSBAND,), "ITEM_UNKNOWN"),
    ],
)
def test_a_query_for_nothing_is_refused_before_anything_is_asked(
    staffed: Engine, served: Served, item: str, numbers: tuple[str, ...], code: str
) -> None:
    with pytest.raises(RefusedActError) as refused:
        ask_people(
            staffed,
            PEOPLE["clerk"],
            population=served[0],
            wanted=QueryWanted(item, numbers),
            guards=GUARDS,
        )
    assert refused.value.code == code
    assert served[1].requests == []


def test_nobody_is_asked_for_where_the_case_may_not_be_opened(
    staffed: Engine, served: Served
) -> None:
    with pytest.raises(RefusedActError):
        opened(staffed, served[0], for_himself("演甲", HUSBAND) | {"item": "XX99"})
    assert served[1].requests == []


def test_beyond_the_limit_of_the_day_nobody_is_asked_for_and_the_case_is_opened(
    staffed: Engine, served: Served
) -> None:
    done = open_with_query(
        staffed,
        PEOPLE["clerk"],
        asked=Asked(
            WindowAct.OPEN,
            "limited-1",
            data=opening(
                "CS02", applicant=person("演甲", HUSBAND), subjects=[person("演乙", WIFE)]
            ),
        ),
        tables=TABLES,
        population=served[0],
        limits=replace(LIMITS, numbers=1),
    )
    assert population_of(done) == [("申报人", "KNOWN"), ("被办理人", "LIMITED")]


def test_a_request_sent_again_asks_nobody_and_opens_nothing(
    staffed: Engine, served: Served
) -> None:
    first = opened(staffed, served[0], for_himself("演甲", HUSBAND))
    count = len(served[1].requests)
    again = opened(staffed, served[0], for_himself("演甲", HUSBAND))
    assert (again.case_no, again.again) == (first.case_no, True)
    assert (len(served[1].requests), cases(staffed)) == (count, 1)


def test_a_request_sent_again_after_its_answers_are_gone_finds_its_case(
    staffed: Engine, served: Served
) -> None:
    token = asks(staffed, served[0], HUSBAND).token
    data = for_himself("演甲", HUSBAND, query=token)
    first = opened(staffed, served[0], data)
    with writing(staffed) as session:
        session.execute(delete(KeptView))
    again = opened(staffed, served[0], data)
    assert (again.case_no, again.again) == (first.case_no, True)


# results


def results(engine: Engine, population: PopulationSystem | None) -> dict[str, int]:
    return register_results(engine, "beat", population=population)


def owed_rows(engine: Engine) -> list[dict[str, Any]]:
    with reading(engine) as session:
        return owed_results(session)


def faults(engine: Engine) -> list[str]:
    with reading(engine) as session:
        return [str(fault) for fault in window_faults(session)]


def test_the_result_of_a_closed_case_is_owed_and_then_registered_once(
    staffed: Engine, served: Served
) -> None:
    desk = Desk(staffed).until(Step.CLOSED)
    (owed,) = owed_rows(staffed)
    assert (owed["case_no"], owed["why"]) == (
        desk.case_no,
        "办理结果待登记到人口信息管理系统",
    )
    assert results(staffed, served[0]) == {"registered": 1, "failed": 0, "unregistered": 0}
    assert results(staffed, served[0]) == {"registered": 0, "failed": 0, "unregistered": 0}
    assert owed_rows(staffed) == []
    assert len(served[1].requests) == 1
    (entry,) = entries(staffed, JournalAct.WINDOW_REGISTER)
    with reading(staffed) as session:
        row = session.scalars(select(WindowRegistration)).one()
    assert entry.subject == desk.case_no
    assert json.loads(entry.detail)["registration"] == row.registration_no
    assert str(APPLICANT["id_number"]) not in entry.detail
    assert faults(staffed) == []


def test_a_silent_system_is_asked_again_after_a_pause_that_doubles(
    staffed: Engine, served: Served
) -> None:
    Desk(staffed).until(Step.CLOSED)
    served[2].faults = {"error": 1.0}
    pauses = []
    for _ in range(3):
        assert results(staffed, served[0])["failed"] == 1
        assert results(staffed, served[0])["failed"] == 0  # it is not due yet
        with writing(staffed) as session:
            row = session.scalars(select(WindowRegistration)).one()
            assert row.not_before is not None
            pauses.append(row.not_before - datetime.now(UTC))
            row.not_before = datetime.now(UTC) - timedelta(seconds=1)
    assert [round(pause / timedelta(minutes=1)) for pause in pauses] == [1, 2, 4]
    (owed,) = owed_rows(staffed)
    assert owed["why"] == "办理结果未登记：人口信息管理系统没有应答，已试 3 次"
    served[2].faults = {}
    assert results(staffed, served[0])["registered"] == 1


def test_a_refused_result_stays_owed_and_the_others_are_registered(
    staffed: Engine, served: Served
) -> None:
    refused = Desk(staffed).until(Step.CLOSED)
    other = Desk(staffed, now=BEGIN + timedelta(days=1)).until(Step.CLOSED)
    served[0].register(
        case_no=refused.case_no, item="QR03", persons=(RARE_NUMBER,), decided_on=BEGIN.date()
    )
    assert results(staffed, served[0]) == {"registered": 1, "failed": 1, "unregistered": 1}
    (owed,) = owed_rows(staffed)
    assert owed["case_no"] == refused.case_no != other.case_no
    assert "拒绝了登记" in owed["why"]


def test_a_kill_between_the_answer_and_our_row_registers_nothing_twice(
    staffed: Engine, served: Served
) -> None:
    desk = Desk(staffed).until(Step.CLOSED)
    earlier = served[0].register(
        case_no=desk.case_no,
        item="CS02",
        persons=(str(APPLICANT["id_number"]),),
        decided_on=BEGIN.date(),
    )
    assert results(staffed, served[0])["registered"] == 1
    with reading(staffed) as session:
        row = session.scalars(select(WindowRegistration)).one()
    assert row.registration_no == earlier.registration_no


def test_a_case_that_was_refused_owes_no_result(staffed: Engine) -> None:
    desk = Desk(staffed).until(Step.ACCEPT)
    desk.do(WindowAct.REFUSE_ACCEPT, "accepter", REFUSED)
    desk.until(Step.CLOSED)
    assert desk.state.ending is Ending.NOT_ACCEPTED
    assert owed_rows(staffed) == []
    assert faults(staffed) == []


def test_a_result_that_was_struck_from_the_list_is_noticed(staffed: Engine) -> None:
    desk = Desk(staffed).until(Step.CLOSED)
    with writing(staffed) as session:
        session.delete(session.scalars(select(WindowRegistration)).one())
    assert any(desk.case_no in fault for fault in faults(staffed))


def test_without_a_system_nothing_is_registered_and_nothing_is_lost(staffed: Engine) -> None:
    Desk(staffed).until(Step.CLOSED)
    assert results(staffed, None) == {"registered": 0, "failed": 0, "unregistered": 0}
    assert len(owed_rows(staffed)) == 1


def test_the_close_and_what_it_owes_are_one(staffed: Engine) -> None:
    desk = Desk(staffed).until(Step.CLOSING)
    asked = Asked(WindowAct.CLOSE, "close-and-fail")
    with pytest.raises(RuntimeError), writing(staffed) as session:
        close_window_case(
            session,
            PEOPLE["clerk"],
            case_no=desk.case_no,
            asked=asked,
            tables=TABLES,
            now=desk.now + timedelta(hours=1),
        )
        raise RuntimeError
    assert owed_rows(staffed) == []
    assert desk.state.step is Step.CLOSING
