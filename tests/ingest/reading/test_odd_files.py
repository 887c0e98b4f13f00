"""The odd files that pikepdf, Pillow and pyHanko keep for their own tests, through our sandbox:
each is accepted or found at fault, within its limits.
"""

import os
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from archive.reference.findings import rules
from ingest.package.payload import PayloadFile
from ingest.reading.sandbox import Limits, examine_file

ROOT = Path(__file__).parents[3]
LIMITS = Limits(memory=1 << 30, cpu_seconds=8, wall_seconds=60)
ENDINGS = {
    ".pdf",
    ".jpg",
    ".jpeg",
    ".jp2",
    ".j2k",
    ".png",
    ".apng",
    ".tif",
    ".tiff",
    ".gif",
    ".bmp",
    ".ico",
    ".icns",
    ".webp",
    ".psd",
    ".fli",
}
ACCEPTED = {"image/jpeg", "image/png", "image/tiff", "application/pdf"}
FEWEST = {"pikepdf": 60, "pillow": 600, "pyhanko": 100}


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source packages of the locked versions, all at once. CI has to have them; a machine
    without an index goes without.
    """
    folder = tmp_path_factory.mktemp("sources")
    words = [sys.executable, "-m", "tests.resources.source_packages"]
    asked = [
        subprocess.Popen(
            [*words, name, version(name), str(folder)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for name in FEWEST
    ]
    wrong = [
        errors
        for process in asked
        if (errors := process.communicate(timeout=300)[1]) and process.returncode
    ]
    if wrong and not os.environ.get("CI"):
        pytest.skip("the package index is not reached")
    assert not wrong, wrong
    return folder


def odd_files(package: Path) -> Iterator[tuple[str, bytes]]:
    """Files of the kinds that somebody may hand in, of any folder of the package; nothing is
    unpacked.
    """
    with tarfile.open(package) as archive:
        for member in archive:
            if member.isfile() and Path(member.name).suffix.lower() in ENDINGS:
                source = archive.extractfile(member)
                assert source is not None
                yield member.name, source.read()


@pytest.mark.parametrize("name", FEWEST)
def test_every_odd_file_ends_in_a_finding_or_is_accepted_and_none_hangs_or_harms(
    name: str, fetched: Path, tmp_path: Path
) -> None:
    (package,) = fetched.glob(f"{name}-*.tar.gz")
    outcomes: Counter[str] = Counter()
    for place, data in odd_files(package):
        (tmp_path / "file").write_bytes(data)
        begun = time.monotonic()
        seen = examine_file(PayloadFile(tmp_path, "file", len(data)), LIMITS)
        # The limit itself is asserted, not a speed: twice the time that one child may take, since a
        # worn one gets a second try.
        assert time.monotonic() - begun < 2 * LIMITS.wall_seconds + 10, place
        assert seen.fault is None or seen.fault in rules(), place
        if seen.fault is None:
            assert seen.media_type is None or (seen.media_type in ACCEPTED and seen.pages > 0), (
                place
            )
        outcomes[seen.fault or seen.media_type or "FORMAT_UNKNOWN"] += 1
    assert sum(outcomes.values()) >= FEWEST[name], outcomes
    assert {"pikepdf": "application/pdf", "pillow": "image/png", "pyhanko": "application/pdf"}[
        name
    ] in outcomes
