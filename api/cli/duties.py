"""`yice duty`: the periodic jobs, listed and run."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from api.cli.archive import open_archive
from api.cli.command_line import CommandLine
from api.cli.terminal import FINDINGS, Json, print_json, screen, with_examples
from api.jobs.duties import do_turn, rows
from api.runtime.failures import explain
from archive.jobs.duties import DUTIES
from archive.reference.errors import NotFoundError

duty_app = CommandLine(no_args_is_help=True)


@duty_app.command(
    "list",
    help=with_examples("定时任务及其最近一次的结果。", "yice duty list", "yice duty list --json"),
)
def list_(*, as_json: Json = False) -> None:
    """List all duties with their last turn."""
    duties = rows(open_archive())
    if as_json:
        print_json(duties)
        return
    table = Table("任务", "间隔（秒）", "队列", "状态", "最近完成", "错误", "结果")
    for duty in duties:
        table.add_row(
            duty["name"],
            str(duty["every_seconds"]),
            duty["queue"],
            duty["state"],
            duty["done_at"] or "",
            duty["error_code"] or "",
            _text(duty["result"]),
        )
    Console().print(table)


@duty_app.command(
    "run",
    help=with_examples(
        "执行已到期的定时任务；没有 beat 的单机可每分钟运行一次。",
        "yice duty run",
        "yice duty run anchor",
    ),
)
def run(
    name: Annotated[str | None, typer.Argument(help="只执行这一个；不写则为全部已到期的")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Do every turn that is due, in this process; one that fails keeps no other back."""
    if name is not None and name not in DUTIES:
        raise NotFoundError("没有这个定时任务。", "请用 yice duty list 查看。")
    runtime = open_archive()
    results: dict[str, Any] = {}
    for duty in [name] if name else list(DUTIES):
        try:
            results[duty] = do_turn(runtime, duty)
        except Exception as error:  # noqa: BLE001 - on its row; the other duties are due
            results[duty] = {"error": explain(error)[0]}
    if as_json:
        print_json(results)
    else:
        for duty, result in results.items():
            text = "未到期" if result is None else _text(result)
            screen.print(f"{duty}：{text}", soft_wrap=True)
    failed = any(result and "error" in result for result in results.values())
    raise typer.Exit(FINDINGS if failed else 0)


def _text(result: Mapping[str, Any]) -> str:
    return "，".join(f"{name} {value}" for name, value in result.items())
