"""The sandbox: a child process with limits, the only place where foreign files are opened.

A child is reused from file to file. Its death is a finding and never ends the parent (guard.md).
"""

import atexit
import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import IO, Any

from archive.inspection.subject import Look
from archive.jobs.processes import python_command, start_confined
from ingest.errors import SandboxError
from ingest.package.payload import PayloadFile

MAX_FILE_BYTES = 512 << 20
_ANSWERS_WITH_FILES = frozenset({"split", "cut", "place", "redraw"})
_START_SECONDS, _REUSES = 60.0, 500
_TRIES = 3
"""How many children may die of one file.

One that other files had worn out may die of a sound one, and a fresh one be killed from outside, as
by a kernel that is short of memory; what kills a fresh child by itself has decided.
"""
_LENGTH = struct.Struct("<Q")
_NEW_USER, _NEW_NET, _NO_NEW_PRIVILEGES = 0x10000000, 0x40000000, 38


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits for one file.

    `memory` is in bytes. Wall time is generous, because a busy machine must not refuse a sound
    file; CPU time is what bounds a hang.
    """

    memory: int = 2 << 30
    cpu_seconds: int = 20
    wall_seconds: float = 120.0


class Child:
    """One child process. Not shared between threads; `examine_file` gives one to each."""

    def __init__(self, limits: Limits, task: str = "examine") -> None:
        """Start the process and wait until it has its limits; raises SandboxError on failure."""
        self.limits, self.task, self.uses = limits, task, 0
        words = (str(limits.memory), str(limits.cpu_seconds), task)
        try:
            self._process = start_confined(python_command("ingest.reading.sandbox", *words))
        except OSError as error:
            raise SandboxError from error
        if self._receive(time.monotonic() + _START_SECONDS) != b"ready":
            self.close()
            raise SandboxError

    def examine(self, file: PayloadFile) -> Look | str:
        """Return the report on a file, or why there is none: `died` or `slow`."""
        answer = self.run(file.size, file.chunks())
        return _unpacked(answer) if isinstance(answer, bytes) else answer

    def run(self, size: int, chunks: Iterable[bytes]) -> bytes | str:
        """Return the answer of the task, or why there is none: `died` or `slow`."""
        self.uses += 1
        deadline = time.monotonic() + self.limits.wall_seconds
        # The deadline holds for a child that stops reading, too: its death ends a blocked write.
        watch = threading.Timer(self.limits.wall_seconds, self._process.kill)
        watch.start()
        try:
            self._pipe(self._process.stdin).write(_LENGTH.pack(size))
            for chunk in chunks:
                self._pipe(self._process.stdin).write(chunk)
            self._pipe(self._process.stdin).flush()
            answer = self._receive(deadline)
        except BrokenPipeError:
            answer = None
        finally:
            watch.cancel()
        if answer is not None:
            return answer
        self.close()
        slow = time.monotonic() >= deadline or self._process.returncode == -signal.SIGXCPU
        return "slow" if slow else "died"

    @property
    def killed(self) -> bool:
        """Say whether the process was ended from outside: not by a fault of its own."""
        return self._process.returncode == -signal.SIGKILL

    def close(self) -> None:
        """End the process; safe to call twice."""
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError, ValueError):
                self._pipe(pipe).close()

    def _receive(self, deadline: float) -> bytes | None:
        head = self._exactly(_LENGTH.size, deadline)
        longest = MAX_FILE_BYTES if self.task in _ANSWERS_WITH_FILES else 1 << 24
        return (
            self._exactly(min(_LENGTH.unpack(head)[0], longest), deadline)
            if head is not None
            else None
        )

    def _exactly(self, size: int, deadline: float) -> bytes | None:
        handle, data = self._pipe(self._process.stdout).fileno(), bytearray()
        while len(data) < size:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([handle], [], [], left)[0]:
                return None
            chunk = os.read(handle, min(size - len(data), 1 << 20))
            if not chunk:
                return None
            data += chunk
        return bytes(data)

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:
            raise SandboxError
        return pipe


class _Pool:
    """The idle children of this process.

    A forked process starts its own: two processes must not speak through one pipe.
    """

    def __init__(self) -> None:
        self._owner, self._idle, self._lock = os.getpid(), list[Child](), threading.Lock()
        os.register_at_fork(after_in_child=self._forget)
        atexit.register(self.close)

    def _forget(self) -> None:
        self._owner, self._idle, self._lock = os.getpid(), [], threading.Lock()

    def take(self, limits: Limits, task: str = "examine") -> Child:
        with self._lock:
            for place, child in enumerate(self._idle):
                if (child.limits, child.task) == (limits, task):
                    return self._idle.pop(place)
        return Child(limits, task)

    def give(self, child: Child) -> None:
        if child.uses >= _REUSES:
            child.close()
            return
        with self._lock:
            self._idle.append(child)

    def close(self) -> None:
        if self._owner == os.getpid():
            while self._idle:
                self._idle.pop().close()


_pool = _Pool()
DEFAULT_LIMITS = Limits()
CONVERSION_LIMITS = Limits(cpu_seconds=120, wall_seconds=240.0)
"""For the conversion of a PDF of many pages, within the lease of its version."""


def examine_file(file: PayloadFile, limits: Limits = DEFAULT_LIMITS) -> Look:
    """Return the report on a file, examined in a child process.

    A child that dies or hangs is a fault in the report. Raises SandboxError when no child can be
    started, and PackageChangedError when the file is no longer the one that was inspected.
    """
    if file.size > MAX_FILE_BYTES:
        return Look(None, fault="FILE_UNSAFE", why="文件过大")
    for _ in range(_TRIES):
        child = _pool.take(limits)
        fresh = child.uses == 0
        try:
            report = child.examine(file)
        except BaseException:
            child.close()
            raise
        if isinstance(report, Look):
            _pool.give(child)
            return report
        if report == "slow":
            return Look(None, fault="FILE_UNSAFE", why="解析超时")
        if fresh and not child.killed:
            break
    return Look(None, fault="FILE_UNSAFE", why="解析时进程中止")


def run_task(task: str, data: bytes, limits: Limits = DEFAULT_LIMITS) -> bytes | str:
    """Return the answer of a task on bytes in a child process, or `died` or `slow`.

    Raises SandboxError when no child can be started.
    """
    answer: bytes | str = "died"
    for _ in range(_TRIES):
        child = _pool.take(limits, task)
        fresh = child.uses == 0
        try:
            answer = child.run(
                len(data), (data[at : at + (1 << 20)] for at in range(0, len(data), 1 << 20))
            )
        except BaseException:
            child.close()
            raise
        if isinstance(answer, bytes):
            _pool.give(child)
            return answer
        if answer == "slow" or (fresh and not child.killed):
            break
    return answer


def draw_page(data: bytes, page: int, width: int, limits: Limits = DEFAULT_LIMITS) -> bytes | None:
    """Return a page (from 1) of a foreign file as WebP, drawn in a child process.

    None when the file has no such page, or kills or outlasts the child. `width` is in pixels.
    """
    if len(data) > MAX_FILE_BYTES:
        return None
    image = run_task("draw", struct.pack("<II", page, width) + data, limits)
    return image if isinstance(image, bytes) and image else None


def convert(task: str, order: bytes) -> bytes | str:
    """Return the answer of a conversion (`archive.compile.normalise`) in a child process."""
    if len(order) > MAX_FILE_BYTES:
        return "slow"
    return run_task(task, order, CONVERSION_LIMITS)


def compare_pages(first: bytes, page: int, second: bytes, other: int) -> bytes | None:
    """Return the overlay of two pages (from 1) of foreign files as JSON, or None.

    None when either file has no such page, or kills or outlasts the child.
    """
    return _paired("compare", first, page, second, other)


def overlay_pages(first: bytes, page: int, second: bytes, other: int) -> bytes | None:
    """Return two pages (from 1) of foreign files side by side as WebP, or None, as above."""
    return _paired("overlay", first, page, second, other)


def _paired(task: str, first: bytes, page: int, second: bytes, other: int) -> bytes | None:
    if len(first) + len(second) > MAX_FILE_BYTES:
        return None
    order = struct.pack("<IIQ", page, other, len(first)) + first + second
    answer = run_task(task, order)
    return answer if isinstance(answer, bytes) and answer else None


def _unpacked(answer: bytes) -> Look:
    row: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in json.loads(answer).items()
    }
    by_page = {
        key: tuple((int(page), str(value)) for page, value in row[key])
        for key in ("prints", "unclear", "texts", "taken", "views")
    }
    return Look(**(row | by_page))


def _examine(data: bytes) -> bytes:
    from ingest.reading.formats import examine  # noqa: PLC0415 - the parent never loads a parser

    try:
        report = examine(data)
    except MemoryError:
        report = Look(None, fault="FILE_UNSAFE", why="解析所需内存过多")
    return json.dumps(asdict(report)).encode()


_TASKS = {
    "split": ("ingest.reading.stacks", "answer"),
    "hints": ("ingest.reading.stacks", "hints"),
    "cut": ("ingest.reading.stacks", "cut"),
    "draw": ("ingest.reading.drawing", "answer"),
    "compare": ("ingest.reading.overlays", "compared"),
    "overlay": ("ingest.reading.overlays", "drawn"),
    "signature": ("ingest.reading.signatures", "answer"),
    "place": ("archive.compile.normalise", "answer_place"),
    "redraw": ("archive.compile.normalise", "answer_redraw"),
    "decoded": ("ingest.reading.decoded_pictures", "answer"),
    "pdfbox": ("ingest.reading.pdfbox", "answer"),
    "spreadsheet": ("ingest.reading.spreadsheets", "answer"),
}


def _task(name: str) -> Callable[[bytes], bytes]:
    """Return the function of a task; a child keeps its task until it ends.

    Its module is imported here alone: the parent never loads a parser.
    """
    if name == "ocr":
        from ingest.reading import ocr_engine  # noqa: PLC0415 - as above

        return ocr_engine.load()
    if name not in _TASKS:
        return _examine
    module, function = _TASKS[name]
    act: Callable[[bytes], bytes] = getattr(import_module(module), function)
    return act


def serve(memory: int, cpu_seconds: int, task: str) -> None:
    """Confine this process, then answer one file after the other until the parent ends."""
    act = _task(task)
    _confine(memory)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    _send(sink, b"ready")
    while head := source.read(_LENGTH.size):
        _allow_cpu(cpu_seconds)
        _send(sink, act(source.read(_LENGTH.unpack(head)[0])))


def _end_with_parent() -> None:
    """End at once when nobody holds the other end of the input: a task may last long."""
    line = select.poll()
    line.register(sys.stdin.fileno(), 0)  # no event but its end
    line.poll()
    os._exit(1)


def _send(sink: IO[bytes], answer: bytes) -> None:
    sink.write(_LENGTH.pack(len(answer)) + answer)
    sink.flush()


def _confine(memory: int) -> None:
    """Limit memory, files and handles of this process, and its privileges.

    No file is written, no core dumped, and no new privileges are gained; the network is left where
    the kernel allows it.
    """
    from PIL import Image  # noqa: PLC0415 - the child's alone

    Image.init()  # loads what is loaded on demand, while files may still be opened
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NET) != 0:
        libc.unshare(_NEW_USER | _NEW_NET)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    for what, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        ceiling = resource.getrlimit(what)[1]
        low = limit if ceiling == resource.RLIM_INFINITY else min(limit, ceiling)
        resource.setrlimit(what, (low, low))


def _allow_cpu(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    ceiling = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(used.ru_utime + used.ru_stime) + seconds + 1
    resource.setrlimit(
        resource.RLIMIT_CPU,
        (soft if ceiling == resource.RLIM_INFINITY else min(soft, ceiling), ceiling),
    )


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
