"""One act, one function: each story through every door, with equal answers, journal and refusals.

Where a door does not offer an act, `tests.support.doors.ACTS` says so, and that is held too.
"""

import pytest

from api.cli.main import app as cli_app
from archive.administration.policy import Role
from tests.support.doors import (
    ACTS,
    API,
    CLI,
    DESK,
    MOVE_CODE,
    Archive,
    NotOfferedError,
    archive,
    visit,
)
from tests.support.station import MOVE, OTHER

__all__ = ["archive"]
DOORS = (CLI, API, DESK)
FORMS = (MOVE_CODE, MOVE_CODE.replace("·", "."), MOVE)


def offering(act: str) -> tuple[str, ...]:
    """The doors that offer an act."""
    return tuple(ACTS[act])


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("door", DOORS)
def test_the_table_of_acts_says_what_each_door_offers(
    archive: Archive, door: str, act: str
) -> None:
    reader, place = visit(archive, door, Role.OFFICER), ACTS[act].get(door)
    if place is None:
        with pytest.raises(NotOfferedError):
            getattr(reader, act)
    elif door == CLI:
        assert place in {command.name for command in cli_app.registered_commands}
    else:
        assert place in archive.places(door)


@pytest.mark.parametrize("door", offering("show"))
@pytest.mark.parametrize("name", FORMS)
def test_a_volume_opens_by_each_form_of_its_name(archive: Archive, door: str, name: str) -> None:
    shown = visit(archive, door, Role.OFFICER).show(name)
    assert (shown.code, shown.value["code"], shown.value["case_no"]) == ("OK", MOVE_CODE, MOVE)


@pytest.mark.parametrize("door", [API, DESK])
def test_a_foreign_volume_is_answered_like_a_missing_one(archive: Archive, door: str) -> None:
    stranger = visit(archive, door, Role.OFFICER, OTHER)
    with archive.noted() as noted:
        foreign, missing = stranger.show(MOVE_CODE), stranger.show(MOVE_CODE[:-1] + "9")
    assert (foreign.code, missing.code) == ("NOT_HERE", "NOT_HERE")
    assert noted == []
