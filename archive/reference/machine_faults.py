"""Faults of the machine, which are never the fault of a file: a full or read-only disk."""

import errno
import sqlite3
from dataclasses import dataclass

_LEVELS = 8


@dataclass(frozen=True, slots=True)
class MachineFault:
    """A fault of the machine: its code, what happened and what to do next."""

    code: str
    message: str
    action: str


FULL = MachineFault("DISK_FULL", "磁盘空间不足。", "请清理磁盘后再次运行，会从中断处继续。")
READ_ONLY = MachineFault("DISK_READ_ONLY", "磁盘为只读。", "请检查数据目录所在的磁盘。")
_BY_ERRNO = {errno.ENOSPC: FULL, errno.EDQUOT: FULL, errno.EROFS: READ_ONLY}
_BY_SQLITE = {"SQLITE_FULL": FULL}
EXHAUSTED = frozenset(
    {*_BY_ERRNO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE, errno.ENOBUFS}
)
"""Error numbers that say nothing of the file that was read or written."""


def machine_fault(error: BaseException) -> MachineFault | None:
    """Return the fault of the machine that caused an error, None when there is none.

    What caused the error is asked too: a library wraps what the system told it.
    """
    cause: BaseException | None = error
    for _ in range(_LEVELS):
        if cause is None:
            return None
        if isinstance(cause, OSError) and cause.errno in _BY_ERRNO:
            return _BY_ERRNO[cause.errno]
        if isinstance(cause, sqlite3.Error):
            name = getattr(cause, "sqlite_errorname", "")
            if name in _BY_SQLITE:
                return _BY_SQLITE[name]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return None


def is_of_machine(error: OSError) -> bool:
    """Return whether the machine, and not the file, is why the system refused."""
    return error.errno in EXHAUSTED
