"""`yice`: the command line. Exit codes: 0 all well, 1 findings, 2 error."""

import os
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.cli.accounts import account_app
from api.cli.cluster import cluster_app
from api.cli.demo import demo_app
from api.cli.duties import duty_app
from api.cli.holdings import backup_, journal_app, rebuild_, rekey_, replicate_, restore_, scrub_
from api.cli.inspection import inspect_
from api.cli.keys import keys_app
from api.cli.periods import period_app
from api.cli.pull import pull_, show_collecting
from api.cli.recognition import ocr_
from api.cli.search import index_app, reindex, search
from api.cli.terminal import (
    ERROR,
    FINDINGS,
    INTERRUPTED,
    Bars,
    Json,
    actor,
    print_json,
    screen,
    with_examples,
)
from api.cli.timestamps import timestamp_
from api.jobs.acts import ingest_paths, run_compile, run_verify
from api.jobs.batch import void_number
from api.runtime import failures
from api.runtime.bootstrap import Runtime, start
from api.runtime.settings import Settings
from archive.accession.accession import confirm as confirm_case
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.compile.metadata import read_metadata
from archive.database.engine import reading, writing
from archive.finding_aids.volumes import case_rows, findings_of, version_rows, volume_rows
from archive.preservation.verify import CommittedVolume, committed, gaps
from archive.reference.errors import NotFoundError
from archive.reference.vocabulary import IntakeOutcome, SourceKind, VolumeState
from ingest.intake.intake import Received
from storage.package import export_bag, read_inventory

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    add_completion=False,
    help=with_examples(
        "一册：一件一册的户籍业务电子档案。",
        "yice ingest ./bags",
        "yice compile --all",
        "yice verify --all",
    ),
)
app.add_typer(journal_app, name="journal")
app.add_typer(demo_app, name="demo")
app.add_typer(cluster_app, name="cluster")
app.add_typer(index_app, name="index")
app.add_typer(account_app, name="account")
app.add_typer(keys_app, name="keys")
app.add_typer(period_app, name="period")
app.add_typer(duty_app, name="duty")
app.command(
    "search",
    help=with_examples(
        "检索全部已归档的册与页；姓名和号码一律遮蔽，检索记入审计日志。",
        "yice search '姓名:王 日期:2026-09'",
    ),
)(search)
app.command(
    "inspect",
    help=with_examples(
        "四性检测：出示一册的检测记录；写明理由则重新检测，理由记入审计日志。不改变其状态。",
        "yice inspect J602-ZY·HJ·CS·2026·Y-000001 --pdf 检测报告.pdf",
        "yice inspect 150602000000-20261103-000123 --reason 抽检",
    ),
)(inspect_)
app.command(
    "pull",
    help=with_examples(
        "从来源系统一键提取，归集，齐全的送归档；中断后再次运行即继续。",
        "yice pull",
        "yice pull portal --follow",
        "yice pull --status --json",
    ),
)(pull_)
app.command(
    "ocr",
    help=with_examples(
        "识别扫描页的文字，供检索和册内查找；从不耽误组卷。",
        "yice ocr --pending",
        "yice ocr --status --json",
    ),
)(ocr_)
app.command(
    "reindex", help=with_examples("从数据库和存储重建检索索引，期间检索照常。", "yice reindex")
)(reindex)


app.command(
    "scrub",
    help=with_examples(
        "按预算续查全部已归档对象的固定性；损坏的册隔离报警，并从副本修复。",
        "yice scrub --budget 20GB",
        "yice scrub --second",
    ),
)(scrub_)
app.command(
    "rebuild",
    help=with_examples(
        "只凭存储重建数据库和索引，并与现有的比较；存储不作任何改动。",
        "yice rebuild --from-store --into ./rebuilt",
    ),
)(rebuild_)
app.command(
    "backup",
    help=with_examples(
        "在使用中备份数据库（可连同存储）；密钥另行保管。", "yice backup --to ./backup --with-store"
    ),
)(backup_)
app.command(
    "restore",
    help=with_examples(
        "把备份恢复到空数据库，并补齐存储中缺少的对象。", "yice restore ./backup/20261124T010203Z"
    ),
)(restore_)
app.command(
    "rekey",
    help=with_examples(
        "更换加密密钥后，把旧密钥下的对象重新密封。", "yice rekey", "yice rekey --second"
    ),
)(rekey_)
app.command(
    "timestamp",
    help=with_examples(
        "补全时间戳（--pending），或在时间戳失效前续期（--renew）；均成为新版本，原版本保留。",
        "yice timestamp --pending",
        "yice timestamp --renew --within 365",
    ),
)(timestamp_)
app.command(
    "replicate", help=with_examples("把已归档的册复制到副本存储，逐个对象核对。", "yice replicate")
)(replicate_)


