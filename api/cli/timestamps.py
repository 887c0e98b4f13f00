"""`yice timestamp`: complete the time-stamps that are owed, renew those that end soon.

Mounted by `api.cli.main`.
"""

from typing import Annotated

import typer

from api.cli.archive import actor, open_archive, volume_bar
from api.cli.terminal import FINDINGS, Json, bar_of, print_json, screen
from api.jobs.batch import timestamp_batch
from api.jobs.renewal import horizon, look_ahead, renew_batch
from archive.preservation.renewal import learn_stamps


def timestamp_(
    within: Annotated[
        int | None,
        typer.Option(help="续期多少天内失效的时间戳；默认 YICE_RENEW_WITHIN（180）", min=1),
    ] = None,
    *,
    pending: Annotated[bool, typer.Option("--pending", help="补全全部待补的册")] = False,
    renew: Annotated[bool, typer.Option("--renew", help="为即将失效的时间戳续期")] = False,
    as_json: Json = False,
) -> None:
    """Complete the time-stamps that are owed, or renew those that end soon."""
    if pending == renew:
        raise typer.BadParameter("请指明 --pending 或 --renew 之一。")
    if renew:
        _renew(within, as_json=as_json)
        return
    runtime = open_archive()
    with volume_bar("补时间戳") as watch:
        batch = timestamp_batch(runtime, actor(), watch)
    if as_json:
        print_json({"total": batch.total, "done": batch.done, "failed": batch.failed})
    else:
        screen.print(
            f"补全 {batch.done}，失败 {batch.failed}" if batch.total else "没有待补时间戳的册。"
        )
    raise typer.Exit(FINDINGS if batch.failed else 0)


def _renew(within: int | None, *, as_json: bool) -> None:
    runtime = open_archive()
    with bar_of("读取时间戳") as learning:
        learned = learn_stamps(runtime.engine, runtime.store, learning)
    with volume_bar("时间戳续期") as watch:
        batch = renew_batch(runtime, actor(), within=within, watch=watch)
    left = look_ahead(runtime, horizon(runtime, within))
    first = left.first_end and left.first_end.isoformat()
    if as_json:
        print_json(
            {
                "total": batch.total,
                "done": batch.done,
                "failed": batch.failed,
                "learned": learned,
                "due": left.due,
                "first_end": first,
            }
        )
    else:
        screen.print(
            f"续期 {batch.done}，失败 {batch.failed}" if batch.total else "没有即将失效的时间戳。"
        )
        if left.due:
            screen.print(
                f"[red]仍有 {left.due} 册的时间戳即将失效[/red]：失败的会在下次运行时重试；"
                "时间戳机构自己的证书也将到期的，请更换机构。"
            )
        screen.print(f"最早失效：{first[:10]}" if first else "尚无带时间戳的册。")
    raise typer.Exit(FINDINGS if batch.failed or left.due else 0)
