"""`yice statistics`: 归档率 by unit and month, and figures of use."""

from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.cli.archive import open_archive, operator
from api.cli.terminal import Json, print_json, screen
from archive.database.engine import reading
from archive.finding_aids.figures import following
from archive.finding_aids.filing_rates import by_month, by_unit, filing_rates, month_span
from archive.finding_aids.reach import reach_of
from archive.finding_aids.use_figures import use_figures
from archive.reference.local_time import LOCAL_TIME
from archive.usage.requests import organisations_below


def statistics(
    since: Annotated[str, typer.Option(help="起始月份，如 2026-01；不写为本年")] = "",
    until: Annotated[str, typer.Option(help="截止月份")] = "",
    *,
    as_json: Json = False,
) -> None:
    """Show rates by month and unit, and figures of use."""
    today = datetime.now(LOCAL_TIME).date()
    span = month_span(since, until, today)
    runtime = open_archive()
    reader = operator(runtime)
    with reading(runtime.engine) as session:
        reach = reach_of(reader.org, runtime.organisations)
        rates = filing_rates(session, reach, runtime.filing.rule, span, today)
        keepers = organisations_below(reader, runtime.organisations)
        end = following(span.until) if span.until else None
        use = use_figures(session, keepers, span.since, end)
    if as_json:
        figures = {
            "visits": use.visits,
            "volumes": use.volumes,
            "copies": use.copies,
            "pages": use.pages,
        }
        print_json({"rates": [rate.public() for rate in rates], "use": figures})
        return
    table = Table("月份或立卷单位", "办结", "已归档", "归档率")
    for rate in (*by_month(rates), *by_unit(rates)):
        name = rate.period or runtime.organisations.get(rate.unit).name
        table.add_row(name, f"{rate.closed:,}", f"{rate.archived:,}", f"{rate.percent}%")
    Console().print(table)
    screen.print(
        f"利用 {use.visits:,} 人次、{use.volumes:,} 卷次，复制证明 {use.copies:,} 份"
        f" {use.pages:,} 页。"
    )
