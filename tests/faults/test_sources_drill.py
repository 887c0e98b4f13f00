"""The short form of `make sources-drill`."""

import pytest
from rich.console import Console

from tests.faults.sources_drill import run


@pytest.mark.xfail(reason="two sound cases of the simulated systems wait at 核对 since the rules became stricter; to be mended")
def test_a_few_cases_of_four_systems_are_all_accounted_for_after_kills_of_either_side() -> None:
    made = run(cases=9, kills=2, seed=3, say=Console(stderr=True))
    assert made.clean, made
    assert made.planted > 0
    assert made.volumes > 0
    assert sum(made.killed.values()) == 2
