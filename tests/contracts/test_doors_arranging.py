"""组卷, 归入 and 退回 through every door: the same answers, entries and refusals."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import select

from api.cli import compiling
from api.demo.source_world import _pdf
from api.jobs import requested
from api.jobs.progress import Batch
from archive.administration.policy import Role
from archive.database.engine import reading, writing
from archive.database.tables_cases import Case
from archive.database.tables_gathering import CapturedFile, GatheredMaterial
from archive.database.tables_volumes import Volume
from archive.gathering.cases import close_case, record_arrival
from tests.support.doors import API, CLI, DESK, Archive, Visit, opened, visit
from tests.support.factories import make_bag, page
from tests.support.intake_doors import Sender, take
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


def gathering(office: Archive) -> str:
    """A case that is closed and lacks all that it names."""
    case_no = f"{HOME}-20260901-{880_000 + next(NUMBERS):06d}"
    facts = moved_case(case_no)
    for material in facts["materials"]:
        material.pop("files", None)
    now = datetime.now(UTC)
    with writing(office.runtime.engine) as session:
        arrival = record_arrival(
            session,
            "t",
            source="forms",
            system="人口",
            notice=case_no,
            sha256="0" * 64,
            size=1,
            outcome="TAKEN",
            at=now,
        )
        close_case(session, arrival, facts, at=now)
    return case_no


def stack(office: Archive, pages: int) -> str:
    """A stack without any sheet that a window of the home station scanned; its id."""
    first = 100 * next(NUMBERS)
    data = _pdf([page(first + at) for at in range(pages)])
    sender = Sender(office, API)
    address = sender.announce(data)
    assert sender.send(address, 0, data) == (204, "OK")
    assert sender.complete(address) == (200, ("UNPLACED", ["CAPTURE_UNPLACED"]))
    return address.rpartition("/")[2]


def gathered(office: Archive, case_no: str) -> list[int]:
    """The numbers of the materials that came for a case."""
    with reading(office.runtime.engine) as session:
        query = select(GatheredMaterial.no).filter_by(case_no=case_no)
        return sorted(session.scalars(query))


@pytest.mark.parametrize("door", DOORS)
def test_some_pages_of_a_stack_are_placed_and_taken_back_by_every_door(
    office: Archive, door: str
) -> None:
    case_no, file = gathering(office), stack(office, 3)
    with office.noted() as noted:
        placed = archivist(office, door).place_pages([(file, 2), (file, 3)], case_no, 6, "情况说明")
    assert placed.allowed, placed
    assert [entry.act for entry in noted] == ["CAPTURE_DIVIDE", "CAPTURE_FILE"]
    assert gathered(office, case_no) == [6]
    part = noted[-1].subject
    assert archivist(office, door).set_aside([(file, 1)]).allowed  # wherever that page is now
    with office.noted() as noted:
        assert archivist(office, door).take_back(part).allowed
    assert [(entry.act, entry.subject) for entry in noted] == [("CAPTURE_TAKE_BACK", part)]
    assert gathered(office, case_no) == []
    assert archivist(office, door).take_back(part).code == "CONFLICT"
    assert archivist(office, door).place_pages([(file, 3)], case_no, 4, "居民户口簿").allowed
    assert gathered(office, case_no) == [4]


@pytest.mark.parametrize("door", DOORS)
def test_an_unknown_number_is_asked_about_by_every_door_and_nothing_is_divided(
    office: Archive, door: str
) -> None:
    file, case_no = stack(office, 2), f"{HOME}-20260901-99999{DOORS.index(door)}"
    with office.noted() as noted:
        asked = archivist(office, door).place_pages([(file, 1)], case_no, 6, "情况说明")
    assert (asked.code, [entry.act for entry in noted if entry.act != "CAPTURE_LOOK"]) == (
        "CASE_UNKNOWN",
        [],
    )
    waiting = archivist(office, door).place_pages([(file, 1)], case_no, 6, "情况说明", wait=True)
    assert waiting.allowed


@pytest.mark.parametrize("door", [API, DESK])
def test_a_foreign_file_is_placed_and_taken_back_by_nobody_else(office: Archive, door: str) -> None:
    case_no, file = gathering(office), stack(office, 1)
    stranger = archivist(office, door, OTHER)
    with office.noted() as noted:
        assert stranger.place_pages([(file, 1)], case_no, 6, "情况说明").code == "NOT_FOUND"
        assert stranger.take_back(file).code == "NOT_FOUND"
        assert stranger.set_aside([(file, 1)]).code == "NOT_FOUND"
    assert [entry.act for entry in noted if entry.act != "CAPTURE_LOOK"] == []
    assert visit(office, door, Role.CHIEF).take_back(file).code == "ROLE"


@pytest.mark.parametrize("door", DOORS)
def test_what_was_handed_in_is_taken_back_by_no_door(office: Archive, door: str) -> None:
    case_no, file = gathering(office), stack(office, 3)
    for at, (no, kind) in enumerate(((4, "居民户口簿"), (5, "住所材料"), (6, "情况说明")), 1):
        assert archivist(office, door).place_pages([(file, at)], case_no, no, kind).allowed
    with reading(office.runtime.engine) as session:
        row = session.scalars(select(CapturedFile).filter_by(case_no=case_no, material_no=6)).one()
    assert archivist(office, door).take_back(row.id).code == "CONFLICT"
    assert gathered(office, case_no) == [4, 5, 6]
