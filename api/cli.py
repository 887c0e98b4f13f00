"""`yice`: the command line. Exit codes: 0 all well, 1 findings, 2 error."""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from api.batch import Batch, compile_batch
from api.bootstrap import Runtime, open_workshop, start
from api.settings import Settings
from archive import journal
from archive.accession import confirm as confirm_case
from archive.db import reading, writing
from archive.errors import ArchiveError, NotFoundError
from archive.proof import Fault, Held, committed, verify_holdings, verify_volume
from archive.registers import case_rows, volume_rows
from archive.vocabulary import IntakeOutcome
from ingest.errors import IngestError
from ingest.intake import Received, inspect_package, receive
from storage.errors import StorageError
from storage.package import export_bag

FINDINGS, ERROR = 1, 2
app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="一册：一件一册的户籍业务电子档案。例：yice ingest 包目录；yice compile --all；yice verify --all",
)
journal_app = typer.Typer(no_args_is_help=True, help="审计日志")
demo_app = typer.Typer(no_args_is_help=True, help="演示数据（虚构）")
app.add_typer(journal_app, name="journal")
app.add_typer(demo_app, name="demo")
screen = Console(stderr=True)
Json = Annotated[bool, typer.Option("--json", help="输出 JSON，供脚本使用")]


def main() -> None:
    """Run, and turn what went wrong into one clear line and exit code 2; a traceback is never shown."""
    try:
        app()
    except (ArchiveError, IngestError, StorageError) as error:
        screen.print(f"[red]{error.code}[/red] {error}")
        sys.exit(ERROR)


def _runtime() -> Runtime:
    return start(Settings())


def _actor() -> str:
    return f"cli:{os.environ.get('USER', 'operator')}"


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


