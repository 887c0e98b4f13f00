"""The main job on many machines: PostgreSQL, SeaweedFS, RabbitMQ and two worker nodes.

The command line drives it as a user does.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from kombu import Connection
from sqlalchemy import Engine, create_engine, func, select, text

from api.cluster.nodes import ROOT, Site, node_folder, worker_node
from api.cluster.services import Service, free_port
from api.runtime.settings import Settings
from archive.database.engine import connect, reading
from archive.database.tables_audit import JournalEntry
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import Step, Volume, VolumeVersion
from storage.s3_store import S3Store
from tests.support.factories import make_bag
from tests.support.rabbitmq import Broker
from tests.support.services import ACCESS, SECRET


@dataclass(frozen=True, slots=True)
class Archive:
    """A distributed archive with nothing in it, and the desk from which it is driven."""

    site: Site
    folder: Path
    engine: Engine
    store: S3Store

    def yice(self, *words: str) -> "subprocess.Popen[str]":
        """Start the command line at the desk."""
        env = {**os.environ, **self.site.settings(node_folder(self.folder, "desk"))}
        return subprocess.Popen(
            [sys.executable, "-m", "api.cli", *words],
            env=env,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> Any:
        """What a command printed as JSON; it must end well."""
        return json.loads(ended(self.yice(*words, "--json")))

    def ingest(self, count: int) -> None:
        """Take `count` sound cases in."""
        for number in range(1, count + 1):
            make_bag(
                self.folder / "bags" / f"bag-{number:03d}",
                case_no=f"150602010000-20260901-{number:06d}",
            )
        assert {row["outcome"] for row in self.run("ingest", str(self.folder / "bags"))} == {
            "ACCEPTED"
        }

    def committed(self) -> int:
        """How many volumes are committed now."""
        with reading(self.engine) as session:
            return (
                session.scalar(select(func.count()).where(VolumeVersion.state == "COMMITTED")) or 0
            )


def ended(process: "subprocess.Popen[str]") -> str:
    """What it printed; it must end well within ten minutes."""
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, out + err
    assert "Traceback" not in err
    return out


@pytest.fixture
def archive(postgres_url: str, seaweedfs: str, broker: Broker, tmp_path: Path) -> Iterator[Archive]:
    """An archive of its own on the session's services."""
    name = f"d_{uuid4().hex[:12]}"
    server = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    server.dispose()
    with Connection(
        broker.url
    ) as connection:  # messages of an earlier test name rows of another database
        connection.SimpleQueue("compile").queue.purge()
    url = postgres_url.rsplit("/", 1)[0] + f"/{name}"
    bucket = name.replace("_", "-")
    engine = connect(url)
    yield Archive(
        Site(url, broker.url, seaweedfs, bucket, ACCESS, SECRET),
        tmp_path,
        engine,
        S3Store(seaweedfs, bucket, ACCESS, SECRET, secure=False),
    )
    engine.dispose()


@pytest.fixture
def nodes(archive: Archive) -> Iterator[list[Service]]:
    """Two worker nodes, each with its own settings and data folder."""
    started = [worker_node(archive.site, archive.folder, name) for name in ("node-1", "node-2")]
    try:
        for node in started:
            node.start()
        yield [node.wait() for node in started]
    finally:
        for node in started:
            node.kill()


def until(condition: Callable[[], bool], seconds: float = 300) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def in_hand(archive: Archive) -> dict[int, int]:
    """Versions that are leased and not committed, each with the process that holds it."""
    query = select(VolumeVersion.id, VolumeVersion.lease_owner).where(
        VolumeVersion.lease_owner.is_not(None)
    )
    with reading(archive.engine) as session:
        owners = session.execute(query.where(VolumeVersion.state != "COMMITTED")).all()
    return {version: int(owner.split(":")[1]) for version, owner in owners}


def assert_each_made_once(archive: Archive, count: int) -> None:
    """Nothing lost and nothing doubled: numbers, commit records, journal entries, steps.

    And all of it proves.
    """
    rows = archive.run("list")
    assert [row["state"] for row in rows] == ["COMMITTED"] * count
    assert [row["code"][-6:] for row in rows] == [f"{number:06d}" for number in range(1, count + 1)]
    inventories = [
        blob.key for blob in archive.store.list("volumes/") if blob.key.endswith("/inventory.json")
    ]
    assert len(inventories) == count
    with reading(archive.engine) as session:
        entries = session.scalars(
            select(JournalEntry.subject).where(JournalEntry.act == "COMMITTED")
        ).all()
        assert len(entries) == len(set(entries)) == count
        assert (
            session.scalar(select(func.count()).select_from(Step).where(Step.step == "COMMITTED"))
            == count
        )
        assert session.scalar(select(func.count()).select_from(Volume)) == count
        assert set(session.scalars(select(Job.state).where(Job.kind == "compile"))) == {"DONE"}
    assert archive.run("verify", "--all") == {"volumes": count, "faults": []}


