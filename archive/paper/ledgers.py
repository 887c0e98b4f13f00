"""Preview of a ledger: what each row would register, and what is wrong with it.

Nothing is registered before its preview was confirmed by its digest (`ledger_import`).
The n-th row of a volume is the paper of its n-th task, so that the same ledger registers nothing
twice. A box of the ledger is the box in which its registered rows lie, else a new one.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from archive.administration.policy import Act, Denial
from archive.database.tables_cases import Case
from archive.database.tables_paper import PaperItem, PaperMove, PaperTask
from archive.database.tables_volumes import Volume
from archive.paper.access import Keeper
from archive.paper.ledger_boxes import box_rows
from archive.paper.ledger_preview import BoxKey, LedgerPreview, LedgerRowState, PreviewRow
from archive.paper.ledger_rows import (
    Ledger,
    LedgerColumn,
    LedgerRow,
    RowFault,
)
from archive.paper.moves import is_last_of_item
from archive.paper.registration import kind_of
from archive.reference.paper_terms import ENDED_STATES, PaperTaskState

_MANY = 400  # names in one question to the database


@dataclass(frozen=True, slots=True)
class _Filed:
    """A volume that a row may name: its tasks within reach, by revision, and its items."""

    case_no: str
    series: str
    year: int
    tasks: tuple[PaperTask, ...]
    items: Mapping[int, tuple[PaperItem, PaperMove]]


def preview_ledger(session: Session, keeper: Keeper, ledger: Ledger) -> LedgerPreview:
    """Return what the import of a ledger would do. Raises DeniedError."""
    keeper.require(Act.KEEP_PAPER)
    filed = _filed(session, keeper, {row.name for row in ledger.rows if row.name})
    seen: dict[int, list[int]] = defaultdict(list)
    rows = []
    for row in ledger.rows:
        volume = filed.get(row.name)
        earlier = seen[id(volume)] if volume is not None else []
        rows.append(_previewed(row, volume, earlier))
        earlier.append(row.number)
    rows, boxes = box_rows(session, keeper, rows)
    return LedgerPreview(tuple(rows), tuple(boxes), ledger.unused)


def _filed(session: Session, keeper: Keeper, names: Iterable[str]) -> dict[str, _Filed]:
    """Return the volumes with tasks within reach by 档号 and by case number."""
    known: dict[str, _Filed] = {}
    wanted = sorted(names)
    for start in range(0, len(wanted), _MANY):
        part = wanted[start : start + _MANY]
        tasks: dict[int, list[PaperTask]] = defaultdict(list)
        volumes: dict[int, tuple[str, str, str, int]] = {}
        query = (
            select(PaperTask, Volume.code, Case.case_no, Volume.series, Volume.year)
            .join(Volume, Volume.id == PaperTask.volume_id)
            .join(Case, Case.id == Volume.case_id)
            .where(or_(Volume.code.in_(part), Case.case_no.in_(part)))
            .order_by(PaperTask.revision)
        )
        for task, *volume in session.execute(query):
            if keeper.reaches(task.station):
                tasks[task.volume_id].append(task)
                volumes[task.volume_id] = tuple(volume)  # type: ignore[assignment]
        items = _items(session, tasks)
        for volume_id, (code, case_no, series, year) in volumes.items():
            entry = _Filed(case_no, series, year, tuple(tasks[volume_id]), items[volume_id])
            known[code] = known[case_no] = entry
    return known


def _items(
    session: Session, volumes: Iterable[int]
) -> dict[int, dict[int, tuple[PaperItem, PaperMove]]]:
    """Return the items of volumes by revision, each with its last move."""
    items: dict[int, dict[int, tuple[PaperItem, PaperMove]]] = defaultdict(dict)
    query = (
        select(PaperItem, PaperMove)
        .join(PaperMove, PaperMove.item_id == PaperItem.id)
        .where(PaperItem.volume_id.in_(list(volumes)), is_last_of_item())
    )
    for item, move in session.execute(query):
        items[item.volume_id][item.revision] = (item, move)
    return items


def _previewed(row: LedgerRow, volume: _Filed | None, earlier: Sequence[int]) -> PreviewRow:
    """Return the state of a row, before its box; `earlier` are the rows of the same volume."""
    faults = list(row.faults)
    if volume is None:
        if row.name and not any(fault.column in _NAMING for fault in faults):
            faults.append(
                _fault(LedgerColumn.CODE, f"{Denial.NOT_HERE.label}。", "请核对档号或办件编号。")
            )
        return PreviewRow(row, LedgerRowState.FAULTY, tuple(faults))
    if row.case_no is not None and row.case_no != volume.case_no:
        faults.append(
            _fault(LedgerColumn.CASE_NO, "档号与办件编号不是同一件。", "请照电子档案更正其一。")
        )
    if len(earlier) >= len(volume.tasks):
        message = f"与第{earlier[-1]}行重复。"
        faults.append(_fault(LedgerColumn.CODE, message, "请删去重复的一行。"))
        return PreviewRow(row, LedgerRowState.FAULTY, tuple(faults))
    task = volume.tasks[len(earlier)]
    faults += _against_task(row, task, volume)
    state = (
        LedgerRowState.FAULTY
        if faults
        else LedgerRowState.READY
        if task.state == PaperTaskState.PENDING
        else LedgerRowState.KNOWN
    )
    stated = sum(material["pages"] for material in task.materials)
    key = BoxKey(task.station, volume.series, volume.year, row.box) if row.box else None
    registered = volume.items.get(task.revision)
    lies_in = registered[1].box_id if registered is not None else None
    return PreviewRow(row, state, tuple(faults), task.id, lies_in, row.pages or stated, key)


_NAMING = {LedgerColumn.CODE.label, LedgerColumn.CASE_NO.label}


def _against_task(row: LedgerRow, task: PaperTask, volume: _Filed) -> list[RowFault]:
    """Return in what a row differs from the case, and from what is registered."""
    faults = []
    if task.state == PaperTaskState.WAIVED:
        faults.append(_fault(LedgerColumn.CODE, "此册已免予登记纸质。", "如确有纸质，请报档案员。"))
    kind = kind_of(task.materials)
    if row.paper is not None and row.paper is not kind:
        faults.append(
            _fault(
                LedgerColumn.PAPER,
                f"台账为{row.paper.label}，办件材料为{kind.label}。",
                "请核对实物；台账有误的请更正，材料有误的请报档案员。",
            )
        )
    registered = volume.items.get(task.revision)
    if registered is not None and row.pages not in (None, registered[0].pages):
        faults.append(
            _fault(
                LedgerColumn.PAGES,
                f"已登记{registered[0].pages}页，台账为{row.pages}页。",
                "请清点实物，再更正台账或报档案员。",
            )
        )
    if registered is not None and registered[1].state in ENDED_STATES:
        faults.append(
            _fault(LedgerColumn.CODE, "此件纸质已移交或销毁。", "请核对实物，并报档案员查明。")
        )
    return faults


def _fault(column: LedgerColumn, message: str, action: str) -> RowFault:
    return RowFault(column.label, message, action)