@contextmanager
def _progress(title: str, total: int) -> Iterator[Callable[[int, str], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen) as bar:
        task = bar.add_task(title, total=total, note="")
        yield lambda done, note: bar.update(task, completed=done, note=note)


def _bags(paths: Iterable[Path]) -> list[Path]:
    """A bag, a zip, or a folder of them; in order of name, so that a second delivery comes after the first."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise NotFoundError("路径不存在。", "请检查输入的归档信息包路径。")
        if path.is_file() or (path / "bagit.txt").exists() or (path / "data").is_dir():
            found.append(path)
        else:
            inside = sorted(one for one in path.iterdir() if one.is_dir() or one.suffix.lower() == ".zip")
            found += inside or [path]
    return found


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="归档信息包（文件夹或 zip），或放有多个包的文件夹")], *, as_json: Json = False
) -> None:
    """接收归档信息包：接收、待核对、重复或拒收隔离。例：yice ingest ./bags --json."""
    received = ingest_paths(_runtime(), paths)
    if as_json:
        _print_json([one.public() for one in received])
    else:
        _show_received(received)
    raise typer.Exit(FINDINGS if any(one.outcome is IntakeOutcome.REFUSED for one in received) else 0)


def ingest_paths(runtime: Runtime, paths: Iterable[Path]) -> list[Received]:
    """Inspect on all cores, take over one after the other in order: what comes first is the case, what differs after it the conflict."""
    bags, received = _bags(paths), []
    workers = max(1, min(runtime.settings.workers or os.cpu_count() or 1, len(bags)))
    now = datetime.now(UTC)
    # Spawned, not forked: a lock that a thread of ours holds would stay shut in the child for ever.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool, _progress("接收", len(bags)) as tell:
        inspected = pool.map(inspect_package, bags, [runtime.catalogue] * len(bags), [runtime.organisations] * len(bags), [now] * len(bags))
        for path, (bag, submission) in zip(bags, inspected, strict=True):
            received.append(receive(runtime.engine, runtime.store, _actor(), path, bag, submission, now=now))
            refused = sum(one.outcome is IntakeOutcome.REFUSED for one in received)
            tell(len(received), f"拒收 {refused}")
    return received


def _show_received(received: list[Received]) -> None:
    table = Table("归档信息包", "结果", "发现", "下一步")
    for one in received:
        if one.findings or one.outcome is not IntakeOutcome.ACCEPTED:
            table.add_row(
                one.bag,
                one.outcome.label,
                "\n".join(f"{each.code} {each.message}" for each in one.findings),
                "\n".join(each.action for each in one.findings),
            )
    screen.print(table)
    counts = Counter(one.outcome for one in received)
    screen.print("，".join(f"{outcome.label} {count}" for outcome, count in counts.items()))


@app.command("compile")
def compile_(
    case: Annotated[str | None, typer.Option(help="只组这一个办件编号")] = None,
    period: Annotated[str | None, typer.Option(help="只组这一月办结的：YYYY-MM")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="组全部待组卷办件")] = False,
    as_json: Json = False,
) -> None:
    """组卷、签章、证明、归档；中断后再次运行即从中断处继续。例：yice compile --period 2026-09."""
    if not (case or period or every):
        raise typer.BadParameter("请指明 --case、--period 或 --all 之一。")
    batch = run_compile(_runtime(), case, period)
    if as_json:
        _print_json({"total": batch.total, "done": batch.done, "failed": batch.failed})
    else:
        screen.print(f"成册 {batch.done}，失败 {batch.failed}")
    raise typer.Exit(FINDINGS if batch.failed else 0)


def run_compile(runtime: Runtime, case: str | None = None, period: str | None = None) -> Batch:
    """Compile with a progress bar: done, failed, rate and time left."""
    columns = (
        TextColumn("组卷"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("失败 {task.fields[failed]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen) as bar:
        task = bar.add_task("组卷", total=None, failed=0)
        return compile_batch(
            runtime,
            _actor(),
            case_no=case,
            period=period,
            watch=lambda batch: bar.update(task, total=batch.total, completed=batch.done, failed=batch.failed),
        )


@app.command()
def confirm(case_no: str, reason: Annotated[str, typer.Option(help="确认的理由，记入审计日志")]) -> None:
    """核对后确认待核对的办件，使其可以组卷。例：yice confirm 150602…-000123 --reason 空白页已核对."""
    with writing(_runtime().engine) as session:
        confirm_case(session, _actor(), case_no=case_no, reason=reason)
    screen.print("已确认。")


@app.command("list")
def list_(*, waiting: Annotated[bool, typer.Option("--waiting", help="待核对的办件")] = False, as_json: Json = False) -> None:
    """列出全部册。例：yice list --json."""
    with reading(_runtime().engine) as session:
        rows = case_rows(session, "CONFIRM") if waiting else volume_rows(session)
    if as_json:
        _print_json(rows)
        return
    table = Table(*(rows[0] if rows else ("没有记录",)))
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    Console().print(table)


@app.command()
def show(code: str, *, as_json: Json = False) -> None:
    """一册的状态、页数、签名与卷内目录。例：yice show J602-ZY·HJ·QR·2026·Y-000001."""
    runtime = _runtime()
    held = _held(runtime, code)
    with reading(runtime.engine) as session:
        row = next(one for one in volume_rows(session) if one["code"] == code)
    metadata = json.loads(runtime.store.read(f"{held.prefix}/metadata.json"))
    detail = {
        **row,
        "key": f"{held.prefix}/volume.pdf",
        "sha256": held.sha256,
        "contents": metadata["contents"],
        "cross_reference": metadata["cross_reference"],
    }
    if as_json:
        _print_json(detail)
        return
    for key, value in detail.items():
        if key != "contents":
            Console().print(f"{key}：{value}")
    table = Table("件号", "题名", "来源", "页号", "页数")
    for one in metadata["contents"]:
        table.add_row(f"{one['no']:03d}", one["title"], one["source"], str(one["page"]), str(one["pages"]))
    Console().print(table)


@app.command()
def export(code: str, to: Annotated[Path, typer.Option(help="导出到这个文件夹")]) -> None:
    """导出一册的归档包（BagIt，可用 sha256sum -c 校验）。例：yice export 档号 --to ./out."""
    runtime = _runtime()
    screen.print(f"已导出：{export_bag(runtime.store, _held(runtime, code).prefix, to)}")
    with writing(runtime.engine) as session:
        journal.record(session, _actor(), "EXPORT", code)


def _held(runtime: Runtime, code: str) -> Held:
    found = committed(runtime.engine, (code,))
    if not found:
        raise NotFoundError("没有这个档号的已归档册。", "请用 yice list 查看档号。")
    return found[-1]


@app.command()
def verify(
    codes: Annotated[list[str] | None, typer.Argument(help="档号")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="全部")] = False,
    as_json: Json = False,
) -> None:
    """重新证明各册，并检查不变量。例：yice verify --all."""
    if not (codes or every):
        raise typer.BadParameter("请给出档号或 --all。")
    faults, count = run_verify(_runtime(), tuple(codes or ()))
    if as_json:
        _print_json({"volumes": count, "faults": [one.public() for one in faults]})
    else:
        for one in faults:
            screen.print(f"[red]{one.invariant}[/red] {one.subject} {one.message}")
        screen.print(f"已验证 {count} 册，问题 {len(faults)} 个。")
    raise typer.Exit(FINDINGS if faults else 0)


def run_verify(runtime: Runtime, codes: tuple[str, ...] = ()) -> tuple[list[Fault], int]:
    """Verify the named volumes, or all of them with the invariants across volumes."""
    volumes = committed(runtime.engine, codes)
    faults = [Fault("I1", code, "没有这个档号的已归档册") for code in codes if code not in {one.code for one in volumes}]
    shop = open_workshop(runtime)
    with _progress("验证", len(volumes)) as tell:
        for number, one in enumerate(volumes, 1):
            faults += verify_volume(runtime.store, one, shop.trust, shop.prover)
            tell(number, f"问题 {len(faults)}")
    return faults + ([] if codes else list(verify_holdings(runtime.engine, runtime.store))), len(volumes)


@journal_app.command("verify")
def journal_verify(*, as_json: Json = False) -> None:
    """验证审计日志的哈希链，指出第一条不符的记录。."""
    with reading(_runtime().engine) as session:
        good, fault = journal.verify(session)
    if as_json:
        _print_json({"entries": good, "fault": fault and {"seq": fault.seq, "reason": fault.reason}})
    else:
        screen.print(f"第 {fault.seq} 条不符：{fault.reason}" if fault else f"{good} 条记录全部衔接。")
    raise typer.Exit(FINDINGS if fault else 0)


@demo_app.command("build")
def demo_build(
    out: Annotated[Path, typer.Option(help="写到这个文件夹")],
    cases: Annotated[int, typer.Option(help="办件数", min=1)] = 120,
    seed: Annotated[int, typer.Option(help="随机种子")] = 1,
) -> None:
    """生成虚构城市的归档信息包和 truth.json；同一种子得到同样的文件。例：yice demo build --cases 120 --out ./city."""
    _build_demo(out, cases, seed)


def _build_demo(out: Path, cases: int, seed: int) -> None:
    from api.demo.build import build_demo  # noqa: PLC0415 - the demo's libraries load only when it is built

    with _progress("生成演示数据", cases) as tell:
        build_demo(out, cases=cases, seed=seed, progress=lambda done: tell(done, ""), workers=os.cpu_count() or 1)


@demo_app.command("run")
def demo_run(
    cases: Annotated[int, typer.Option(help="办件数", min=1)] = 120, seed: Annotated[int, typer.Option(help="随机种子")] = 1
) -> None:
    """演示：生成、接收、组卷、验证，打印汇总并与预埋缺陷对照。例：yice demo run --cases 120."""
    from api.demo.run import run_demo  # noqa: PLC0415 - as above

    raise typer.Exit(run_demo(_runtime(), cases, seed, _build_demo, ingest_paths, run_compile, run_verify))


@app.command()
def serve(port: Annotated[int | None, typer.Option(help="端口，默认 8000 或 YICE_PORT")] = None) -> None:
    """在 127.0.0.1 打开只读页面（演示）。."""
    import uvicorn  # noqa: PLC0415 - the web server loads only when it serves

    from api.app import create_app  # noqa: PLC0415 - as above

    runtime = _runtime()
    uvicorn.run(create_app(runtime), host="127.0.0.1", port=port or runtime.settings.port, log_level="warning")


if __name__ == "__main__":
    main()
