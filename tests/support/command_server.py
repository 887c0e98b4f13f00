"""Forks a process for each command of `yice`, from one that has imported the command line already.

An import costs more CPU than most commands. What runs is the real command line in a process of its
own, with its own arguments, environment, folder and streams. The JVM starts in the fork, if at all.
"""

import gc
import json
import os
import runpy
import socket
import sys
import time
from contextlib import suppress
from importlib import import_module

from api.cli.main import COMMANDS

for later in COMMANDS.values():  # so that no fork has to
    for where in (later.where, *later.joined):
        if not where.startswith("api.cli.serve:"):  # nor the web server before it is asked for
            import_module(where.partition(":")[0])


def serve(orders: socket.socket) -> bool:
    """Fork for every order; return True in the fork that is to carry one out."""
    gc.freeze()  # a collection in a fork would copy every page of what was imported
    while True:
        data, handles, *_ = socket.recv_fds(orders, 1 << 20, 3)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass  # those of earlier orders that have ended
        if not data:
            return False
        if os.fork() == 0:
            orders.close()
            return _watched(*handles) and _become(json.loads(data), *handles[:2])
        for handle in handles:
            os.close(handle)


def _watched(_out: int, _err: int, status: int) -> bool:
    """Fork again: one carries the command out, the other writes its number and its exit code."""
    child = os.fork()
    if child == 0:
        os.close(status)
        return True
    os.write(status, f"{child}\n".encode())
    _, ended = os.waitpid(child, 0)
    os.write(status, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
    os._exit(0)


def _become(order: dict[str, object], out: int, err: int) -> bool:
    for handle, own in ((out, 1), (err, 2)):
        os.dup2(handle, own)
        os.close(handle)
    os.environ.clear()
    os.environ.update(order["env"])  # type: ignore[call-overload]
    time.tzset()
    os.chdir(str(order["cwd"]))
    sys.argv[1:] = order["words"]  # type: ignore[call-overload]
    return True


if __name__ == "__main__" and serve(socket.socket(fileno=int(sys.argv[1]))):
    runpy.run_module("api.cli", run_name="__main__", alter_sys=True)
