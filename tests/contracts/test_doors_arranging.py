"""组卷 and 退回 through every door: the same answers, the same entries, the same refusals."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import select

from api.cli import compiling
from api.jobs import requested
from api.jobs.progress import Batch
from archive.administration.policy import Role
from archive.database.engine import reading
from archive.database.tables_cases import Case
from archive.database.tables_volumes import Volume
from tests.support.doors import API, CLI, DESK, Archive, Visit, opened, visit
from tests.support.factories import make_bag
from tests.support.intake_doors import take
from tests.support.ready_cases import HOME, accept
from tests.support.station import DISTRICT, OTHER, moved_case

START = datetime(2026, 9, 1, 2, tzinfo=UTC)
DOORS = (CLI, API, DESK)
ELSEWHERE = "150623010000"


@pytest.fixture(autouse=True)
def nobody_makes_volumes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers are the matter here; what follows them has stories of its own."""
    monkeypatch.setattr(requested, "start_module", lambda *_, **__: None)
    monkeypatch.setattr(compiling, "run_making", lambda *_: Batch(0, 0, 0))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with opened(tmp_path_factory.mktemp("arranging")) as served:
        yield served


NUMBERS = count(1)


def ready(office: Archive, hours: int, receive: str = HOME, domicile: str = HOME) -> str:
    """A case that waits for its number, completed so many hours after the others' start."""
    number = next(NUMBERS)
    at = START + timedelta(hours=hours)
    return accept(office.runtime.engine, number, at, receive=receive, domicile=domicile)


def archivist(office: Archive, door: str, org: str = HOME) -> Visit:
    return visit(office, door, Role.ARCHIVIST, org)


def given(office: Archive) -> dict[str, str]:
    with reading(office.runtime.engine) as session:
        query = select(Case.case_no, Volume.code).join(Volume, Volume.case_id == Case.id)
        return dict(session.execute(query).all())


@pytest.mark.parametrize("door", DOORS)
def test_what_a_door_previews_every_door_previews_and_this_one_gives(
    office: Archive, tmp_path: Path, door: str
) -> None:
    later, earlier = ready(office, 9), ready(office, 8)
    shown = {name: archivist(office, name).preview_numbers(later, earlier).value for name in DOORS}
    assert shown[CLI] == shown[API] == shown[DESK]
    assert [case_no for case_no, _ in shown[door]] == [earlier, later]
    assert not {earlier, later} & set(given(office))
    with office.noted() as noted:
        assert archivist(office, door).give_numbers(tmp_path, shown[door]).allowed
    assert {case: given(office)[case] for case in (earlier, later)} == dict(shown[door])
    (entry,) = noted
    pairs = [[code, case_no] for case_no, code in shown[door]]
    assert (entry.act, entry.detail["numbers"]) == ("FREEZE", pairs)


@pytest.mark.parametrize("door", DOORS)
def test_a_preview_that_holds_no_longer_is_refused_by_every_door(
    office: Archive, tmp_path: Path, door: str
) -> None:
    case_no = ready(office, 10)
    seen = archivist(office, door).preview_numbers(case_no).value
    other = ready(office, 11)
    first = archivist(office, API).preview_numbers(other).value
    assert archivist(office, API).give_numbers(tmp_path, first).allowed
    with office.noted() as noted:
        assert archivist(office, door).give_numbers(tmp_path, seen).code == "PREVIEW_STALE"
    assert noted == []
    assert case_no not in given(office)
    again = archivist(office, door).preview_numbers(case_no).value
    assert archivist(office, door).give_numbers(tmp_path, again).allowed


@pytest.mark.parametrize("door", DOORS)
def test_a_case_that_does_not_wait_is_named_by_every_door(office: Archive, door: str) -> None:
    assert archivist(office, door).preview_numbers(f"{HOME}-20260901-990000").code == "NOT_READY"


@pytest.mark.parametrize("door", [API, DESK])
def test_only_the_filing_unit_previews_and_gives_and_a_stranger_learns_nothing(
    office: Archive, tmp_path: Path, door: str
) -> None:
    theirs = ready(office, 12, OTHER)
    foreign = ready(office, 12, ELSEWHERE, ELSEWHERE)
    numbers = [(theirs, "J622-ZY·HJ·QY·2026·Y-000001")]
    home = archivist(office, door)
    with office.noted() as noted:
        assert home.preview_numbers(theirs).code == "NOT_FILING"
        assert home.give_numbers(tmp_path, numbers).code == "NOT_FILING"
        assert home.preview_numbers(foreign).code == "NOT_READY"
        officer = visit(office, door, Role.OFFICER)
        assert officer.preview_numbers(theirs).code == "ROLE"
        assert officer.give_numbers(tmp_path, numbers).code == "ROLE"
    assert noted == []
    assert theirs not in given(office)


@pytest.mark.parametrize("door", [CLI, API])
def test_a_refused_package_is_seen_by_its_sender_and_the_unit_above_at_every_door(
    office: Archive, tmp_path: Path, door: str
) -> None:
    """Cases that were gathered were all that showed: of a package nobody was told."""
    case_no = f"{HOME}-20260901-77000{DOORS.index(door)}"
    case = moved_case(case_no)
    del case["materials"][1]
    assert take(office, door, make_bag(tmp_path / "lacking", case=case)).value[0] == "REFUSED"
    numbers = [
        archivist(office, name, org).refused().value[case_no]
        for name, org in ((CLI, HOME), (API, HOME), (DESK, HOME), (API, DISTRICT), (DESK, DISTRICT))
    ]
    assert len(set(numbers)) == 1
    for name in (API, DESK):
        assert case_no not in archivist(office, name, OTHER).refused().value
        assert archivist(office, name, OTHER).send_back(numbers[0], "不归我").code == "NOT_FOUND"


@pytest.mark.parametrize("door", DOORS)
def test_a_refused_package_is_sent_back_once_by_every_door_and_the_reason_is_read(
    office: Archive, tmp_path: Path, door: str
) -> None:
    name = f"unreadable-{DOORS.index(door)}.zip"
    bag = make_bag(
        tmp_path / name.removesuffix(".zip"), case={**moved_case(f"{HOME}-1"), "channel": "NONE"}
    )
    assert take(office, API, bag).value[0] == "REFUSED"
    number = archivist(office, door).refused().value[name]
    with office.noted() as noted:
        assert archivist(office, door).send_back(number, "办理渠道写错，请更正").allowed
    (entry,) = noted
    assert (entry.act, entry.detail["reason"]) == ("QUARANTINE_RETURN", "办理渠道写错，请更正")
    assert archivist(office, door).send_back(number, "再退一次").code == "CONFLICT"
    for other in DOORS:
        assert name not in archivist(office, other).refused().value
        returned = archivist(office, other).refused(returned=True).value
        assert returned[name] == "办理渠道写错，请更正"
