"""Volumes per hour and core, CPU time per step, memory per worker, and the cost per case as
holdings grow; beside it the bare library calls.

python -m tests.bench.volumes --cases 200 --cases 1000 --held 200 --held 1000 --held 5000 --level
B-LTA
"""

import argparse
import hashlib
import json
import logging
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from api.runtime import bootstrap, workshop
from api.runtime.memory import share_one_heap
from api.runtime.settings import Settings
from archive.arrangement.numbering import freeze, unnumbered
from archive.compile import build, sealing, sheets, volume
from archive.compile.seal_art import seal_pdf
from archive.database.engine import reading, writing
from archive.database.tables_volumes import VolumeVersion
from archive.reference.vocabulary import SignatureLevel
from archive.signing.demo_pki import local_timestamper
from archive.signing.seal import Sealer
from archive.signing.seal_keys import load_pkcs12
from ingest.intake.intake import take_package
from tests.bench.bare import Clock, make_bare
from tests.bench.cases import PAGES, case_files, write_bag
from tests.bench.held import fill
from tests.bench.page_costs import PDF, SCAN, children_cpu, page_costs
from tests.support.filing import FILER, FILING

_OUR_STEPS = ("sheets", "build", "compare", "sign", "prove", "store", "rest")
_BARE_EVERY = 4
_COMPARED = 100  # bare volumes of a run
# Volumes made at each size, and before the first: by then the JVM has compiled what it runs often.
_HUNDRED, _WARM = 100, 40


