"""`yice print …`: registers, spines and lists, as pages and as sealed PDF/A (打印中心)."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.cli.archive import open_archive, operator
from api.cli.command_line import CommandLine
from api.cli.terminal import FINDINGS, Json, bar_of, print_json, screen, with_examples
from api.jobs.printing import make_order
from api.runtime.bootstrap import Runtime
from api.runtime.workshop import open_compile_context
from archive.database.engine import reading, writing
from archive.printing.choice import PrintChoice
from archive.printing.making import documents_of, make_pages, named_in
from archive.printing.orders import (
    fetch_print,
    find_order,
    note_print,
    order_print,
    own_orders,
    print_number,
    public_order,
    read_print,
)
from archive.reference.print_terms import PrintKind
from archive.reference.vocabulary import Series

print_app = CommandLine(no_args_is_help=True)
_LISTED = 100
Kinds = Annotated[
    list[PrintKind],
    typer.Argument(
        help="register 案卷目录、contents 卷内目录、spines 脊背、transfer 移交清册、"
        "uses 利用登记簿、year 年报"
    ),
]
Codes = Annotated[list[str] | None, typer.Option("--code", help="只印这一档号的册，可写多个")]
Station = Annotated[str, typer.Option(help="收件或户籍地单位（12位机构代码）")]
OfSeries = Annotated[Series | None, typer.Option(help="卷目代码")]
Year = Annotated[int | None, typer.Option(help="年度")]
Since = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="办结（利用）日期自，如 2026-09-01")
]
Until = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="办结（利用）日期至，含当日")
]


def _choice(
    kinds: list[PrintKind],
    codes: list[str] | None,
    station: str,
    series: Series | None,
    year: int | None,
    since: datetime | None,
    until: datetime | None,
) -> PrintChoice:
    return PrintChoice(
        tuple(kinds),
        tuple(codes or ()),
        station,
        series,
        year,
        since.date() if since else None,
        until.date() if until else None,
    )


@print_app.command(
    "pages",
    help=with_examples(
        "打印件：所选目录合为一个 PDF，注明未签章；记入审计日志，姓名遮蔽。",
        "yice print pages register spines --series QR --year 2026 --out pages.pdf",
        "yice print pages uses --since 2026-01-01 --until 2026-06-30 --out uses.pdf",
    ),
)
def pages(
    kinds: Kinds,
    out: Annotated[Path, typer.Option(help="写入此 PDF 文件")],
    code: Codes = None,
    station: Station = "",
    series: OfSeries = None,
    year: Year = None,
    since: Since = None,
    until: Until = None,
    *,
    as_json: Json = False,
) -> None:
    """Write registers as pages to print; journalled."""
    runtime = open_archive()
    reader = operator(runtime)
    choice = _choice(kinds, code, station, series, year, since, until)
    with reading(runtime.engine) as session:
        documents = documents_of(session, reader, choice, runtime.reference)
    with writing(runtime.engine) as session:
        note_print(
            session,
            reader,
            choice,
            "pages",
            volumes=max(document.rows for document in documents),
            sealed=False,
            named=named_in(documents),
        )
    out.write_bytes(make_pages(documents, demo=runtime.settings.demo_seals))
    if as_json:
        print_json([document.public() for document in documents])
        return
    for document in documents:
        part = "（部分）" if document.left_out else ""
        screen.print(f"{document.heading}{part}　{document.rows:,} 行")
    screen.print(f"已写入 {out}")


@print_app.command(
    "sealed",
    help=with_examples(
        "出具签章的 PDF/A，每种目录一份，存入存储并写入文件夹；记入审计日志。",
        "yice print sealed register --series QR --year 2026 --to out/",
        "yice print sealed contents --code J602-ZY·HJ·QR·2026·Y-000001 --to out/ --json",
    ),
)
def sealed(
    kinds: Kinds,
    to: Annotated[Path, typer.Option(help="写入此文件夹")],
    code: Codes = None,
    station: Station = "",
    series: OfSeries = None,
    year: Year = None,
    since: Since = None,
    until: Until = None,
    *,
    as_json: Json = False,
) -> None:
    """Order sealed registers, make them now, and write them."""
    runtime = open_archive()
    reader = operator(runtime)
    choice = _choice(kinds, code, station, series, year, since, until)
    with writing(runtime.engine) as session:
        order = order_print(session, reader, choice, runtime.reference)
        number, order_id = print_number(order), order.id
    with bar_of("排版、签章并证明") as advance:
        make_order(runtime, open_compile_context(runtime), order_id)
        advance(1, 1)
    with reading(runtime.engine) as session:
        order_view = public_order(find_order(session, reader, number))
    if not order_view["files"]:
        screen.print(f"{number} 未成功：{order_view['error']}", highlight=False)
        raise typer.Exit(FINDINGS)
    _write(runtime, number, to)
    if as_json:
        print_json(order_view)


@print_app.command(
    "list", help=with_examples("本机操作员的打印单。", "yice print list", "yice print list --json")
)
def list_(*, as_json: Json = False) -> None:
    """List the operator's orders, the newest first."""
    runtime = open_archive()
    with reading(runtime.engine) as session:
        rows = [public_order(row) for row in own_orders(session, operator(runtime), _LISTED)]
    if as_json:
        print_json(rows)
        return
    table = Table("单号", "目录", "进度", "行数")
    for row in rows:
        kinds = "、".join(PrintKind(kind).label for kind in row["choice"]["kinds"])
        table.add_row(row["number"], kinds, row["step_label"], f"{row['total']:,}")
    Console().print(table)


@print_app.command(
    "get", help=with_examples("取已出具的签章目录。", "yice print get DY2026-000001 --to out/")
)
def get(
    number: Annotated[str, typer.Argument(help="打印单号")],
    to: Annotated[Path, typer.Option(help="写入此文件夹")],
) -> None:
    """Write the sealed files of an order into a folder; journalled."""
    _write(open_archive(), number, to)


def _write(runtime: Runtime, number: str, to: Path) -> None:
    reader = operator(runtime)
    with reading(runtime.engine) as session:
        kinds = [row["kind"] for row in find_order(session, reader, number).documents]
    to.mkdir(parents=True, exist_ok=True)
    for kind in kinds:
        with writing(runtime.engine) as session:
            _, row = fetch_print(session, reader, number, kind)
        path = to / f"{number}-{kind}.pdf"
        path.write_bytes(read_print(runtime.store, row))
        screen.print(f"已写入 {path}")