def main() -> None:
    """Run, and turn what went wrong into one clear line and exit code 2; a traceback is never shown."""
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            _tell("INTERRUPTED", "已中断。 可再次运行同一命令，会从中断处继续，已完成的不会重做。")
        raise
    except KeyboardInterrupt:
        _tell("INTERRUPTED", "已中断。 可再次运行同一命令，会从中断处继续，已完成的不会重做。")
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the last door: whatever it is, the person gets a sentence and the log the place
        code, sentence = failures.explain(error)
        path = failures.log(error, Path(os.environ.get("YICE_DATA", "var")))
        _tell(code, sentence + (f" 日志：{path}" if path and code == "UNEXPECTED" else ""))
        sys.exit(ERROR)


def _tell(code: str, sentence: str) -> None:
    """One line, whatever the width of the terminal; square brackets in it are text."""
    screen.print(f"[red]{code}[/red] {escape(sentence)}", soft_wrap=True)


def _runtime() -> Runtime:
    return start(Settings())


@app.command(
    help=with_examples(
        "接收归档信息包：接收、待核对、重复或拒收隔离。",
        "yice ingest ./bags",
        "yice ingest ./bags/one.zip --json",
    )
)
def ingest(
    paths: Annotated[
        list[Path], typer.Argument(help="归档信息包（文件夹或 zip），或放有多个包的文件夹")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Take packages over, or keep them in quarantine."""
    received = ingest_paths(_runtime(), actor(), paths, Bars())
    if as_json:
        print_json([one.public() for one in received])
    else:
        _show_received(received)
    raise typer.Exit(
        FINDINGS if any(one.outcome is IntakeOutcome.REFUSED for one in received) else 0
    )


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


@app.command(
    "compile",
    help=with_examples(
        "组卷、签章、证明、归档；中断后再次运行即从中断处继续。",
        "yice compile --all",
        "yice compile --period 2026-09",
    ),
)
def compile_(
    case: Annotated[str | None, typer.Option(help="只组这一个办件编号")] = None,
    period: Annotated[str | None, typer.Option(help="只组这一月办结的：YYYY-MM")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="组全部待组卷办件")] = False,
    as_json: Json = False,
) -> None:
    """Make volumes of what was accepted."""
    if not (case or period or every):
        raise typer.BadParameter("请指明 --case、--period 或 --all 之一。")
    batch = run_compile(_runtime(), actor(), Bars(), case, period)
    if as_json:
        print_json({"total": batch.total, "done": batch.done, "failed": batch.failed})
    else:
        screen.print(f"成册 {batch.done}，失败 {batch.failed}")
    raise typer.Exit(FINDINGS if batch.failed else 0)


@app.command(
    "void",
    help=with_examples(
        "作废尚未归档的档号，理由记入审计日志；该号不再使用。",
        "yice void J602-ZY·HJ·QR·2026·Y-000001 --reason 来源系统撤回",
    ),
)
def void_(
    code: str,
    reason: Annotated[str, typer.Option(help="作废的理由，记入审计日志，请勿写入个人信息")],
) -> None:
    """Give up a number whose volume was never committed."""
    void_number(_runtime(), actor(), code=code, reason=reason)
    screen.print("已作废。")


@app.command(
    help=with_examples(
        "核对后确认待核对的办件，使其可以组卷。",
        "yice list --waiting",
        "yice confirm 150602000000-20261103-000123 --reason 空白页已核对",
    )
)
def confirm(
    case_no: str, reason: Annotated[str, typer.Option(help="确认的理由，记入审计日志")]
) -> None:
    """Confirm what waits at 核对."""
    with writing(_runtime().engine) as session:
        confirm_case(session, actor(), case_no=case_no, reason=reason)
    screen.print("已确认。")


_HEADINGS = {
    "code": "档号",
    "case_no": "办件编号",
    "series": "卷目",
    "year": "年度",
    "state": "状态",
    "version": "版本",
    "pages": "页数",
    "bytes": "字节",
    "completed_at": "办结时间",
    "signature_level": "签名级别",
    "lta_pending": "待补时间戳",
    "stamped_until": "时间戳有效至",
    "item": "事项",
    "findings": "发现",
    "reason": "理由",
    "key": "存储位置",
    "sha256": "SHA-256",
}


@app.command(
    "list",
    help=with_examples(
        "列出全部册，各册显示最新已归档的版本。",
        "yice list",
        "yice list --waiting",
        "yice list --json",
    ),
)
def list_(
    *,
    waiting: Annotated[bool, typer.Option("--waiting", help="待核对的办件")] = False,
    voided: Annotated[bool, typer.Option("--void", help="已作废的档号及理由（断号说明）")] = False,
    collecting: Annotated[
        bool, typer.Option("--collecting", help="归集中的办件及其缺少的材料")
    ] = False,
    as_json: Json = False,
) -> None:
    """List volumes, waiting cases, void numbers or cases that still gather."""
    runtime = _runtime()
    if collecting:
        show_collecting(runtime, as_json=as_json)
        return
    engine = runtime.engine
    with reading(engine) as session:
        rows = (
            gaps(engine)
            if voided
            else case_rows(session, "CONFIRM")
            if waiting
            else volume_rows(session)
        )
    if as_json:
        print_json(rows)
        return
    table = Table(*([_HEADINGS.get(key, key) for key in rows[0]] if rows else ("没有记录",)))
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    Console().print(table)


@app.command(
    help=with_examples(
        "一册的状态、版本、页数、签名与卷内目录。", "yice show J602-ZY·HJ·QR·2026·Y-000001"
    )
)
def show(code: str, *, as_json: Json = False) -> None:
    """Show one volume."""
    runtime = _runtime()
    held = _held(runtime, code)
    with reading(runtime.engine) as session:
        row = next(one for one in volume_rows(session) if one["code"] == code)
        versions = version_rows(session, code)
        found = findings_of(session, row["case_no"])
    # The commit record, verified against the row, names the digest of what is read.
    listed = read_inventory(runtime.store, held.prefix)
    digest = (
        next((one.sha256 for one in listed.objects if one.path == "metadata.xml"), None)
        if listed
        else None
    )
    metadata = read_metadata(runtime.store.read(f"{held.prefix}/metadata.xml", sha256=digest))
    detail = {
        **row,
        "key": f"{held.prefix}/volume.pdf",
        "sha256": held.sha256,
        "versions": versions,
        "contents": metadata["contents"],
        "cross_reference": metadata["cross_reference"],
        "findings": found,
    }
    if as_json:
        print_json(detail)
        return
    for key, value in detail.items():
        if key not in {"contents", "versions", "cross_reference", "findings"}:
            Console().print(f"{_HEADINGS.get(key, key)}：{value}")
    if metadata["cross_reference"]["series"]:
        Console().print("互见：" + " ".join(metadata["cross_reference"].values()))
    for each in found:
        Console().print(f"发现：{each['code']} {each['message']}", soft_wrap=True, highlight=False)
    history = Table("版本", "由来", "状态", "页数", "签名", "时间戳有效至", "归档时间")
    for each in versions:
        origin = {"TIMESTAMP": "补时间戳", "RENEWAL": "时间戳续期"}.get(
            each["origin"], f"第 {each['case_revision']} 次送达"
        )
        signature = (
            f"{each['signature_level'] or ''}{'（待补时间戳）' if each['lta_pending'] else ''}"
        )
        history.add_row(
            str(each["version"]),
            origin,
            VolumeState(each["state"]).label,
            str(each["pages"] or ""),
            signature,
            (each["stamped_until"] or "")[:10],
            each["committed_at"],
        )
    Console().print(history)
    table = Table("件号", "题名", "来源", "页号", "页数")
    for one in metadata["contents"]:
        table.add_row(
            f"{one['no']:03d}",
            one["title"],
            SourceKind(one["source"]).label,
            str(one["page"]),
            str(one["pages"]),
        )
    Console().print(table)


@app.command(
    help=with_examples(
        "导出一册的归档包（BagIt，可用 sha256sum -c 校验）。",
        "yice export J602-ZY·HJ·QR·2026·Y-000001 --to ./out",
    )
)
def export(
    code: str, to: Annotated[Path, typer.Option(help="导出到这个文件夹")], *, as_json: Json = False
) -> None:
    """Export the newest version of a volume."""
    runtime = _runtime()
    held = _held(runtime, code)
    folder = export_bag(runtime.store, held.prefix, to)
    with writing(runtime.engine) as session:
        journal.record(session, actor(), JournalAct.EXPORT, code)
    if as_json:
        print_json({"code": code, "prefix": held.prefix, "folder": str(folder)})
    else:
        screen.print(f"已导出：{folder}", soft_wrap=True)


def _held(runtime: Runtime, code: str) -> CommittedVolume:
    found = committed(runtime.engine, (code,))
    if not found:
        raise NotFoundError("没有这个档号的已归档册。", "请用 yice list 查看档号。")
    return found[-1]


@app.command(
    help=with_examples(
        "重新证明各册，并检查不变量。",
        "yice verify --all",
        "yice verify J602-ZY·HJ·QR·2026·Y-000001",
    )
)
def verify(
    codes: Annotated[list[str] | None, typer.Argument(help="档号")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="全部")] = False,
    as_json: Json = False,
) -> None:
    """Prove again what is held."""
    if not (codes or every):
        raise typer.BadParameter("请给出档号或 --all。")
    faults, count = run_verify(_runtime(), Bars(), tuple(codes or ()))
    if as_json:
        print_json({"volumes": count, "faults": [one.public() for one in faults]})
    else:
        for one in faults:
            screen.print(f"[red]{one.invariant}[/red] {one.subject} {one.message}")
        screen.print(f"已验证 {count} 册，问题 {len(faults)} 个。")
    raise typer.Exit(FINDINGS if faults else 0)


@app.command(
    help=with_examples(
        "在 127.0.0.1 打开网页和派出所接口，并跟进检索索引、发送归档通知。",
        "yice serve --port 8000",
    )
)
def serve(
    port: Annotated[int | None, typer.Option(help="端口，默认 8000 或 YICE_PORT")] = None,
) -> None:
    """Serve pages and the station API."""
    from api.cli.serve import serve_here  # noqa: PLC0415 - the web server loads only when it serves

    serve_here(_runtime(), port)


if __name__ == "__main__":
    main()
