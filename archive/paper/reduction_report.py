"""The report 减少和取消纸质 as a document (R16)."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from archive.database.engine import database_now
from archive.paper.access import Keeper
from archive.paper.documents import PaperDocument, PaperTable, TableColumn
from archive.paper.listing import PaperRow
from archive.paper.reduction import (
    MAX_LISTED,
    Staying,
    UnitPaper,
    remaining_paper,
    removable_items,
    sum_of,
)
from archive.reference.local_time import local_time
from archive.reference.paper_terms import PaperKind

_UNITS = (
    TableColumn("单位", centred=False),
    TableColumn("件数", 16),
    TableColumn("页数", 16),
    TableColumn("原件", 16),
    TableColumn("复印件", 16),
    TableColumn("打印件", 16),
    TableColumn("盒", 14),
    TableColumn("厚（毫米）", 20),
    TableColumn("待登记", 16),
    TableColumn("可减少", 18),
    TableColumn("暂不能减少的原因", 70, centred=False),
)
_LISTED = (
    TableColumn("序号", 12),
    TableColumn("档号", 56, centred=False),
    TableColumn("办件编号", centred=False),
    TableColumn("类别", 18),
    TableColumn("页数", 14),
    TableColumn("盒", 30),
    TableColumn("库位", 70, centred=False),
)


def reduction_document(
    session: Session, keeper: Keeper, district: str | None = None
) -> PaperDocument:
    """Return the report 减少和取消纸质, of one 旗区 with the list of what may go, or of all.

    Raises DeniedError.
    """
    districts = remaining_paper(session, keeper, district)
    orgs = keeper.organisations
    head = orgs.get(district or keeper.reader.org)
    total = sum_of((unit for entry in districts for unit in entry.units), head)
    tables = [
        PaperTable(
            f"{entry.district.name}（{'已电子化' if entry.digitised else '过渡期'}）",
            _UNITS,
            tuple(_unit_row(unit) for unit in entry.units),
            "没有留存纸质。",
        )
        for entry in districts
    ]
    if district is not None:
        tables.append(_list_of(removable_items(session, keeper, district)))
    now = local_time(database_now(session))
    return PaperDocument(
        "减少和取消纸质情况报告",
        head.code,
        head,
        now,
        (
            ("单　　位", head.name),
            ("截　　至", now),
            ("留存纸质", f"{total.kept.items} 件　{total.kept.pages} 页　{total.boxes} 盒"),
            ("可 减 少", f"{total.may_go.items} 件　{total.may_go.pages} 页"),
        ),
        tuple(tables),
        (
            "可减少：旗区已电子化、电子册已归档、纸电页数核对一致（或已说明原因）、无人借用的复印件和打印件。",
            "原件保留或移交。可减少的须经鉴定处置批准后销毁，本报告不是销毁的依据。",
        ),
    )


def _unit_row(unit: UnitPaper) -> tuple[str, ...]:
    reasons = "　".join(
        f"{reason.label} {unit.staying[reason]}" for reason in Staying if unit.staying[reason]
    )
    return (
        unit.org.name,
        str(unit.kept.items),
        str(unit.kept.pages),
        *(str(unit.kinds[kind]) for kind in PaperKind),
        str(unit.boxes),
        str(round(unit.kept.tenths / 10)),
        str(unit.waiting),
        str(unit.may_go.items),
        reasons,
    )


def _list_of(rows: Sequence[PaperRow]) -> PaperTable:
    some = f"（前{MAX_LISTED}件）" if len(rows) >= MAX_LISTED else ""
    return PaperTable(
        f"可减少的复印件、打印件{some}",
        _LISTED,
        tuple(
            (str(at), row.code, row.case_no, row.kind.label, str(row.pages), row.box, row.place)
            for at, row in enumerate(rows, 1)
        ),
        "没有可减少的。",
    )