def measure(cases: int, level: SignatureLevel, data: Path) -> dict[str, Any]:
    """Take `cases` in and make them all, in this one process; CPU milliseconds per case and step,
    bytes of memory.
    """
    bench = _Bench(level, data)
    intake = bench.take_in(0, cases)
    versions = bench.freeze()
    bench.begin(versions[0])
    memory = []
    for count, version_id in enumerate(versions[1:], 1):
        bench.make(
            version_id, compare=count % _BARE_EVERY == 0 and count // _BARE_EVERY <= _COMPARED
        )
        if count in (100, len(versions) - 1) or count % 500 == 0:
            memory.append((count, _resident()))
    tenth = max(1, len(bench.ours) // 10)
    return {
        "cases": cases,
        **bench.result(),
        "first_tenth_cpu_ms": statistics.mean(bench.ours[:tenth]) * 1000,
        "last_tenth_cpu_ms": statistics.mean(bench.ours[-tenth:]) * 1000,
        "intake_cpu_ms_per_case": intake,
        "memory_mb": [(count, round(size / 1e6)) for count, size in memory],
    }


def measure_among(counts: list[int], level: SignatureLevel, data: Path) -> dict[str, Any]:
    """Make a hundred cases among as many volumes as `held` says, for each size in turn; what is
    between them is filled, not made (`tests.bench.held`).

    Beside each hundred stand bare calls at the same time: a machine that is busy with other work
    slows both.
    """
    bench, taken, sizes = _Bench(level, data), _WARM + 1, {}
    bench.take_in(0, taken)
    first, *others = bench.freeze()
    bench.begin(first)
    for version_id in others:
        bench.make(version_id, compare=True)
    for size in sorted(counts):
        fill(bench.runtime, size - _HUNDRED)
        bench.forget()
        intake = bench.take_in(taken, _HUNDRED)
        taken += _HUNDRED
        for count, version_id in enumerate(bench.freeze()):
            bench.make(version_id, compare=count % _BARE_EVERY == 0)
        sizes[size] = {
            **bench.result(),
            "intake_cpu_ms_per_case": intake,
            "memory_mb": round(_resident() / 1e6),
        }
    return {"level": str(level), "pages_per_volume": PAGES, "held": sizes}


class _Bench:
    """One worker's process: its archive, what its volumes cost, and what the bare calls cost beside
    them.
    """

    def __init__(self, level: SignatureLevel, data: Path) -> None:
        self._settings, self._level, self._data = (
            Settings(data=data, signature_level=level),
            level,
            data,
        )
        self.runtime = bootstrap.start(self._settings)
        self._clock = Clock()
        self._last: dict[str, Any] = {"data": ""}
        self.ours: list[float] = []
        self._walls: list[float] = []
        self._compared = 0

    def take_in(self, first: int, cases: int) -> float:
        """Take cases in, in a process of its own: a worker's memory is asked for, not that of the
        intake. CPU milliseconds a case.
        """
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as intake:
            return intake.submit(_take_in, self._settings, first, cases).result()

    def freeze(self) -> list[int]:
        """Number whatever was taken in; the versions to make, in order."""
        with writing(self.runtime.engine) as session:
            freeze(
                session,
                FILER,
                unnumbered(session),
                catalogue=self.runtime.catalogue,
                units=FILING,
                at=datetime.now(UTC),
            )
        with reading(self.runtime.engine) as session:
            return list(
                session.scalars(
                    select(VolumeVersion.id)
                    .where(VolumeVersion.state == "FROZEN")
                    .order_by(VolumeVersion.id)
                )
            )

    def begin(self, version_id: int) -> None:
        """Make the first volume: it starts the JVM and loads the fonts, once per worker, and is the
        model of what is filled.
        """
        _instrument(self._clock, self._last)
        share_one_heap()  # as a worker does
        self._shop = workshop.open_compile_context(self.runtime)
        volume.make_volume(self._shop, version_id)
        self._bare, self._bare_clock = _bare(
            self._shop, self._settings, self._level, self._last["data"], self._data
        )
        self.forget()

    def forget(self) -> None:
        """Begin to measure anew."""
        self._clock.seconds.clear()
        self._bare_clock.seconds.clear()
        self.ours.clear()
        self._walls.clear()
        self._bared = 0
        self._children = children_cpu()

    def make(self, version_id: int, *, compare: bool) -> None:
        """Make a volume, and one with bare calls to compare it with."""
        before, started = time.process_time(), time.perf_counter()
        volume.make_volume(self._shop, version_id)
        self.ours.append(time.process_time() - before)
        self._walls.append(time.perf_counter() - started)
        if compare:
            self._compared += 1
            self._bared += 1
            self._bare(self._compared)
            sheets._forget()  # the memory asked for is a worker's

    def result(self) -> dict[str, Any]:
        """What was measured since it began."""
        count, total = len(self.ours), sum(self.ours) * 1000
        steps = {
            name: self._clock.seconds.get(name, 0.0) * 1000 / count for name in _OUR_STEPS[:-1]
        }
        steps["build"] -= steps["sheets"]  # the one calls the other
        steps["rest"] = total / count - sum(steps.values())
        bare = {
            name: value * 1000 / self._bared for name, value in self._bare_clock.seconds.items()
        }
        return {
            "level": str(self._level),
            "pages_per_volume": PAGES,
            "cpu_ms_per_volume": total / count,
            "cpu_ms_median": statistics.median(self.ours) * 1000,
            "wall_ms_per_volume": sum(self._walls) * 1000 / count,
            "volumes_per_hour_and_core": 3600 * count / sum(self._walls),
            "cpu_ms_by_step": steps,
            "bare_cpu_ms": sum(bare.values()),
            "bare_cpu_ms_by_step": bare,
            "ratio_to_bare": total / count / sum(bare.values()),
            "second_drawing_cpu_ms": (children_cpu() - self._children) * 1000 / count,
            "compared_page_cpu_ms": page_costs(*self._last["compared"]),
        }


def _take_in(settings: Settings, first: int, cases: int) -> float:
    runtime, folder = bootstrap.start(settings), settings.data / "bags"
    spent, now = 0.0, datetime.now(UTC)
    for number in range(first, first + cases):
        bag_path = write_bag(folder, number)
        before = time.process_time()
        received = take_package(
            runtime.engine,
            runtime.store,
            "bench",
            bag_path,
            sender=None,
            rules=runtime.intake_rules,
            now=now,
        )
        spent += time.process_time() - before
        if received.outcome != "ACCEPTED":
            raise ValueError([finding.code for finding in received.findings])
        shutil.rmtree(bag_path)
    return spent * 1000 / cases


def _instrument(clock: Clock, last: dict[str, Any]) -> None:
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
    timed(sealing, "build", "build")
    compared: Callable[..., Any] = sealing.compare_pages

    def kept(*args: Any) -> Any:
        last["compared"] = args
        return compared(*args)

    sealing.compare_pages = kept
    timed(sealing, "compare_pages", "compare")
    timed(Sealer, "seal", "sign")
    timed(volume, "prove_volume", "prove")
    timed(volume, "write_package", "store")


def _bare(
    shop: volume.CompileContext,
    settings: Settings,
    level: SignatureLevel,
    sheet_data: str,
    data: Path,
) -> tuple[Callable[[int], None], Clock]:
    pki = workshop.demo_pki(settings, shop.organisations)
    signer = load_pkcs12(pki.pkcs12_of("J602"), pki.passphrase)
    stamper = local_timestamper(pki)
    art = data / "seal.pdf"
    art.write_bytes(seal_pdf("演示", True))
    clock = Clock()
    # The same originals from files by digest, as the store keeps them.
    folder = data / "bare"
    folder.mkdir()

    def make_one(number: int) -> None:
        files = case_files(number)
        with clock.step("build"):
            for original in files:
                hashlib.sha256(original.data).hexdigest()
        pages = make_bare(
            files,
            sheets._compiler("sheets.typ"),
            sheet_data.replace(
                "-000000", f"-{number:06d}"
            ),  # or typst would give back the pages that it made before
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

    return make_one, clock


def _resident() -> int:
    """Bytes of memory that this process has to itself, the JVM's included, and its share of
    libraries that others use too (proc(5), Pss).
    """
    line = next(
        line
        for line in Path("/proc/self/smaps_rollup").read_text().splitlines()
        if line.startswith("Pss:")
    )
    return int(line.split()[1]) * 1024


def _show(results: list[dict[str, Any]]) -> None:
    table = Table(
        "",
        *(f"{row['level']} · {row['cases']} 件" for row in results),
        title=f"每册 {PAGES} 页，CPU 毫秒；括号内为直接调用库",
    )
    rows: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
        (
            name,
            lambda row, name=name: (
                f"{row['cpu_ms_by_step'][name]:.0f}"
                f"（{row['bare_cpu_ms_by_step'].get(name, 0):.0f}）"
            ),
        )
        for name in _OUR_STEPS
    ]
    rows += [
        ("合计", lambda row: f"{row['cpu_ms_per_volume']:.0f}（{row['bare_cpu_ms']:.0f}）"),
        ("与直接调用库之比", lambda row: f"{row['ratio_to_bare']:.2f}"),
        (
            "首末十分之一",
            lambda row: f"{row['first_tenth_cpu_ms']:.0f} → {row['last_tenth_cpu_ms']:.0f}",
        ),
        ("其外：重绘原件（沙箱）", lambda row: f"{row['second_drawing_cpu_ms']:.0f}"),
        (
            "比对一页：扫描件、外来 PDF",
            lambda row: "、".join(
                f"{row['compared_page_cpu_ms'][kind]:.0f}" for kind in (SCAN, PDF)
            ),
        ),
        ("册/小时·核", lambda row: f"{row['volumes_per_hour_and_core']:.0f}"),
        ("接收（每件）", lambda row: f"{row['intake_cpu_ms_per_case']:.0f}"),
        (
            "内存 MB（册数：占用）",
            lambda row: "，".join(f"{count}：{size}" for count, size in row["memory_mb"]),
        ),
    ]
    for name, cell in rows:
        table.add_row(name, *(cell(row) for row in results))
    Console(width=140).print(table)


def _show_held(results: list[dict[str, Any]]) -> None:
    for result in results:
        table = Table(
            "已有册数",
            *result["held"],
            title=f"{result['level']}：新做 100 册，每册 {PAGES} 页，CPU 毫秒",
        )
        rows: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
            (
                "每册",
                lambda row: f"{row['cpu_ms_per_volume']:.0f}（中位 {row['cpu_ms_median']:.0f}）",
            ),
            ("同时直接调用库", lambda row: f"{row['bare_cpu_ms']:.0f}"),
            ("之比", lambda row: f"{row['ratio_to_bare']:.2f}"),
            (
                "其中存储与数据库",
                lambda row: f"{row['cpu_ms_by_step']['store'] + row['cpu_ms_by_step']['rest']:.0f}",
            ),
            ("接收（每件）", lambda row: f"{row['intake_cpu_ms_per_case']:.0f}"),
            ("内存 MB", lambda row: f"{row['memory_mb']}"),
        ]
        for name, cell in rows:
            table.add_row(name, *(cell(row) for row in result["held"].values()))
        Console(width=140).print(table)


