"""A private RabbitMQ on loopback for the tests, from Debian's package: own node, own port mapper,
own folder.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from api.cluster.services import Service, epmd, free_port, rabbitmq, rabbitmq_url
from tests.support.postgres import missing


@dataclass(frozen=True, slots=True)
class Broker:
    """Where it is, and its process, so that a test can break it."""

    url: str
    service: Service


@contextmanager
def serve_rabbitmq() -> Iterator[Broker]:
    """Start one and yield it."""
    if not Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists():
        missing("rabbitmq-server")
    folder = Path(tempfile.mkdtemp(prefix="yice-mq-"))
    port, mapper_port = free_port(), free_port()
    mapper = epmd(folder, mapper_port).start()
    service = rabbitmq(folder, port, "yice-test", epmd_port=mapper_port)
    try:
        mapper.wait()
        yield Broker(rabbitmq_url(port, "yice-test"), service.start().wait())
    finally:
        service.kill()
        mapper.kill()
        shutil.rmtree(folder, ignore_errors=True)
