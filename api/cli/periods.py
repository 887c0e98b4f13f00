"""`yice period`: the periodic compile (统一定期组卷归档), from any node with the same result."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.cli.archive import actor, open_archive, operator, show_failures, volume_bar
from api.cli.command_line import CommandLine
from api.cli.terminal import FINDINGS, Json, print_json, with_examples
from api.jobs.batch import make_all
from api.jobs.periods import begin_terms, end_terms
from api.jobs.preservation import anchor_journal
from api.runtime.workshop import open_compile_context
from archive.arrangement.periods import Report, due, terms_of
from archive.reference.vocabulary import JobKind, Series

period_app = CommandLine(no_args_is_help=True)


@period_app.command(
    "run",
    help=with_examples(
        "组卷已到期的各期间，生成卷目登记表和报告；可重复运行。",
        "yice period run",
        "yice period run --period 2026-09",
    ),
)
def run(
    period: Annotated[str | None, typer.Option(help="期间 YYYY-MM；不写则为已到期的上一月")] = None,
    fonds: Annotated[str | None, typer.Option(help="只限这一全宗号")] = None,
    series: Annotated[Series | None, typer.Option(help="只限这一卷目")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Compile the terms that are due, or those of a month."""
    runtime = open_archive()
    every = (
        terms_of(period, runtime.organisations)
        if period
        else due(datetime.now(UTC), runtime.organisations)
    )
    terms = [
        term
        for term in every
        if (fonds or term.fonds) == term.fonds and (series or term.series) == term.series
    ]
    begin_terms(runtime, operator(runtime), terms)
    with volume_bar("定期组卷") as watch:
        batch = make_all(runtime, JobKind.COMPILE, lambda: 0, watch)
    reports = end_terms(runtime, open_compile_context(runtime), actor(), terms)
    if reports:
        anchor_journal(runtime, actor())
    if as_json:
        print_json([report.public() for report in reports])
    else:
        show_failures(batch)
        _show(reports)
    raise typer.Exit(FINDINGS if any(report.missing or report.failed for report in reports) else 0)


def _show(reports: list[Report]) -> None:
    table = Table("全宗", "卷目", "期间", "已归档", "待核对", "失败", "历时（秒）", "登记表")
    for report in reports:
        counts = (
            str(report.volumes),
            str(report.missing),
            str(report.failed),
            f"{report.seconds:.0f}",
        )
        table.add_row(
            report.fonds, Series(report.series).label, report.period, *counts, report.register or ""
        )
    Console().print(table)