def main() -> None:
    """Measure each level and size in a process of its own, so that memory is that of one worker."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, action="append", help="make so many, all of them")
    parser.add_argument(
        "--held", type=int, action="append", help="make a hundred among so many held"
    )
    parser.add_argument(
        "--level", action="append", choices=[str(level) for level in SignatureLevel]
    )
    parser.add_argument("--out", type=Path, default=Path("bench-results"))
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True)
    counts, levels = options.held or [], options.level or ["B-B", "B-LTA"]
    sizes = options.cases or ([] if counts else [200])
    if options.one:
        # What the libraries say while they work is not the measurement.
        logging.disable(logging.WARNING)
        with TemporaryDirectory(dir=options.out) as folder:
            level = SignatureLevel(levels[0])
            json.dump(
                measure_among(counts, level, Path(folder))
                if counts
                else measure(sizes[0], level, Path(folder)),
                sys.stdout,
            )
        return

    def alone(*arguments: str) -> dict[str, Any]:
        command = [
            sys.executable,
            "-m",
            "tests.bench.volumes",
            "--one",
            "--out",
            str(options.out),
            *arguments,
        ]
        result: dict[str, Any] = json.loads(
            subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        )
        return result

    results = [alone("--cases", str(size), "--level", level) for size in sizes for level in levels]
    among = (
        [
            alone(*(word for size in counts for word in ("--held", str(size))), "--level", level)
            for level in levels
        ]
        if counts
        else []
    )
    (options.out / "volumes.json").write_text(json.dumps([*results, *among], indent=1) + "\n")
    if results:
        _show(results)
    _show_held(among)


if __name__ == "__main__":
    main()
