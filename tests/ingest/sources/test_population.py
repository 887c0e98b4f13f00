"""The population system: a whole answer or none, and nobody's number in an address."""

import json
import socket
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import yaml

from api.demo.population import DEAD_NUMBER, PRIVATE_NUMBER, RARE_NUMBER
from api.demo.sources import KEY, World
from archive.reference.citizen_id import check
from ingest.sources.population import Population, PopulationSystem, Standing
from ingest.sources.protocol import SourceError
from tests.support.openapi_sources import FOLDER
from tests.support.simulator import Recorded, simulated, small_world

CASE_NO, DAY = "150602010000-20260901-000001", date(2026, 9, 1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_world(tmp_path_factory.mktemp("world"), 3, 6)


@pytest.fixture
def systems(world: Path) -> Iterator[tuple[str, Recorded, World]]:
    simulator = World(world, None)
    with simulated(simulator) as (base, asked):
        yield base, asked, simulator


def system(base: str, key: str = KEY, timeout: float = 30.0) -> Population:
    return PopulationSystem(f"{base}/population", key=key, rate=1000, timeout=timeout)


def test_a_person_and_the_household_are_what_the_register_has(
    systems: tuple[str, Recorded, World],
) -> None:
    base, asked, simulator = systems
    applicant = simulator.rows("events")[0]["case"]["applicant"]
    person = system(base).person(applicant["id_number"], case_no=CASE_NO)
    assert person is not None
    assert (person.name, person.standing) == (applicant["name"], Standing.REGISTERED)
    household = system(base).household(person.household_no, case_no=CASE_NO)
    assert household is not None
    assert person in household.members
    assert all(applicant["id_number"] not in f"{path}{query}" for _, path, query in asked.requests)


def test_who_is_unknown_is_none_and_no_error(systems: tuple[str, Recorded, World]) -> None:
    assert system(systems[0]).person("150602199001010016", case_no=CASE_NO) is None
    assert system(systems[0]).household("HJ00000000", case_no=CASE_NO) is None


def test_a_small_x_finds_the_person_too(systems: tuple[str, Recorded, World]) -> None:
    person = system(systems[0]).person(DEAD_NUMBER.lower(), case_no=CASE_NO)
    assert person is not None
    assert person.standing is Standing.DEAD


def test_the_known_people_have_numbers_that_can_be() -> None:
    assert [check(number, DAY) for number in (RARE_NUMBER, PRIVATE_NUMBER, DEAD_NUMBER)] == [
        None,
        None,
        None,
    ]


def test_a_rare_character_comes_whole_and_one_that_nobody_can_draw_is_flagged(
    systems: tuple[str, Recorded, World],
) -> None:
    rare = system(systems[0]).person(RARE_NUMBER, case_no=CASE_NO)
    private = system(systems[0]).person(PRIVATE_NUMBER, case_no=CASE_NO)
    assert rare is not None
    assert private is not None
    assert (rare.name, rare.undrawn) == ("云𬭎", ())
    assert private.undrawn == ("U+E863",)


def test_a_result_is_registered_once(systems: tuple[str, Recorded, World]) -> None:
    population = system(systems[0])
    first = population.register(
        case_no=CASE_NO, item="CS02", persons=(RARE_NUMBER,), decided_on=DAY
    )
    again = population.register(
        case_no=CASE_NO, item="CS02", persons=(RARE_NUMBER,), decided_on=DAY
    )
    assert (first.again, again.again) == (False, True)
    assert again.registration_no == first.registration_no
    with pytest.raises(SourceError) as raised:
        population.register(case_no=CASE_NO, item="QR03", persons=(RARE_NUMBER,), decided_on=DAY)
    assert raised.value.code == "SOURCE_REFUSED"


@pytest.mark.parametrize("fault", ["error", "truncated", "slow"])
def test_a_system_in_trouble_is_asked_again_until_it_answers_whole(
    systems: tuple[str, Recorded, World], fault: str
) -> None:
    base, _, simulator = systems
    simulator.faults = {fault: 0.4}
    for _ in range(5):
        person = system(base).person(RARE_NUMBER, case_no=CASE_NO)
        assert person is not None
        assert person.name == "云𬭎"


def test_a_system_that_stays_silent_is_told_and_nothing_is_taken(
    systems: tuple[str, Recorded, World],
) -> None:
    base, _, simulator = systems
    simulator.faults = {"error": 1.0}
    with pytest.raises(SourceError) as raised:
        system(base).person(RARE_NUMBER, case_no=CASE_NO)
    assert raised.value.code == "SOURCE_UNAVAILABLE"


def test_a_system_that_does_not_answer_in_time_is_told() -> None:

    with socket.create_server(("127.0.0.1", 0)) as silent:
        base = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(SourceError) as raised:
            system(base, timeout=0.05).person(RARE_NUMBER, case_no=CASE_NO)
    assert raised.value.code == "SOURCE_UNAVAILABLE"


def test_an_answer_of_another_shape_is_refused_without_a_word_of_it(
    systems: tuple[str, Recorded, World],
) -> None:
    base, _, simulator = systems
    simulator.faults = {"malformed": 1.0}
    for ask in (
        lambda: system(base).person(RARE_NUMBER, case_no=CASE_NO),
        lambda: system(base).household("HJ90000001", case_no=CASE_NO),
    ):
        with pytest.raises(SourceError) as raised:
            ask()
        assert raised.value.code == "SOURCE_ANSWER"
        assert RARE_NUMBER not in str(raised.value)
        assert "人工录入" in raised.value.action


def test_a_wrong_key_is_refused_at_once(systems: tuple[str, Recorded, World]) -> None:
    with pytest.raises(SourceError) as raised:
        system(systems[0], key="wrong").person(RARE_NUMBER, case_no=CASE_NO)
    assert raised.value.code == "SOURCE_REFUSED"
    assert len(systems[1].requests) == 1


def test_what_is_asked_is_what_the_written_protocol_has(
    systems: tuple[str, Recorded, World],
) -> None:
    base, asked, _ = systems
    written = yaml.safe_load((FOLDER / "population.yaml").read_text("utf-8"))
    person = system(base).person(RARE_NUMBER, case_no=CASE_NO)
    assert person is not None
    system(base).household(person.household_no, case_no=CASE_NO)
    system(base).register(case_no="C-2", item="CS02", persons=(person.id_number,), decided_on=DAY)
    paths = {path.removeprefix("/population") for _, path, _ in asked.requests}
    assert paths == set(written["paths"])
    assert {method for method, _, _ in asked.requests} == {"POST"}
    assert json.dumps(written, ensure_ascii=False).count("HTTPBearer") >= len(written["paths"])
