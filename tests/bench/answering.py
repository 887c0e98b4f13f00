"""How much processor a server and the processes that answer for it have used; the follower of the
index beside them is not counted.
"""

import os
from contextlib import suppress
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def answering(server: int) -> set[int]:
    """The processes that `yice serve` answers in: those that it spawned, beside which it has
    commands of ours.
    """
    pids = set()
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if (
                entry.name.isdecimal()
                and int(_fields(entry)[1]) == server
                and b"spawn_main" in (entry / "cmdline").read_bytes()
            ):
                pids.add(int(entry.name))
    return pids


def used(server: int) -> float:
    """Milliseconds of processor, user and system, of a server and of those that answer for it."""
    total = 0
    for pid in (server, *answering(server)):
        with suppress(OSError):
            fields = _fields(Path(f"/proc/{pid}"))
            total += int(fields[11]) + int(fields[12])
    return total * 1000 / _TICK


def _fields(process: Path) -> list[str]:
    # The command name may hold spaces, so from its closing bracket (proc(5)): state, parent, …
    return (process / "stat").read_text("utf-8").rpartition(")")[2].split()
