"""Attacks that stand as tests, run again: a row of the table each."""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from xml.etree import ElementTree as ET

from tests.attack.asking import Report
from tests.support.command_line import ROOT

_LONGEST_SECONDS = 420
_RAN = (0, 1)
"""What pytest ends with when it has run the tests: all pass, or some fail."""


@dataclass(frozen=True, slots=True)
class Suite:
    """An attack by its name, and the tests that perform it."""

    name: str
    tests: tuple[str, ...]
    needs: str = ""
    """A file of this checkout without which there is nothing to run."""


SUITES = (
    Suite(
        "a file api.py planted in the current folder",
        tuple(
            f"tests/api/runtime/test_processes.py::test_{name}"
            for name in (
                "a_planted_module_is_found_by_a_process_that_is_started_otherwise",
                "intake_and_compile_run_nothing_of_the_current_folder_and_settings_may_name_it",
                "the_server_and_all_that_it_starts_run_nothing_of_the_current_folder",
                "nodes_of_a_cluster_run_nothing_of_the_current_folder",
                "a_pool_of_processes_runs_nothing_of_the_current_folder",
            )
        ),
    ),
    Suite("what each role may do, and how long it takes", ("tests/api/v1/test_matrix.py",)),
    Suite("oracles: other cases, other people", ("tests/api/v1/test_oracles.py",)),
    Suite("masks, and asking for parts of a number", ("tests/api/v1/test_asking.py",)),
    Suite("fields, syntax, addresses that are not the caller's", ("tests/api/v1/test_attacks.py",)),
    Suite("passwords guessed, owners locked out", ("tests/api/web/test_login_limits.py",)),
    Suite("cookies, HSTS and a certificate of the stations", ("tests/packaging/test_front.py",)),
    Suite("hostile packages and files", ("tests/ingest/intake/test_hostile_files.py",)),
    Suite("PDFs that stop a converter", ("tests/functional/test_compile_failures.py",)),
    Suite("children left behind", ("tests/api/runtime/test_children_end.py",)),
    Suite("folders that others read", ("tests/api/runtime/test_private_data.py",)),
    Suite("a data folder that turns read-only, a full disk", ("tests/faults/test_disk.py",)),
    Suite(
        "values swapped between rows",
        ("tests/archive/database/test_encryption.py",),
    ),
    Suite(
        "rows and journal edited",
        ("tests/archive/preservation/test_reconcile.py",),
        "tests/archive/preservation/test_reconcile.py",
    ),
    Suite(
        "objects of the bucket edited",
        ("tests/archive/preservation/test_bucket.py",),
        "tests/archive/preservation/test_bucket.py",
    ),
    Suite(
        "edits at random of any row or object",
        ("tests/archive/preservation/test_random_edits.py",),
        "tests/archive/preservation/test_random_edits.py",
    ),
)
"""What `needs` names comes with another piece of work; without it the row says so."""


_running: list["subprocess.Popen[bytes]"] = []
_over = Event()


def end() -> None:
    """End the tests that run now, and begin no more."""
    _over.set()
    for process in _running.copy():
        process.terminate()


def run(suite: Suite) -> Report | None:
    """Run the tests of an attack; None where this checkout has none."""
    if _over.is_set() or (suite.needs and not (ROOT / suite.needs).exists()):
        return None
    own = {name: value for name, value in os.environ.items() if not name.startswith("YICE_")}
    with tempfile.TemporaryDirectory(prefix="yice-attack-") as folder:
        results = Path(folder) / "results.xml"
        words = ("-q", "-n", "0", "-p", "no:cacheprovider", f"--junitxml={results}")
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *words, f"--basetemp={folder}/t", *suite.tests],
            cwd=ROOT,
            env=own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        _running.append(process)
        try:
            output, _ = process.communicate(timeout=_LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
            return Report(1, [f"did not end within {_LONGEST_SECONDS} s"])
        finally:
            _running.remove(process)
        if process.returncode not in _RAN or not results.exists():
            return Report(1, [f"the tests did not run: {output.decode()[-200:]}"])
        return _report(results)


def _report(results: Path) -> Report:
    report = Report()
    for case in ET.parse(results).iter("testcase"):  # noqa: S314 - pytest wrote it just now
        if case.find("skipped") is None:
            failed = case.find("failure") is not None or case.find("error") is not None
            report.note(f"{case.get('classname')}::{case.get('name')}", refused=not failed)
    return report
