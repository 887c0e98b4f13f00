"""A committed archive made once for a module, and a copy of it for each test to break."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.worker import opened, work
from tests.support.holdings import Holdings, sound_case, supplement

CASES = [f"150602010000-20260901-{number:06d}" for number in (1, 2, 3)]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The PKI of every copy."""
    return tmp_path_factory.mktemp("keys") / "pki"


@pytest.fixture(scope="session")
def committed_folder(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Path:
    """Three volumes, the first of them in two versions."""
    folder = tmp_path_factory.mktemp("committed") / "var"
    folder.mkdir()
    archive = opened(folder, keys)
    for case_no in CASES:
        archive.deliver(case_no, sound_case(case_no))
    work(archive, "compile")
    archive.deliver("supplement", supplement(CASES[0]))
    work(archive, "compile")
    archive.engine.dispose()
    return folder


@pytest.fixture
def archive(committed_folder: Path, keys: Path, tmp_path: Path) -> Iterator[Holdings]:
    """A copy to break."""
    shutil.copytree(committed_folder, tmp_path / "var")
    opened_copy = opened(tmp_path / "var", keys)
    yield opened_copy
    opened_copy.engine.dispose()
