"""`yice ingest`, `yice confirm`: take packages in, and confirm the cases that wait at 核对."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from api.cli.archive import Bars, actor, begin_archive, open_archive, operator
from api.cli.terminal import FINDINGS, Json, print_json, screen
from api.jobs.acts import ingest_paths
from archive.checking.confirming import confirm as confirm_case
from archive.database.engine import writing
from archive.reference.vocabulary import IntakeOutcome
from ingest.intake.intake import Received


def ingest(
    paths: Annotated[
        list[Path], typer.Argument(help="归档信息包（文件夹或 zip），或放有多个包的文件夹")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Take packages over, or keep them in quarantine."""
    received = ingest_paths(begin_archive(), actor(), paths, Bars())
    if as_json:
        print_json([package.public() for package in received])
    else:
        _show_received(received)
    refused = any(package.outcome is IntakeOutcome.REFUSED for package in received)
    raise typer.Exit(FINDINGS if refused else 0)


def _show_received(received: list[Received]) -> None:
    table = Table("归档信息包", "结果", "发现", "下一步")
    for package in received:
        if package.findings or package.outcome is not IntakeOutcome.ACCEPTED:
            table.add_row(
                package.bag,
                package.outcome.label,
                "\n".join(f"{finding.code} {finding.message}" for finding in package.findings),
                "\n".join(finding.action for finding in package.findings),
            )
    screen.print(table)
    counts = Counter(package.outcome for package in received)
    screen.print("，".join(f"{outcome.label} {count}" for outcome, count in counts.items()))


def confirm(
    case_no: str, reason: Annotated[str, typer.Option(help="确认的理由，记入审计日志")]
) -> None:
    """Confirm what waits at 核对."""
    runtime = open_archive()
    with writing(runtime.engine) as session:
        confirm_case(
            session,
            operator(runtime),
            case_no=case_no,
            reason=reason,
            units=runtime.filing,
            ticks=None,
        )
    screen.print("已确认。")
