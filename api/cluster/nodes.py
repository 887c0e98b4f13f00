"""`make cluster`: the distributed mode natively on loopback.

PostgreSQL, SeaweedFS, RabbitMQ, worker nodes and the web app are started and ended together. What
runs and with which settings is data in this module; a test compares docker-compose.yml with it.
"""

import json
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from api.cluster.services import (
    Service,
    epmd,
    free_port,
    postgresql,
    postgresql_url,
    rabbitmq,
    rabbitmq_url,
    seaweedfs,
)
from api.runtime.bootstrap import column_keys
from api.runtime.broker import node_answers
from api.runtime.settings import Settings
from api.runtime.workshop import demo_pki
from archive.reference.organisations import load_organisations

ROOT = Path(__file__).parents[2]
# A safe path and a working folder of nobody's: what lies in the current folder is never run.
_CELERY = ("-P", "-m", "celery", "--quiet", "--workdir", "/", "-A", "api.jobs.worker:app")
# With heartbeats, unlike the workers of one machine: RabbitMQ then notices a node whose cable was
# pulled.
WORKER = (
    *_CELERY,
    *("worker", "--loglevel", "WARNING", "--without-gossip", "--without-mingle"),
)
# It remembers nothing: which turns are due stands in the rows, so it may be killed, moved, or run
# twice.
BEAT = (
    *_CELERY,
    *("beat", "--loglevel", "WARNING", "--scheduler", "celery.beat:Scheduler", "--pidfile", ""),
)
WEB = ("-P", "-m", "api.app")


@dataclass(frozen=True, slots=True)
class NodeKind:
    """A kind of worker node: the queues that it serves, and how many of it there are."""

    name: str
    queues: tuple[str, ...]
    copies: int = 1
    folder: str = ""
    """The node whose data folder it shares; empty: its own."""


KINDS = (
    NodeKind("worker", ("compile", "sign", "copies"), 2),
    # One page takes as long as many volumes, and a gigabyte of memory.
    NodeKind("reader", ("ocr",)),
    NodeKind("keeper", ("ingest", "keep")),
    # The index that it writes is the one that the pages read.
    NodeKind("index", ("index",), folder="web"),
)


@dataclass(frozen=True, slots=True)
class Site:
    """The addresses and secrets of a distributed archive's shared services, for its nodes."""

    database_url: str
    broker_url: str
    s3_endpoint: str
    s3_bucket: str
    s3_access_key: str
    s3_secret_key: str

    def settings(self, data: Path) -> dict[str, str]:
        """Return the environment of one node with its own data folder."""
        return {
            "YICE_DATA": str(data),
            "YICE_DATABASE_URL": self.database_url,
            "YICE_BROKER_URL": self.broker_url,
            "YICE_S3_ENDPOINT": self.s3_endpoint,
            "YICE_S3_BUCKET": self.s3_bucket,
            "YICE_S3_ACCESS_KEY": self.s3_access_key,
            "YICE_S3_SECRET_KEY": self.s3_secret_key,
            "YICE_S3_SECURE": "false",
            "PYTHONPATH": str(ROOT),
        }


def _environment(site: Site, data: Path, **more: str) -> dict[str, str]:
    """Return the variables of a node: those of whoever starts it, then those of its site."""
    return Settings().environment() | site.settings(data) | more


def node_folder(cluster: Path, name: str) -> Path:
    """Make and return the data folder of one node.

    All nodes seal with the same demonstration keys and open the same columns; both sets of keys lie
    beside the nodes' folders.
    """
    demo_pki(Settings(data=cluster), load_organisations())
    column_keys(Settings(data=cluster))
    folder = cluster / name
    folder.mkdir(parents=True, exist_ok=True)
    for shared in ("pki", "keys"):
        if not (folder / shared).exists():
            (folder / shared).symlink_to(f"../{shared}")
    return folder


def worker_node(
    site: Site,
    cluster: Path,
    name: str,
    *,
    queues: tuple[str, ...] = ("compile", "sign", "copies"),
    folder: str = "",
    concurrency: int = 1,
) -> Service:
    """Return a node that serves some queues; by default it makes volumes."""
    data = node_folder(cluster, folder or name)
    address = f"{name}@localhost"
    command = [sys.executable, *WORKER, "--concurrency", str(concurrency), "--hostname", address]

    def answers() -> bool:
        return node_answers(Settings(broker_url=site.broker_url), address)

    log = cluster / name / "worker.log"
    log.parent.mkdir(exist_ok=True)
    return Service(
        name, command, log, answers, env=_environment(site, data, YICE_QUEUES=",".join(queues))
    )


def worker_nodes(site: Site, cluster: Path, *, workers: int, concurrency: int) -> list[Service]:
    """Return nodes of every kind; `workers` and `concurrency` are of those that make volumes."""
    nodes = []
    for kind in KINDS:
        copies = workers if kind.copies > 1 else 1
        for number in range(1, copies + 1):
            name = f"{kind.name}-{number}" if kind.copies > 1 else kind.name
            nodes.append(
                worker_node(
                    site,
                    cluster,
                    name,
                    queues=kind.queues,
                    folder=kind.folder,
                    concurrency=concurrency if kind.copies > 1 else 1,
                )
            )
    return nodes


