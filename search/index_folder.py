"""The folder of indexes: generations side by side, one of them current.

So a new one is built while the old one answers. `CURRENT` holds the folder name of the current
generation, and that name its engine and schema: `tantivy-1-000003`.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from search.errors import NoIndexError, WriterBusyError
from search.index import SCHEMA, Request, SearchIndex, SearchResult
from search.tantivy_index import TantivyIndex
from search.whoosh_index import WhooshIndex

ENGINES: dict[str, Callable[[Path], SearchIndex]] = {"tantivy": TantivyIndex, "whoosh": WhooshIndex}


class IndexFolder:
    """The folder of all generations, for one engine."""

    def __init__(self, root: Path, engine: str = "tantivy") -> None:
        """Take the folder, which need not exist yet; `engine` is a key of ENGINES."""
        self.root = root
        self.engine = engine

    def current(self) -> Path | None:
        """Return the generation that answers.

        None when there is none that this engine and schema can read.
        """
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
        """Make a folder for a new generation, not current yet.

        What an interrupted build left is cleared away.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        newest = max((_number(generation) for generation in self._generations()), default=0)
        current = self.current()
        # The one before stays: a reader in another process may be opening its files at this moment.
        before = max(
            (
                generation
                for generation in self._generations()
                if current is None or _number(generation) < _number(current)
            ),
            key=_number,
            default=None,
        )
        for generation in self._generations():
            if generation not in (current, before):
                shutil.rmtree(generation, ignore_errors=True)
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
            path
            for path in self.root.iterdir()
            if path.is_dir() and path.name.rpartition("-")[2].isdecimal()
        ]

    @contextmanager
    def exclusive(self, purpose: str) -> Iterator[None]:
        """Hold a lock of this folder (`writer` or `rebuild`) that dies with the process.

        Raises WriterBusyError.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / f"{purpose}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise WriterBusyError(
                    "另一进程正在写检索索引。", "请等待其结束，或停止该进程后重试。"
                ) from None
            yield


def _number(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])


class IndexReader:
    """A reader of the current generation, whichever that is; for use by many threads."""

    def __init__(self, indexes: IndexFolder) -> None:
        """Keep the folder; nothing is opened before the first question."""
        self._indexes = indexes
        self._lock = Lock()
        self._open: tuple[Path, SearchIndex] | None = None

    def index(self) -> SearchIndex:
        """Return the current index, to read from. Raises NoIndexError."""
        current = self._indexes.current()
        with self._lock:
            if self._open is None or self._open[0] != current:
                # The old one is not closed: another thread may be reading from it. It is freed when
                # nothing refers to it any more.
                opened = self._indexes.open(current)
                self._open = (current or Path(), opened)
            return self._open[1]

    def search(self, request: Request) -> SearchResult:
        """Answer as `SearchIndex.search` does; raises NoIndexError too."""
        return self.index().search(request)
