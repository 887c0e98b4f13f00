"""`yice pull`: bring what the sources have, gather it, and hand what is whole to intake."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from api.cli.terminal import FINDINGS, Json, actor, print_json, screen
from api.jobs.acts import ingest_paths
from api.runtime.bootstrap import Runtime, start
from api.runtime.settings import Settings
from archive.database.engine import reading, writing
from archive.gathering.cases import collecting_rows, whole_cases
from archive.gathering.source_health import health_rows, state_of
from archive.reference.vocabulary import IntakeOutcome
from ingest.intake.gathered import answered_before, settle, write_package
from ingest.reading.virus import ping
from ingest.sources.certificates import CertificateLibrary
from ingest.sources.face import Source
from ingest.sources.forms import PopulationFeed
from ingest.sources.portal import OnlinePortal
from ingest.sources.pulling import Pulled, pull
from ingest.sources.scanning import ScanFolder

_PAUSE, _TOGETHER = 2.0, 64


class SourceName(StrEnum):
    """The sources in the order of a round: what a closed case names is known before certificates are asked for."""

    FORMS = "forms"
    SCANS = "scans"
    PORTAL = "portal"
    CERTIFICATES = "certificates"


def open_sources(settings: Settings) -> list[Source]:
    """The sources that settings name, in the order of a round."""
    found: list[Source] = []
    rate = settings.source_rate
    if settings.forms_url:
        found.append(PopulationFeed(settings.forms_url, key=settings.forms_key.get_secret_value(), rate=rate))
    if settings.scan_folder:
        found.append(ScanFolder(settings.scan_folder))
    if settings.portal_url:
        found.append(OnlinePortal(settings.portal_url, key=settings.portal_key.get_secret_value(), rate=rate))
    if settings.cert_url:
        roots = settings.cert_roots.read_bytes() if settings.cert_roots else b""
        secret = settings.cert_secret.get_secret_value()
        found.append(CertificateLibrary(settings.cert_url, client=settings.cert_client, secret=secret, rate=rate, roots=roots))
    return found


def pull_(
    source: Annotated[SourceName | None, typer.Argument(help="只提取这一个来源：forms、scans、portal、certificates")] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", help="持续提取，直到 Ctrl-C")] = False,
    status: Annotated[bool, typer.Option("--status", help="各来源的状况和最近的错误，不提取")] = False,
    as_json: Json = False,
) -> None:
    """Pull once, or on and on."""
    runtime = start(Settings())
    sources = [one for one in open_sources(runtime.settings) if source in (None, one.name)]
    if status:
        _show_status(runtime, as_json=as_json)
        return
    if not sources:
        raise typer.BadParameter("没有设置该来源：请设置 YICE_FORMS_URL、YICE_SCAN_FOLDER、YICE_PORTAL_URL 或 YICE_CERT_URL。")
    pulled, submitted = pull_round(runtime, sources)
    while follow:
        time.sleep(_PAUSE)
        pulled, submitted = pull_round(runtime, sources)
    if as_json:
        print_json({"sources": [_public(one) for one in pulled], "submitted": {str(key): count for key, count in submitted.items()}})
    else:
        _show_round(pulled, submitted)
    raise typer.Exit(FINDINGS if any(one.error for one in pulled) else 0)


def pull_round(runtime: Runtime, sources: Sequence[Source]) -> tuple[list[Pulled], dict[IntakeOutcome, int]]:
    """Each source once, then everything that is whole through the door. A source that failed lately is left in peace until its time."""
    pulled = []
    with _bars() as bars:
        for source in sources:
            with writing(runtime.engine) as session:
                not_before = state_of(session, source.name).not_before
            if not_before and not_before > datetime.now(UTC) and len(sources) > 1:
                continue
            task = bars.add_task(source.system, total=None, note="")

            def tell(one: Pulled, task: TaskID = task) -> None:
                bars.update(task, note=f"取得 {one.taken}　已有 {one.known}　退回 {one.refused}　未到 {one.absent}")

            pulled.append(pull(runtime.engine, runtime.store, source, actor(), tell=tell))
            if error := pulled[-1].error:
                bars.update(task, note=f"[red]{error.code}[/red] {error.message}")
            bars.update(task, total=1, completed=1)
    return pulled, submit_whole(runtime)


def submit_whole(runtime: Runtime) -> dict[IntakeOutcome, int]:
    """Pack every case that is whole and receive it; goes on until none is left."""
    counts: dict[IntakeOutcome, int] = {}
    folder = runtime.settings.data / "gathered"
    if runtime.settings.clamd:
        # A case that was whole would be refused for a scanner that is down; it waits instead.
        ping(runtime.settings.clamd)
    while True:
        with reading(runtime.engine) as session:
            batch = whole_cases(session, _TOGETHER)
        if not batch:
            return counts
        fresh = []
        for one in batch:
            said = answered_before(runtime.engine, one)
            if said is None:
                fresh.append(write_package(runtime.store, folder, one))
            else:
                settle(runtime.engine, actor(), one, said, package=folder / one.bag)
        received = {one.bag: one.outcome for one in ingest_paths(runtime, fresh)} if fresh else {}
        for one in batch:
            if (outcome := received.get(one.bag)) is not None:
                settle(runtime.engine, actor(), one, outcome, package=folder / one.bag)
                counts[outcome] = counts.get(outcome, 0) + 1


def show_collecting(runtime: Runtime, *, as_json: bool) -> None:
    """`yice list --collecting`: what waits before the door, and for what."""
    with reading(runtime.engine) as session:
        rows = collecting_rows(session)
    if as_json:
        print_json(rows)
        return
    table = Table("办件编号", "状态", "办结", "缺少", "自")
    for row in rows:
        table.add_row(row["case_no"], row["state"].label, "是" if row["closed"] else "否", "\n".join(row["missing"]), row["since"])
    Console().print(table)


def _bars() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn())
    return Progress(*columns, console=screen)


def _public(one: Pulled) -> dict[str, Any]:
    fields = {"source": one.source, "taken": one.taken, "known": one.known, "refused": one.refused, "absent": one.absent}
    return {**fields, "error": one.error.code if one.error else None}


def _show_round(pulled: Sequence[Pulled], submitted: dict[IntakeOutcome, int]) -> None:
    table = Table("来源", "取得", "已有", "退回", "未到", "错误")
    for one in pulled:
        counts = (one.taken, one.known, one.refused, one.absent)
        table.add_row(one.source, *map(str, counts), f"{one.error.code} {one.error}" if one.error else "")
    screen.print(table)
    screen.print("送归档：" + ("，".join(f"{outcome.label} {count}" for outcome, count in submitted.items()) or "无"))


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
        table.add_row(row["source"], row["health"], *counts, row["succeeded_at"] or "", error, row["next_try"] or "")
    Console().print(table)
