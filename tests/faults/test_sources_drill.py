"""The short form of `make sources-drill`."""

from rich.console import Console

from tests.faults.sources_drill import run


def test_a_few_cases_of_four_systems_are_all_accounted_for_after_kills_of_either_side() -> None:
    counted = run(cases=9, kills=2, seed=3, say=Console(stderr=True))
    assert counted.clean, counted
    assert counted.planted > 0
    assert counted.volumes > 0
    assert sum(counted.killed.values()) == 2
