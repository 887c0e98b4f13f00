"""错、假、重户 (R36): two cases of one person that contradict each other.

The later delivery waits and names the other, whichever came first.
"""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from api.demo.build import write_case
from api.demo.defects import DEFECTS
from archive.accession.accession import take_over
from archive.accession.across_cases import doubts
from archive.checking.confirming import confirm
from archive.database.encryption import attach_keys, new_keyring
from archive.database.engine import connect, migrate, reading, writing
from archive.database.tables_audit import JournalEntry
from archive.reference.case_facts import CaseFacts
from archive.reference.citizen_id import check_digit
from archive.reference.findings import Finding
from archive.reference.organisations import load_organisations
from archive.reference.service_items import load_catalogue, snapshot
from archive.reference.vocabulary import IntakeOutcome
from ingest.intake.intake import IntakeRules, Received, take_package
from ingest.reading.virus import NO_SCANNER
from storage.local_store import LocalStore
from tests.support.factories import HOME, sound_case
from tests.support.filing import FILER, FILING

CATALOGUE, ORGANISATIONS = load_catalogue(), load_organisations()
NOW, START = datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 3, 2, 9, tzinfo=UTC)
AWAY = "150622020000"
DIED, MOVED, BORN, LEFT, CHANGED, REVIVED, PROVED = (
    "ZX01",
    "QR25",
    "CS02",
    "QC01",
    "BG08",
    "HF04",
    "BZ02",
)
Story = tuple[str, int, str]
"""An item, the day on which the case was handled, and the organisation of the household."""


def case_of(number: int, story: Story, **person: str) -> dict[str, Any]:
    item, day, org = story
    case = sound_case(f"150602010000-20260901-{number:06d}")
    case["item"]["code"] = item
    case["orgs"] = {"receive": org, "accept": org, "domicile": org}
    for index, step in enumerate(case["process"]):
        step["at"] = (START + timedelta(days=day, hours=index)).isoformat()
    case["applicant"] |= person
    case["subjects"][0] |= {"relation": "本人", **person}
    return case


def enter(engine: Engine, number: int, story: Story, **person: str) -> list[Finding]:
    """What the archive doubts of one more case, which is then taken over."""
    facts = CaseFacts.model_validate(case_of(number, story, **person))
    taken = snapshot(CATALOGUE.get(story[0], "2026-1"))
    with writing(engine) as session:
        findings = doubts(session, facts, taken)
        take_over(
            session,
            "t",
            facts=facts,
            snapshot=taken,
            content_digest=f"{number:064d}",
            originals=[],
            findings=findings,
            at=NOW,
        )
    return findings


@pytest.fixture
def keyed(engine: Engine) -> Engine:
    return attach_keys(engine, new_keyring())


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """One database for all lives below: each is of a person of its own."""
    engine = attach_keys(
        connect(f"sqlite:///{tmp_path_factory.mktemp('town') / 'yice.db'}"), new_keyring()
    )
    migrate(engine)
    return engine


def somebody(number: int) -> str:
    first17 = f"15060219900101{number:03d}"
    return first17 + check_digit(first17)


