"""`make attack`: every attack on an archive of its own, as a table; 1 where one succeeds.

A new attack is a function of `Ground` that returns a `Report` (`ATTACKS`), or the name of a test
(`tests.attack.suites`).
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Semaphore

from tests.attack import suites, wires
from tests.attack.asking import (
    Report,
    ask_by_odd_numbers,
    ask_for_others,
    ask_for_own,
    send_odd_values,
)
from tests.attack.ground import Ground, Mode, prepared
from tests.support.station import StationClient

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Result:
    """A row of the table."""

    name: str
    report: Report | None
    seconds: float

    @property
    def verdict(self) -> str:
        """What the last column but one says."""
        if self.report is None or not self.report.tried:
            return "not tried"
        return f"{len(self.report.through)} GOT THROUGH" if self.report.through else "held"


def _on_desk(attack: Callable[[StationClient, dict[str, str]], Report], ground: Ground) -> Report:
    """Run an attack that asks, with requests to the server."""
    with ground.desk() as desk:
        return attack(desk, ground.belongings())


def _others(desk: StationClient, known: dict[str, str], *, people: bool) -> Report:
    return ask_for_others(desk, known, people=people)


ATTACKS: tuple[tuple[str, Callable[[Ground], Report]], ...] = (
    ("roles × API × foreign and missing", partial(_on_desk, partial(_others, people=False))),
    ("roles × desk × foreign and missing", partial(_on_desk, partial(_others, people=True))),
    ("roles × all pages × own", partial(_on_desk, ask_for_own)),
    ("every address without an account", wires.ask_without_account),
    ("forms sent by another site", wires.send_from_another_site),
    ("numbers beyond every column", partial(_on_desk, ask_by_odd_numbers)),
    ("fields that no column takes", partial(_on_desk, send_odd_values)),
    ("bodies of 2 GB and without end", wires.send_huge_bodies),
    ("300 half-open connections", wires.half_open),
    ("100 clients as fast as they can", wires.flood),
    ("killed while volumes are read", wires.kill_while_read),
    ("what the error stream quotes", wires.read_error_stream),
)
"""In this order: the last reads what all others left behind."""


def main() -> int:
    """Run what was asked for, print the table, return the exit code."""
    asked = argparse.ArgumentParser(prog="make attack", description=__doc__)
    asked.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.EMBEDDED)
    asked.add_argument(
        "--only", default="", help="attacks whose name contains one of these, between commas"
    )
    options = asked.parse_args()
    # Ended from outside, it still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    began = time.monotonic()
    wanted = options.only.split(",")
    live = [row for row in ATTACKS if any(word in row[0] for word in wanted)]
    # The suites have archives of their own, embedded ones.
    stored = [
        suite
        for suite in suites.SUITES
        if any(word in suite.name for word in wanted) and options.mode is Mode.EMBEDDED
    ]
    # Two cores: a suite beside the attacks on the server, and two at once after them.
    cores = Semaphore(1)
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(_suite, suite, cores) for suite in stored]
        try:
            results = list(_attacked(live, options.mode))
            cores.release()
            results += [future.result() for future in running]
        except BaseException:  # ended from outside
            for future in running:
                future.cancel()
            suites.end()
            raise
    return _print(results, time.monotonic() - began)


def _suite(suite: suites.Suite, cores: Semaphore) -> Result:
    with cores:
        return _timed(suite.name, partial(suites.run, suite))


def _attacked(
    attacks: list[tuple[str, Callable[[Ground], Report]]], mode: Mode
) -> Iterator[Result]:
    if not attacks:
        return
    with _folder() as folder, prepared(folder, mode) as ground:
        for name, attack in attacks:
            yield _timed(name, partial(attack, ground))


def _timed(name: str, attack: Callable[[], Report | None]) -> Result:
    """The row of an attack; one that breaks off has not been refused."""
    began = time.monotonic()
    try:
        report = attack()
    except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
        report = Report(1, [f"broke off: {type(error).__name__}: {error}"])
    result = Result(name, report, time.monotonic() - began)
    sys.stderr.write(f"{result.name}: {result.verdict} ({result.seconds:.0f} s)\n")
    return result


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="yice-attack-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _print(results: list[Result], seconds: float) -> int:
    """Print the table and what got through; return 1 when anything did, 2 when nothing ran."""
    width, lines = max((len(result.name) for result in results), default=0), []
    lines.append(f"\n{'attack':{width}}  {'tried':>6}  {'result':16}  seconds")
    for result in results:
        tried = result.report.tried if result.report else 0
        lines.append(
            f"{result.name:{width}}  {tried:6}  {result.verdict:16}  {result.seconds:7.0f}"
        )
    through = [result for result in results if result.report and result.report.through]
    for result in through:
        assert result.report is not None
        lines.append(f"\n{result.name}:")
        lines += [f"  {line[:300]}" for line in result.report.through[:_SHOWN]]
        if len(result.report.through) > _SHOWN:
            lines.append(f"  … and {len(result.report.through) - _SHOWN} more")
    tried = sum(result.report.tried for result in results if result.report)
    lines.append(f"\n{tried} tries in {seconds:.0f} s; {len(through)} attacks succeeded.")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if through else 0 if tried else 2


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # The Java machine of the validators would keep the process open.
    os._exit(code)
