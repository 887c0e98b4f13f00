"""`yice`: the command line. Exit codes: 0 all well, 1 findings, 2 error."""

import os
import sys
from pathlib import Path

import typer
from rich.markup import escape

from api.cli import usage_errors
from api.cli.command_line import CommandLine
from api.cli.entry import INTERRUPTED, SENTENCE
from api.cli.later import Later, LaterGroup
from api.cli.terminal import ERROR, FINDINGS, screen, with_examples

COMMANDS = {
    "check": Later(
        "api.cli.checks:check_app",
        with_examples(
            "核对：待核对的办件，退回补正、转请、备注、换页。",
            "yice check list",
            "yice check return CASE --reason ILLEGIBLE --text 第2页下半看不清",
        ),
    ),
    "journal": Later(
        "api.cli.holdings:journal_app", with_examples("审计日志。", "yice journal verify")
    ),
    "demo": Later(
        "api.cli.demo:demo_app", with_examples("演示数据（虚构）。", "yice demo run --cases 120")
    ),
    "cluster": Later(
        "api.cli.cluster:cluster_app",
        with_examples("分布式运行（本机演练）。", "yice cluster up --folder ./cluster"),
    ),
    "index": Later("api.cli.search:index_app", with_examples("检索索引。", "yice index check")),
    "saved": Later(
        "api.cli.saved_searches:saved_app",
        with_examples(
            "保存的检索：名称和检索式加密保存，只有本账号可见。",
            "yice saved add 本月迁入 '卷目:迁入 日期:2026-09'",
            "yice saved list --json",
        ),
    ),
    "account": Later("api.cli.accounts:account_app", with_examples("账号。", "yice account list")),
    "keys": Later("api.cli.keys:keys_app", with_examples("列加密密钥。", "yice keys rotate")),
    "period": Later(
        "api.cli.periods:period_app", with_examples("定期组卷归档。", "yice period run")
    ),
    "print": Later(
        "api.cli.printing:print_app",
        with_examples(
            "打印中心：目录、脊背、移交清册、利用登记簿、年报；打印件或签章的 PDF/A。",
            "yice print pages register --series QR --year 2026 --out register.pdf",
            "yice print sealed register transfer --year 2026 --to out/",
            "yice print list --json",
        ),
    ),
    "duty": Later("api.cli.duties:duty_app", with_examples("定时任务。", "yice duty list")),
    "refused": Later(
        "api.cli.refused:refused_app",
        with_examples("拒收隔离的归档信息包：原因、退回。", "yice refused list"),
    ),
    "capture": Later(
        "api.cli.captures:capture_app",
        with_examples("归集池中待归入的扫描页：列出、归入、作封面、撤回。", "yice capture list"),
    ),
    "paper": Later(
        "api.cli.paper:paper_app",
        with_examples(
            "过渡期的纸质档案：登记、库房、盘点、标签。",
            "yice paper list --json",
            "yice paper stocktake 22000000000116 --scans scans.txt --json",
        ),
        ("api.cli.paper_scans:paper_scans_app", "api.cli.paper_documents:paper_documents_app"),
    ),
    "window": Later(
        "api.cli.window:window_app",
        with_examples(
            "户籍窗口：从收件到出件的办理。",
            "yice window list",
            "yice window show CASE --json",
            "yice window act CASE ACCEPT --as demo-officer",
        ),
        ("api.cli.window_keeping:window_keeping_app",),
    ),
    "search": Later(
        "api.cli.search:search",
        with_examples(
            "检索全部已归档的册与页；姓名和号码一律遮蔽，检索记入审计日志。",
            "yice search '姓名:王 日期:2026-09'",
        ),
    ),
    "todo": Later(
        "api.cli.todo:todo",
        with_examples(
            "待办：等待办理的事，最早到期的在前；姓名已遮蔽。",
            "yice todo",
            "yice todo --json",
        ),
    ),
    "notices": Later(
        "api.cli.todo:notices",
        with_examples(
            "通知：批准、退回、办结和到期，可反复查看。",
            "yice notices",
            "yice notices --read --json",
        ),
    ),
    "statistics": Later(
        "api.cli.statistics:statistics",
        with_examples(
            "统计：归档率（办结并归档／办结，按月和立卷单位）和利用数字。",
            "yice statistics --since 2026-01 --until 2026-06",
            "yice statistics --json",
        ),
    ),
    "doctor": Later(
        "api.cli.doctor:doctor",
        with_examples(
            "检查本机和本系统缺少什么、怎样补上；不作任何改动，不显示任何密钥和档案内容。",
            "yice doctor",
            "yice doctor --json",
        ),
    ),
    "inspect": Later(
        "api.cli.inspection:inspect_",
        with_examples(
            "四性检测：出示一册的检测记录；写明理由则重新检测，理由记入审计日志。不改变其状态。",
            "yice inspect J602-ZY·HJ·CS·2026·Y-000001 --pdf 检测报告.pdf",
            "yice inspect 150602000000-20261103-000123 --reason 抽检",
        ),
    ),
    "pull": Later(
        "api.cli.pull:pull_",
        with_examples(
            "从来源系统一键提取，归集，齐全的送归档；中断后再次运行即继续。",
            "yice pull",
            "yice pull portal --follow",
            "yice pull --status --json",
        ),
    ),
    "ocr": Later(
        "api.cli.recognition:ocr_",
        with_examples(
            "识别扫描页的文字，供检索和册内查找；从不耽误组卷。",
            "yice ocr --pending",
            "yice ocr --status --json",
        ),
    ),
    "reindex": Later(
        "api.cli.search:reindex",
        with_examples("从数据库和存储重建检索索引，期间检索照常。", "yice reindex"),
    ),
    "scrub": Later(
        "api.cli.holdings:scrub_",
        with_examples(
            "按预算续查全部已归档对象的固定性；损坏的册隔离报警，并从副本修复。",
            "yice scrub --budget 20GB",
            "yice scrub --second",
        ),
    ),
    "rebuild": Later(
        "api.cli.holdings:rebuild_",
        with_examples(
            "只凭存储重建数据库和索引，并与现有的比较；存储不作任何改动。",
            "yice rebuild --from-store --into ./rebuilt",
        ),
    ),
    "backup": Later(
        "api.cli.holdings:backup_",
        with_examples(
            "在使用中备份数据库（可连同存储）；密钥另行保管。",
            "yice backup --to ./backup --with-store",
        ),
    ),
    "restore": Later(
        "api.cli.holdings:restore_",
        with_examples(
            "把备份恢复到空数据库，并补齐存储中缺少的对象。",
            "yice restore ./backup/20261124T010203Z",
        ),
    ),
    "rekey": Later(
        "api.cli.holdings:rekey_",
        with_examples(
            "更换加密密钥后，把旧密钥下的对象重新密封。", "yice rekey", "yice rekey --second"
        ),
    ),
    "timestamp": Later(
        "api.cli.timestamps:timestamp_",
        with_examples(
            "补全时间戳（--pending），或在时间戳失效前续期（--renew）；均成为新版本，原版本保留。",
            "yice timestamp --pending",
            "yice timestamp --renew --within 365",
        ),
    ),
    "replicate": Later(
        "api.cli.holdings:replicate_",
        with_examples("把已归档的册复制到副本存储，逐个对象核对。", "yice replicate"),
    ),
    "ingest": Later(
        "api.cli.intake:ingest",
        with_examples(
            "接收归档信息包：接收、待核对、重复或拒收隔离。",
            "yice ingest ./bags",
            "yice ingest ./bags/one.zip --json",
        ),
    ),
    "compile": Later(
        "api.cli.compiling:compile_",
        with_examples(
            "组卷、签章、证明、归档；中断后再次运行即从中断处继续。可先预览档号，再照预览赋号。",
            "yice compile --all",
            "yice compile --period 2026-09 --station 150602010000",
            "yice compile --case 150602000000-20261103-000123 --preview",
            "yice compile --all --preview --json > preview.json",
            "yice compile --as preview.json",
        ),
    ),
    "void": Later(
        "api.cli.volumes:void_",
        with_examples(
            "作废尚未归档的档号，理由记入审计日志；该号不再使用。",
            "yice void J602-ZY·HJ·QR·2026·Y-000001 --reason 来源系统撤回",
        ),
    ),
    "confirm": Later(
        "api.cli.intake:confirm",
        with_examples(
            "核对后确认待核对的办件，使其可以组卷。",
            "yice list --waiting",
            "yice confirm 150602000000-20261103-000123 --reason 空白页已核对",
        ),
    ),
    "list": Later(
        "api.cli.volumes:list_",
        with_examples(
            "列出全部册，各册显示最新已归档的版本。",
            "yice list",
            "yice list --waiting",
            "yice list --json",
        ),
    ),
    "show": Later(
        "api.cli.volumes:show",
        with_examples(
            "一册的状态、版本、页数、签名与卷内目录。", "yice show J602-ZY·HJ·QR·2026·Y-000001"
        ),
    ),
    "export": Later(
        "api.cli.volumes:export",
        with_examples(
            "导出一册的归档包（BagIt，可用 sha256sum -c 校验）。",
            "yice export J602-ZY·HJ·QR·2026·Y-000001 --to ./out",
        ),
    ),
    "verify": Later(
        "api.cli.verifying:verify",
        with_examples(
            "重新证明各册，并检查不变量。",
            "yice verify --all",
            "yice verify J602-ZY·HJ·QR·2026·Y-000001",
        ),
    ),
    "serve": Later(
        "api.cli.serve:serve",
        with_examples(
            "在 127.0.0.1 打开网页和派出所接口，并跟进检索索引、发送归档通知。",
            "yice serve --port 8000",
            "yice serve --behind-proxy",
        ),
    ),
}


class Yice(LaterGroup):
    """The commands of `yice`."""

    later = COMMANDS


app = CommandLine(
    group=Yice,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=with_examples(
        "一册：一件一册的户籍业务电子档案。",
        "yice ingest ./bags",
        "yice compile --all",
        "yice verify --all",
    ),
)


@app.callback()
def _yice() -> None:
    """Take nothing before the name of a command."""


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
        from api.runtime import failures  # noqa: PLC0415 - it knows every library's errors

        code, sentence = failures.explain(error)
        path = failures.log(error, Path(os.environ.get("YICE_DATA", "var")))
        _print_error(code, sentence + (f" 日志：{path}" if path and code == "UNEXPECTED" else ""))
        sys.exit(ERROR)


def _print_error(code: str, sentence: str) -> None:
    """Print one line, whatever the width of the terminal; square brackets in it are text."""
    screen.print(f"[red]{code}[/red] {escape(sentence)}", soft_wrap=True)
