"""Run inside a mount namespace of its own: make volumes on a small disk that fills up, and on one
that turns read-only.

Prints what each try ended with, as codes that the person at the terminal sees, and in the end what
the archive holds.
"""

import json
import subprocess
import sys
from pathlib import Path

from sqlalchemy import select

from api.jobs.batch import reserve
from api.runtime.failures import explain
from archive.database.engine import reading
from archive.database.tables_jobs import Job
from archive.preservation.verify import committed
from tests.faults.worker import opened, work
from tests.support.filing import FILER
from tests.support.holdings import Holdings, sound_case


def mount(folder: Path, options: str) -> None:
    """A disk in memory, or a change of the one that is there."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)


def tried(archive: Holdings) -> str:
    """Make what waits, as a worker does; the code of what went wrong, or `well`."""
    try:
        work(archive, "compile")
    except Exception as error:  # noqa: BLE001 - the code is what is looked at
        return explain(error)[0]
    return "well"


def main() -> None:
    """`disk.py FOLDER KEYS full|read-only`."""
    folder, keys, kind = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    folder.mkdir()
    mount(folder, "size=200m")
    archive = opened(folder, keys)
    for number in (1, 2, 3):
        archive.deliver(f"bag-{number}", sound_case(f"150602010000-20260901-{number:06d}"))
    reserve(archive.runtime, FILER)
    codes = []
    if kind == "full":
        used = int(
            subprocess.run(
                ["du", "-sk", str(folder)], capture_output=True, text=True, check=True
            ).stdout.split()[0]
        )
        # Each time there is a little more room, so that the disk is full at another step.
        for room in (40, 250, 600, 1000, 1400):
            mount(folder, f"remount,size={used + room}k")
            codes.append(tried(archive))
        mount(folder, "remount,size=200m")
    else:
        archive.engine.dispose()  # a disk with files open for writing can't be turned
        mount(folder, "remount,ro")
        codes.append(tried(archive))
        mount(folder, "remount,rw")
    with reading(archive.engine) as session:
        waiting = list(session.scalars(select(Job.error_code).where(Job.state == "FAILED")))
    codes.append(tried(archive))
    committed_codes = [volume.code[-6:] for volume in committed(archive.engine)]
    faults = [fault.public() for fault in archive.faults()]
    left = [entry.key for entry in archive.store.list("staging/")]
    print(  # noqa: T201 - the answer
        json.dumps(
            {
                "said": codes,
                "failed": waiting,
                "held": committed_codes,
                "faults": faults,
                "left": left,
            }
        )
    )


if __name__ == "__main__":
    main()
