"""案卷目录, 移交清册 and 脊背 of chosen volumes, by series (standards.md §2.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from barcode.codex import Code128

from archive.administration.policy import Reader
from archive.compile.sheets import barcode_svg, barcode_text, qr_svg
from archive.paper.documents import TableColumn
from archive.printing.choice import PrintChoice
from archive.printing.documents import PrintDocument, PrintTable, Strip
from archive.printing.volumes import ChosenVolumes, PrintedVolume
from archive.reference.organisations import Organisations, fonds_unit
from archive.reference.print_terms import PrintKind
from archive.reference.vocabulary import Retention, Series

_REGISTER = (
    TableColumn("序号", 12),
    TableColumn("档号", 54, centred=False),
    TableColumn("案卷题名", centred=False),
    TableColumn("起止日期", 44),
    TableColumn("总页数", 15),
    TableColumn("保管期限", 18),
    TableColumn("备注", 40, centred=False),
)
_SPINES = (
    TableColumn("序号", 14),
    TableColumn("册号", 20),
    TableColumn("档号", 60, centred=False),
    TableColumn("事项", centred=False),
)
_MODULE, _QUIET, _ROOM = 0.25, 20, 92.0


@dataclass(frozen=True, slots=True)
class Printing:
    """Who prints what: the reader, the choice; number, moment and name that the sheets bear."""

    reader: Reader
    choice: PrintChoice
    organisations: Organisations
    number: str
    made_at: str
    made_by: str

    def document(
        self,
        kind: PrintKind,
        fields: Sequence[tuple[str, str]],
        left_out: Sequence[str],
        *,
        tables: Sequence[PrintTable] = (),
        strips: Sequence[Strip] = (),
        notes: Sequence[str] = (),
        signs: Sequence[tuple[str, str]] = (),
        across: bool = False,
        named: int = 0,
    ) -> PrintDocument:
        """Return a document with what is the same on all of them."""
        org = self.organisations.get(self.reader.org)
        return PrintDocument(
            kind,
            self.number,
            org,
            self.made_at,
            (("出具单位", org.name), ("出具人", self.made_by), *fields),
            tuple(tables),
            tuple(strips),
            tuple(left_out),
            tuple(notes),
            tuple(signs),
            across,
            named,
        )

    def conditions(self) -> str:
        """Return in words what the choice is narrowed to; "" when nothing narrows it."""
        choice = self.choice
        span = f"办结 {choice.since or ''} 至 {choice.until or ''}".strip()
        return "；".join(
            part
            for part in (
                f"勾选的 {len(set(choice.codes))} 册" if choice.codes else "",
                f"收件或户籍地单位 {self.organisations.get(choice.station).name}"
                if choice.station
                else "",
                f"卷目 {choice.series.label}" if choice.series else "",
                f"{choice.year} 年度" if choice.year else "",
                span if choice.since or choice.until else "",
            )
            if part
        )

    def left_out(self, chosen: ChosenVolumes) -> list[str]:
        """Return in sentences what of the series is not among the chosen volumes."""
        sentences = []
        if chosen.elsewhere > 0:
            sentences.append(f"只列{self.conditions()}；同一卷目另有 {chosen.elsewhere:,} 册未列。")
        if not chosen.whole:
            name = self.organisations.get(self.reader.org).name
            sentences.append(f"只列{name}范围内的册，同一卷目中其他单位的册不在内。")
        return sentences


def register(printing: Printing, chosen: ChosenVolumes) -> PrintDocument:
    """Return the 案卷目录: a table for each fonds, series, year and term."""
    pages = sum(row.pages or 0 for row in chosen.rows)
    return printing.document(
        PrintKind.REGISTER,
        (
            ("选取条件", printing.conditions()),
            ("册数页数", f"{len(chosen.rows):,} 册　{pages:,} 页"),
        ),
        printing.left_out(chosen),
        tables=_by_series(printing, chosen.rows),
        notes=_naming(chosen),
        across=True,
        named=chosen.named,
    )


def transfer(printing: Printing, chosen: ChosenVolumes) -> PrintDocument:
    """Return the 移交清册: what is archived of the chosen volumes, for both sides."""
    ready = tuple(row for row in chosen.rows if row.committed and not row.void)
    missing = len(chosen.rows) - len(ready)
    pages = sum(row.pages or 0 for row in ready)
    left_out = printing.left_out(chosen)
    if missing:
        left_out.append(f"作废或尚未归档的 {missing:,} 册不移交，未列。")
    return printing.document(
        PrintKind.TRANSFER,
        (
            ("选取条件", printing.conditions()),
            ("移交数量", f"{len(ready):,} 册　{pages:,} 页"),
            ("载　　体", "电子档案：PDF/A 册及归档信息包，经四性检测"),
        ),
        left_out,
        tables=_by_series(printing, ready),
        notes=_naming(chosen),
        signs=(
            ("移交单位", printing.organisations.get(printing.reader.org).name),
            ("接收单位", ""),
        ),
        across=True,
        named=sum(1 for row in ready if row.named),
    )


def spines(printing: Printing, chosen: ChosenVolumes) -> PrintDocument:
    """Return the 脊背 of the chosen volumes, and a list of them; voided numbers have none."""
    rows = tuple(row for row in chosen.rows if not row.void)
    left_out = printing.left_out(chosen)
    if len(rows) < len(chosen.rows):
        left_out.append(f"作废的 {len(chosen.rows) - len(rows):,} 册没有脊背，未印。")
    lines = tuple(
        (str(at), f"{row.number:06d}", row.code, row.item) for at, row in enumerate(rows, 1)
    )
    return printing.document(
        PrintKind.SPINES,
        (
            ("选取条件", printing.conditions()),
            ("条　　数", f"{len(rows):,} 条"),
            ("规　　格", "26 × 210 毫米，按实际大小（100%）打印后裁切"),
        ),
        left_out,
        tables=(PrintTable("脊背清单", _SPINES, lines),),
        strips=[_strip(row) for row in rows],
    )


def _strip(row: PrintedVolume) -> Strip:
    fonds, series, year, term = row.key
    bars = barcode_text(row.code)
    wide = (len(Code128(bars).build()[0]) + _QUIET) * _MODULE
    return Strip(
        (("全宗号", fonds), ("年　度", str(year)), ("保管期限", Retention(term).label)),
        Series(series).label,
        row.item,
        f"{row.number:06d}",
        row.code,
        barcode_svg(bars),
        min(wide, _ROOM),
        qr_svg(row.code),
    )


def _by_series(printing: Printing, rows: Sequence[PrintedVolume]) -> list[PrintTable]:
    tables = []
    for (fonds, series, year, term), group in groupby(rows, key=lambda row: row.key):
        unit = fonds_unit(printing.organisations, fonds)
        title = f"{fonds} {unit.name}　{Series(series).label}　{year} 年度"
        lines = tuple(
            (
                str(at),
                row.code,
                row.title,
                f"{row.begun} 至 {row.completed}" if row.begun else row.completed,
                str(row.pages) if row.pages else "",
                Retention(term).label,
                _note(row),
            )
            for at, row in enumerate(group, 1)
        )
        tables.append(PrintTable(title, _REGISTER, lines))
    return tables


def _note(row: PrintedVolume) -> str:
    if row.void:
        return f"作废：{row.void}"
    parts = ("补归" if row.late else "", "" if row.committed else "未归档")
    return "、".join(part for part in parts if part)


def _naming(chosen: ChosenVolumes) -> tuple[str, ...]:
    """Return how people are named, as a note."""
    if not chosen.named:
        return ("题名中的姓名已遮蔽。",)
    if chosen.named < len(chosen.rows):
        return ("本单位立卷的册印明姓名，其余的姓名已遮蔽；本次打印已记入审计日志。",)
    return ("题名印明姓名，本件按个人信息保管；本次打印已记入审计日志。",)
