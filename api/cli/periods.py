"""`yice period`: the periodic compile (统一定期组卷归档), from any node with the same result."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.cli.terminal import FINDINGS, Json, actor, making, print_json, with_examples
from api.jobs.batch import make_all
from api.runtime.bootstrap import Runtime, open_workshop, start
from api.runtime.settings import Settings
from archive.arrangement.numbering import COMPILE, freeze
from archive.arrangement.periods import Report, Term, begin, cases_of, due, end, register_rows, terms_of
from archive.compile.register import make_register
from archive.compile.volume import Workshop
from archive.database.engine import database_now, reading, writing
from archive.reference.vocabulary import Series

period_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help=with_examples("定期组卷归档。", "yice period run"))

_UNSEEN = timedelta(minutes=1)
"""What was committed so shortly before may bear an earlier time and not be seen yet: it counts as later, and is looked for again."""


def begin_terms(runtime: Runtime, who: str, terms: list[Term]) -> None:
    """Give every case of the terms its number and its job. Begun again, a term takes what came since."""
    for term in terms:
        with writing(runtime.engine) as session:
            cases = cases_of(session, term, runtime.catalogue, runtime.organisations, runtime.settings.filing_rule)
            if not cases:
                continue
            begin(session, term).ended_at = None
            freeze(
                session,
                who,
                cases,
                catalogue=runtime.catalogue,
                organisations=runtime.organisations,
                rule=runtime.settings.filing_rule,
                at=datetime.now(UTC),
            )


def end_terms(runtime: Runtime, shop: Workshop, who: str, terms: list[Term]) -> list[Report]:
    """Make the registers and count; terms without any case have no report."""
    reports = []
    for term in terms:
        with reading(runtime.engine) as session:
            at, rows = database_now(session) - _UNSEEN, register_rows(session, term)
        register = make_register(shop, term, rows)
        with writing(runtime.engine) as session:
            report = end(
                session,
                who,
                term,
                register,
                catalogue=runtime.catalogue,
                organisations=runtime.organisations,
                rule=runtime.settings.filing_rule,
                at=at,
            )
        reports.append(report)
    return [one for one in reports if one is not None]


@period_app.command(
    "run",
    help=with_examples("组卷已到期的各期间，生成卷目登记表和报告；可重复运行。", "yice period run", "yice period run --period 2026-09"),
)
def run(
    period: Annotated[str | None, typer.Option(help="期间 YYYY-MM；不写则为已到期的上一月")] = None,
    fonds: Annotated[str | None, typer.Option(help="只限这一全宗号")] = None,
    series: Annotated[Series | None, typer.Option(help="只限这一卷目")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Compile the terms that are due, or those of a month."""
    runtime = start(Settings())
    every = terms_of(period, runtime.organisations) if period else due(datetime.now(UTC), runtime.organisations)
    terms = [one for one in every if (fonds or one.fonds) == one.fonds and (series or one.series) == one.series]
    begin_terms(runtime, actor(), terms)
    with making("定期组卷") as watch:
        make_all(runtime, COMPILE, lambda: 0, watch)
    reports = end_terms(runtime, open_workshop(runtime), actor(), terms)
    if as_json:
        print_json([one.public() for one in reports])
    else:
        _show(reports)
    raise typer.Exit(FINDINGS if any(one.missing or one.failed for one in reports) else 0)


def _show(reports: list[Report]) -> None:
    table = Table("全宗", "卷目", "期间", "已归档", "待核对", "失败", "历时（秒）", "登记表")
    for one in reports:
        counts = (str(one.made), str(one.missing), str(one.failed), f"{one.seconds:.0f}")
        table.add_row(one.fonds, Series(one.series).label, one.period, *counts, one.register or "")
    Console().print(table)