def test_two_nodes_share_the_work_and_every_volume_proves(
    archive: Archive, nodes: list[Service]
) -> None:
    archive.ingest(8)
    totals = archive.run("compile", "--all")
    assert (totals["done"], totals["failed"]) == (8, 0)
    assert_each_made_once(archive, 8)
    with reading(archive.engine) as session:
        makers = set(
            session.scalars(select(JournalEntry.actor).where(JournalEntry.act == "COMMITTED"))
        )
    assert len(makers) == len(nodes)


@pytest.mark.usefixtures("nodes")
def test_the_same_message_ten_times_at_once_makes_nothing_twice(archive: Archive) -> None:
    from api.runtime.broker import celery_app

    archive.ingest(4)
    compiling = archive.yice("compile", "--all", "--json")
    with reading(archive.engine) as session:
        until(lambda: session.scalar(select(func.count()).select_from(VolumeVersion)) == 4)
        versions = list(session.scalars(select(VolumeVersion.id)))
    with celery_app(Settings(broker_url=archive.site.broker_url)) as app:
        for version_id in [*versions, *reversed(versions)] * 5:
            app.send_task("compile_volume", (version_id,))
    ended(compiling)
    with Connection(archive.site.broker_url) as connection:
        queue = connection.SimpleQueue("compile")
        until(lambda: queue.qsize() == 0)
    assert_each_made_once(archive, 4)


def test_a_killed_node_is_followed_by_the_other_and_nothing_is_lost(
    archive: Archive, nodes: list[Service]
) -> None:
    archive.ingest(8)
    compiling = archive.yice("compile", "--all", "--json")
    assert nodes[0].process is not None
    group, versions = nodes[0].process.pid, set[int]()

    def holds() -> bool:
        versions.update(
            version for version, holder in in_hand(archive).items() if os.getpgid(holder) == group
        )
        return bool(versions)

    until(holds)
    nodes[0].kill()
    assert versions & set(in_hand(archive)), "the node was killed while it held nothing"
    ended(compiling)
    assert_each_made_once(archive, 8)


@pytest.mark.usefixtures("nodes")
def test_a_broker_that_dies_under_load_and_comes_back_loses_nothing(
    archive: Archive, broker: Broker
) -> None:
    archive.ingest(8)
    compiling = archive.yice("compile", "--all", "--json")
    until(lambda: archive.committed() >= 2)
    broker.service.kill()
    assert archive.committed() < 8, "the broker was killed after the work"
    time.sleep(1)
    broker.service.start().wait()
    ended(compiling)
    assert_each_made_once(archive, 8)


def test_make_cluster_starts_everything_and_ctrl_c_ends_all_of_it() -> None:
    folder = Path(tempfile.mkdtemp(prefix="yice-cluster-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user
    port = free_port()
    # Whoever runs the tests in the background has told his children not to hear of interrupts.
    cluster = subprocess.Popen(
        [
            "env",
            "--default-signal=INT",
            sys.executable,
            "-m",
            "api.cli",
            "cluster",
            "up",
            "--folder",
            str(folder),
            "--port",
            str(port),
        ],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert cluster.stderr is not None
        output = "".join(iter(cluster.stderr.readline, "按 Ctrl-C 全部结束。\n"))
        assert {
            "postgresql",
            "rabbitmq",
            "seaweedfs",
            "web",
            "worker-1",
            "worker-2",
            "reader",
            "keeper",
            "index",
            "beat",
        } <= set(output.split())
        assert httpx.get(f"http://127.0.0.1:{port}/readyz").json()["status"] == "ready"
        assert running_in(folder)
    finally:
        cluster.send_signal(signal.SIGINT)
        assert cluster.wait(90) == 0
    assert running_in(folder) == []
    shutil.rmtree(folder)


def running_in(folder: Path) -> list[str]:
    """Processes whose working folder lies in `folder`, zombies apart."""
    processes = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder):
                processes.append((process / "cmdline").read_text())
    return processes
