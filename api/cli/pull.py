"""`yice pull`: fetch what the sources have, gather it, and hand what is whole to intake."""

import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from api.cli.archive import Bars, actor, begin_archive
from api.cli.terminal import FINDINGS, Json, print_json, screen
from api.jobs.pull import SourceName, open_sources, pull_round
from api.runtime.bootstrap import Runtime
from archive.database.engine import reading
from archive.gathering.source_health import health_rows
from archive.reference.vocabulary import IntakeOutcome
from ingest.sources.pull import Pulled

_PAUSE = 2.0


def pull_(
    source: Annotated[
        SourceName | None,
        typer.Argument(help="只提取这一个来源：forms、scans、portal、certificates"),
    ] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", help="持续提取，直到 Ctrl-C")] = False,
    status: Annotated[
        bool, typer.Option("--status", help="各来源的状况和最近的错误，不提取")
    ] = False,
    as_json: Json = False,
) -> None:
    """Pull once, or until interrupted."""
    runtime = begin_archive()
    sources = [opened for opened in open_sources(runtime.settings) if source in (None, opened.name)]
    if status:
        _show_status(runtime, as_json=as_json)
        return
    if not sources:
        raise typer.BadParameter(
            "没有设置该来源：请设置 "
            "YICE_FORMS_URL、YICE_SCAN_FOLDER、YICE_PORTAL_URL 或 YICE_CERT_URL。"
        )
    pulled, submitted = pull_round(runtime, actor(), sources, Bars())
    while follow:
        time.sleep(_PAUSE)
        pulled, submitted = pull_round(runtime, actor(), sources, Bars())
    if as_json:
        print_json(
            {
                "sources": [_public(result) for result in pulled],
                "submitted": {str(key): count for key, count in submitted.items()},
            }
        )
    else:
        _show_round(pulled, submitted)
    raise typer.Exit(FINDINGS if any(result.error for result in pulled) else 0)


def _public(result: Pulled) -> dict[str, Any]:
    fields = {
        "source": result.source,
        "taken": result.taken,
        "known": result.known,
        "refused": result.refused,
        "absent": result.absent,
    }
    return {**fields, "error": result.error.code if result.error else None}


def _show_round(pulled: Sequence[Pulled], submitted: dict[IntakeOutcome, int]) -> None:
    table = Table("来源", "取得", "已有", "退回", "未到", "错误")
    for result in pulled:
        counts = (result.taken, result.known, result.refused, result.absent)
        table.add_row(
            result.source,
            *map(str, counts),
            f"{result.error.code} {result.error}" if result.error else "",
        )
    screen.print(table)
    screen.print(
        "送归档："
        + ("，".join(f"{outcome.label} {count}" for outcome, count in submitted.items()) or "无")
    )


def _show_status(runtime: Runtime, *, as_json: bool) -> None:
    with reading(runtime.engine) as session:
        rows = health_rows(session, tuple(SourceName))
    if as_json:
        print_json(rows)
        return
    table = Table("来源", "状况", "取得", "重复", "退回", "上次成功", "最近的错误", "下次尝试")
    for row in rows:
        error = f"{row['error_code']} {row['error']}" if row["error_code"] else ""
        counts = (str(row[key]) for key in ("taken", "duplicates", "refused"))
        table.add_row(
            row["source"],
            row["health"],
            *counts,
            row["succeeded_at"] or "",
            error,
            row["next_try"] or "",
        )
    Console().print(table)
