"""The simulated population system for tests of the window, and a window that is joined to it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.demo.sources import KEY, World
from archive.administration.daily_use import DailyLimits
from ingest.sources.population import PopulationSystem
from ingest.window.population import Guards
from tests.support.simulator import Recorded, simulated
from tests.support.window import CATALOGUE, HOME, ORGANISATIONS, id_number

LIMITS = DailyLimits(1000, 1000, 1000)
GUARDS = Guards(ORGANISATIONS, CATALOGUE, LIMITS)
HUSBAND, WIFE = id_number(44991), id_number(44992)
"""Of two people of one household of the home station."""


def world_of(folder: Path) -> World:
    """Write a world with one household of two people, beside those who are always known."""
    case = {
        "applicant": {"name": "演甲", "id_number": HUSBAND},
        "subjects": [{"name": "演乙", "id_number": WIFE}],
        "orgs": {"domicile": HOME},
    }
    for name, rows in (("events", [{"case": case}]), ("certificates", []), ("applications", [])):
        (folder / f"{name}.json").write_text(json.dumps(rows), "utf-8")
    return World(folder, None)


@contextmanager
def population_served(folder: Path) -> Iterator[tuple[str, Recorded, World]]:
    """Yield the address of the population system, what is asked of it, and its world."""
    world = world_of(folder)
    with simulated(world) as (base, asked):
        yield f"{base}/population", asked, world


def system(base: str, *, tries: int = 1) -> PopulationSystem:
    """Return a client as the window has it."""
    return PopulationSystem(base, key=KEY, rate=1000, timeout=3.0, tries=tries)
