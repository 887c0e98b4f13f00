"""`yice paper import`: a ledger of a station is shown, confirmed and registered."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.archive import actor, open_archive
from api.cli.terminal import FINDINGS, Json, bar_of, print_json, screen, with_examples
from api.jobs.ledgers import import_ledger, preview
from api.runtime.bootstrap import Runtime
from archive.administration.policy import Reader, Role
from archive.paper.access import Keeper
from archive.paper.ledger_import import LedgerOutcome
from archive.paper.ledger_preview import LedgerPreview, LedgerRowState, PreviewRow
from archive.paper.ledger_rows import LedgerFaultError
from archive.reference.vocabulary import OrgKind

HELP = with_examples(
    "导入派出所现有的纸质台账（CSV、XLSX、XLS、ODS）：先预览，逐行列出有误处，确认后登记。"
    "有误的行不登记；同一台账可重复导入，已登记的不再登记。",
    "yice paper import ledger.xlsx --preview",
    "yice paper import ledger.xlsx",
    "yice paper import ledger.csv --preview --json",
    "yice paper import ledger.csv --confirm 3f0c… --json",
)


def import_(
    file: Annotated[Path, typer.Argument(help="台账文件", exists=True, dir_okay=False)],
    confirm: Annotated[
        str | None, typer.Option(help="预览给出的 digest：确认按该预览登记，不再询问")
    ] = None,
    org: Annotated[
        str | None, typer.Option(help="只登记这一单位的（12位机构代码）；不写则为全市")
    ] = None,
    *,
    only_preview: Annotated[bool, typer.Option("--preview", help="只预览，不登记")] = False,
    as_json: Json = False,
) -> None:
    """Preview a ledger and, once it is confirmed, register it."""
    runtime = open_archive()
    keeper = _keeper(runtime, org)
    data = file.read_bytes()
    if confirm is None or only_preview:
        seen = preview(runtime.engine, keeper, data)
        confirm = None if only_preview else _asked(seen, as_json=as_json)
        if confirm is None:
            if as_json:
                print_json(seen.public())
            else:
                _show(seen)
            raise typer.Exit(FINDINGS if seen.count(LedgerRowState.FAULTY) else 0)
    with bar_of("登记") as watch:
        outcome = import_ledger(runtime.engine, keeper, data, confirm, watch)
    if as_json:
        print_json(outcome.public())
    else:
        _report(outcome)
    faulty = outcome.failures or outcome.preview.count(LedgerRowState.FAULTY)
    raise typer.Exit(FINDINGS if faulty else 0)


def _keeper(runtime: Runtime, org: str | None) -> Keeper:
    """Return who registers at this terminal: the archivist of an organisation, or of the city."""
    (city,) = runtime.organisations.of_kind(OrgKind.CITY)
    code = runtime.organisations.get(org or city.code).code
    return Keeper(Reader(actor(), Role.ARCHIVIST, code), runtime.organisations)


def _asked(seen: LedgerPreview, *, as_json: bool) -> str | None:
    """Return the digest of a preview that the person confirms at the terminal, else None."""
    ready = seen.count(LedgerRowState.READY)
    if as_json or not sys.stdin.isatty():
        raise LedgerFaultError(
            "预览尚未确认，没有登记任何一行。",
            "请先加 --preview 核对，再用 --confirm 填写预览给出的 digest。",
        )
    _show(seen)
    if ready and typer.confirm(f"登记 {ready} 行？", err=True):
        return seen.digest
    return None


def _show(seen: LedgerPreview) -> None:
    _show_faults([row for row in seen.rows if row.state is LedgerRowState.FAULTY])
    counts = "　".join(f"{state.label} {seen.count(state)} 行" for state in LedgerRowState)
    screen.print(f"{counts}　新立 {sum(box.box_id is None for box in seen.boxes)} 盒")
    if seen.unused:
        screen.print(f"未使用的列：{escape('、'.join(seen.unused))}")
    screen.print(f"预览摘要 {seen.digest}", soft_wrap=True)


def _show_faults(rows: list[PreviewRow]) -> None:
    if not rows:
        return
    table = Table("行", "列", "有误", "请")
    for row in rows:
        for fault in row.faults:
            table.add_row(str(row.row.number), fault.column, fault.message, fault.action)
    screen.print(table)


def _report(outcome: LedgerOutcome) -> None:
    _show_faults([row for row in outcome.preview.rows if row.state is LedgerRowState.FAULTY])
    for box in outcome.boxes:
        mark = "新立，请贴盒签" if box.new else "已有"
        screen.print(f"台账盒号 {escape(box.label)} → {box.name}（{mark}）　登记 {box.items} 件")
    for failure in outcome.failures:
        screen.print(
            f"[red]台账盒号 {escape(failure['box'])} 没有登记：{failure['message']}"
            f"{failure['action']}[/red]"
        )
    screen.print(f"共登记 {sum(box.items for box in outcome.boxes)} 件。")
