"""Where indexes lie: generations side by side, one of them current, so that a new one is built while the old one answers.

`CURRENT` holds the folder name of the current generation, and that name its engine and schema: `tantivy-1-000003`.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from search.errors import NoIndexError, WriterBusyError
from search.index import SCHEMA, Found, Request, SearchIndex
from search.tantivy_index import TantivyIndex
from search.whoosh_index import WhooshIndex

ENGINES: dict[str, Callable[[Path], SearchIndex]] = {"tantivy": TantivyIndex, "whoosh": WhooshIndex}


class IndexFolder:
    """The folder of all generations, for one engine."""

    def __init__(self, root: Path, engine: str = "tantivy") -> None:
        """`engine` is a key of ENGINES; the folder need not exist yet."""
        self.root = root
        self.engine = engine

    def current(self) -> Path | None:
        """The generation that answers; None when there is none that this engine and schema can read."""
        try:
            name = (self.root / "CURRENT").read_text("ascii").strip()
        except FileNotFoundError:
            return None
        fits = name.startswith(f"{self.engine}-{SCHEMA}-") and (self.root / name).is_dir()
        return self.root / name if fits else None

    def open(self, folder: Path | None = None) -> SearchIndex:
        """Open a generation, by default the current one. Raises NoIndexError."""
        chosen = folder or self.current()
        if chosen is None:
            raise NoIndexError("检索索引尚未建立，或版本已更新。", "请运行 yice reindex。")
        return ENGINES[self.engine](chosen)

    def begin(self) -> Path:
        """A folder for a new generation, not current yet; what an interrupted build left is cleared away."""
        self.root.mkdir(parents=True, exist_ok=True)
        newest = max((int(one.name.rpartition("-")[2]) for one in self._generations()), default=0)
        current = self.current()
        # The one before stays: a reader in another process may be opening its files at this moment.
        before = max(
            (
                one
                for one in self._generations()
                if current is None or _number(one) < _number(current)
            ),
            key=_number,
            default=None,
        )
        for one in self._generations():
            if one not in (current, before):
                shutil.rmtree(one, ignore_errors=True)
        folder = self.root / f"{self.engine}-{SCHEMA}-{newest + 1:06d}"
        folder.mkdir()
        return folder

    def swap(self, folder: Path) -> None:
        """Make a generation the current one; readers and the writer notice by themselves."""
        fresh = self.root / ".CURRENT"
        with fresh.open("w", encoding="ascii") as out:
            out.write(folder.name + "\n")
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self.root / "CURRENT")
        descriptor = os.open(self.root, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _generations(self) -> list[Path]:
        return [
            one
            for one in self.root.iterdir()
            if one.is_dir() and one.name.rpartition("-")[2].isdecimal()
        ]

    @contextmanager
    def only_one(self, what: str) -> Iterator[None]:
        """Hold a lock of this shelf (`writer` or `rebuild`) that dies with the process. Raises WriterBusyError."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / f"{what}.lock").open("w") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise WriterBusyError(
                    "另一进程正在写检索索引。", "请等待其结束，或停止该进程后重试。"
                ) from None
            yield


def _number(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])


class IndexReader:
    """Answers from the current generation, whichever that is; for use by many threads."""

    def __init__(self, shelf: IndexFolder) -> None:
        """Nothing is opened before the first question."""
        self._shelf = shelf
        self._lock = Lock()
        self._open: tuple[Path, SearchIndex] | None = None

    def index(self) -> SearchIndex:
        """The current index, to read from. Raises NoIndexError."""
        current = self._shelf.current()
        with self._lock:
            if self._open is None or self._open[0] != current:
                # The old one is not closed: another thread may be reading from it. It goes when nobody holds it any more.
                opened = self._shelf.open(current)
                self._open = (current or Path(), opened)
            return self._open[1]

    def search(self, request: Request) -> Found:
        """See `SearchIndex.search`; raises NoIndexError too."""
        return self.index().search(request)
