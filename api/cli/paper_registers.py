"""`yice paper register`, `report` and `stocktake-report`: registers and reports of paper."""

import csv
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.cli.archive import KEEPING, open_archive, operator
from api.cli.command_line import CommandLine
from api.cli.terminal import Json, print_json, screen, with_examples
from api.runtime.bootstrap import Runtime
from api.runtime.workshop import open_compile_context
from api.web.shell.spreadsheets import cell
from archive.audit.acts import JournalAct
from archive.database.engine import reading, writing
from archive.paper.access import Keeper
from archive.paper.documents import PaperDocument, printed_pdf, sealed_pdf
from archive.paper.reduction import remaining_paper, sum_of
from archive.paper.reduction_report import reduction_document
from archive.paper.registers import RegisterKind, RegisterScope, paper_document
from archive.paper.stocktake_reports import make_stocktake_report, stocktake_document
from archive.usage.looks import journal_look

register_app = CommandLine()
SealedPdf = Annotated[Path | None, typer.Option("--pdf", help="签章的 PDF/A 写入此文件")]
PrintedPdf = Annotated[Path | None, typer.Option("--print", help="供打印、未签章的 PDF 写入此文件")]


@register_app.command(
    "register",
    help=with_examples(
        "纸质档案登记簿（items）或纸质档案借阅登记簿（loans）；出簿记入审计日志，姓名一律遮蔽。",
        "yice paper register items --year 2026 --pdf register.pdf",
        "yice paper register loans --org 150602010000 --csv loans.csv",
        "yice paper register items --json",
    ),
)
def register(
    kind: Annotated[RegisterKind, typer.Argument(help="items 登记簿，loans 借阅登记簿")],
    org: Annotated[str | None, typer.Option(help="单位及其下属（12位机构代码）")] = None,
    year: Annotated[int | None, typer.Option(help="年度")] = None,
    pdf: SealedPdf = None,
    printed: PrintedPdf = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="CSV 写入此文件")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show a register, or write it as CSV or PDF; journalled."""
    runtime = open_archive()
    reader = operator(runtime)
    keeper = Keeper(reader, runtime.organisations)
    with writing(runtime.engine) as session:
        document = paper_document(session, keeper, kind, RegisterScope(org, year))
        journal_look(
            session,
            reader,
            JournalAct.EXPORT_LIST,
            f"paper/{kind}",
            KEEPING,
            unit=document.org.code,
            year=year,
            rows=len(document.tables[0].rows),
        )
    if csv_file is not None:
        _write_csv(csv_file, document)
    _write(runtime, keeper, document, pdf, printed)
    if as_json:
        print_json(document.public())
    elif not (pdf or printed or csv_file):
        _show(document)


@register_app.command(
    "stocktake-report",
    help=with_examples(
        "已关闭的盘点的报告；首次出具时签章并存入存储，此后都是同一份。",
        "yice paper stocktake-report 1 --pdf report.pdf",
        "yice paper stocktake-report 1 --json",
    ),
)
def stocktake_report(
    number: Annotated[int, typer.Argument(help="盘点编号")],
    pdf: SealedPdf = None,
    printed: PrintedPdf = None,
    *,
    as_json: Json = False,
) -> None:
    """Show the report of a closed stocktake, or write the sealed one."""
    runtime = open_archive()
    keeper = Keeper(operator(runtime), runtime.organisations)
    with reading(runtime.engine) as session:
        document = stocktake_document(session, keeper, number)
    if pdf is not None:
        key, digest = make_stocktake_report(open_compile_context(runtime), keeper, number)
        pdf.write_bytes(runtime.store.read(key, sha256=digest))
        screen.print(f"已写入 {pdf}")
    _write(runtime, keeper, document, None, printed)
    if as_json:
        print_json(document.public())
    elif not (pdf or printed):
        _show(document)


@register_app.command(
    "report",
    help=with_examples(
        "减少和取消纸质：各旗区还留存哪些纸质、在哪里、哪些可以减少。",
        "yice paper report --json",
        "yice paper report --district 150602000000 --pdf report.pdf",
    ),
)
def report(
    district: Annotated[str | None, typer.Option(help="只限这一旗区，另列出可减少的各件")] = None,
    pdf: SealedPdf = None,
    printed: PrintedPdf = None,
    *,
    as_json: Json = False,
) -> None:
    """Show what paper remains and may go."""
    runtime = open_archive()
    keeper = Keeper(operator(runtime), runtime.organisations)
    with reading(runtime.engine) as session:
        districts = remaining_paper(session, keeper, district)
        document = reduction_document(session, keeper, district)
    _write(runtime, keeper, document, pdf, printed)
    if as_json:
        print_json([entry.public() for entry in districts])
    elif not (pdf or printed):
        table = Table("旗区", "状态", "件数", "页数", "盒", "待登记", "可减少")
        for entry in districts:
            total = sum_of(entry.units, entry.district)
            numbers = (total.kept.items, total.kept.pages, total.boxes, total.waiting)
            table.add_row(
                entry.district.name,
                "已电子化" if entry.digitised else "过渡期",
                *map(str, numbers),
                str(total.may_go.items),
            )
        Console().print(table)


def _write(
    runtime: Runtime,
    keeper: Keeper,
    document: PaperDocument,
    pdf: Path | None,
    printed: Path | None,
) -> None:
    if pdf is not None:
        context = open_compile_context(runtime)
        pdf.write_bytes(sealed_pdf(context, keeper.organisations, document))
        screen.print(f"已写入 {pdf}")
    if printed is not None:
        printed.write_bytes(printed_pdf(document, demo=runtime.settings.demo_seals))
        screen.print(f"已写入 {printed}")


def _write_csv(path: Path, document: PaperDocument) -> None:
    """Write the first table as CSV in UTF-8 with a mark, its formulas quoted (CWE-1236)."""
    table = document.tables[0]
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(table.heading)
        writer.writerows([cell(value) for value in row] for row in table.rows)
    screen.print(f"已写入 {path}")


def _show(document: PaperDocument) -> None:
    for key, value in document.fields:
        screen.print(f"{key.replace('　', '').replace(' ', '')}：{value}", highlight=False)
    for part in document.tables:
        table = Table(*part.heading, title=part.title or None)
        for row in part.rows:
            table.add_row(*row)
        Console().print(table)
