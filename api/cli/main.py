"""`yice`: the command line. Exit codes: 0 all well, 1 findings, 2 error."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from api.cli import usage_errors
from api.cli.accounts import account_app
from api.cli.captures import capture_app
from api.cli.checks import check_app
from api.cli.cluster import cluster_app
from api.cli.command_line import CommandLine
from api.cli.compiling import compile_
from api.cli.demo import demo_app
from api.cli.doctor import doctor
from api.cli.duties import duty_app
from api.cli.entry import INTERRUPTED, SENTENCE
from api.cli.holdings import backup_, journal_app, rebuild_, rekey_, replicate_, restore_, scrub_
from api.cli.inspection import inspect_
from api.cli.intake import confirm, ingest
from api.cli.keys import keys_app
from api.cli.paper import paper_app
from api.cli.paper_documents import paper_documents_app
from api.cli.paper_scans import paper_scans_app
from api.cli.periods import period_app
from api.cli.printing import print_app
from api.cli.pull import pull_
from api.cli.recognition import ocr_
from api.cli.refused import refused_app
from api.cli.saved_searches import saved_app
from api.cli.search import index_app, reindex, search
from api.cli.statistics import statistics
from api.cli.terminal import ERROR, FINDINGS, begin_archive, screen, with_examples
from api.cli.timestamps import timestamp_
from api.cli.todo import notices, todo
from api.cli.volumes import export, list_, show, verify, void_
from api.cli.window import window_app
from api.cli.window_keeping import window_keeping_app
from api.runtime import failures

app = CommandLine(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help=with_examples(
        "一册：一件一册的户籍业务电子档案。",
        "yice ingest ./bags",
        "yice compile --all",
        "yice verify --all",
    ),
)
app.add_typer(check_app, name="check")
app.add_typer(journal_app, name="journal")
app.add_typer(demo_app, name="demo")
app.add_typer(cluster_app, name="cluster")
app.add_typer(index_app, name="index")
app.add_typer(saved_app, name="saved")
app.add_typer(account_app, name="account")
app.add_typer(keys_app, name="keys")
app.add_typer(period_app, name="period")
app.add_typer(print_app, name="print")
app.add_typer(duty_app, name="duty")
app.add_typer(refused_app, name="refused")
app.add_typer(capture_app, name="capture")
paper_app.add_typer(paper_scans_app)  # without a name: its commands join
paper_app.add_typer(paper_documents_app)
app.add_typer(paper_app, name="paper")
window_app.add_typer(window_keeping_app)
app.add_typer(window_app, name="window")
app.command(
    "search",
    help=with_examples(
        "检索全部已归档的册与页；姓名和号码一律遮蔽，检索记入审计日志。",
        "yice search '姓名:王 日期:2026-09'",
    ),
)(search)
app.command(
    "todo",
    help=with_examples(
        "待办：等待办理的事，最早到期的在前；姓名已遮蔽。",
        "yice todo",
        "yice todo --json",
    ),
)(todo)
app.command(
    "notices",
    help=with_examples(
        "通知：批准、退回、办结和到期，可反复查看。", "yice notices", "yice notices --read --json"
    ),
)(notices)
app.command(
    "statistics",
    help=with_examples(
        "统计：归档率（办结并归档／办结，按月和立卷单位）和利用数字。",
        "yice statistics --since 2026-01 --until 2026-06",
        "yice statistics --json",
    ),
)(statistics)
app.command(
    "doctor",
    help=with_examples(
        "检查本机和本系统缺少什么、怎样补上；不作任何改动，不显示任何密钥和档案内容。",
        "yice doctor",
        "yice doctor --json",
    ),
)(doctor)
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
app.command(
    "ingest",
    help=with_examples(
        "接收归档信息包：接收、待核对、重复或拒收隔离。",
        "yice ingest ./bags",
        "yice ingest ./bags/one.zip --json",
    ),
)(ingest)
app.command(
    "compile",
    help=with_examples(
        "组卷、签章、证明、归档；中断后再次运行即从中断处继续。可先预览档号，再照预览赋号。",
        "yice compile --all",
        "yice compile --period 2026-09 --station 150602010000",
        "yice compile --case 150602000000-20261103-000123 --preview",
        "yice compile --all --preview --json > preview.json",
        "yice compile --as preview.json",
    ),
)(compile_)
app.command(
    "void",
    help=with_examples(
        "作废尚未归档的档号，理由记入审计日志；该号不再使用。",
        "yice void J602-ZY·HJ·QR·2026·Y-000001 --reason 来源系统撤回",
    ),
)(void_)
app.command(
    "confirm",
    help=with_examples(
        "核对后确认待核对的办件，使其可以组卷。",
        "yice list --waiting",
        "yice confirm 150602000000-20261103-000123 --reason 空白页已核对",
    ),
)(confirm)
app.command(
    "list",
    help=with_examples(
        "列出全部册，各册显示最新已归档的版本。",
        "yice list",
        "yice list --waiting",
        "yice list --json",
    ),
)(list_)
app.command(
    "show",
    help=with_examples(
        "一册的状态、版本、页数、签名与卷内目录。", "yice show J602-ZY·HJ·QR·2026·Y-000001"
    ),
)(show)
app.command(
    "export",
    help=with_examples(
        "导出一册的归档包（BagIt，可用 sha256sum -c 校验）。",
        "yice export J602-ZY·HJ·QR·2026·Y-000001 --to ./out",
    ),
)(export)
app.command(
    "verify",
    help=with_examples(
        "重新证明各册，并检查不变量。",
        "yice verify --all",
        "yice verify J602-ZY·HJ·QR·2026·Y-000001",
    ),
)(verify)


@app.command(
    help=with_examples(
        "在 127.0.0.1 打开网页和派出所接口，并跟进检索索引、发送归档通知。",
        "yice serve --port 8000",
        "yice serve --behind-proxy",
    )
)
def serve(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="端口，默认 8000 或 YICE_PORT")
    ] = None,
    *,
    behind_proxy: Annotated[
        bool,
        typer.Option("--behind-proxy", help="前有本机的 TLS 代理：客户地址和 https 以其报头为准"),
    ] = False,
) -> None:
    """Serve pages and the station API."""
    from api.cli.serve import serve_locally  # noqa: PLC0415 - the web server loads only here

    serve_locally(begin_archive(), port, behind_proxy=behind_proxy)


def main() -> None:
    """Run the command line, and turn an error into one clear line and exit code 2.

    A traceback is never shown.
    """
    try:
        code = app(standalone_mode=False)
        if code == INTERRUPTED:
            _print_error("INTERRUPTED", SENTENCE)
        sys.exit(code)
    except typer.TyperException as error:
        if usage_errors.is_help(error):
            sys.exit(ERROR)  # the help is on the screen already
        _print_error("USAGE", usage_errors.explain(error))
        sys.exit(ERROR)
    except typer.Abort:  # a question was left unanswered
        _print_error("CANCELLED", "已取消，未作任何更改。")
        sys.exit(FINDINGS)
    except KeyboardInterrupt:
        _print_error("INTERRUPTED", SENTENCE)
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - a sentence for the person, the place for the log
        code, sentence = failures.explain(error)
        path = failures.log(error, Path(os.environ.get("YICE_DATA", "var")))
        _print_error(code, sentence + (f" 日志：{path}" if path and code == "UNEXPECTED" else ""))
        sys.exit(ERROR)


def _print_error(code: str, sentence: str) -> None:
    """Print one line, whatever the width of the terminal; square brackets in it are text."""
    screen.print(f"[red]{code}[/red] {escape(sentence)}", soft_wrap=True)