def beat_node(site: Site, cluster: Path) -> Service:
    """Return the node that sends the messages of the periodic jobs."""
    folder = node_folder(cluster, "beat")
    alive = folder / "beat.alive"
    alive.unlink(missing_ok=True)
    return Service(
        "beat",
        [sys.executable, *BEAT],
        folder / "beat.log",
        alive.exists,
        env=_environment(site, folder),
    )


def web_node(site: Site, cluster: Path, port: int) -> Service:
    """Return the node of the web app."""
    folder = node_folder(cluster, "web")
    command = [sys.executable, *WEB, "--host", "127.0.0.1", "--port", str(port)]

    def answers() -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
                return bool(answer.status == 200)  # noqa: PLR2004 - HTTP
        except OSError:
            return False

    return Service("web", command, folder / "web.log", answers, env=_environment(site, folder))


def _remembered(folder: Path) -> dict[str, str]:
    """Return ports and secrets of this cluster, made on first use, in its owner's file."""
    path = folder / "cluster.json"
    if not path.exists():
        fresh = {
            f"{name}_port": str(free_port())
            for name in ("postgresql", "rabbitmq", "epmd", "seaweedfs")
        }
        fresh |= {
            f"{name}_password": secrets.token_hex(16)
            for name in ("postgresql", "rabbitmq", "seaweedfs")
        }
        _write_private(path, json.dumps(fresh, indent=1))
    stored: dict[str, str] = json.loads(path.read_text())
    return stored


def _write_private(path: Path, text: str) -> None:
    path.touch(0o600)
    path.write_text(text)


def shared_services(folder: Path) -> tuple[Site, list[Service]]:
    """Return how the nodes reach the services that they share, and these services.

    The services are in the order in which they start; none is started yet.
    """
    own = _remembered(folder)
    port = {
        name: int(own[f"{name}_port"]) for name in ("postgresql", "rabbitmq", "epmd", "seaweedfs")
    }
    site = Site(
        database_url=postgresql_url(port["postgresql"], own["postgresql_password"]),
        broker_url=rabbitmq_url(port["rabbitmq"], own["rabbitmq_password"]),
        s3_endpoint=f"127.0.0.1:{port['seaweedfs']}",
        s3_bucket="yice",
        s3_access_key="yice",
        s3_secret_key=own["seaweedfs_password"],
    )
    return site, [
        postgresql(folder / "postgresql", port["postgresql"], own["postgresql_password"]),
        epmd(folder / "rabbitmq", port["epmd"]),
        rabbitmq(
            folder / "rabbitmq", port["rabbitmq"], own["rabbitmq_password"], epmd_port=port["epmd"]
        ),
        seaweedfs(
            folder / "seaweedfs",
            port["seaweedfs"],
            site.s3_bucket,
            site.s3_access_key,
            site.s3_secret_key,
        ),
    ]


@contextmanager
def running(
    folder: Path, *, workers: int, concurrency: int, web_port: int
) -> Iterator[tuple[Site, list[Service]]]:
    """Start everything in order, and end everything in the reverse order."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    site, services = shared_services(folder)
    nodes = [
        web_node(site, folder, web_port),
        *worker_nodes(site, folder, workers=workers, concurrency=concurrency),
        beat_node(site, folder),
    ]
    settings = site.settings(node_folder(folder, "desk"))
    _write_private(
        folder / "desk.env", "".join(f"{name}='{value}'\n" for name, value in settings.items())
    )
    with ExitStack() as all_ended:
        for service in services:
            service.start()
            all_ended.callback(service.end)
            service.wait()
        for node in nodes:  # side by side: each takes seconds to load
            node.start()
            all_ended.callback(node.end)
        for node in nodes:
            node.wait()
        yield site, [*services, *nodes]


def compose_secrets(password: Mapping[str, str]) -> dict[str, str]:
    """Return the secret files of docker-compose.yml, name -> text.

    `password` is by service: database, broker, store.
    """
    identity = {
        "name": "yice",
        "credentials": [{"accessKey": "yice", "secretKey": password["store"]}],
    }
    return {
        "postgres_password": password["database"],
        "rabbitmq_conf": f"default_user = yice\ndefault_pass = {password['broker']}\n",
        "seaweedfs_s3": json.dumps(
            {"identities": [{**identity, "actions": ["Admin", "Read", "Write", "List"]}]}
        ),
        "yice_database_url": (
            f"postgresql+psycopg://yice:{password['database']}@database:5432/postgres"
        ),
        "yice_broker_url": f"amqp://yice:{password['broker']}@broker:5672//",
        "yice_s3_access_key": "yice",
        "yice_s3_secret_key": password["store"],
    }
