"""Real services of the distributed mode on loopback, without a container engine.

PostgreSQL and RabbitMQ come from Debian, SeaweedFS from its wheel. `make cluster` and the tests
start the same processes. Each is our own child and ends with us; each keeps its data in a folder of
its own.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from archive.jobs.processes import run_tool, start_process
from archive.reference.errors import ArchiveError

_READY_SECONDS, _END_SECONDS, _ANSWER_SECONDS = 90.0, 20.0, 30.0
_POSTGRES, _RABBITMQ = Path("/usr/lib/postgresql"), Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


class ServiceError(ArchiveError):
    """A service is not installed, did not start, or ended."""

    code = "SERVICE_DOWN"


@dataclass(slots=True)
class Service:
    """A process in its own session: its command, the test that it answers, its log."""

    name: str
    command: Sequence[str]
    log: Path
    answers: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    end_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start without waiting for it to answer."""
        self.process = start_process(
            self.command,
            log=self.log,
            outlives=False,
            env=self.env,
            folder=self.log.parent,
            user=self.user,
        )
        return self

    def wait(self, seconds: float = _READY_SECONDS) -> Self:
        """Wait until it answers.

        Raises ServiceError with the end of its log when it ends or stays silent.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.alive():
            if self.answers():
                return self
            time.sleep(0.1)
        raise ServiceError(
            f"{self.name} 没有启动：{self.log.read_text('utf-8', 'replace')[-1500:]}",
            "请查看它的日志。",
        )

    def alive(self) -> bool:
        """Return whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """Kill it as a power cut does, with all that it started."""
        if self.process is None:
            return
        # The session outlives its leader: a worker's children are killed too.
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """Ask it to end, and kill it when it does not."""
        if self.process is None:
            return
        try:
            self.process.send_signal(self.end_signal)
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()


def free_port() -> int:
    """Return a port on loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Return whether something takes connections on this port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def postgresql(folder: Path, port: int, password: str) -> Service:
    """Return PostgreSQL in `folder`, made on first use. The role is `yice`, the database too."""
    initdbs = sorted(_POSTGRES.glob("*/bin/initdb"))
    if not initdbs:
        raise ServiceError("没有安装 PostgreSQL。", "请运行 apt-get install postgresql。")
    tools, data, user = (
        initdbs[-1].parent,
        folder / "data",
        "postgres" if os.geteuid() == 0 else None,
    )
    folder.mkdir(parents=True, exist_ok=True)
    if user:  # the server refuses root
        shutil.chown(folder, user, user)
    if not (data / "PG_VERSION").exists():
        _initdb(tools, folder, password, user)
    command = [
        str(tools / "postgres"),
        "-D",
        str(data),
        "-p",
        str(port),
        "-c",
        "listen_addresses=127.0.0.1",
    ]
    command += ["-c", f"unix_socket_directories={folder}", "-c", "max_connections=200"]
    ready = [str(tools / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]

    def answers() -> bool:
        return run_tool(ready, seconds=_ANSWER_SECONDS).returncode == 0

    # SIGINT is its fast shutdown; SIGTERM would wait for every session to leave.
    return Service(
        "postgresql",
        command,
        folder / "postgresql.log",
        answers,
        user=user,
        end_signal=signal.SIGINT,
    )


def _initdb(tools: Path, folder: Path, password: str, user: str | None) -> None:
    secret = folder / "password"
    secret.touch(0o600)
    secret.write_text(password)
    if user:
        shutil.chown(secret, user, user)
    command = [
        str(tools / "initdb"),
        "-D",
        str(folder / "data"),
        "-U",
        "yice",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
    ]
    command += ["-A", "scram-sha-256", f"--pwfile={secret}"]
    try:
        done = run_tool(command, seconds=None, user=user)
    finally:
        secret.unlink()
    if done.returncode:
        # Most often a folder above is closed to the server's user.
        raise ServiceError(
            f"PostgreSQL 无法初始化：{done.stderr.decode()[-500:]}",
            "请把数据文件夹放在 postgres 用户可进入的位置。",
        )


def postgresql_url(port: int, password: str, database: str = "postgres") -> str:
    """Return the value of YICE_DATABASE_URL."""
    return f"postgresql+psycopg://yice:{password}@127.0.0.1:{port}/{database}"


def rabbitmq(folder: Path, port: int, password: str, *, epmd_port: int) -> Service:
    """Return RabbitMQ in `folder` under a node name of its own.

    It needs `epmd` of this folder. Nothing of the machine's own RabbitMQ is touched.
    """
    if not _RABBITMQ.exists():
        raise ServiceError("没有安装 RabbitMQ。", "请运行 apt-get install rabbitmq-server。")
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "rabbitmq.conf"
    config.touch(0o600)
    config.write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\ndefault_user = yice\ndefault_pass = {password}\n"
        "default_user_tags.administrator = true\n"
        "vm_memory_high_watermark.absolute = 512MiB\n"
        "disk_free_limit.absolute = 200MB\n"
    )
    (folder / "enabled_plugins").write_text("[].\n")
    env = {
        "HOME": str(folder),  # the Erlang cookie
        "RABBITMQ_NODENAME": "yice@localhost",  # alone on an epmd of its own
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_CONFIG_FILE": str(config),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "no-environment-of-the-machine.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 -kernel inet_dist_use_interface {127,0,0,1}",
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(epmd_port),
    }
    return Service(
        "rabbitmq", [str(_RABBITMQ)], folder / "rabbitmq.log", lambda: listens(port), env=env
    )


def epmd(folder: Path, port: int) -> Service:
    """Return Erlang's port mapper in the foreground.

    One that Erlang starts by itself would outlive us.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tool = shutil.which("epmd")
    if not tool:
        raise ServiceError("没有安装 RabbitMQ。", "请运行 apt-get install rabbitmq-server。")
    return Service(
        "epmd",
        [tool, "-address", "127.0.0.1", "-port", str(port)],
        folder / "epmd.log",
        lambda: listens(port),
    )


