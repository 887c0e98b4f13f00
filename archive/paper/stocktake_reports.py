"""盘点报告: what a closed stocktake found, sealed once and kept in the bucket (R19).

    registers/<fonds>/paper/<number>/<digest>-report.pdf
                                    /report.json   <- written last

`report.json` holds the same rows for programs, and the digest of the PDF.
"""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.policy import Act
from archive.compile.context import CompileContext
from archive.database.engine import reading
from archive.database.tables_paper import (
    PaperBox,
    PaperExpectation,
    PaperPlace,
    PaperScan,
    PaperStocktake,
)
from archive.paper.access import Keeper
from archive.paper.boxes import box_name
from archive.paper.documents import PaperDocument, PaperTable, TableColumn, sealed_pdf
from archive.paper.errors import PaperError
from archive.paper.listing import PaperRow, place_names, rows_of_items
from archive.paper.places import place_name
from archive.paper.stocktakes import counted_place, find_stocktake, stocktake_number
from archive.reference.errors import ConflictError
from archive.reference.local_time import local_time
from archive.reference.paper_terms import CountResult, PaperFault, ScanVerdict, StocktakeState
from storage.digest import sha256_hex
from storage.errors import KeyTakenError

_MANY = 500
_EXPECTED = (
    TableColumn("序号", 12),
    TableColumn("档号", 56, centred=False),
    TableColumn("办件编号", centred=False),
    TableColumn("结论", 24),
    TableColumn("应在", 62, centred=False),
    TableColumn("扫描所见", 52, centred=False),
)
_STRANGE = (
    TableColumn("序号", 12),
    TableColumn("档号或条码", 56, centred=False),
    TableColumn("办件编号", centred=False),
    TableColumn("结论", 40),
    TableColumn("账上", 40),
    TableColumn("扫描所见", 52, centred=False),
)


def stocktake_document(session: Session, keeper: Keeper, stocktake_id: int) -> PaperDocument:
    """Return the report of a closed stocktake. Raises DeniedError, and PaperError while open."""
    stocktake = find_stocktake(session, keeper, stocktake_id, Act.VIEW_PAPER)
    result = stocktake.result
    if stocktake.state != StocktakeState.CLOSED or result is None or stocktake.closed_at is None:
        raise PaperError(PaperFault.STATE, "盘点尚未关闭，没有报告。", "请先关闭盘点。")
    rows = rows_of_items(
        session,
        [item for item, _value in result["results"]]
        + [item for item, _code, _verdict in result["strange"] if item is not None],
    )
    seen = _seen(session, stocktake)
    org = keeper.organisations.get(stocktake.org)
    strange = Counter(ScanVerdict(verdict).label for _item, _code, verdict in result["strange"])
    return PaperDocument(
        "纸质档案盘点报告",
        stocktake_number(stocktake),
        org,
        local_time(stocktake.closed_at),
        (
            ("单　　位", org.name),
            ("盘点单号", stocktake_number(stocktake)),
            ("盘点范围", place_name(session, counted_place(session, stocktake))),
            ("应　　在", f"{stocktake.expected} 件"),
            ("开　　始", f"{local_time(stocktake.opened_at)}　{stocktake.opened_by}"),
            ("关　　闭", f"{local_time(stocktake.closed_at)}　{stocktake.closed_by}"),
            ("应在各件", _counted(result["counts"])),
            ("另外扫到", "　".join(f"{name} {count}" for name, count in strange.items()) or "无"),
        ),
        (
            PaperTable(
                "一、应在而不在位的",
                _EXPECTED,
                _expected_rows(session, stocktake, result, rows, seen),
                "应在各件全部在位。",
            ),
            PaperTable(
                "二、扫到而不应在此的", _STRANGE, _strange_rows(result, rows, seen), "没有。"
            ),
        ),
        (
            f"应在清单在盘点开始时冻结，摘要（SHA-256）{stocktake.expected_digest}，已记入审计日志。",
            "盘点只关闭一次，本报告只出一次；此后的移动不改变本报告。",
        ),
    )


