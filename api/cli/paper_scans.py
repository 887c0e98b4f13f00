"""`yice paper scan` and `stocktake`: scans of a file, in one session (R19)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from api.cli.archive import open_archive
from api.cli.command_line import CommandLine
from api.cli.paper import PlaceName, keeper_of, place_number
from api.cli.terminal import FINDINGS, Json, print_json, progress, with_examples
from api.http.paper_scans import ScanView, view_of
from api.runtime.bootstrap import Runtime
from archive.administration.policy import Act
from archive.database.engine import database_now, writing
from archive.paper.access import Keeper
from archive.paper.errors import PaperError
from archive.paper.places import find_place
from archive.paper.scans import Scan, open_session, take_scan
from archive.paper.stocktakes import (
    close_stocktake,
    find_stocktake,
    open_stocktake,
    stocktake_number,
)
from archive.reference.paper_terms import CountResult, PaperFault, ScanFlow

paper_scans_app = CommandLine()
_TOGETHER = 100


@paper_scans_app.command(
    "scan",
    help=with_examples(
        "按次序办理一个文件里的扫描，一行一个条码；FLOW 为 REGISTER、FILE、LEND 或 RETURN。",
        "yice paper scan FILE --scans scans.txt",
        "yice paper scan REGISTER --scans scans.txt --json",
    ),
)
def scan_(
    flow: Annotated[ScanFlow, typer.Argument(help="用途")],
    scans: Annotated[Path, typer.Option(help="扫描所得的条码，一行一个")],
    *,
    as_json: Json = False,
) -> None:
    """Take the scans of a file in one session."""
    runtime = open_archive()
    keeper = keeper_of(runtime)
    codes = _codes(scans)
    with writing(runtime.engine) as session:
        number = open_session(session, keeper, flow).id
    verdicts = _take(runtime, keeper, number, codes)
    if as_json:
        print_json([verdict.model_dump() for verdict in verdicts])
    else:
        _show_verdicts(verdicts)
    raise typer.Exit(0 if all(verdict.good for verdict in verdicts) else FINDINGS)


@paper_scans_app.command(
    "stocktake",
    help=with_examples(
        "盘点一处库位：冻结应在清单，办理文件里的扫描，关闭并给出各次结论和缺少的。",
        "yice paper stocktake 22000000000116 --scans scans.txt --json",
        "yice paper stocktake 1 --scans morning.txt --keep-open",
    ),
)
def stocktake_(
    place: PlaceName,
    scans: Annotated[Path, typer.Option(help="扫描所得的条码，一行一个")],
    *,
    keep_open: Annotated[bool, typer.Option("--keep-open", help="不关闭，以后接着盘")] = False,
    as_json: Json = False,
) -> None:
    """Count a place with the scans of a file."""
    runtime = open_archive()
    keeper = keeper_of(runtime)
    codes = _codes(scans)
    with writing(runtime.engine) as session:
        counted = find_place(session, keeper, place_number(place), Act.KEEP_PAPER)
        stocktake = open_stocktake(session, keeper, counted)
        number = open_session(session, keeper, ScanFlow.COUNT, stocktake_id=stocktake.id).id
    verdicts = _take(runtime, keeper, number, codes)
    result = None
    if not keep_open:
        with writing(runtime.engine) as session:
            row = find_stocktake(session, keeper, stocktake.id, Act.KEEP_PAPER)
            result = close_stocktake(session, keeper, row)
    if as_json:
        print_json(
            {
                "id": stocktake.id,
                "stocktake": stocktake_number(stocktake),
                "expected": stocktake.expected,
                "verdicts": [verdict.model_dump() for verdict in verdicts],
                "result": result,
            }
        )
    else:
        _show_verdicts(verdicts)
        for name, count in (result or {"counts": {}})["counts"].items():
            Console().print(f"{CountResult(name).label} {count}", highlight=False)
    clean = all(verdict.good for verdict in verdicts) and (
        result is None or set(result["counts"]) <= {CountResult.PRESENT, CountResult.ON_LOAN}
    )
    raise typer.Exit(0 if clean else FINDINGS)


def _codes(path: Path) -> list[str]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        raise PaperError(
            PaperFault.VALUE, "读不了扫描文件。", "请核对文件名；应为 UTF-8 文本，一行一个条码。"
        ) from fault
    return [line.strip() for line in text.splitlines() if line.strip()]


def _take(runtime: Runtime, keeper: Keeper, number: str, codes: Sequence[str]) -> list[ScanView]:
    verdicts: list[ScanView] = []
    with progress("扫描", len(codes)) as advance:
        for first in range(0, len(codes), _TOGETHER):
            some = enumerate(codes[first : first + _TOGETHER], first + 1)
            with writing(runtime.engine) as session:
                verdicts += [
                    view_of(take_scan(session, keeper, _scan(session, number, seq, code)))
                    for seq, code in some
                ]
            advance(len(verdicts), "")
    return verdicts


def _scan(session: Session, number: str, seq: int, code: str) -> Scan:
    return Scan(number, seq, code, database_now(session))


def _show_verdicts(verdicts: Sequence[ScanView]) -> None:
    table = Table("序", "结论", "条码", "说明")
    for verdict in verdicts:
        table.add_row(
            str(verdict.seq),
            verdict.label,
            verdict.code or "—",
            f"{verdict.message}　{verdict.action}",
        )
    Console().print(table)
