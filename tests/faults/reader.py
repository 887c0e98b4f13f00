"""Reads the pages that wait in the archive of a folder, until a crash point ends it.

`python -m tests.faults.reader FOLDER` runs it.
"""

import sys
from pathlib import Path

from api.runtime.bootstrap import worker_name
from archive.database.engine import connect, reading
from archive.recognition.queue import waiting_pages
from ingest.recognition.ocr import recognise_page
from storage.local_store import LocalStore


def read_all(folder: Path) -> None:
    engine = connect(f"sqlite:///{folder / 'yice.db'}")
    with reading(engine) as session:
        waiting = waiting_pages(session)
    for sha256, page in waiting:
        recognise_page(engine, LocalStore(folder / "store"), worker_name(), sha256, page)


if __name__ == "__main__":
    read_all(Path(sys.argv[1]))
