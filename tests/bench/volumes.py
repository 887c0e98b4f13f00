"""Volumes per hour and core, CPU time per step, memory per worker, and the cost per case as holdings grow; beside it the bare library calls.

python -m tests.bench.volumes --cases 200 --cases 1000 --level B-LTA
"""

import argparse
import hashlib
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from api import bootstrap
from api.settings import Settings
from archive.arrangement import FilingRule
from archive.compile import build, sheets, volume
from archive.compile.demo_pki import local_timestamper
from archive.compile.seal import Sealer
from archive.compile.seal_art import seal_pdf
from archive.compile.seal_keys import load_pkcs12
from archive.db import reading, writing
from archive.models import VolumeVersion
from archive.numbering import freeze, unnumbered
from archive.vocabulary import SignatureLevel
from ingest.intake import inspect_package, receive
from tests.bench.bare import Clock, make_bare
from tests.bench.cases import PAGES, case_files, write_bag

_OUR_STEPS = ("sheets", "build", "sign", "prove", "store", "rest")
_BARE_EVERY = 4
_SIZES = (200, 1000, 5000)


def measure(cases: int, level: SignatureLevel, data: Path) -> dict[str, Any]:
    """Take `cases` in and make them all, in this one process; CPU milliseconds per case and step, bytes of memory."""
    settings = Settings(data=data, signature_level=level)
    runtime = bootstrap.start(settings)
    intake = _take_in(runtime, cases, data / "bags")
    with writing(runtime.engine) as session:
        freeze(
            session,
            "bench",
            unnumbered(session),
            catalogue=runtime.catalogue,
            organisations=runtime.organisations,
            rule=FilingRule.RECEIVING_PLACE,
            at=datetime.now(UTC),
        )
    with reading(runtime.engine) as session:
        versions = list(session.scalars(select(VolumeVersion.id).order_by(VolumeVersion.id)))
    clock, last = Clock(), {"data": ""}
    _instrument(clock, last)
    shop = bootstrap.open_workshop(runtime)
    volume.make_volume(shop, versions[0])  # starts the JVM and loads fonts, once per worker
    clock.seconds.clear()
    bare, bare_clock = _bare(shop, settings, level, last["data"], data)
    ours: list[float] = []
    walls: list[float] = []
    memory = []
    for count, version_id in enumerate(versions[1:], 1):
        before, started = time.process_time(), time.perf_counter()
        volume.make_volume(shop, version_id)
        ours.append(time.process_time() - before)
        walls.append(time.perf_counter() - started)
        if count % _BARE_EVERY == 0 and count // _BARE_EVERY <= 100:
            bare(count)
        if count in (100, len(versions) - 1) or count % 500 == 0:
            memory.append((count, _resident()))
    total = sum(ours)
    steps = {name: clock.seconds.get(name, 0.0) * 1000 / len(ours) for name in _OUR_STEPS[:-1]}
    steps["build"] -= steps["sheets"]  # the one calls the other
    steps["rest"] = total * 1000 / len(ours) - sum(steps.values())
    compared = min(len(ours) // _BARE_EVERY, 100)
    bare_steps = {name: value * 1000 / compared for name, value in bare_clock.seconds.items()}
    tenth = max(1, len(ours) // 10)
    return {
        "cases": cases,
        "level": str(level),
        "pages_per_volume": PAGES,
        "cpu_ms_per_volume": total * 1000 / len(ours),
        "cpu_ms_median": statistics.median(ours) * 1000,
        "wall_ms_per_volume": sum(walls) * 1000 / len(walls),
        "volumes_per_hour_and_core": 3600 * len(walls) / sum(walls),
        "cpu_ms_by_step": steps,
        "bare_cpu_ms": sum(bare_steps.values()),
        "bare_cpu_ms_by_step": bare_steps,
        "ratio_to_bare": total * 1000 / len(ours) / sum(bare_steps.values()),
        "cpu_ms_when_held": {size: statistics.median(ours[size - 101 : size - 1]) * 1000 for size in _SIZES if size <= len(versions)},
        "first_tenth_cpu_ms": statistics.mean(ours[:tenth]) * 1000,
        "last_tenth_cpu_ms": statistics.mean(ours[-tenth:]) * 1000,
        "intake_cpu_ms_per_case": intake,
        "memory_mb": [(count, round(size / 1e6)) for count, size in memory],
    }


def _take_in(runtime: bootstrap.Runtime, cases: int, folder: Path) -> float:
    spent, now = 0.0, datetime.now(UTC)
    for number in range(cases):
        bag_path = write_bag(folder, number)
        before = time.process_time()
        bag, submission = inspect_package(bag_path, runtime.catalogue, runtime.organisations, now)
        received = receive(runtime.engine, runtime.store, "bench", bag_path, bag, submission, now=now)
        spent += time.process_time() - before
        if received.outcome != "ACCEPTED":
            raise ValueError([one.code for one in received.findings])
        shutil.rmtree(bag_path)
    return spent * 1000 / cases


def _instrument(clock: Clock, last: dict[str, str]) -> None:
    """Time the worker's own steps where the worker calls them."""

    def timed(module: Any, name: str, step: str) -> None:
        inner = getattr(module, name)

        def wrapper(*args: Any, **named: Any) -> Any:
            with clock.step(step):
                return inner(*args, **named)

        setattr(module, name, wrapper)

    compiled: Callable[..., bytes] = sheets.compile_template

    def remembered(name: str, content: Any) -> bytes:
        if name == "sheets.typ":
            last["data"] = json.dumps(sheets._showable(content), ensure_ascii=False)
        return compiled(name, content)

    sheets.compile_template = remembered
    timed(build, "render_sheets", "sheets")
    timed(volume, "build", "build")
    timed(Sealer, "seal", "sign")
    timed(volume, "prove_volume", "prove")
    timed(volume, "write_package", "store")


def _bare(
    shop: volume.Workshop, settings: Settings, level: SignatureLevel, sheet_data: str, data: Path
) -> tuple[Callable[[int], None], Clock]:
    pki = bootstrap.demo_pki(settings, shop.organisations)
    signer = load_pkcs12(pki.pkcs12_of("J602"), pki.passphrase)
    stamper = local_timestamper(pki)
    art = data / "seal.pdf"
    art.write_bytes(seal_pdf("演示", True))  # noqa: FBT003 - fixed by its callers
    clock = Clock()
    # The same originals from files by digest, as the store keeps them.
    folder = data / "bare"
    folder.mkdir()

    def one(number: int) -> None:
        files = case_files(number)
        with clock.step("build"):
            for each in files:
                hashlib.sha256(each.data).hexdigest()
        pages = make_bare(
            files,
            sheets._compiler("sheets.typ"),
            sheet_data.replace("-000000", f"-{number:06d}"),  # or typst would give back the pages that it made before
            signer=signer,
            timestamper=stamper,
            trust=pki.trust,
            level=level,
            seal_art=art,
            prover=shop.prover,
            out=folder / f"{number}.pdf",
            clock=clock,
        )
        if pages != PAGES:
            raise ValueError(f"the bare volume has {pages} pages")

    return one, clock


def _resident() -> int:
    """Bytes of memory that this process holds now, the JVM's included (proc(5), VmRSS)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def _show(results: list[dict[str, Any]]) -> None:
    table = Table("", *(f"{one['level']} · {one['cases']} 件" for one in results), title=f"每册 {PAGES} 页，CPU 毫秒；括号内为直接调用库")
    rows: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
        (name, lambda one, name=name: f"{one['cpu_ms_by_step'][name]:.0f}（{one['bare_cpu_ms_by_step'].get(name, 0):.0f}）")
        for name in _OUR_STEPS
    ]
    rows += [
        ("合计", lambda one: f"{one['cpu_ms_per_volume']:.0f}（{one['bare_cpu_ms']:.0f}）"),
        ("与直接调用库之比", lambda one: f"{one['ratio_to_bare']:.2f}"),
        ("已有 200/1000/5000 册时", lambda one: " → ".join(f"{value:.0f}" for value in one["cpu_ms_when_held"].values())),
        ("首末十分之一", lambda one: f"{one['first_tenth_cpu_ms']:.0f} → {one['last_tenth_cpu_ms']:.0f}"),
        ("册/小时·核", lambda one: f"{one['volumes_per_hour_and_core']:.0f}"),
        ("接收（每件）", lambda one: f"{one['intake_cpu_ms_per_case']:.0f}"),
        ("内存 MB（册数：占用）", lambda one: "，".join(f"{count}：{size}" for count, size in one["memory_mb"])),
    ]
    for name, cell in rows:
        table.add_row(name, *(cell(one) for one in results))
    Console(width=140).print(table)


def main() -> None:
    """Measure each level and size in a process of its own, so that memory is that of one worker."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, action="append")
    parser.add_argument("--level", action="append", choices=[str(one) for one in SignatureLevel])
    parser.add_argument("--out", type=Path, default=Path("bench-results"))
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True)
    sizes, levels = options.cases or [200], options.level or ["B-B", "B-LTA"]
    if options.one:
        with TemporaryDirectory(dir=options.out) as folder:
            json.dump(measure(sizes[0], SignatureLevel(levels[0]), Path(folder)), sys.stdout)
        return
    results = []
    for size in sizes:
        for level in levels:
            command = [
                sys.executable,
                "-m",
                "tests.bench.volumes",
                "--one",
                "--cases",
                str(size),
                "--level",
                level,
                "--out",
                str(options.out),
            ]
            results.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
    (options.out / "volumes.json").write_text(json.dumps(results, indent=1) + "\n")
    _show(results)


if __name__ == "__main__":
    main()
