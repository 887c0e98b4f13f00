"""What stands on labels: the right numbers, within reach, and never a person's name."""

import pytest
from sqlalchemy import Engine

from archive.administration.policy import Role
from archive.database.engine import reading
from archive.paper.codes import PaperCodeKind, paper_code
from archive.paper.errors import PaperError
from archive.paper.label_rows import LabelYear, labels_of, labels_of_year
from archive.paper.labels import LabelFaultError, LabelSheet, Printing, labels_pdf
from archive.usage.looks import DeniedError
from tests.support.paper import CITY, HOME, NEIGHBOUR, PEOPLE, furnish, keeper

K = PaperCodeKind


def test_labels_of_a_year_follow_the_numbers_and_stay_within_reach(engine: Engine) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=5, boxes=2, waiting=1)
    furnish(engine, keeper(org=NEIGHBOUR), items=1, boxes=1, first=20)
    city = keeper(org=CITY)
    with reading(engine) as session:
        boxes, items, volumes = (
            labels_of_year(session, owner, LabelYear(kind, 2026))
            for kind in (K.BOX, K.ITEM, K.VOLUME)
        )
        assert len(labels_of_year(session, city, LabelYear(K.BOX, 2026))) == 3
        assert len(labels_of_year(session, city, LabelYear(K.BOX, 2026, org=NEIGHBOUR))) == 1
        assert labels_of_year(session, owner, LabelYear(K.BOX, 2025)) == []
        with pytest.raises(DeniedError):
            labels_of_year(session, owner, LabelYear(K.BOX, 2026, org=NEIGHBOUR))
        with pytest.raises(LabelFaultError):
            labels_of_year(session, owner, LabelYear(K.PLACE, 2026))
    assert [label.code for label in boxes] == [paper_code(K.BOX, number) for number in room.boxes]
    assert [label.code for label in items] == [paper_code(K.ITEM, number) for number in room.items]
    assert len(volumes) == 6
    assert dict(boxes[0].fields)["起止册号"] == "000001　至　000005"
    written = repr((boxes, items, volumes))
    assert PEOPLE["name"] not in written
    assert PEOPLE["id_number"] not in written
    assert labels_pdf(Printing(LabelSheet.SPINE), boxes).startswith(b"%PDF")


def test_labels_are_asked_for_by_any_code(engine: Engine) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=1, boxes=1, shelves=3)
    volume, case_no = "J602-ZY·HJ·CS·2026·Y-000001", f"{HOME}-20260901-000001"
    codes = [
        paper_code(K.BOX, room.boxes[0]),
        paper_code(K.ITEM, room.items[0]),
        paper_code(K.PLACE, room.shelves[0]),
        volume,
        case_no,
    ]
    with reading(engine) as session:
        labels = labels_of(session, owner, codes)
        whole_room = labels_of(session, owner, [paper_code(K.PLACE, room.room)])
    assert [label.code for label in labels] == [*codes[:3], volume, volume]
    # The door of the room, then its shelves with the way to them.
    assert [label.title for label in whole_room] == ["库1", "第1层", "第2层", "第3层"]
    assert whole_room[1].lines == ("库1 · 第1列 · 第1节", "可放 900 毫米")


@pytest.mark.parametrize("kind", [K.BOX, K.ITEM, K.PLACE, K.VOLUME])
def test_a_foreign_label_reads_like_one_that_does_not_exist(
    engine: Engine, kind: PaperCodeKind
) -> None:
    room = furnish(engine, keeper(), items=1, boxes=1)
    foreign = {
        K.BOX: paper_code(K.BOX, room.boxes[0]),
        K.ITEM: paper_code(K.ITEM, room.items[0]),
        K.PLACE: paper_code(K.PLACE, room.shelves[0]),
        K.VOLUME: "J602-ZY·HJ·CS·2026·Y-000001",
    }[kind]
    missing = "J602-ZY·HJ·CS·2026·Y-000099" if kind is K.VOLUME else paper_code(kind, 999_999)
    words = set()
    with reading(engine) as session:
        for code in (foreign, missing):
            with pytest.raises(DeniedError) as denied:
                labels_of(session, keeper(org=NEIGHBOUR), [code])
            words.add(str(denied.value))
        with pytest.raises(DeniedError):
            labels_of(session, keeper(Role.SYSTEM_ADMIN, CITY), [foreign])
        with pytest.raises(PaperError, match="输入法"):
            labels_of(session, keeper(), ["zhongguo"])
    assert len(words) == 1
