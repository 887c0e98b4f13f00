"""The archive that is attacked: its own data, and a server of its own on loopback.

Embedded: a folder, and `yice serve` with two processes. Distributed: PostgreSQL and SeaweedFS from
`tests.support`, and a node of the web.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx

from api.cluster.nodes import WEB
from api.runtime.bootstrap import Runtime, open_index_folder, source_of, start
from api.runtime.settings import Settings
from ingest.intake.intake import IntakeRules, take_package
from ingest.reading.virus import NO_SCANNER
from search.follow import rebuild
from tests.attack.asking import belongings
from tests.faults.test_kill import processes_below
from tests.support import station
from tests.support.command_line import ROOT
from tests.support.factories import make_bag
from tests.support.holdings import CATALOGUE, holdings, sound_case
from tests.support.postgres import free_port, serve_postgres
from tests.support.services import ACCESS, SECRET, serve_seaweedfs
from tests.support.station import BIRTH, MOVE, ORGANISATIONS, StationClient, moved_case

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

_MANY = str(10**9)
_NOT_COUNTED = {
    "YICE_RATE_LIMIT": _MANY,
    "YICE_DAILY_LOOKS": _MANY,
    "YICE_DAILY_CONTENT": _MANY,
    "YICE_DAILY_NUMBERS": _MANY,
    "YICE_DAILY_PERSON_NUMBERS": _MANY,
    "YICE_DAILY_PERSON_LOOKS": _MANY,
    "YICE_DAILY_PERSON_CONTENT": _MANY,
    "YICE_WEBHOOK_HOSTS": "127.0.0.1:9999",
}
"""What is limited a day or a minute would end the attacks on everything else."""
_STARTS_WITHIN = 120


class Mode(StrEnum):
    """How the archive that is attacked is built."""

    EMBEDDED = "embedded"
    DISTRIBUTED = "distributed"


@dataclass
class Ground:
    """A built archive, its server, and clients of every role."""

    runtime: Runtime
    environment: dict[str, str]
    mode: Mode
    port: int
    log: Path
    server: subprocess.Popen[bytes] | None = None
    known: dict[str, str] | None = None

    @property
    def root(self) -> str:
        """Where the server listens."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def desk(self) -> Iterator[StationClient]:
        """The accounts of every role, whose requests go to the server."""
        with httpx.Client(base_url=self.root, timeout=120) as client:
            yield StationClient(self.runtime, cast("TestClient", client))

    def belongings(self) -> dict[str, str]:
        """Things of the home station, created when they are first asked for."""
        if self.known is None:
            with self.desk() as desk:
                self.known = belongings(desk)
        return self.known

    def begin(self) -> None:
        """Start the server, and wait until it answers."""
        words = (
            [*WEB, "--port", str(self.port)]
            if self.mode is Mode.DISTRIBUTED
            else ["-P", "-m", "api.cli", "serve", "--port", str(self.port)]
        )
        with self.log.open("ab") as log:
            self.server = subprocess.Popen(
                [sys.executable, *words],
                env=self.environment,
                cwd=self.runtime.settings.data,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + _STARTS_WITHIN
        while not self.answers():
            if self.server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the server did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.1)

    def answers(self) -> bool:
        """Whether the server answers now."""
        try:
            return httpx.get(f"{self.root}/healthz", timeout=10).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def kill(self) -> list[int]:
        """Kill the server alone, at once; returns the processes that it had started."""
        if self.server is None:
            return []
        children = processes_below(self.server.pid)
        self.server.send_signal(signal.SIGKILL)
        self.server.wait()
        return children

    def memory(self) -> int:
        """The bytes of memory that the server and its processes hold."""
        assert self.server is not None
        total = 0
        for pid in [self.server.pid, *processes_below(self.server.pid)]:
            try:
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            except OSError:
                continue  # it ended
            total += pages * os.sysconf("SC_PAGE_SIZE")
        return total

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What a command of ours says of this archive."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "api.cli", *words],
            env=self.environment,
            cwd=self.runtime.settings.data,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )


def build(settings: Settings) -> Runtime:
    """An archive with two indexed volumes of the home station, in any store and database."""
    runtime, folder = start(settings), settings.data
    archive = holdings(folder, runtime.engine, folder / "pki")
    rules = IntakeRules(CATALOGUE, ORGANISATIONS, scanner=NO_SCANNER, ocr=False)
    for name, case in (("birth", sound_case(BIRTH)), ("move", moved_case(MOVE))):
        bag = make_bag(folder / "bags" / name, case=case)
        take_package(
            runtime.engine,
            runtime.store,
            "setup",
            bag,
            sender=None,
            rules=rules,
            now=datetime.now(UTC),
        )
    archive.freeze()
    archive.make(replace(archive.shop, store=runtime.store))
    rebuild(source_of(runtime), open_index_folder(settings))
    return runtime


@contextmanager
def prepared(folder: Path, mode: Mode) -> Iterator[Ground]:
    """An archive with its server, ended with all that it started."""
    station.cheap_hashes()
    with ExitStack() as services:
        own: dict[str, Any] = {}
        if mode is Mode.DISTRIBUTED:
            own = {
                "YICE_DATABASE_URL": services.enter_context(serve_postgres()),
                "YICE_S3_ENDPOINT": services.enter_context(serve_seaweedfs()),
                "YICE_S3_ACCESS_KEY": ACCESS,
                "YICE_S3_SECRET_KEY": SECRET,
                "YICE_S3_SECURE": "false",
            }
        own |= _NOT_COUNTED | {"YICE_DATA": str(folder / "var"), "YICE_WEB_PROCESSES": "2"}
        os.environ |= own
        (folder / "var").mkdir(parents=True)
        runtime = build(Settings())
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        ground = Ground(runtime, environment, mode, free_port(), folder / "server.log")
        ground.begin()
        try:
            yield ground
        finally:
            for pid in ground.kill():
                _end(pid)
            runtime.engine.dispose()


def _end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