DOUBTED: dict[str, tuple[str, Story, Story]] = {
    "changed after death": ("AFTER_DEATH", (DIED, 0, HOME), (CHANGED, 5, HOME)),
    "moved after death": ("AFTER_DEATH", (DIED, 0, HOME), (MOVED, 90, AWAY)),
    "born twice in two stations": ("TWO_HOUSEHOLDS", (BORN, 0, HOME), (BORN, 60, AWAY)),
    "moved in and then entered elsewhere": ("TWO_HOUSEHOLDS", (MOVED, 0, HOME), ("BL08", 60, AWAY)),
    "two moves within days": ("TWO_MOVES", (MOVED, 0, HOME), (MOVED, 9, AWAY)),
    "two moves at the same hour": ("TWO_MOVES", (MOVED, 0, HOME), (MOVED, 0, AWAY)),
}
SOUND: dict[str, tuple[Story, ...]] = {
    "born and then moved": ((BORN, 0, HOME), (MOVED, 30, AWAY)),
    "changed before death": ((CHANGED, 0, HOME), (DIED, 5, HOME)),
    "a certificate of a death": ((DIED, 0, HOME), (PROVED, 5, HOME)),
    "revived and then changed": ((DIED, 0, HOME), (REVIVED, 30, HOME), (CHANGED, 60, HOME)),
    "two moves in a year": ((MOVED, 0, HOME), (MOVED, 200, AWAY)),
    "two moves to one place": ((MOVED, 0, HOME), (MOVED, 3, HOME)),
    "left and entered again": ((MOVED, 0, HOME), (LEFT, 30, HOME), ("HF05", 90, AWAY)),
    "a double household put right": ((DIED, 0, HOME), ("ZX12", 9, HOME)),
}


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("name", DOUBTED)
def test_two_cases_that_contradict_each_other_are_told_at_the_later_delivery(
    town: Engine, name: str, *, backwards: bool
) -> None:
    code, *stories = DOUBTED[name]
    first, second = reversed(stories) if backwards else stories
    at = 10 * (2 * list(DOUBTED).index(name) + backwards + 1)
    who = somebody(at)
    assert enter(town, at, first, id_number=who) == []
    assert enter(town, at + 1, second, id_number=somebody(at + 1)) == []
    findings = [
        finding for finding in enter(town, at + 2, second, id_number=who) if finding.code == code
    ]
    assert {finding.other_case for finding in findings} == {f"150602010000-20260901-{at:06d}"}
    assert all(
        finding.other_case in finding.message
        and finding.public()["other_case"] == finding.other_case
        for finding in findings
    )
    assert who not in str(findings)


@pytest.mark.parametrize("name", SOUND)
def test_what_a_life_may_bring_is_not_doubted(town: Engine, name: str) -> None:
    at = 500 + 10 * list(SOUND).index(name)
    for number, story in enumerate(SOUND[name], at):
        assert enter(town, number, story, id_number=somebody(at)) == []


def test_of_two_people_in_a_case_of_death_only_the_dead_one_is_dead(keyed: Engine) -> None:
    facts = case_of(1, (DIED, 0, HOME))
    widow = {"name": "测二", "id_number": "150602199002020014", "relation": "配偶"}
    facts["subjects"].append(widow)
    with writing(keyed) as session:
        facts = CaseFacts.model_validate(facts)
        taken = snapshot(CATALOGUE.get(DIED, "2026-1"))
        take_over(
            session,
            "t",
            facts=facts,
            snapshot=taken,
            content_digest="1" * 64,
            originals=[],
            findings=[],
            at=NOW,
        )
    assert enter(keyed, 2, (CHANGED, 6, HOME), id_number=str(widow["id_number"])) == []
    assert [finding.code for finding in enter(keyed, 3, (CHANGED, 6, HOME))] == ["AFTER_DEATH"]


def declared(session: Session, number: int, day: int, declarer: str) -> list[Finding]:
    """What is doubted of a case that somebody declares for another person."""
    facts = case_of(number, (CHANGED, day, HOME), id_number=somebody(number))
    facts["applicant"]["id_number"] = declarer
    return doubts(
        session, CaseFacts.model_validate(facts), snapshot(CATALOGUE.get(CHANGED, "2026-1"))
    )


def test_who_declares_for_another_after_his_own_death_is_doubted_unless_he_was_restored(
    keyed: Engine,
) -> None:
    dead = somebody(901)
    enter(keyed, 901, (DIED, 0, HOME), id_number=dead)
    with reading(keyed) as session:
        assert [
            (finding.code, finding.other_case) for finding in declared(session, 902, 5, dead)
        ] == [("AFTER_DEATH", "150602010000-20260901-000901")]
        assert declared(session, 903, 5, somebody(903)) == []
    enter(keyed, 904, (REVIVED, 30, HOME), id_number=dead)
    with reading(keyed) as session:
        assert declared(session, 905, 60, dead) == []


