"""The boxes of a ledger: those that there are, and new ones with their spine and shelf."""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables_paper import PaperBox
from archive.paper.access import Keeper
from archive.paper.boxes import LEAF, box_name, capacity, fill
from archive.paper.codes import PaperCodeKind, ScannedCode, read_code
from archive.paper.ledger_places import find_shelf
from archive.paper.ledger_preview import BoxKey, LedgerRowState, PreviewBox, PreviewRow
from archive.paper.ledger_rows import USUAL_SPINE_MM, LedgerColumn, RowFault

_BOX_NAME = re.compile(r"([A-Za-z]{2})-([0-9]{4})-([0-9]{1,6})")


def box_rows(
    session: Session, keeper: Keeper, rows: Sequence[PreviewRow]
) -> tuple[list[PreviewRow], list[PreviewBox]]:
    """Return the rows with the faults of their boxes, and the boxes of what can be registered."""
    groups: dict[BoxKey, list[PreviewRow]] = defaultdict(list)
    for row in rows:
        if row.box is not None and row.state is not LedgerRowState.FAULTY:
            groups[row.box].append(row)
    changed: dict[int, RowFault] = {}
    boxes = []
    planned: dict[int, int] = defaultdict(int)  # millimetres that new boxes take of a shelf
    for key, group in groups.items():
        if not any(row.state is LedgerRowState.READY for row in group):
            continue
        box = _box_of(session, key, group)
        if isinstance(box, RowFault):
            changed |= {row.row.number: box for row in group}
            continue
        spine, faults = _agreed_spine(group, box)
        place_id = None
        if box is None and (named := [row for row in group if row.row.place]):
            place_id, fault = find_shelf(
                session, keeper, key.org, {row.row.place for row in named}, spine, planned
            )
            if fault is not None:
                faults |= {row.row.number: fault for row in named}
        faults |= _too_thick(session, group, box, spine, faults)
        changed |= faults
        ready = [row for row in group if row.state is LedgerRowState.READY]
        if any(row.row.number not in faults for row in ready):
            name = box_name(box) if box else None
            boxes.append(PreviewBox(key, box.id if box else None, name, spine, place_id))
    return [_refused(row, changed.get(row.row.number)) for row in rows], boxes


def _refused(row: PreviewRow, fault: RowFault | None) -> PreviewRow:
    if fault is None or row.state is not LedgerRowState.READY:
        return row
    return replace(row, state=LedgerRowState.FAULTY, faults=(*row.faults, fault))


def _box_of(
    session: Session, key: BoxKey, group: Sequence[PreviewRow]
) -> PaperBox | RowFault | None:
    """Return the box that a ledger names, or in which a registered row of it lies.

    None when it is a new one.
    """
    code = read_code(key.label)
    name = _BOX_NAME.fullmatch(key.label)
    box = None
    if isinstance(code, ScannedCode) and code.kind is PaperCodeKind.BOX:
        box = session.get(PaperBox, code.number)
    elif name:
        series, year, number = name[1].upper(), int(name[2]), int(name[3])
        box = session.scalars(
            select(PaperBox).filter_by(org=key.org, series=series, year=year, number=number)
        ).first()
    else:
        lies_in = next((row.lies_in for row in group if row.lies_in is not None), None)
        return session.get(PaperBox, lies_in) if lies_in is not None else None
    if box is None or box.org != key.org:
        return _fault(
            LedgerColumn.BOX, "没有这个盒。", "请核对盒签；旧台账的盒号请去掉卷目和年度，只写序号。"
        )
    return box


def _agreed_spine(
    group: Sequence[PreviewRow], box: PaperBox | None
) -> tuple[int, dict[int, RowFault]]:
    """Return the spine of a box, and the faults of rows that state another."""
    stated = [row for row in group if row.row.spine_mm is not None]
    first = stated[0].row.spine_mm if stated else None
    spine = box.spine_mm if box else first or USUAL_SPINE_MM
    fault = _fault(LedgerColumn.SPINE, f"同一盒应为{spine}毫米。", "请量盒脊，同一盒各行填写一致。")
    return spine, {row.row.number: fault for row in stated if row.row.spine_mm != spine}


def _too_thick(
    session: Session,
    group: Sequence[PreviewRow],
    box: PaperBox | None,
    spine: int,
    faulty: Mapping[int, RowFault],
) -> dict[int, RowFault]:
    """Return the faults of rows that no longer fit into their box."""
    room = capacity(box or PaperBox(spine_mm=spine)) - (fill(session, box.id) if box else 0)
    fault = _fault(
        LedgerColumn.BOX, f"{spine}毫米的盒放不下这么多页。", "请核对页数和脊厚，或分作两盒。"
    )
    faults = {}
    for row in group:
        if row.state is LedgerRowState.READY and row.row.number not in faulty:
            room -= math.ceil((row.pages or 0) * LEAF)
            if room < 0:
                faults[row.row.number] = fault
    return faults


def _fault(column: LedgerColumn, message: str, action: str) -> RowFault:
    return RowFault(column.label, message, action)
