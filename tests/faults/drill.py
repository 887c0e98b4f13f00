"""`make cluster-drill`: the demonstration city through two real nodes while processes die and services break, and then every case is accounted for.

What dies: a node, a worker process of a node, the command at the desk, the web page; one of them every few seconds. What breaks in turn:
the store (a proxy before it answers 500 and 503, resets, truncates, flips bits), the broker (killed and started), the time-stamping authority.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.bootstrap import demo_pki
from api.cluster import ROOT, Site, node_folder, shared_services, web_node, worker_node
from api.demo.build import build_demo
from api.loopback import Service, ServiceError, free_port
from api.settings import Settings
from archive.compile.demo_pki import local_timestamper
from archive.db import connect, reading
from archive.models import Case, Delivery, Job, Volume, VolumeVersion
from archive.organisations import load_organisations
from archive.reconcile import orphans
from storage.s3_store import S3Store
from tests.faults.test_kill import processes_below
from tests.proxy import Fault, Proxy, proxied
from tests.tsa import Fault as TsaFault
from tests.tsa import Tsa, serve_tsa

KILL_EVERY, BREAK_FOR = 5.0, 6.0
_BREAKS = ("store", "broker", "tsa")
_WRITES = (Fault.INTERNAL_ERROR, Fault.UNAVAILABLE, Fault.RESET_BEFORE, Fault.RESET_HALFWAY, Fault.RESET_AFTER, Fault.LOST_ANSWER_500)
_READS = (Fault.INTERNAL_ERROR, Fault.UNAVAILABLE, Fault.RESET_BEFORE, Fault.RESET_AFTER, Fault.TRUNCATED, Fault.CORRUPT)


@dataclass
class Drill:
    """All that runs, and what was done to it."""

    site: Site
    folder: Path
    nodes: list[Service]
    broker: Service
    web: Service
    proxy: Proxy
    tsa: Tsa
    dice: random.Random
    desk: "subprocess.Popen[bytes] | None" = None
    killed: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)

    @property
    def env(self) -> dict[str, str]:
        """The desk's settings; it too reaches the store through the proxy."""
        return {**os.environ, **self.site.settings(node_folder(self.folder, "desk")), "YICE_TSA_URL": self.tsa.url}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "api.cli", *words]

    def yice(self, *words: str, well: tuple[int, ...] = (0,)) -> Any:
        """Run a command in calm; what it printed as JSON."""
        done = subprocess.run(self.command(*words, "--json"), env=self.env, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode not in well:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        return json.loads(done.stdout)

    def compile(self) -> None:
        """Start the command at the desk when it is not running."""
        if self.desk is None or self.desk.poll() is not None:
            with (self.folder / "desk.log").open("ab") as log:
                self.desk = subprocess.Popen(self.command("compile", "--all", "--json"), env=self.env, cwd=ROOT, stdout=log, stderr=log)

    def kill_one(self) -> None:
        """kill -9 of one process by chance; a node that died is started again, as its container would be."""
        victim = self.dice.choice(("node", "worker", "worker", "desk", "web"))
        node = self.dice.choice(self.nodes)
        below = processes_below(node.process.pid) if node.process else []
        if victim == "worker" and below:
            os.kill(self.dice.choice(below), 9)
        elif victim == "desk" and self.desk is not None:
            self.desk.kill()
            self.desk.wait()
        elif victim == "web":
            self.web.kill()
            self.web.start()
        else:
            victim = "node"
            node.kill()
            node.start()
        self.killed[victim] += 1

    def broken_now(self, what: str | None) -> None:
        """Let one service break, and mend the one that was broken before."""
        self.proxy.calm()
        self.tsa.fault = TsaFault.SOUND
        if not self.broker.alive():
            self.broker.start()
        if what == "store":
            self.proxy.choose = lambda method, _path, _number: (
                self.dice.choice(_READS if method in {"GET", "HEAD"} else _WRITES) if self.dice.random() < 0.3 else None
            )
        elif what == "broker":
            self.broker.kill()
        elif what == "tsa":
            self.tsa.fault = self.dice.choice((TsaFault.ERROR_500, TsaFault.WRONG_IMPRINT, TsaFault.REFUSED, TsaFault.GARBAGE))
        if what:
            self.broken[what] += 1

    def keep_alive(self) -> None:
        """Start again what has ended by itself, as a container engine would."""
        for one in (*self.nodes, self.web):
            if not one.alive():
                one.start()


@contextmanager
def drilled(folder: Path, seed: int) -> Iterator[Drill]:
    """Everything of `make cluster`, with the store behind a proxy and a time-stamping authority that can break."""
    real, shared = shared_services(folder)
    with ExitStack() as ended:
        for one in shared:
            one.start()
            ended.callback(one.end)
            one.wait()
        proxy = ended.enter_context(proxied(real.s3_endpoint))
        tsa = ended.enter_context(serve_tsa(local_timestamper(demo_pki(Settings(data=folder), load_organisations()))))
        site = replace(real, s3_endpoint=proxy.address)
        nodes = [worker_node(site, folder, f"node-{number}") for number in (1, 2)]
        web = web_node(site, folder, free_port())
        for one in (web, *nodes):
            one.env = {**one.env, "YICE_TSA_URL": tsa.url}
            one.start()
            ended.callback(one.kill)
            one.wait()
        dice = random.Random(seed)  # noqa: S311 - the same misfortune each time
        yield Drill(site, folder, nodes, next(one for one in shared if one.name == "rabbitmq"), web, proxy, tsa, dice)


def _waiting(drill: Drill) -> int:
    engine = connect(drill.site.database_url)
    try:
        with reading(engine) as session:
            jobs = session.scalar(select(func.count()).select_from(Job)) or 0
            return session.scalar(select(func.count()).where(Job.state != "DONE")) or 0 if jobs else 1
    finally:
        engine.dispose()


def storm(drill: Drill, seconds: float, say: Console) -> float:
    """Kill and break until the work is done or the time is over; at least one round of breaks. Returns how long it took."""
    begin = last_kill = last_break = time.monotonic()
    turn = 0
    drill.compile()
    while time.monotonic() - begin < seconds and (_waiting(drill) or turn <= len(_BREAKS)):
        now = time.monotonic()
        if now - last_kill > KILL_EVERY:
            drill.kill_one()
            last_kill = now
        if now - last_break > BREAK_FOR:
            drill.broken_now([*_BREAKS, None][turn % 4])
            turn, last_break = turn + 1, now
            say.print(f"{now - begin:5.0f} s　未完成 {_waiting(drill)}　已杀 {drill.killed.total()}　已断 {dict(drill.broken)}")
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
    drill.keep_alive()
    for one in drill.nodes:
        one.wait()
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

    @property
    def clean(self) -> bool:
        """Nothing lost, nothing doubled, nothing left behind."""
        lost = self.bags - sum(self.outcomes.values()) or self.accepted - self.committed or self.commit_records - self.versions
        return not (
            lost or self.not_committed or self.missing_numbers or self.owed_timestamps or self.open_jobs or self.faults or self.orphans
        )


def account(drill: Drill, cases: int, bags: int, seconds: float) -> Account:
    """Count in the rows and in the bucket, each by itself, and prove every volume again."""
    found = drill.yice("verify", "--all", well=(0, 1))
    engine = connect(drill.site.database_url)
    store = S3Store(drill.proxy.upstream, drill.site.s3_bucket, drill.site.s3_access_key, drill.site.s3_secret_key, secure=False)
    with reading(engine) as session:
        states = _counted(session, VolumeVersion.state)
        numbers: dict[tuple[str, ...], set[int]] = {}
        for one in session.scalars(select(Volume)):
            numbers.setdefault((one.fonds, one.series, str(one.year), one.term), set()).add(one.number)
        made = Account(
            cases=cases,
            bags=bags,
            outcomes=_counted(session, Delivery.outcome),
            accepted=session.scalar(select(func.count()).where(Case.state == "ACCEPTED")) or 0,
            waiting=session.scalar(select(func.count()).where(Case.state == "CONFIRM")) or 0,
            committed=session.scalar(select(func.count(VolumeVersion.volume_id.distinct())).where(VolumeVersion.state == "COMMITTED")) or 0,
            not_committed=sum(count for state, count in states.items() if state not in {"COMMITTED", "VOID"}),
            missing_numbers=sum(max(one) - len(one) for one in numbers.values()),
            owed_timestamps=_owing(session),
            open_jobs=session.scalar(select(func.count()).where(Job.state != "DONE")) or 0,
            commit_records=sum(one.key.endswith("/inventory.json") for one in store.list("volumes/")),
            versions=states.get("COMMITTED", 0),
            faults=found["faults"],
            orphans=len(orphans(engine, store)),
            seconds=round(seconds, 1),
            killed=dict(drill.killed),
            broken=dict(drill.broken),
            broken_requests=len(drill.proxy.done),
        )
    engine.dispose()
    return made


def _counted(session: Session, column: Any) -> dict[str, int]:
    return {row[0]: row[1] for row in session.execute(select(column, func.count()).group_by(column))}


def _owing(session: Session) -> int:
    newest = select(VolumeVersion.volume_id, func.max(VolumeVersion.version).label("last")).where(VolumeVersion.state == "COMMITTED")
    last = newest.group_by(VolumeVersion.volume_id).subquery()
    query = select(func.count()).select_from(VolumeVersion).join(last, last.c.volume_id == VolumeVersion.volume_id)
    return int(session.scalar(query.where(VolumeVersion.version == last.c.last, VolumeVersion.lta_pending)) or 0)


def show(made: Account, screen: Console) -> None:
    """The table."""
    table = Table("项目", "数量", box=None)
    labels = {
        "cases": "生成办件", "bags": "送达的包", "accepted": "已接收办件", "waiting": "待核对", "committed": "已归档的册", "versions": "已归档的版本",
        "commit_records": "存储中的归档记录", "not_committed": "未完成", "missing_numbers": "断号", "owed_timestamps": "待补时间戳", "open_jobs": "未结任务",
        "orphans": "超过租期的残留", "seconds": "历时（秒）", "broken_requests": "被破坏的存储请求",
    }  # fmt: skip
    for name, label in labels.items():
        table.add_row(label, str(getattr(made, name)))
    for label, counts in (("送达结果", made.outcomes), ("被杀的进程", made.killed), ("中断的服务", made.broken)):
        table.add_row(label, "，".join(f"{name} {count}" for name, count in sorted(counts.items())))
    table.add_row("验证发现的问题", str(len(made.faults)))
    table.add_row("结论", "全部有着落" if made.clean else "不合格")
    screen.print(table)


def run(cases: int, seconds: float, seed: int, say: Console) -> Account:
    """The whole drill in a folder of its own, removed afterwards unless something was wrong."""
    folder = Path(tempfile.mkdtemp(prefix="yice-drill-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user
    say.print(f"生成 {cases} 个办件……")
    bags = len(build_demo(folder / "city", cases=cases, seed=seed, progress=lambda _: None, workers=os.cpu_count() or 1)["bags"])
    with drilled(folder, seed) as drill:
        say.print("接收……")
        drill.yice("ingest", str(folder / "city" / "bags"), well=(0, 1))
        took = storm(drill, seconds, say)
        say.print("风暴结束，收尾……")
        calm(drill)
        made = account(drill, cases, bags, took)
    if made.clean:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        say.print(f"保留现场：{folder}")
    return made


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--cases", type=int, default=2000)
    words.add_argument("--seconds", type=float, default=600)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--json", action="store_true")
    given = words.parse_args()
    say = Console(stderr=True)
    try:
        made = run(given.cases, given.seconds, given.seed, say)
    except ServiceError as error:
        say.print(f"{error.code} {error}", soft_wrap=True)
        sys.exit(2)
    if given.json:
        sys.stdout.write(json.dumps({**asdict(made), "clean": made.clean}, ensure_ascii=False) + "\n")
    else:
        show(made, Console())
    sys.exit(0 if made.clean else 1)


if __name__ == "__main__":
    main()
