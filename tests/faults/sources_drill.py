"""`make sources-drill`: four outside systems and a following puller, either of them killed at
random, and then every case is accounted for.

The same two commands as an archivist's two terminals: `yice demo sources` and `yice pull --follow`.
Afterwards everything is compiled and proved.
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
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, select

from api.cluster.services import free_port
from api.demo.source_world import build_world
from api.runtime.bootstrap import start
from api.runtime.settings import Settings
from archive.database.engine import reading
from archive.database.tables_cases import Case, Delivery
from archive.database.tables_volumes import Volume, VolumeVersion

ROOT = Path(__file__).parents[2]
TROUBLE = {"error": 0.03, "truncated": 0.03, "duplicate": 0.1, "disorder": 0.2, "expired": 0.03}


@dataclass
class Drill:
    """The two processes and what was done to them."""

    data: Path
    cases: int
    seed: int
    port: int
    dice: random.Random
    running: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)

    def command(self, name: str) -> list[str]:
        """The words of one terminal."""
        if name == "pull":
            return ["pull", "--follow"]
        words = [
            "demo",
            "sources",
            "--cases",
            str(self.cases),
            "--seed",
            str(self.seed),
            "--port",
            str(self.port),
        ]
        return words + [
            word for kind, share in TROUBLE.items() for word in ("--fault", f"{kind}={share}")
        ]

    def env(self) -> dict[str, str]:
        """Settings of this data folder, and of the systems once they have said theirs."""
        settings = self.data / "sources.env"
        lines = settings.read_text("utf-8").splitlines() if settings.exists() else []
        return {
            **os.environ,
            "YICE_DATA": str(self.data),
            "PYTHONPATH": str(ROOT),
            **dict(line.split("=", 1) for line in lines),
        }

    def begin(self, name: str) -> None:
        """Start one of the two."""
        with (self.data / f"{name}.log").open("ab") as log:
            words = [sys.executable, "-m", "api.cli", *self.command(name)]
            self.running[name] = subprocess.Popen(
                words, env=self.env(), cwd=ROOT, stdout=log, stderr=log
            )
        if name == "systems":
            self._answers()

    def _answers(self) -> None:
        for _ in range(1800):
            try:
                requests.get(f"http://127.0.0.1:{self.port}/control", timeout=30)
            except requests.ConnectionError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError("the systems did not start")

    def kill(self, name: str) -> None:
        """kill -9."""
        self.running[name].kill()
        self.running[name].wait()

    def yice(self, *words: str, well: Sequence[int] = (0,)) -> Any:
        """A command in calm; what it printed as JSON."""
        words = (sys.executable, "-m", "api.cli", *words, "--json")
        done = subprocess.run(
            words, env=self.env(), cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode not in well:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        return json.loads(done.stdout)

    def quiet(self) -> bool:
        """Nothing waits: every source answered well, no capture is left, no case lacks anything."""
        if list((self.data / "scans").glob("*.json")) or self.yice("list", "--collecting"):
            return False
        return all(source["health"] == "OK" for source in self.yice("pull", "--status"))


@dataclass
class Account:
    """What became of every case of the world."""

    cases: int
    volumes: int
    waiting: int
    quarantined: int
    collecting: int
    unaccounted: list[str]
    doubled: list[str]
    planted: int
    missed: list[str]
    doubted: list[str]
    faults: list[Any]
    verified: int
    failed: int
    killed: dict[str, int]
    seconds: float

    @property
    def clean(self) -> bool:
        """Exactly all, each once, each planted defect found, nothing sound doubted, every volume
        proved.
        """
        every = self.volumes + self.waiting + self.quarantined + self.collecting == self.cases
        return every and not (
            self.unaccounted
            or self.doubled
            or self.missed
            or self.doubted
            or self.faults
            or self.failed
        )


def storm(drill: Drill, kills: int, say: Console) -> None:
    """Both run; at random moments one of the two is killed and started again."""
    drill.begin("systems")
    drill.begin("pull")
    for _ in range(kills):
        time.sleep(drill.dice.uniform(2, 6))
        name = drill.dice.choice(("systems", "pull"))
        drill.kill(name)
        drill.killed[name] += 1
        drill.begin(name)
        say.print(f"已杀 {dict(drill.killed)}")


def settle(drill: Drill, minutes: float) -> None:
    """No more kills, no more faults: pull until nothing waits, or nothing more can come."""
    until = time.monotonic() + 60 * minutes
    while time.monotonic() < until:
        try:
            requests.post(f"http://127.0.0.1:{drill.port}/control/faults", json={}, timeout=30)
            break
        except requests.RequestException:
            time.sleep(0.2)
    while time.monotonic() < until and not drill.quiet():
        time.sleep(3)
    for name in drill.running:
        drill.kill(name)


def account(drill: Drill, engine: Engine, seconds: float) -> Account:
    """Count case by case against what was planted."""
    truth = json.loads(
        (drill.data / f"demo-sources-{drill.cases}-{drill.seed}" / "truth.json").read_text("utf-8")
    )["cases"]
    batch = drill.yice("compile", "--all", well=(0, 1))
    proved = drill.yice("verify", "--all", well=(0, 1))
    collecting = {case["case_no"] for case in drill.yice("list", "--collecting")}
    with reading(engine) as session:
        query = (
            select(Case.case_no)
            .join(Volume, Volume.case_id == Case.id)
            .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
        )
        volumes = set(session.scalars(query.where(VolumeVersion.state == "COMMITTED")))
        rows = session.execute(select(Case.case_no, Case.state)).all()
        waiting = {case_no for case_no, state in rows if state == "CONFIRM"}
        deliveries = [
            (delivery.case_no, delivery.outcome, {row["code"] for row in delivery.findings})
            for delivery in session.scalars(select(Delivery))
        ]
    refused = (
        {case_no for case_no, outcome, _ in deliveries if outcome == "REFUSED"} - volumes - waiting
    )
    every = {case["case_no"] for case in truth}
    places = Counter(
        case_no
        for place in (volumes, waiting - volumes, refused, collecting - volumes - waiting)
        for case_no in place
    )
    codes = {
        case["case_no"]: {
            code
            for case_no, _, case_codes in deliveries
            if case_no == case["case_no"]
            for code in case_codes
        }
        for case in truth
    }
    planted = [case for case in truth if case["finding"]]
    sound = {case["case_no"] for case in truth if not case["finding"]}
    return Account(
        cases=len(truth),
        volumes=len(volumes),
        waiting=len(waiting - volumes),
        quarantined=len(refused & every),
        collecting=len(collecting - volumes - waiting - refused),
        unaccounted=sorted(every - set(places)),
        doubled=sorted(
            case_no for case_no, count in places.items() if count > 1 or case_no not in every
        ),
        planted=len(planted),
        missed=sorted(
            f"{case['case_no']} {case['finding']}"
            for case in planted
            if case["finding"] not in codes[case["case_no"]]
        ),
        doubted=sorted(sound & (waiting | refused)),
        faults=proved["faults"],
        verified=len(volumes),
        failed=batch["failed"],
        killed=dict(drill.killed),
        seconds=round(seconds, 1),
    )


def show(counted: Account, screen: Console) -> None:
    """The table."""
    table = Table("项目", "数量", box=None)
    labels = {
        "cases": "来源系统中的办件",
        "volumes": "已归档成册",
        "waiting": "待核对",
        "quarantined": "拒收隔离",
        "collecting": "归集中",
        "planted": "预埋缺陷",
        "seconds": "归集历时（秒）",
    }
    for name, label in labels.items():
        table.add_row(label, str(getattr(counted, name)))
    for name, label in (
        ("unaccounted", "没有着落"),
        ("doubled", "重复计数"),
        ("missed", "未发现的缺陷"),
        ("doubted", "误判的无缺陷件"),
        ("faults", "验证发现的问题"),
    ):
        table.add_row(
            label,
            str(len(getattr(counted, name)))
            + "".join(f"\n{row}" for row in getattr(counted, name)[:10]),
        )
    table.add_row(
        "被杀的进程（kill -9）",
        "，".join(f"{name} {count}" for name, count in sorted(counted.killed.items())),
    )
    table.add_row("结论", "全部有着落" if counted.clean else "不合格")
    screen.print(table)


def run(cases: int, kills: int, seed: int, say: Console) -> Account:
    """The whole drill in a folder of its own, removed afterwards unless something was wrong."""
    data = Path(tempfile.mkdtemp(prefix="yice-sources-"))
    say.print(f"生成 {cases} 个办件的来源数据……")
    build_world(
        data / f"demo-sources-{cases}-{seed}",
        cases=cases,
        seed=seed,
        progress=lambda _: None,
        workers=os.cpu_count() or 1,
    )
    drill = Drill(data, cases, seed, free_port(), random.Random(seed))
    begun = time.monotonic()
    try:
        storm(drill, kills, say)
        settle(drill, minutes=20 + cases / 10)
    finally:
        for name in drill.running:
            drill.kill(name)
    seconds = time.monotonic() - begun
    say.print("组卷、验证……")
    runtime = start(Settings(data=data))
    counted = account(drill, runtime.engine, seconds)
    runtime.engine.dispose()
    if counted.clean:
        shutil.rmtree(data, ignore_errors=True)
    else:
        say.print(f"保留现场：{data}")
    return counted


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--cases", type=int, default=500)
    words.add_argument("--kills", type=int, default=10)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--json", action="store_true")
    given = words.parse_args()
    counted = run(given.cases, given.kills, given.seed, Console(stderr=True))
    if given.json:
        sys.stdout.write(
            json.dumps({**asdict(counted), "clean": counted.clean}, ensure_ascii=False) + "\n"
        )
    else:
        show(counted, Console())
    sys.exit(0 if counted.clean else 1)


if __name__ == "__main__":
    main()
