"""A worker to be killed: it imports everything once, then forks for each order, so that a kill
costs no start-up.

An order is a line of standard input: act, crash point, folder, folder of the keys. The answer is
the exit code of the fork.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyhanko.sign.timestamps import HTTPTimeStamper

from api.jobs.batch import begin_supplements, begin_timestamps, free_dead, reserve
from archive.database.engine import writing
from archive.preservation.renewal import freeze_renewals
from tests.support.databases import sqlite_database
from tests.support.filing import FILER
from tests.support.holdings import Holdings, holdings
from tests.support.postgres import free_port


def opened(folder: Path, keys: Path) -> Holdings:
    """The archive in a folder, on SQLite, as every process opens it for itself."""
    return holdings(folder, sqlite_database(folder / "yice.db"), keys)


def work(archive: Holdings, act: str) -> None:
    """What one run of `yice compile` or of `yice timestamp` does, without the messages.

    `down` compiles while the TSA is down.
    """
    free_dead(archive.runtime)
    shop = archive.shop
    if act == "down":
        shop = archive.with_timestamper(
            HTTPTimeStamper(f"http://127.0.0.1:{free_port()}/tsa", timeout=2)
        )
    if act == "renewal":
        good_for = shop.sealer_for("J602").trial_stamp()
        with writing(archive.engine) as session:
            now = datetime.now(UTC)
            freeze_renewals(
                session,
                "test",
                before=now + timedelta(days=60),
                now_good_for=good_for,
                ends={},
                at=now,
            )
        archive.make(shop)
        return
    if act == "timestamp":
        begin_timestamps(archive.runtime, "test")
        archive.make(shop)
        return
    reserve(archive.runtime, FILER)
    archive.make(shop)
    while begin_supplements(archive.runtime, "test"):
        archive.make(shop)


def main() -> None:
    for line in sys.stdin:
        act, point, folder, keys = line.rstrip("\n").split("\t")
        child = os.fork()
        if child == 0:
            os.environ["YICE_CRASH_AT"] = point
            work(opened(Path(folder), Path(keys)), act)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
