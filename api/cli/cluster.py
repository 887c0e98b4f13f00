"""`yice cluster`: the distributed mode on one machine."""

import secrets
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from api.cli.command_line import CommandLine
from api.cli.terminal import screen
from api.cluster.nodes import compose_secrets, running
from api.cluster.services import Service, ServiceError

cluster_app = CommandLine()


def _table(services: list[Service], places: Mapping[str, str]) -> Table:
    table = Table("服务", "位置", "进程", "日志", box=None)
    table.columns[3].overflow = "fold"
    for service in services:
        table.add_row(
            service.name,
            places.get(service.name, ""),
            str(service.process.pid if service.process else ""),
            str(service.log),
        )
    return table


@cluster_app.command(
    help="启动本机集群；按 Ctrl-C 全部结束，数据保留。例：yice cluster up --workers 2."
)
def up(
    folder: Annotated[Path, typer.Option(help="全部数据放在这个文件夹")] = Path("var/cluster"),
    workers: Annotated[int, typer.Option(min=1, help="工作节点数")] = 2,
    concurrency: Annotated[int, typer.Option(min=1, help="每个节点同时组卷的册数")] = 1,
    port: Annotated[int, typer.Option(help="网页端口")] = 8000,
) -> None:
    """Run the cluster of this machine until Ctrl-C; its data stays."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with running(folder, workers=workers, concurrency=concurrency, web_port=port) as (
            site,
            services,
        ):
            places = {
                "postgresql": site.database_url.rpartition("@")[2],
                "rabbitmq": site.broker_url.rpartition("@")[2],
                "seaweedfs": f"http://{site.s3_endpoint}/{site.s3_bucket}",
                "web": f"http://127.0.0.1:{port}/",
            }
            screen.print(_table(services, places))
            screen.print(f"命令行使用此集群：set -a; . {folder}/desk.env; set +a", soft_wrap=True)
            screen.print("按 Ctrl-C 全部结束。")
            _watch(services)
    except KeyboardInterrupt:
        screen.print("已全部结束，数据保留。")
    except ServiceError as error:
        screen.print(f"[red]{error.code}[/red] {error}", soft_wrap=True)
        raise typer.Exit(2) from None


def _watch(services: list[Service]) -> None:
    """Start any service again that ends, as a container engine would."""
    while True:
        for service in services:
            if not service.alive():
                screen.print(f"{service.name} 已退出，重新启动。")
                service.start()
        time.sleep(1)


@cluster_app.command(
    "secrets",
    help="生成 docker-compose.yml 所用的密钥文件；已有的不改。例：yice cluster secrets.",
)
def secrets_(folder: Annotated[Path, typer.Option(help="密钥文件夹")] = Path("secrets")) -> None:
    """Write the secret files of docker-compose.yml, unless the folder exists."""
    # The files are open to the containers' users, the folder to nobody else on this machine.
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        screen.print("密钥文件夹已存在，未作改动。")
        return
    for name, text in compose_secrets(
        {name: secrets.token_hex(16) for name in ("database", "broker", "store")}
    ).items():
        (folder / name).write_text(text)
    screen.print(f"已生成：{folder}")