def make_stocktake_report(
    context: CompileContext, keeper: Keeper, stocktake_id: int
) -> tuple[str, str]:
    """Return key and digest of the sealed report of a closed stocktake, made once.

    Raises DeniedError, PaperError, NotProvedError, and ConflictError when another node was first.
    """
    with reading(context.engine) as session:
        document = stocktake_document(session, keeper, stocktake_id)
    fonds = keeper.organisations.fonds_of(document.org.code)
    folder = f"registers/{fonds}/paper/{document.number}"
    record_key = f"{folder}/report.json"
    if any(stat.key == record_key for stat in context.store.list(f"{folder}/")):
        digest = json.loads(context.store.read(record_key))["sha256"]
        return f"{folder}/{digest[:16]}-report.pdf", digest
    pdf = sealed_pdf(context, keeper.organisations, document)
    digest = sha256_hex(pdf)
    record = {"spec": "paper-stocktake-report/1", "sha256": digest, **document.public()}
    key = f"{folder}/{digest[:16]}-report.pdf"
    # As of a register: a node that was killed before the record leaves a file that nothing names.
    context.store.put_new(key, pdf, media_type="application/pdf")
    text = (json.dumps(record, ensure_ascii=False, indent=1) + "\n").encode()
    try:
        context.store.put_new(record_key, text, media_type="application/json")
    except KeyTakenError:
        raise ConflictError(
            "另一进程已出具这份盘点报告。", "请再次运行，将以已出的为准。"
        ) from None
    return key, digest


def _counted(counts: Mapping[str, int]) -> str:
    return "　".join(
        f"{result.label} {counts[result]}" for result in CountResult if counts.get(result)
    )


def _seen(session: Session, stocktake: PaperStocktake) -> dict[int | str, str]:
    """Return the words of the scan that counts, by item, or by code of what is unknown."""
    scans = session.scalars(
        select(PaperScan)
        .where(
            PaperScan.stocktake_id == stocktake.id,
            PaperScan.verdict.not_in((ScanVerdict.REPEATED, ScanVerdict.REFUSED)),
        )
        .order_by(PaperScan.id)
    )
    return {scan.item_id or scan.code or "": scan.message for scan in scans}


def _expected_rows(
    session: Session,
    stocktake: PaperStocktake,
    result: Mapping[str, Any],
    rows: Mapping[int, PaperRow],
    seen: Mapping[int | str, str],
) -> tuple[tuple[str, ...], ...]:
    ids = [item for item, _value in result["results"]]
    should = _frozen(session, stocktake, ids)
    names = _Names(session, list(should.values()))
    return tuple(
        (
            str(number),
            rows[item].code,
            rows[item].case_no,
            CountResult(value).label,
            names.of(should[item]),
            seen.get(item, "没有扫到"),
        )
        for number, (item, value) in enumerate(result["results"], 1)
    )


def _frozen(
    session: Session, stocktake: PaperStocktake, ids: list[int]
) -> dict[int, tuple[int, int]]:
    """Return box and shelf of items as they were frozen."""
    frozen: dict[int, tuple[int, int]] = {}
    for start in range(0, len(ids), _MANY):
        query = select(
            PaperExpectation.item_id, PaperExpectation.box_id, PaperExpectation.place_id
        ).where(
            PaperExpectation.stocktake_id == stocktake.id,
            PaperExpectation.item_id.in_(ids[start : start + _MANY]),
        )
        frozen |= {item: (box, place) for item, box, place in session.execute(query)}
    return frozen


def _strange_rows(
    result: Mapping[str, Any],
    rows: Mapping[int, PaperRow],
    seen: Mapping[int | str, str],
) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            str(number),
            rows[item].code if item in rows else code or "不是本系统的条码",
            rows[item].case_no if item in rows else "",
            ScanVerdict(verdict).label,
            rows[item].state.label if item in rows else "",
            seen.get(item or code or "", ""),
        )
        for number, (item, code, verdict) in enumerate(result["strange"], 1)
    )


class _Names:
    """The names of the boxes and shelves that a report shows, asked once."""

    def __init__(self, session: Session, spots: list[tuple[int, int]]) -> None:
        boxes = sorted({box for box, _place in spots if box})
        places = sorted({place for _box, place in spots if place})
        self._boxes = {
            box.id: box_name(box)
            for start in range(0, len(boxes), _MANY)
            for box in session.scalars(
                select(PaperBox).where(PaperBox.id.in_(boxes[start : start + _MANY]))
            )
        }
        self._places: dict[int, str] = {}
        for start in range(0, len(places), _MANY):
            query = select(PaperPlace).where(PaperPlace.id.in_(places[start : start + _MANY]))
            self._places |= place_names(session, session.scalars(query).all())

    def of(self, spot: tuple[int, int]) -> str:
        """Return the name of a box and its shelf, as far as each is known."""
        box, place = spot
        parts = [f"盒 {self._boxes[box]}"] if box in self._boxes else []
        return "　".join(parts + ([self._places[place]] if place in self._places else []))
