"""A committed archive made once for all tests, and a copy of it for each test to break."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.runtime.settings import Settings
from api.runtime.workshop import demo_pki
from tests.faults.worker import opened, work
from tests.support.holdings import ORGANISATIONS, Holdings, sound_case, supplement

CASES = [f"150602010000-20260901-{number:06d}" for number in (1, 2, 3)]


def make_keys(folder: Path) -> None:
    """Make the demonstration PKI of every organisation in `pki` of a folder."""
    demo_pki(Settings(data=folder), ORGANISATIONS)


def commit_three(folder: Path, keys: Path) -> None:
    """Make an archive of three volumes, the first of them in two versions."""
    archive = opened(folder, keys)
    for case_no in CASES:
        archive.deliver(case_no, sound_case(case_no))
    work(archive, "compile")
    archive.deliver("supplement", supplement(CASES[0]))
    work(archive, "compile")
    archive.engine.dispose()


@contextmanager
def copied(committed: Path, folder: Path, keys: Path) -> Iterator[Holdings]:
    """Open a copy of a committed archive in a folder."""
    shutil.copytree(committed, folder)
    archive = opened(folder, keys)
    yield archive
    archive.engine.dispose()
