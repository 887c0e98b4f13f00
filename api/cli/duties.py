"""`yice duty`: what is done again and again."""

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from api.cli.terminal import FINDINGS, Json, print_json, screen, with_examples
from api.jobs.duties import do_turn, rows
from api.runtime.bootstrap import start
from api.runtime.failures import explain
from api.runtime.settings import Settings
from archive.jobs.duties import DUTIES
from archive.reference.errors import NotFoundError

duty_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help=with_examples("定时任务。", "yice duty list"),
)


@duty_app.command(
    "list",
    help=with_examples("定时任务及其最近一次的结果。", "yice duty list", "yice duty list --json"),
)
def list_(*, as_json: Json = False) -> None:
    """Show all duties."""
    found = rows(start(Settings()))
    if as_json:
        print_json(found)
        return
    table = Table("任务", "间隔（秒）", "队列", "状态", "最近完成", "错误", "结果")
    for one in found:
        result = "，".join(f"{name} {value}" for name, value in one["result"].items())
        table.add_row(
            one["name"],
            str(one["every_seconds"]),
            one["queue"],
            one["state"],
            one["done_at"] or "",
            one["error_code"] or "",
            result,
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
    """Do every turn that is due, here; one that fails keeps no other back."""
    if name is not None and name not in DUTIES:
        raise NotFoundError("没有这个定时任务。", "请用 yice duty list 查看。")
    runtime = start(Settings())
    done: dict[str, Any] = {}
    for one in [name] if name else list(DUTIES):
        try:
            done[one] = do_turn(runtime, one)
        except Exception as error:  # noqa: BLE001 - told, and on its row; the other duties are due all the same
            done[one] = {"error": explain(error)[0]}
    if as_json:
        print_json(done)
    else:
        for one, result in done.items():
            screen.print(
                f"{one}：{'未到期' if result is None else '，'.join(f'{key} {value}' for key, value in result.items())}",
                soft_wrap=True,
            )
    raise typer.Exit(
        FINDINGS if any(result and "error" in result for result in done.values()) else 0
    )
