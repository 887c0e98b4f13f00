"""`yice compile`: numbers and volumes of what was accepted; shown first, if asked."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.cli.archive import Bars, open_archive, operator, show_failures
from api.cli.terminal import FINDINGS, Json, print_json, screen
from api.jobs.acts import run_compile, run_making
from api.jobs.batch import Again, begin_supplements
from api.jobs.progress import Batch
from api.runtime.bootstrap import Runtime
from archive.arrangement.choice import Choice
from archive.arrangement.selection import Numbered, Proposal, number_chosen, preview
from archive.database.engine import database_now, reading, writing
from archive.reference.errors import NotFoundError
from archive.reference.local_time import local_date
from archive.reference.vocabulary import Series

Cases = Annotated[
    list[str] | None, typer.Option("--case", help="只组这一个办件编号；可重复写出几个")
]
Preview = Annotated[
    bool, typer.Option("--preview", help="只列出将赋予的档号、次序和补归，不作任何更改")
]
As = Annotated[
    Path | None,
    typer.Option("--as", help="照此前 --preview --json 的结果赋号；有一处不同即全部不赋"),
]


def compile_(
    case: Cases = None,
    period: Annotated[str | None, typer.Option(help="只组这一月办结的：YYYY-MM")] = None,
    station: Annotated[str | None, typer.Option(help="只组这一收件单位的：单位代码")] = None,
    series: Annotated[Series | None, typer.Option(help="只组归入这一卷目的")] = None,
    item: Annotated[str | None, typer.Option(help="只组这一事项的：事项编码")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="组全部待组卷办件")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="此前判定不能成册的也再试一次，例如升级之后")
    ] = False,
    shown_only: Preview = False,
    previewed: As = None,
    as_json: Json = False,
) -> None:
    """Make volumes of what was accepted; ends with 1 while something failed that is new."""
    choice = Choice(frozenset(case or ()), period, station, series, item)
    if not (choice != Choice() or every or again or previewed):
        raise typer.BadParameter("请指明 --case、--period、--station、--series、--item 或 --all。")
    runtime = open_archive()
    if shown_only:
        _show_preview(runtime, choice, as_json=as_json)
        return
    if previewed is not None:
        batch = _make_previewed(runtime, choice, _numbers_in(previewed))
    else:
        which = Again.ALL if again else Again.THE_CASE if case else Again.WHAT_CAN_SUCCEED
        batch = run_compile(runtime, operator(runtime), Bars(), choice, again=which)
    _show_batch(batch, as_json=as_json)
    raise typer.Exit(FINDINGS if batch.failed else 0)


def _show_preview(runtime: Runtime, choice: Choice, *, as_json: bool) -> None:
    with reading(runtime.engine) as session:
        rows = preview(
            session,
            operator(runtime),
            choice,
            catalogue=runtime.catalogue,
            units=runtime.filing,
        )
    if as_json:
        print_json([dict(row.public()) for row in rows])
        return
    table = Table("档号", "办件编号", "办结", "收件单位", "补归")
    for row in rows:
        table.add_row(*_cells(runtime, row))
    Console().print(table)
    screen.print(f"将赋予 {len(rows)} 个档号；未作任何更改。")


def _cells(runtime: Runtime, row: Proposal) -> tuple[str, ...]:
    return (
        row.code,
        row.case.case_no,
        local_date(row.case.completed_at),
        runtime.organisations.get(row.case.receive_org).name,
        "补归" if row.late else "",
    )


def _numbers_in(path: Path) -> list[Numbered]:
    """Return case numbers and 档号 of a preview that was kept in a file."""
    try:
        rows = json.loads(path.read_text("utf-8"))
        return [(str(row["case_no"]), str(row["code"])) for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        raise NotFoundError(
            "无法读取预览文件。", "请用 yice compile … --preview --json 的输出，不作改动。"
        ) from None


def _make_previewed(runtime: Runtime, choice: Choice, expected: list[Numbered]) -> Batch:
    if choice == Choice():
        choice = Choice(frozenset(case_no for case_no, _ in expected))
    filer = operator(runtime)
    with writing(runtime.engine) as session:
        number_chosen(
            session,
            filer,
            choice,
            expected,
            catalogue=runtime.catalogue,
            units=runtime.filing,
            at=database_now(session),
        )
    begin_supplements(runtime, filer.account, choice)
    return run_making(runtime, filer, Bars(), choice)


def _show_batch(batch: Batch, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "total": batch.total,
                "done": batch.done,
                "failed": batch.failed,
                "failures": [job.public() for job in batch.failures],
                "known": [job.public() for job in batch.known],
            }
        )
    else:
        show_failures(batch)
        screen.print(f"成册 {batch.done}，失败 {batch.failed}")
