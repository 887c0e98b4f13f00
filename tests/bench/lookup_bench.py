"""Two hundred clients at once look volumes up at a real `yice serve` on loopback: python -m
tests.bench.lookup_bench --help.

A look-up is a search by case number or ID number, or one volume by its case number; each is
answered with a token, within the caller's scope, checked against the rows and journalled. Meanwhile
volumes are committed, and how soon each is found is measured too. The clients are a second process,
bounded in time. Prints JSON.
"""

import argparse
import asyncio
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from api.runtime.bootstrap import open_index_folder, source_of, start
from api.runtime.settings import Settings
from archive.administration import passwords
from archive.administration.accounts import (
    AccountKind,
    NewAccount,
    approve_account,
    propose_account,
)
from archive.administration.logins import open_login
from archive.administration.policy import SCOPE_OF, Reader, Role, acts_of
from archive.database.engine import writing
from search.follow import rebuild
from search.index import Request
from search.index_folder import IndexReader as SearchReader
from search.tree import Volumes
from tests.bench.answering import used
from tests.support.archive_rows import fill
from tests.support.station import BIRTH, CITY, HOME, MOVE, ORGANISATIONS, build

_FIRST = 1001


def tokens(folder: Path, volumes: int, clients: int) -> list[str]:
    """An archive with two whole volumes and many more rows, and a token for each client."""
    build(folder)
    runtime = start(Settings(data=folder))
    fill(runtime.engine, runtime.store, _FIRST, _FIRST + volumes - 1)
    rebuild(source_of(runtime), open_index_folder(runtime.settings))
    scopes = tuple({SCOPE_OF[act] for act in acts_of(Role.STATION_CLIENT) if act in SCOPE_OF})
    logins = []
    with writing(runtime.engine) as session:
        for number in range(10):
            new = NewAccount(
                f"load-{number}",
                AccountKind.CLIENT,
                "负载",
                HOME,
                Role.STATION_CLIENT,
                scopes=scopes,
            )
            propose_account(
                session, Reader("sysadmin", Role.SYSTEM_ADMIN, CITY), new, ORGANISATIONS
            )
            account = approve_account(
                session, Reader("secadmin", Role.SECURITY_ADMIN, CITY), new.login
            )
            logins += [open_login(session, account, "TOKEN", scopes) for _ in range(clients // 10)]
    runtime.engine.dispose()
    return logins


def request(token: str, chance: random.Random, volumes: int) -> bytes:
    """One look-up as it goes over the wire."""
    kind = chance.randrange(4)
    body = b""
    if kind == 0:
        line = f"GET /api/v1/volumes/{chance.choice((BIRTH, MOVE))} HTTP/1.1"
    else:
        query = (
            "150602199001010016"
            if kind == 1
            else f"{HOME}-20260901-{_FIRST + chance.randrange(volumes):06d}"
        )
        line, body = (
            "POST /api/v1/search HTTP/1.1",
            json.dumps({"query": query, "limit": 5}).encode(),
        )
    heads = (
        f"Authorization: Bearer {token}",
        "Host: 127.0.0.1",
        "Yice-Purpose: HANDLE",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join((line, *heads, "Content-Type: application/json", "", "")).encode() + body


async def client(
    port: int,
    token: str,
    until: float,
    pause: float,
    chance: random.Random,
    volumes: int,
    took: list[tuple[float, int]],
) -> None:
    """One client on one connection: ask, wait for the answer, pause, until the time is over."""
    await asyncio.sleep(chance.random() * pause)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        started = time.monotonic()
        writer.write(request(token, chance, volumes))
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        )
        await reader.readexactly(length)
        took.append((time.monotonic() - started, int(head.split(b" ", 2)[1])))
        await asyncio.sleep(chance.expovariate(1 / pause) if pause else 0)
    writer.close()


async def drive(
    port: int, carried: list[str], seconds: float, pause: float, volumes: int
) -> dict[str, Any]:
    """All clients at once."""
    took: list[tuple[float, int]] = []
    began = time.monotonic()
    clients = [
        client(port, token, began + seconds, pause, random.Random(number), volumes, took)
        for number, token in enumerate(carried)
    ]
    await asyncio.gather(*clients)
    cuts = statistics.quantiles([seconds * 1000 for seconds, _ in took], n=100, method="inclusive")
    states = {
        str(state): sum(status == state for _, status in took)
        for state in sorted({status for _, status in took})
    }
    figures = {"p50": round(cuts[49], 1), "p95": round(cuts[94], 1), "p99": round(cuts[98], 1)}
    return {
        "lookups": len(took),
        "a_second": round(len(took) / (time.monotonic() - began)),
        "ms": figures,
        "answers": states,
    }


def lags(folder: Path, first: int, until: float) -> list[float]:
    """Seconds from the commit of a volume until it is found, one after the other while the clients
    ask.
    """
    runtime = start(Settings(data=folder))
    reader, scope, took = SearchReader(open_index_folder(runtime.settings)), frozenset({CITY}), []
    while time.monotonic() < until:
        (volume_id,) = fill(runtime.engine, runtime.store, first + len(took), first + len(took))
        committed = time.monotonic()
        while (
            not reader.search(Request(Volumes(frozenset({volume_id})), scope)).total
            and time.monotonic() < until + 60
        ):
            time.sleep(0.02)
        took.append(time.monotonic() - committed)
    runtime.engine.dispose()
    return took


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if server.poll() is not None:
            sys.exit("yice serve ended")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
                return
        except OSError:
            time.sleep(0.2)
    sys.exit("yice serve does not answer")


def main() -> None:
    """Serve, drive, print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--clients", type=int, default=200)
    words.add_argument("--volumes", type=int, default=1000)
    words.add_argument("--seconds", type=float, default=20)
    words.add_argument(
        "--pause",
        type=float,
        nargs="+",
        default=[2.0, 1.0, 0.0],
        help="mean pause of a client between two look-ups, in seconds",
    )
    words.add_argument("--drive", type=int, help=argparse.SUPPRESS)
    options = words.parse_args()
    if options.drive:
        driven = drive(
            options.drive, json.load(sys.stdin), options.seconds, options.pause[0], options.volumes
        )
        sys.stdout.write(json.dumps(asyncio.run(driven)) + "\n")
        return
    passwords._MEMORY_KIB = 64
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        socket.socket() as free,
        ThreadPoolExecutor(1) as later,
    ):
        carried = tokens(Path(folder), options.volumes, options.clients)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        limits = {"YICE_RATE_LIMIT": "10000000", "YICE_DAILY_LOOKS": "10000000"}
        env = {**os.environ, **limits, "YICE_DATA": folder, "YICE_PORT": str(port)}
        server = subprocess.Popen(
            [sys.executable, "-m", "api.cli", "serve"], env=env, stdout=subprocess.DEVNULL
        )
        try:
            _wait(port, server)
            results = []
            for pause in options.pause:
                before = used(server.pid)
                command = [
                    sys.executable,
                    "-m",
                    "tests.bench.lookup_bench",
                    "--drive",
                    str(port),
                    "--pause",
                    str(pause),
                ]
                command += ["--seconds", str(options.seconds), "--volumes", str(options.volumes)]
                late = later.submit(
                    lags,
                    Path(folder),
                    _FIRST + options.volumes + 1000 * len(results),
                    time.monotonic() + options.seconds,
                )
                ran = subprocess.run(
                    command,
                    input=json.dumps(carried).encode(),
                    stdout=subprocess.PIPE,
                    check=True,
                    timeout=options.seconds + 120,
                )
                result = json.loads(ran.stdout)
                cpu = round((used(server.pid) - before) / result["lookups"], 2)
                loads = [round(load, 1) for load in os.getloadavg()]
                result |= {
                    "server_cpu_ms_a_lookup": cpu,
                    "load": loads,
                    "volumes_added": len(late.result()),
                }
                result["longest_wait_to_be_found_s"] = round(max(late.result()), 2)
                results.append({"clients": options.clients, "mean_pause_s": pause, **result})
        finally:
            server.terminate()
            server.wait(30)
    print(json.dumps(results, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
