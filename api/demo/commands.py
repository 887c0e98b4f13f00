"""`yice demo …`: build the fictional city, and run the main job on it."""

import os
from pathlib import Path
from typing import Annotated

import typer

from api.bootstrap import start
from api.settings import Settings
from api.terminal import progress, with_examples

demo_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help=with_examples("演示数据（虚构）。", "yice demo run --cases 120"))
Cases = Annotated[int, typer.Option(help="办件数", min=1)]
Seed = Annotated[int, typer.Option(help="随机种子")]


@demo_app.command(
    "build",
    help=with_examples("生成虚构城市的归档信息包和 truth.json；同一种子得到同样的文件。", "yice demo build --cases 120 --out ./city"),
)
def build(out: Annotated[Path, typer.Option(help="写到这个文件夹")], cases: Cases = 120, seed: Seed = 1) -> None:
    """Write the city."""
    from api.demo.build import build_demo  # noqa: PLC0415 - the demo's libraries load only when it is built

    with progress("生成演示数据", cases) as tell:
        build_demo(out, cases=cases, seed=seed, progress=lambda done: tell(done, ""), workers=os.cpu_count() or 1)


@demo_app.command("run", help=with_examples("演示：生成、接收、组卷、验证，打印汇总并与预埋缺陷对照。", "yice demo run --cases 120"))
def run(cases: Cases = 120, seed: Seed = 1) -> None:
    """Run the main job."""
    from api.demo.run import run_demo  # noqa: PLC0415 - as above

    runtime = start(Settings())
    city = runtime.settings.data / f"demo-{cases}-{seed}"
    if not (city / "truth.json").exists():
        build(city, cases, seed)
    raise typer.Exit(run_demo(runtime, city))
