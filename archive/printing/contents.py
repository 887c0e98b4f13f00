"""卷内目录 of chosen volumes: for each a page with the columns of the sealed one (DA/T 22)."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.compile.planned import planned_version
from archive.database.tables_volumes import Volume
from archive.finding_aids.volume_lists import archived_version
from archive.jobs.version_steps import all_recorded
from archive.paper.documents import TableColumn
from archive.printing.choice import BadPrintError
from archive.printing.documents import PrintDocument, PrintTable
from archive.printing.registers import Printing
from archive.printing.volumes import Advance, ChosenVolumes, PrintedVolume, unwatched
from archive.reference.print_terms import PrintKind
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import SourceKind, VolumeState
from archive.usage.redaction import mask_text, names_of

MOST_CONTENTS = 1000
_COLUMNS = (
    TableColumn("顺序号", 14),
    TableColumn("文号", 24, centred=False),
    TableColumn("责任者", 34, centred=False),
    TableColumn("题名", centred=False),
    TableColumn("日期", 22),
    TableColumn("密级", 11),
    TableColumn("页号", 12),
    TableColumn("备注", 30, centred=False),
)


def contents(
    session: Session,
    printing: Printing,
    chosen: ChosenVolumes,
    catalogue: Catalogue,
    advance: Advance = unwatched,
) -> PrintDocument:
    """Return the 卷内目录 of the archived volumes among the chosen.

    Raises BadPrintError for none of them, or for more than one print takes.
    """
    rows = [row for row in chosen.rows if row.committed]
    if not rows:
        raise BadPrintError("所选的册都未归档，没有卷内目录。", "请在归档完成后再打印。")
    if len(rows) > MOST_CONTENTS:
        raise BadPrintError(
            f"所选 {len(rows):,} 册，卷内目录一次最多打印 {MOST_CONTENTS:,} 册。",
            "请按卷目、年度或起止日期分批打印。",
        )
    tables = []
    for at, row in enumerate(rows, 1):
        tables.append(_contents(session, printing, row, catalogue))
        advance(at)
    left_out = printing.left_out(chosen)
    if len(rows) < len(chosen.rows):
        left_out.append(f"未归档的 {len(chosen.rows) - len(rows):,} 册没有卷内目录，未印。")
    return printing.document(
        PrintKind.CONTENTS,
        (("选取条件", printing.conditions()), ("册　　数", f"{len(rows):,} 册，每册另起一页")),
        left_out,
        tables=tables,
        named=sum(1 for row in rows if row.named),
    )


def _contents(
    session: Session, printing: Printing, row: PrintedVolume, catalogue: Catalogue
) -> PrintTable:
    volume = session.scalars(select(Volume).filter_by(id=row.id)).one()
    version = archived_version(session, volume)
    if version is None:
        raise BadPrintError("所选的册在打印时已不在库。", "请重新选择后打印。")
    planned = planned_version(session, volume, version, catalogue, printing.organisations)
    names = () if row.named else names_of(planned.facts)
    items = {item.no: item for item in planned.plan.items}
    lines = tuple(
        (
            str(line["no"]),
            items[line["no"]].number,
            items[line["no"]].responsible,
            mask_text(line["title"], names),
            items[line["no"]].date,
            "",
            str(line["page"]),
            SourceKind(line["source"]).label,
        )
        for line in all_recorded(session, version)[VolumeState.COMPILED]["contents"]
    )
    under = (("档号", row.code), ("题名", row.title), ("版本", f"第 {version.version} 版"))
    return PrintTable("卷内目录", _COLUMNS, lines, under, begins=True)
