"""`yice demo …`: build the fictional city, and run the main job on it."""

import os
from pathlib import Path
from typing import Annotated

import typer

from api.cli.archive import Bars, actor, begin_archive
from api.cli.command_line import CommandLine
from api.cli.terminal import progress, screen, with_examples
from api.runtime.settings import Settings

demo_app = CommandLine(no_args_is_help=True)
Cases = Annotated[int, typer.Option(help="办件数", min=1)]
Seed = Annotated[int, typer.Option(help="随机种子")]


@demo_app.command(
    "build",
    help=with_examples(
        "生成虚构城市的归档信息包和 truth.json；同一种子得到同样的文件。",
        "yice demo build --cases 120 --out ./city",
    ),
)
def build(
    out: Annotated[Path, typer.Option(help="写到这个文件夹")], cases: Cases = 120, seed: Seed = 1
) -> None:
    """Write the packages of the city."""
    from api.demo.build import build_demo  # noqa: PLC0415 - its libraries load only when built

    with progress("生成演示数据", cases) as advance:
        build_demo(
            out,
            cases=cases,
            seed=seed,
            progress=lambda done: advance(done, ""),
            workers=os.cpu_count() or 1,
        )


@demo_app.command(
    "run",
    help=with_examples(
        "演示：生成、接收、组卷、验证，打印汇总并与预埋缺陷对照。", "yice demo run --cases 120"
    ),
)
def run(cases: Cases = 120, seed: Seed = 1) -> None:
    """Build, ingest, compile and verify the city, and exit with the demo's code."""
    from api.demo.run import run_demo  # noqa: PLC0415 - as above

    runtime = begin_archive()
    city = runtime.settings.data / f"demo-{cases}-{seed}"
    if not (city / "truth.json").exists():
        build(city, cases, seed)
    raise typer.Exit(run_demo(runtime, actor(), city, Bars()))


@demo_app.command(
    "sources",
    help=with_examples(
        "模拟四个来源系统（真实 HTTP），可要求故障；打印 yice pull 所需的设置。",
        "yice demo sources --cases 120 --port 8100",
        "yice demo sources --fault truncated=0.1 --fault error=0.1",
    ),
)
def sources(
    cases: Cases = 120,
    seed: Seed = 1,
    port: Annotated[int, typer.Option(help="端口")] = 8100,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="故障=概率，可多次：slow、error、truncated、duplicate、disorder、expired"
        ),
    ] = None,
) -> None:
    """Serve the four source systems, with the faults asked for."""
    from api.demo.source_world import build_world  # noqa: PLC0415 - as above
    from api.demo.sources import World, serve_sources, settings_of  # noqa: PLC0415 - as above

    data = Settings().data
    folder = data / f"demo-sources-{cases}-{seed}"
    if not (folder / "truth.json").exists():
        with progress("生成来源数据", cases) as advance:
            build_world(
                folder,
                cases=cases,
                seed=seed,
                progress=lambda done: advance(done, ""),
                workers=os.cpu_count() or 1,
            )
    try:
        faults = {
            kind: float(share)
            for kind, _, share in (setting.partition("=") for setting in fault or ())
        }
    except ValueError:
        raise typer.BadParameter("故障写作 名称=概率，例如 error=0.1。") from None
    world = World(folder, data / "scans", faults)
    settings = settings_of(world, port)
    (data / "sources.env").write_text(
        "".join(f"{key}={value}\n" for key, value in settings.items()), "utf-8"
    )
    screen.print(
        f"来源已就绪。另开终端：set -a; . {data / 'sources.env'}; set +a; yice pull --follow",
        soft_wrap=True,
    )
    serve_sources(world, port)
