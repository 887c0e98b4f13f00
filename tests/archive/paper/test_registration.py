"""Registering paper: tasks come from volumes, boxes fill up, numbers are unbroken."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, select

from archive.administration.policy import Role
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from archive.database.tables_paper import PaperBox, PaperCheck, PaperItem, PaperPlace, PaperTask
from archive.paper.boxes import begin_box, box_name, put_in_box, shelve_box
from archive.paper.errors import PaperError
from archive.paper.moves import last_move
from archive.paper.places import level, make_place
from archive.paper.registration import CountedPaper, find_task, register_paper, waive_task
from archive.reference.paper_terms import PaperFault, PaperKind, PaperState, PaperTaskState
from archive.reference.vocabulary import Series
from archive.usage.looks import DeniedError
from tests.support.paper import (
    DISTRICT,
    HOME,
    NEIGHBOUR,
    OTHER_DISTRICT,
    TEST,
    furnish,
    keeper,
    kept_case,
    number_cases,
    transition,
)


def test_a_volume_whose_paper_is_kept_makes_a_task_at_the_receiving_station(
    engine: Engine,
) -> None:
    number_cases(engine, transition(), kept_case(1), kept_case(2, original=True))
    with reading(engine) as session:
        tasks = session.scalars(select(PaperTask).order_by(PaperTask.id)).all()
    assert [(task.station, task.state) for task in tasks] == [(HOME, PaperTaskState.PENDING)] * 2
    assert [task.materials[0]["kind"] for task in tasks] == [PaperKind.COPY, PaperKind.ORIGINAL]
    assert tasks[0].materials[0]["pages"] == 3


def test_a_digitised_district_makes_no_task(engine: Engine) -> None:
    number_cases(engine, transition(OTHER_DISTRICT), *(kept_case(n) for n in range(1, 6)))
    with reading(engine) as session:
        assert session.scalars(select(PaperTask)).all() == []


def test_registered_paper_lies_in_its_box_and_is_journalled(engine: Engine) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=3, waiting=1)
    with reading(engine) as session:
        item = session.get_one(PaperItem, room.items[0])
        move = last_move(session, item)
        assert move is not None
        assert (move.state, move.box_id, move.org) == (PaperState.IN_BOX, room.boxes[0], HOME)
        acts = session.scalars(select(JournalEntry.act)).all()
        assert acts.count("PAPER_REGISTER") == 3
        check = session.scalars(select(PaperCheck).filter_by(item_id=item.id)).one()
        assert (check.paper_pages, check.electronic_pages) == (3, 3)
        assert session.get_one(PaperTask, room.tasks[0]).state == PaperTaskState.PENDING


def test_paper_is_registered_once(engine: Engine) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=1)
    with writing(engine) as session:
        task = session.scalars(select(PaperTask)).one()
        box = session.get_one(PaperBox, room.boxes[0])
        with pytest.raises(PaperError) as refusal:
            register_paper(session, owner, task, box, CountedPaper(), TEST)
    assert refusal.value.fault is PaperFault.REGISTERED


def test_a_full_box_takes_nothing_more(engine: Engine) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=0, boxes=1, waiting=2)
    with writing(engine) as session:
        box = session.get_one(PaperBox, room.boxes[0])
        first, second = (session.get_one(PaperTask, number) for number in room.tasks)
        register_paper(session, owner, first, box, CountedPaper(pages=200), TEST)
        with pytest.raises(PaperError) as refusal:
            register_paper(session, owner, second, box, CountedPaper(pages=30), TEST)
    assert refusal.value.fault is PaperFault.BOX_FULL


def test_a_full_shelf_takes_no_further_box(engine: Engine) -> None:
    owner = keeper()
    with writing(engine) as session:
        place = make_place(session, owner, parent_id=None, name="库", org=None)
        for name in ("列", "节"):
            place = make_place(session, owner, parent_id=place.id, name=name, org=None)
        shelf = make_place(session, owner, parent_id=place.id, name="层", org=None, width_mm=70)
        boxes = [
            begin_box(session, owner, org=None, series=Series.QR, year=2026, spine_mm=30)
            for _ in range(3)
        ]
        for box in boxes[:2]:
            shelve_box(session, owner, box, shelf, TEST)
        with pytest.raises(PaperError) as refusal:
            shelve_box(session, owner, boxes[2], shelf, TEST)
        assert refusal.value.fault is PaperFault.SHELF_FULL
        (room,) = level(session, owner, None)
        assert (room.place.width_mm, room.used_mm, room.boxes) == (70, 60, 2)
        assert [box_name(box) for box in boxes] == ["QR-2026-01", "QR-2026-02", "QR-2026-03"]


def test_many_who_begin_boxes_at_once_get_unbroken_numbers(engine: Engine) -> None:
    owner = keeper()

    def begin(_: int) -> int:
        with writing(engine) as session:
            return begin_box(
                session, owner, org=None, series=Series.CS, year=2026, spine_mm=30
            ).number

    with ThreadPoolExecutor(10) as pool:
        assert sorted(pool.map(begin, range(20))) == list(range(1, 21))


def test_foreign_paper_reads_like_paper_that_is_not_there(engine: Engine) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=1, waiting=1)
    neighbour = keeper(org=NEIGHBOUR)
    with writing(engine) as session:
        for stranger in (neighbour, keeper(Role.OFFICER, NEIGHBOUR)):
            for name in (f"{HOME}-20260901-000002", f"{HOME}-20260901-000099"):
                with pytest.raises(DeniedError) as refusal:
                    find_task(session, stranger, name)
                assert refusal.value.code == "NOT_HERE"
        assert find_task(session, keeper(org=DISTRICT), f"{HOME}-20260901-000002")
        item = session.get_one(PaperItem, room.items[0])
        box = session.get_one(PaperBox, room.boxes[1])
        with pytest.raises(DeniedError):
            put_in_box(session, neighbour, item, box, TEST)
        assert level(session, neighbour, None) == []


def test_a_chief_may_look_and_not_move(engine: Engine) -> None:
    room = furnish(engine, keeper(), items=1)
    chief = keeper(Role.CHIEF)
    with writing(engine) as session:
        assert level(session, chief, None)
        with pytest.raises(DeniedError) as refusal:
            shelve_box(
                session,
                chief,
                session.get_one(PaperBox, room.boxes[0]),
                session.get_one(PaperPlace, room.shelves[1]),
                TEST,
            )
    assert refusal.value.code == "ROLE"


def test_a_task_is_waived_with_a_reason_only(engine: Engine) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=0, waiting=1)
    with writing(engine) as session:
        task = session.get_one(PaperTask, room.tasks[0])
        with pytest.raises(PaperError):
            waive_task(session, owner, task, "  ")
        waive_task(session, owner, task, "原件已退还申请人")
    with reading(engine) as session:
        assert session.get_one(PaperTask, room.tasks[0]).state == PaperTaskState.WAIVED
