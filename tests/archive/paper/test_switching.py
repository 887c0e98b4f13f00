"""A district that goes 已电子化 says what becomes of the paper that waits; differences stand."""

import pytest
from sqlalchemy import Engine, select

from archive.administration.policy import Reader, Role
from archive.arrangement.paper_tasks import open_missing_paper_tasks
from archive.arrangement.voiding import void
from archive.database.engine import database_now, reading, writing
from archive.database.tables_paper import PaperBox, PaperItem, PaperTask
from archive.paper.errors import PaperError
from archive.paper.listing import paper_of_volumes, public_paper, waiting_tasks
from archive.paper.page_checks import check_pages, differences
from archive.paper.registration import CountedPaper, register_paper
from archive.paper.switching import pending_in, settle_pending
from archive.reference.paper_terms import PageDifference, PaperTaskState, PendingChoice
from tests.support.filing import FILER, FILING
from tests.support.paper import (
    CITY,
    DISTRICT,
    OTHER_DISTRICT,
    TEST,
    furnish,
    keeper,
    transition,
)

SYSTEM = Reader("sysadmin", Role.SYSTEM_ADMIN, CITY)


def test_a_switch_asks_what_becomes_of_what_waits(engine: Engine) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=1, waiting=2)
    organisations = transition()
    with writing(engine) as session:
        assert pending_in(session, DISTRICT, organisations) == 2
        assert pending_in(session, OTHER_DISTRICT, organisations) == 0
        assert pending_in(session, CITY, organisations) == 0
        common = {"reason": "鄂公〔2026〕8号", "organisations": organisations}
        with pytest.raises(PaperError):
            settle_pending(session, SYSTEM, DISTRICT, choice=None, **common)
        settle_pending(session, SYSTEM, DISTRICT, choice=PendingChoice.KEEP, **common)
        assert len(waiting_tasks(session, owner)) == 2
        settle_pending(session, SYSTEM, DISTRICT, choice=PendingChoice.WAIVE, **common)
        assert waiting_tasks(session, owner) == []
    with reading(engine) as session:
        task = session.get_one(PaperTask, room.tasks[0])
        assert (task.state, task.reason) == (PaperTaskState.WAIVED, "鄂公〔2026〕8号")


def test_a_difference_of_pages_stands_both_ways_until_its_reason_is_given(engine: Engine) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=0, boxes=1, waiting=3)
    with writing(engine) as session:
        box = session.get_one(PaperBox, room.boxes[0])
        items = [
            register_paper(
                session, owner, session.get_one(PaperTask, task), box, CountedPaper(pages), TEST
            )
            for task, pages in zip(room.tasks[:2], (5, 1), strict=True)
        ]
        assert [row.kind for row in differences(session, owner)] == [
            PageDifference.MORE_PAPER,
            PageDifference.MORE_ELECTRONIC,
            PageDifference.NO_PAPER,
        ]
        check_pages(session, owner, items[0], pages=3, reason=None)  # counted again: they agree
        check_pages(session, owner, items[1], pages=1, reason="两页遗失，已说明")
        assert [row.kind for row in differences(session, owner)] == [PageDifference.NO_PAPER]


def test_a_volume_shows_its_paper_and_nobody_who_borrows_it(engine: Engine) -> None:
    owner = keeper()
    furnish(engine, owner, items=1)
    with reading(engine) as session:
        (row,) = paper_of_volumes(session, ["J602-ZY·HJ·CS·2026·Y-000001"]).values()
        assert row[0].line == "盒 CS-2026-01 · 库1 · 第1列 · 第1节 · 第1层"
        (shown,) = public_paper(session, "J602-ZY·HJ·CS·2026·Y-000001")
    assert shown["due_at"] is None
    assert shown["state_label"] == "在盒"


def test_a_void_number_waits_for_no_paper_and_a_rebuilt_database_opens_its_tasks(
    engine: Engine,
) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=1, waiting=1)
    with writing(engine) as session:
        session.delete(session.get_one(PaperTask, room.tasks[0]))
        session.flush()
        assert waiting_tasks(session, owner) == []
        assert open_missing_paper_tasks(session, transition(), database_now(session)) == 1
        assert len(waiting_tasks(session, owner)) == 1
        void(session, FILER, code="J602-ZY·HJ·CS·2026·Y-000002", reason="撤回", units=FILING)
        assert waiting_tasks(session, owner) == []
        assert open_missing_paper_tasks(session, transition(), database_now(session)) == 0
    with reading(engine) as session:
        assert len(session.scalars(select(PaperItem)).all()) == 1