def test_households_of_one_station_are_told_apart_where_the_register_form_states_them(
    keyed: Engine,
) -> None:
    for number, household, doubted in ((1, "0001", False), (2, "0001", False), (3, "0002", True)):
        case = case_of(number, (BORN, number, HOME))
        next(material for material in case["materials"] if material.get("form") == "REGISTER")[
            "data"
        ] = {"户号": household}
        facts, taken = CaseFacts.model_validate(case), snapshot(CATALOGUE.get(BORN, "2026-1"))
        with writing(keyed) as session:
            findings = doubts(session, facts, taken)
            take_over(
                session,
                "t",
                facts=facts,
                snapshot=taken,
                content_digest=f"{number:064d}",
                originals=[],
                findings=[],
                at=NOW,
            )
        assert {finding.code for finding in findings} == ({"TWO_HOUSEHOLDS"} if doubted else set())


def test_no_number_goes_into_a_query_and_the_look_up_is_by_an_index(keyed: Engine) -> None:
    enter(keyed, 1, (DIED, 0, HOME))
    asked: list[tuple[str, Any]] = []
    event.listen(
        keyed,
        "before_cursor_execute",
        lambda _c, _x, statement, values, _y, _m: asked.append((statement, values)),
    )
    with reading(keyed) as session:
        facts = CaseFacts.model_validate(case_of(2, (CHANGED, 5, HOME)))
        assert doubts(session, facts, snapshot(CATALOGUE.get(CHANGED, "2026-1")))
        queries = [(statement, values) for statement, values in asked if "blind_index" in statement]
        assert queries
        assert "150602199001010016" not in str(queries)
        if keyed.dialect.name == "sqlite":
            plan = (
                session.connection()
                .exec_driver_sql(f"EXPLAIN QUERY PLAN {queries[0][0]}", queries[0][1])
                .fetchall()
            )
            assert "ix_blind_index_digest" in str(plan)
            assert "SCAN" not in str(
                [row for row in plan if "blind" in str(row) or "cases" in str(row)]
            )


PAIRS = [
    turn
    for turn, defect in enumerate(DEFECTS)
    if defect.kind in {"two-moves", "two-households", "after-death"}
]


@pytest.mark.parametrize("turn", PAIRS, ids=[DEFECTS[turn].kind for turn in PAIRS])
def test_a_planted_pair_of_the_city_is_found_whichever_comes_first_and_a_person_decides(
    turn: int, tmp_path: Path
) -> None:
    step = 12 * len(DEFECTS)
    rounds = range(turn * 12 + 11, 40 * step, step)
    rows = next(
        rows
        for index in rounds
        if (rows := write_case(tmp_path, 1, index))[-1]["defect"] == DEFECTS[turn].kind
    )
    for number, order in enumerate(permutations(rows)):
        engine = attach_keys(connect(f"sqlite:///{tmp_path / f'yice-{number}.db'}"), new_keyring())
        migrate(engine)
        answers: list[Received] = []
        for row in order:
            path = tmp_path / row["bag"]
            rules = IntakeRules(CATALOGUE, ORGANISATIONS, scanner=NO_SCANNER, ocr=False)
            store = LocalStore(tmp_path / f"store-{number}")
            answers.append(
                take_package(engine, store, "t", path, sender=None, rules=rules, now=NOW)
            )
        assert [answer.outcome for answer in answers] == [
            IntakeOutcome.ACCEPTED,
            IntakeOutcome.CONFIRM,
        ]
        findings = [
            finding
            for finding in answers[1].public()["findings"]
            if finding["code"] == DEFECTS[turn].code
        ]
        assert {finding["other_case"] for finding in findings} == {answers[0].case_no}
        with writing(engine) as session:
            confirm(
                session,
                FILER,
                case_no=str(answers[1].case_no),
                reason="两地已核实",
                units=FILING,
                ticks=None,
            )
            entry = session.query(JournalEntry).filter_by(act="CONFIRM").one()
            assert DEFECTS[turn].code in entry.detail
            assert "两地已核实" in entry.detail
