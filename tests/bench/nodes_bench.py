"""Volumes an hour of one machine and of many: one and two workers in both modes, and what each
volume takes of the services that all nodes share.

`make bench-nodes`; JSON in `bench-results/nodes.json`. The same cases by the same command, embedded
(SQLite, files, broker on files) and distributed (PostgreSQL, SeaweedFS, RabbitMQ on loopback).
Counted from the rows: from the moment when every worker has made some volumes until the last one,
so that the start of workers, which a city pays once a day, is not in it. On a machine with fewer
cores than processes two workers are no faster than its cores. For N workers nothing is measured:
the table says how many of them one core of each shared service would feed.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from api.cluster.nodes import ROOT, node_folder, running
from api.cluster.services import Service, free_port
from api.runtime.settings import Settings
from archive.database.engine import connect, reading
from archive.database.tables_volumes import VolumeVersion
from tests.bench.cases import PAGES, write_bag
from tests.faults.test_kill import processes_below

_WARM = 20  # volumes of each worker before the clock starts


def cpu_seconds(pid: int) -> float:
    """Of a process and all below it, those that have ended too."""
    ticks = 0
    for process in (pid, *processes_below(pid)):
        try:
            fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15] if process == pid else fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def watch_memory(largest: list[int], ended: Event) -> None:
    """Keep the most that one process of a worker held, in kB: its own and its share of what others
    use too (proc(5), Pss).
    """
    while not ended.wait(1):
        for entry in Path("/proc").iterdir():
            try:
                if (
                    entry.name.isdigit()
                    and b"api.jobs.worker:app" in (entry / "cmdline").read_bytes()
                ):
                    share = (entry / "smaps_rollup").read_text("ascii")
                    largest[0] = max(
                        largest[0],
                        next(
                            int(line.split()[1])
                            for line in share.splitlines()
                            if line.startswith("Pss:")
                        ),
                    )
            except OSError:
                continue  # it has ended meanwhile


def yice(env: Mapping[str, str], *words: str) -> Any:
    """A command of the desk; what it printed as JSON."""
    command = [sys.executable, "-m", "api.cli", *words, "--json"]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


@contextmanager
def embedded(folder: Path, workers: int) -> Iterator[tuple[dict[str, str], list[Service]]]:
    """One machine without services."""
    yield {"YICE_DATA": str(folder / "data"), "YICE_WORKERS": str(workers)}, []


@contextmanager
def distributed(folder: Path, workers: int) -> Iterator[tuple[dict[str, str], list[Service]]]:
    """Everything of `make cluster`, with so many nodes that make volumes."""
    folder.chmod(0o755)  # PostgreSQL runs as another user
    with running(folder, workers=workers, concurrency=1, web_port=free_port()) as (site, services):
        yield site.settings(node_folder(folder.resolve(), "desk")), services


MODES = {"embedded": embedded, "distributed": distributed}


def measure(mode: str, workers: int, cases: int, folder: Path) -> dict[str, Any]:
    """Take `cases` in, make them all with `workers`, and read from the rows how fast that went."""
    bags = folder / "bags"
    for number in range(cases):
        write_bag(bags, number)
    with MODES[mode](folder, workers) as (env, services):
        yice(env, "ingest", str(bags))
        largest, ended = [0], Event()
        watcher = Thread(target=watch_memory, args=(largest, ended))
        watcher.start()
        before = {
            service.name: cpu_seconds(service.process.pid)
            for service in services
            if service.process
        }
        try:
            yice(env, "compile", "--all")
        finally:
            ended.set()
            watcher.join()
        spent = {
            service.name: cpu_seconds(service.process.pid) - before[service.name]
            for service in services
            if service.process
        }
        engine = connect(
            Settings(
                data=Path(env["YICE_DATA"]), database_url=env.get("YICE_DATABASE_URL", "")
            ).database
        )
        with reading(engine) as session:
            commits = sorted(
                at for at in session.scalars(select(VolumeVersion.committed_at)) if at is not None
            )
        engine.dispose()
    if len(commits) != cases:
        raise ValueError(f"{len(commits)} of {cases} volumes were made")
    warm = _WARM * workers
    hours = (commits[-1] - commits[warm - 1]).total_seconds() / 3600
    shared = {
        name: seconds * 1000 / cases
        for name, seconds in spent.items()
        if name in {"postgresql", "rabbitmq", "seaweedfs"}
    }
    nodes = (
        sum(seconds for name, seconds in spent.items() if name.startswith("worker")) * 1000 / cases
    )
    return {
        "mode": mode,
        "workers": workers,
        "cases": cases,
        "pages_per_volume": PAGES,
        "volumes_per_hour": (cases - warm) / hours,
        "worker_mb": round(largest[0] / 1024),
        "worker_cpu_ms_per_volume": nodes or None,
        "shared_cpu_ms_per_volume": shared,
    }


def show(results: list[dict[str, Any]]) -> None:
    """The table, and on paper how far the shared services reach."""
    table = Table(
        "方式",
        "工作进程",
        "册/小时",
        "内存 MB",
        "工作进程 CPU 毫秒/册",
        "共用服务 CPU 毫秒/册",
        title=f"每册 {PAGES} 页；本机 {os.cpu_count()} 核",
    )
    for result in results:
        shared = (
            "，".join(
                f"{name} {value:.0f}" for name, value in result["shared_cpu_ms_per_volume"].items()
            )
            or "—"
        )
        nodes = (
            f"{result['worker_cpu_ms_per_volume']:.0f}"
            if result["worker_cpu_ms_per_volume"]
            else "—"
        )
        table.add_row(
            result["mode"],
            str(result["workers"]),
            f"{result['volumes_per_hour']:.0f}",
            str(result["worker_mb"]),
            nodes,
            shared,
        )
    screen = Console(width=140)
    screen.print(table)
    for result in results:
        if result["worker_cpu_ms_per_volume"]:
            reach = {
                name: result["worker_cpu_ms_per_volume"] / value
                for name, value in result["shared_cpu_ms_per_volume"].items()
                if value
            }
            words = "，".join(
                f"{name} 的一核可供 {count:.0f} 个工作进程" for name, count in reach.items()
            )
            screen.print(f"推算（{result['workers']} 个工作进程时的开销，未实测）：{words}")


def main() -> None:
    """Measure both modes with one and with two workers."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--cases", type=int, default=200)
    words.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    words.add_argument("--mode", choices=sorted(MODES), action="append")
    words.add_argument("--out", type=Path, default=Path("bench-results"))
    options = words.parse_args()
    options.out.mkdir(exist_ok=True)
    results = []
    for mode in options.mode or ["embedded", "distributed"]:
        for workers in options.workers:
            with TemporaryDirectory(prefix="yice-nodes-", ignore_cleanup_errors=True) as folder:
                results.append(measure(mode, workers, options.cases, Path(folder)))
    (options.out / "nodes.json").write_text(json.dumps(results, indent=1) + "\n")
    show(results)


if __name__ == "__main__":
    main()
