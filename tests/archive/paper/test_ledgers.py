"""Ledgers of stations: faults are shown row by row, and nothing is registered twice."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Engine, select

from api.jobs.ledgers import import_ledger, preview
from archive.administration.policy import Role
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from archive.database.tables_paper import PaperBox, PaperItem
from archive.paper.access import Keeper
from archive.paper.codes import PaperCodeKind, paper_code
from archive.paper.ledger_preview import LedgerPreview, LedgerRowState
from archive.paper.ledger_rows import LedgerFaultError, read_rows
from archive.paper.moves import items_in_box, last_move
from archive.paper.registration import waive_task
from archive.reference.paper_terms import PaperCondition, PaperState
from archive.usage.looks import DeniedError
from tests.support.paper import (
    HOME,
    NEIGHBOUR,
    PaperRoom,
    furnish,
    keeper,
    kept_case,
    number_cases,
    waiting_tasks,
)

HEADING = ("序号", "档 号", "办件编号", "盒号", "页数(页)", "原件/复印件", "完好情况", "备注")


def code(number: int) -> str:
    return f"J602-ZY·HJ·CS·2026·Y-{number:06d}"


def case_no(number: int, org: str = HOME) -> str:
    return f"{org}-20260901-{number:06d}"


def ledger(*rows: Sequence[object], heading: Sequence[str] = HEADING) -> bytes:
    lines = [("东胜区天骄派出所纸质档案台账",), heading, *rows]
    return "\r\n".join(",".join(map(str, line)) for line in lines).encode("gb18030")


def row(number: int, box: object = 1, pages: object = 3, **more: str) -> tuple[object, ...]:
    return (
        number,
        more.get("code", code(number)),
        more.get("case_no", ""),
        box,
        pages,
        more.get("paper", ""),
        more.get("condition", ""),
        more.get("note", ""),
    )


def confirmed(engine: Engine, owner: Keeper, data: bytes) -> dict[str, Any]:
    seen = preview(engine, owner, data)
    return import_ledger(engine, owner, data, seen.digest, lambda _done, _total: None).public()


def faults(seen: LedgerPreview) -> dict[int, list[str]]:
    return {r.row.number: [fault.message for fault in r.faults] for r in seen.rows if r.faults}


def furnished(engine: Engine, owner: Keeper, waiting: int) -> PaperRoom:
    return furnish(engine, owner, items=0, boxes=1, waiting=waiting)


def test_a_ledger_is_registered_once_in_boxes_of_its_own(engine: Engine) -> None:
    owner = keeper()
    furnished(engine, owner, waiting=4)
    data = ledger(
        row(1, "旧1", note="封面受潮", condition="破损"),
        row(2, "旧1", code=code(2).replace("·", ".")),
        row(3, "旧2", code="", case_no=case_no(3)),
    )
    seen = preview(engine, owner, data)
    assert [r.state for r in seen.rows] == [LedgerRowState.READY] * 3
    with reading(engine) as session:
        assert session.scalars(select(PaperItem)).all() == []  # a preview changes nothing
    outcome = confirmed(engine, owner, data)
    assert outcome["registered"] == 3
    assert [(box["ledger"], box["box"], box["items"]) for box in outcome["boxes"]] == [
        ("旧1", "CS-2026-02", 2),
        ("旧2", "CS-2026-03", 1),
    ]
    again = confirmed(engine, owner, data)
    assert (again["registered"], again["known"], again["boxes"]) == (0, 3, [])
    # What is added to the ledger later goes into the box in which its neighbours lie.
    more = confirmed(engine, owner, data + b"\r\n" + ledger(row(4, "旧1")).split(b"\r\n")[2])
    assert (more["registered"], more["known"]) == (1, 3)
    assert more["boxes"][0]["box"] == "CS-2026-02"  # type: ignore[index]
    with reading(engine) as session:
        items = session.scalars(select(PaperItem).order_by(PaperItem.id)).all()
        assert (items[0].condition, items[0].note) == (PaperCondition.DAMAGED, "封面受潮")
        move = last_move(session, items[0])
        assert move is not None
        assert (move.state, move.reason) == (PaperState.IN_BOX, "台账导入")
        acts = session.scalars(select(JournalEntry.act)).all()
        assert (acts.count("PAPER_IMPORT"), acts.count("PAPER_REGISTER")) == (3, 4)


def test_faults_are_told_row_by_row_and_sound_rows_are_registered(engine: Engine) -> None:
    owner = keeper()
    furnished(engine, owner, waiting=6)
    number_cases(engine, owner.organisations, kept_case(50, receive=NEIGHBOUR))
    with writing(engine) as session:
        waive_task(session, owner, waiting_tasks(session, HOME)[5], "没有纸质")
    data = ledger(
        row(1),
        row(2, pages="三"),
        row(3, paper="原件"),
        row(1),
        row(4, box=""),
        row(5, case_no=case_no(4)),
        row(6),
        row(7, code=code(99)),
        row(8, code=case_no(50, NEIGHBOUR)),
        row(9, code="", case_no=""),
        row(5, pages=5001, condition="很好"),
    )
    seen = preview(engine, owner, data)
    assert faults(seen) == {
        4: ["“页数”不是整数。"],
        5: ["台账为原件，办件材料为复印件。"],
        6: ["与第3行重复。"],
        7: ["“盒号”没有填写。"],
        8: ["档号与办件编号不是同一件。"],
        9: ["此册已免予登记纸质。"],
        10: ["没有这份档案，或您无权查看。"],
        11: ["“档号”格式不正确。"],
        12: ["“办件编号”没有填写。"],
        13: ["“页数”应为1至5000。", "“完好情况”不能识别。", "与第8行重复。"],
    }
    assert all(
        fault.action.startswith("请") or "请" in fault.action
        for r in seen.rows
        for fault in r.faults
    )
    assert seen.unused == ("序号",)
    outcome = confirmed(engine, owner, data)
    assert (outcome["registered"], outcome["faulty"]) == (1, 10)


def test_a_preview_that_is_no_longer_true_registers_nothing(engine: Engine) -> None:
    owner = keeper()
    room = furnished(engine, owner, waiting=2)
    data = ledger(row(1), row(2))
    digest = preview(engine, owner, data).digest
    for other in (ledger(row(1), row(2, pages=4)), ledger(row(1, "另一盒"), row(2))):
        with pytest.raises(LedgerFaultError, match="有变化"):
            import_ledger(engine, owner, other, digest, lambda _done, _total: None)
    with writing(engine) as session:
        waive_task(session, owner, waiting_tasks(session, HOME)[0], "没有纸质")
    with pytest.raises(LedgerFaultError, match="没有登记任何一行"):
        import_ledger(engine, owner, data, digest, lambda _done, _total: None)
    with reading(engine) as session:
        assert items_in_box(session, room.boxes[0]) == []


def test_boxes_are_named_by_label_or_name_and_must_have_room(engine: Engine) -> None:
    owner = keeper()
    room = furnished(engine, owner, waiting=5)
    heading = ("档号", "盒号", "页数", "脊厚", "库位")
    box_code = paper_code(PaperCodeKind.BOX, room.boxes[0])
    shelf = paper_code(PaperCodeKind.PLACE, room.shelves[1])
    data = ledger(
        (code(1), box_code, 3, "", ""),
        (code(2), "CS-2026-01", 3, 30, ""),
        (code(3), "新", 10, "20mm", f"{shelf}"),
        (code(4), "新", 200, 20, "库1 / 第1列·第1节-第2层"),
        (code(5), "CS-2026-77", 3, "", ""),
        heading=heading,
    )
    seen = preview(engine, owner, data)
    # The two ways to name one shelf are two texts: one box, one place.
    assert faults(seen) == {
        5: ["同一盒写了不同的库位。"],
        6: ["同一盒写了不同的库位。"],
        7: ["没有这个盒。"],
    }
    good = data.replace("库1 / 第1列·第1节-第2层".encode("gb18030"), shelf.encode())
    assert faults(preview(engine, owner, good)) == {
        6: ["20毫米的盒放不下这么多页。"],
        7: ["没有这个盒。"],
    }
    outcome = confirmed(engine, owner, good)
    assert [box["new"] for box in outcome["boxes"]] == [False, False, True]
    with reading(engine) as session:
        new = session.scalars(select(PaperBox).order_by(PaperBox.id.desc()).limit(1)).one()
        move = last_move(session, new)
        assert move is not None
        assert (new.spine_mm, move.state, move.place_id) == (20, "ON_SHELF", room.shelves[1])


def test_what_is_registered_is_held_against_the_ledger(engine: Engine) -> None:
    owner = keeper()
    furnish(engine, owner, items=1, boxes=1)
    assert faults(preview(engine, owner, ledger(row(1, pages=9)))) == {
        3: ["已登记3页，台账为9页。"]
    }


def test_only_who_keeps_paper_may_preview(engine: Engine) -> None:
    with pytest.raises(DeniedError):
        preview(engine, keeper(Role.SYSTEM_ADMIN), ledger(row(1)))


@pytest.mark.parametrize(
    ("sheets", "word"),
    [
        ([[["档号", "盒号"]]], "只有表头"),
        ([[["档号", "盒号", "档号"], ["a", "1", "b"]]], "有两列都是“档号”"),
        ([[["档号", "页数"], ["a", "1"]]], "没有找到台账的表头"),
        ([], "没有找到台账的表头"),
    ],
)
def test_what_is_no_ledger_is_told(sheets: list[list[list[str | None]]], word: str) -> None:
    with pytest.raises(LedgerFaultError, match=word):
        read_rows(sheets)


def test_a_case_number_that_a_spreadsheet_has_rounded_is_told() -> None:
    rows = read_rows([[["办件编号", "盒号"], [None, "1"]]]).rows
    assert [fault.message for fault in rows[0].faults] == [
        "“办件编号”按数字保存，超过15位的末位已丢失。"
    ]