def rabbitmq_url(port: int, password: str) -> str:
    """Return the value of YICE_BROKER_URL."""
    return f"amqp://yice:{password}@127.0.0.1:{port}//"


def seaweedfs(folder: Path, port: int, bucket: str, access_key: str, secret_key: str) -> Service:
    """Return SeaweedFS with its S3 port on `port`."""
    tool = Path(sys.executable).with_name("weed")
    if not tool.exists():
        raise ServiceError("没有安装 SeaweedFS。", "请运行 make setup。")
    folder.mkdir(parents=True, exist_ok=True)
    keys = folder / "s3.json"
    keys.touch(0o600)
    credentials = [{"accessKey": access_key, "secretKey": secret_key}]
    keys.write_text(
        json.dumps(
            {
                "identities": [
                    {
                        "name": "yice",
                        "credentials": credentials,
                        "actions": ["Admin", "Read", "Write", "List"],
                    }
                ]
            }
        )
    )
    command = [
        str(tool),
        "server",
        "-s3",
        f"-s3.port={port}",
        f"-s3.config={keys}",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
    ]
    command += [f"-{name}={inner}" for name, inner in _inner_ports(folder / "ports.json").items()]
    # Its other services stay off: their ports are fixed, so that a second store on this machine
    # would not start.
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
    # Each bucket takes seven volumes at once; small ones, so that a laptop's disk is not reserved.
    command += ["-volume.max=500", "-master.volumeSizeLimitMB=64", "-volume.preStopSeconds=0"]
    return Service(
        "seaweedfs",
        command,
        folder / "seaweedfs.log",
        lambda: _s3_writes(port, bucket, access_key, secret_key),
    )


def _inner_ports(path: Path) -> dict[str, int]:
    """Return its further ports; kept, because its master knows itself by address and port."""
    if not path.exists():
        names = (
            "master.port",
            "volume.port",
            "filer.port",
            "master.port.grpc",
            "volume.port.grpc",
            "filer.port.grpc",
            "s3.port.grpc",
        )
        path.write_text(json.dumps({name: free_port() for name in names}))
    ports: dict[str, int] = json.loads(path.read_text())
    return ports


def _s3_writes(port: int, bucket: str, access_key: str, secret_key: str) -> bool:
    """Return whether the store takes and gives back an object.

    Its S3 port is open before the volumes behind it are up.
    """
    from storage.s3_store import S3Store  # noqa: PLC0415 - loads only when a store is started

    if not listens(port):
        return False
    try:
        S3Store(f"127.0.0.1:{port}", bucket, access_key, secret_key, secure=False).probe()
    except Exception:  # noqa: BLE001 - whatever it answers until it is up, it is not up
        return False
    return True
