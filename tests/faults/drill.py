"""`make cluster-drill`: the demonstration city through two real nodes while processes die and
services break, and then every case is accounted for.

What dies, every few seconds: a process by chance of all that run, nodes and their workers, the
beat, the command at the desk, the web page. What breaks in turn: the store (a proxy before it
answers 500 and 503, resets, truncates, flips bits), the broker (killed and started), the
time-stamping authority. With `--folder` a drill that was interrupted goes on: the city, what was
taken in and what was made stay.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.cluster.nodes import (
    ROOT,
    Site,
    beat_node,
    node_folder,
    shared_services,
    web_node,
    worker_node,
)
from api.cluster.services import Service, ServiceError, free_port
from api.demo.build import build_demo
from api.runtime.settings import Settings
from api.runtime.workshop import demo_pki
from archive.database.engine import connect, reading
from archive.database.tables_cases import Case, Delivery
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs.reconcile import orphans
from archive.reference.organisations import load_organisations
from archive.signing.demo_pki import local_timestamper
from storage.s3_store import S3Store
from tests.faults.test_kill import processes_below
from tests.support.proxy import Fault, Proxy, proxied
from tests.support.tsa import Fault as TsaFault
from tests.support.tsa import Tsa, serve_tsa

KILL_EVERY, BREAK_FOR, CALM_FOR = 5.0, 6.0, 4.0
_OURS = ("node-*", "keeper", "web", "beat", "desk")
_BREAKS = ("store", "broker", "tsa")
_WRITES = (
    Fault.INTERNAL_ERROR,
    Fault.UNAVAILABLE,
    Fault.RESET_BEFORE,
    Fault.RESET_HALFWAY,
    Fault.RESET_AFTER,
    Fault.LOST_ANSWER_500,
)
_READS = (
    Fault.INTERNAL_ERROR,
    Fault.UNAVAILABLE,
    Fault.RESET_BEFORE,
    Fault.RESET_AFTER,
    Fault.TRUNCATED,
    Fault.CORRUPT,
)


@dataclass
class Drill:
    """All that runs, and what was done to it."""

    site: Site
    folder: Path
    nodes: list[Service]
    broker: Service
    web: Service
    beat: Service
    proxy: Proxy
    tsa: Tsa
    dice: random.Random
    desk: "subprocess.Popen[bytes] | None" = None
    killed: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)

    @property
    def env(self) -> dict[str, str]:
        """The desk's settings; it too reaches the store through the proxy."""
        return {
            **os.environ,
            **self.site.settings(node_folder(self.folder, "desk")),
            "YICE_TSA_URL": self.tsa.url,
        }

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "api.cli", *words]

    def yice(self, *words: str, well: tuple[int, ...] = (0,)) -> Any:
        """Run a command in calm; what it printed as JSON."""
        done = subprocess.run(
            self.command(*words, "--json"),
            env=self.env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in well:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        return json.loads(done.stdout)

    def compile(self) -> None:
        """Start the command at the desk when it is not running."""
        if self.desk is None or self.desk.poll() is not None:
            with (self.folder / "desk.log").open("ab") as log:
                self.desk = subprocess.Popen(
                    self.command("compile", "--all", "--json"),
                    env=self.env,
                    cwd=ROOT,
                    stdout=log,
                    stderr=log,
                )

    def kill_one(self) -> None:
        """kill -9 of one process by chance.

        A node that died is started again, as its container would be.
        """
        running: list[tuple[str, Service | int]] = [("web", self.web), ("beat", self.beat)]
        for service in self.nodes:
            assert service.process is not None
            running += [
                ("node", service),
                *(("worker", below) for below in processes_below(service.process.pid)),
            ]
        if self.desk is not None and self.desk.poll() is None:
            running.append(("desk", self.desk.pid))
        kind, victim = self.dice.choice(running)
        if isinstance(victim, Service):
            victim.kill()
            victim.start()
        else:
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        self.killed[kind] += 1

    def broken_now(self, what: str | None) -> None:
        """Let one service break, and mend the one that was broken before."""
        self.proxy.calm()
        self.tsa.fault = TsaFault.SOUND
        if not self.broker.alive():
            self.broker.start()
        if what == "store":
            self.proxy.choose = lambda method, _path, _number: (
                self.dice.choice(_READS if method in {"GET", "HEAD"} else _WRITES)
                if self.dice.random() < 0.3
                else None
            )
        elif what == "broker":
            self.broker.kill()
        elif what == "tsa":
            self.tsa.fault = self.dice.choice(
                (TsaFault.ERROR_500, TsaFault.WRONG_IMPRINT, TsaFault.REFUSED, TsaFault.GARBAGE)
            )
        if what:
            self.broken[what] += 1

    def keep_alive(self) -> None:
        """Start again what has ended by itself, as a container engine would."""
        for service in (*self.nodes, self.web, self.beat):
            if not service.alive():
                service.start()


@contextmanager
def drilled(folder: Path, seed: int) -> Iterator[Drill]:
    """Everything of `make cluster`, with the store behind a proxy and a time-stamping authority
    that can break.
    """
    real, shared = shared_services(folder)
    with ExitStack() as ended:
        for service in shared:
            service.start()
            ended.callback(service.end)
            service.wait()
        proxy = ended.enter_context(proxied(real.s3_endpoint))
        tsa = ended.enter_context(
            serve_tsa(local_timestamper(demo_pki(Settings(data=folder), load_organisations())))
        )
        site = replace(real, s3_endpoint=proxy.address)
        nodes = [worker_node(site, folder, f"node-{number}") for number in (1, 2)]
        nodes.append(
            worker_node(site, folder, "keeper", queues=("ingest", "keep", "index"), folder="web")
        )
        web, beat = web_node(site, folder, free_port()), beat_node(site, folder)
        for service in (web, beat, *nodes):
            service.env = {**service.env, "YICE_TSA_URL": tsa.url}
            service.start()
            ended.callback(service.kill)
        for service in (web, beat, *nodes):
            service.wait()
        dice = random.Random(seed)
        yield Drill(
            site,
            folder,
            nodes,
            next(service for service in shared if service.name == "rabbitmq"),
            web,
            beat,
            proxy,
            tsa,
            dice,
        )


def _waiting(drill: Drill) -> int:
    engine = connect(drill.site.database_url)
    try:
        with reading(engine) as session:
            jobs = session.scalar(select(func.count()).select_from(Job)) or 0
            return (
                session.scalar(select(func.count()).where(Job.state != "DONE")) or 0 if jobs else 1
            )
    finally:
        engine.dispose()


def storm(drill: Drill, seconds: float, say: Console) -> float:
    """Kill and break until the work is done or the time is over.

    At least one round of breaks. Returns how long it took.
    """
    begin = last_kill = changed = time.monotonic()
    turn, broken = 0, False
    drill.compile()
    while time.monotonic() - begin < seconds and (_waiting(drill) or turn <= len(_BREAKS)):
        now = time.monotonic()
        if now - last_kill > KILL_EVERY:
            drill.kill_one()
            last_kill = now
        if broken and now - changed > BREAK_FOR:
            drill.broken_now(None)
            broken, changed = False, now
        elif not broken and now - changed > CALM_FOR and drill.broker.answers():
            drill.broken_now(_BREAKS[turn % 3])
            turn, broken, changed = turn + 1, True, now
            say.print(
                f"{now - begin:5.0f} s　未完成 {_waiting(drill)}　"
                f"已杀 {drill.killed.total()}　已断 {dict(drill.broken)}"
            )
        drill.keep_alive()
        drill.compile()
        time.sleep(0.2)
    drill.broken_now(None)
    return time.monotonic() - begin


def calm(drill: Drill) -> None:
    """Nothing breaks any more: what is left is made, and what time-stamps are owed are had."""
    if drill.desk is not None:
        drill.desk.kill()
        drill.desk.wait()
    drill.broker.wait()
    end = time.monotonic() + 600
    while not all(node.answers() for node in drill.nodes):
        # A node whose worker is killed while it starts gives up, and is started again as its
        # container would be.
        drill.keep_alive()
        if time.monotonic() > end:
            raise ServiceError("节点没有恢复。", "请查看各节点的日志。")
        time.sleep(0.5)
    for _ in range(5):
        if not drill.yice("compile", "--all", well=(0, 1))["failed"]:
            break
    drill.yice("timestamp", "--pending", well=(0, 1))


@dataclass
class Account:
    """What became of everything."""

    cases: int
    bags: int
    outcomes: dict[str, int]
    accepted: int
    waiting: int
    committed: int
    not_committed: int
    missing_numbers: int
    owed_timestamps: int
    open_jobs: int
    commit_records: int
    versions: int
    faults: list[dict[str, str]]
    orphans: int
    seconds: float
    killed: dict[str, int]
    broken: dict[str, int]
    broken_requests: int
    log_lines: int
    plain_lines: int
    leaks: int

    @property
    def clean(self) -> bool:
        """Nothing lost, nothing doubled, nothing left behind."""
        lost = (
            self.bags - sum(self.outcomes.values())
            or self.accepted - self.committed
            or self.commit_records - self.versions
        )
        undone = (
            self.not_committed or self.missing_numbers or self.owed_timestamps or self.open_jobs
        )
        return not (lost or undone or self.faults or self.orphans or self.leaks)


def account(drill: Drill, cases: int, bags: int, seconds: float) -> Account:
    """Count in the rows and in the bucket, each by itself, and prove every volume again."""
    report = drill.yice("verify", "--all", well=(0, 1))
    logs, persons = all_logs(drill.folder), known_persons(drill.folder / "city" / "bags")
    engine = connect(drill.site.database_url)
    store = S3Store(
        drill.proxy.upstream,
        drill.site.s3_bucket,
        drill.site.s3_access_key,
        drill.site.s3_secret_key,
        secure=False,
    )
    with reading(engine) as session:
        states = _counted(session, VolumeVersion.state)
        numbers: dict[tuple[str, ...], set[int]] = {}
        for volume in session.scalars(select(Volume)):
            numbers.setdefault(
                (volume.fonds, volume.series, str(volume.year), volume.term), set()
            ).add(volume.number)
        counted = Account(
            cases=cases,
            bags=bags,
            outcomes=_counted(session, Delivery.outcome),
            accepted=session.scalar(select(func.count()).where(Case.state == "ACCEPTED")) or 0,
            waiting=session.scalar(select(func.count()).where(Case.state == "CONFIRM")) or 0,
            committed=session.scalar(
                select(func.count(VolumeVersion.volume_id.distinct())).where(
                    VolumeVersion.state == "COMMITTED"
                )
            )
            or 0,
            not_committed=sum(
                count for state, count in states.items() if state not in {"COMMITTED", "VOID"}
            ),
            missing_numbers=sum(max(used) - len(used) for used in numbers.values()),
            owed_timestamps=_owing(session),
            open_jobs=session.scalar(select(func.count()).where(Job.state != "DONE")) or 0,
            commit_records=sum(
                entry.key.endswith("/inventory.json") for entry in store.list("volumes/")
            ),
            versions=states.get("COMMITTED", 0),
            faults=report["faults"],
            orphans=len(orphans(engine, store)),
            seconds=round(seconds, 1),
            killed=dict(drill.killed),
            broken=dict(drill.broken),
            broken_requests=len(drill.proxy.done),
            log_lines=sum(len(text.splitlines()) for text in logs.values()),
            plain_lines=sum(
                not is_event(line)
                for name, text in logs.items()
                if not name.startswith("desk.log")
                for line in text.splitlines()
            ),
            leaks=sum(word in text for text in logs.values() for word in persons),
        )
    engine.dispose()
    return counted


def all_logs(folder: Path) -> dict[str, str]:
    """What every process of ours has written, by file."""
    paths = [
        *folder.glob("*.log"),
        *(path for name in _OURS for path in folder.glob(f"{name}/**/*.log")),
    ]
    return {str(path.relative_to(folder)): path.read_text("utf-8", "replace") for path in paths}


def is_event(line: str) -> bool:
    """One event on one line, as a collector of logs reads it."""
    if not line or "shutdown (MainProcess)" in line:  # Celery says farewell in plain words
        return True
    try:
        return "at" in json.loads(line)
    except ValueError:
        return False


def known_persons(bags: Path) -> set[str]:
    """Every name and number of a person in the bags: none of them may stand in a log."""
    words: set[str] = set()
    for bag in bags.iterdir():
        text = bag / "data" / "case.json"
        if bag.is_dir() and text.is_file():
            with suppress(ValueError):  # some are broken on purpose
                _collect(json.loads(text.read_bytes()), words)
    return words


def _collect(value: Any, words: set[str]) -> None:
    if isinstance(value, dict):
        words |= {
            text
            for name in ("name", "id_number", "phone", "address")
            if isinstance(text := value.get(name), str) and len(text) > 1
        }
    for inner in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        _collect(inner, words)


def _counted(session: Session, column: Any) -> dict[str, int]:
    return {
        row[0]: row[1] for row in session.execute(select(column, func.count()).group_by(column))
    }


def _owing(session: Session) -> int:
    newest = select(VolumeVersion.volume_id, func.max(VolumeVersion.version).label("last")).where(
        VolumeVersion.state == "COMMITTED"
    )
    last = newest.group_by(VolumeVersion.volume_id).subquery()
    query = (
        select(func.count())
        .select_from(VolumeVersion)
        .join(last, last.c.volume_id == VolumeVersion.volume_id)
    )
    return int(
        session.scalar(query.where(VolumeVersion.version == last.c.last, VolumeVersion.lta_pending))
        or 0
    )


def show(counted: Account, screen: Console) -> None:
    """The table."""
    table = Table("项目", "数量", box=None)
    labels = {
        "cases": "生成办件",
        "bags": "送达的包",
        "accepted": "已接收办件",
        "waiting": "待核对",
        "committed": "已归档的册",
        "versions": "已归档的版本",
        "commit_records": "存储中的归档记录",
        "not_committed": "未完成",
        "missing_numbers": "断号",
        "owed_timestamps": "待补时间戳",
        "open_jobs": "未结任务",
        "orphans": "超过租期的残留",
        "seconds": "历时（秒）",
        "broken_requests": "被破坏的存储请求",
        "log_lines": "日志行数",
        "plain_lines": "非 JSON 的日志行",
        "leaks": "日志中的个人信息",
    }
    for name, label in labels.items():
        table.add_row(label, str(getattr(counted, name)))
    for label, counts in (
        ("送达结果", counted.outcomes),
        ("被杀的进程", counted.killed),
        ("中断的服务", counted.broken),
    ):
        table.add_row(label, "，".join(f"{name} {count}" for name, count in sorted(counts.items())))
    table.add_row("验证发现的问题", str(len(counted.faults)))
    table.add_row("结论", "全部有着落" if counted.clean else "不合格")
    screen.print(table)


def run(cases: int, seconds: float, seed: int, say: Console, given: Path | None = None) -> Account:
    """The whole drill in a folder of its own, removed afterwards unless something was wrong.

    A given folder is gone on with, and stays.
    """
    folder = given.resolve() if given else Path(tempfile.mkdtemp(prefix="yice-drill-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # PostgreSQL runs as another user
    if not (folder / "city" / "truth.json").exists():
        say.print(f"生成 {cases} 个办件……")
        build_demo(
            folder / "city",
            cases=cases,
            seed=seed,
            progress=lambda _: None,
            workers=os.cpu_count() or 1,
        )
    bags = sum(1 for _ in (folder / "city" / "bags").iterdir())
    with drilled(folder, seed) as drill:
        if not (folder / "taken-in").exists():
            say.print("接收……")
            drill.yice("ingest", str(folder / "city" / "bags"), well=(0, 1))
            (folder / "taken-in").touch()
        took = storm(drill, seconds, say)
        say.print("风暴结束，收尾……")
        calm(drill)
        counted = account(drill, cases, bags, took)
    if counted.clean and not given:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        say.print(f"保留现场：{folder}")
    return counted


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--cases", type=int, default=2000)
    words.add_argument("--seconds", type=float, default=600)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--folder", type=Path, help="go on in this folder, which stays")
    words.add_argument("--json", action="store_true")
    given = words.parse_args()
    say = Console(stderr=True)
    try:
        counted = run(given.cases, given.seconds, given.seed, say, given.folder)
    except ServiceError as error:
        say.print(f"{error.code} {error}", soft_wrap=True)
        sys.exit(2)
    if given.json:
        sys.stdout.write(
            json.dumps({**asdict(counted), "clean": counted.clean}, ensure_ascii=False) + "\n"
        )
    else:
        show(counted, Console())
    sys.exit(0 if counted.clean else 1)


if __name__ == "__main__":
    main()
