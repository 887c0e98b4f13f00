"""A real S3 on loopback for the tests: SeaweedFS from its wheel."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

from tests.support.postgres import free_port

ACCESS, SECRET = "yice-test", "yice-test-secret"


@contextmanager
def serve_seaweedfs(*, encrypting: bool = True) -> Iterator[str]:
    """Start `weed server -s3` with a folder of its own and yield host:port."""
    folder = Path(tempfile.mkdtemp(prefix="yice-weed-"))
    keys = {
        "identities": [
            {
                "name": "yice",
                "credentials": [{"accessKey": ACCESS, "secretKey": SECRET}],
                "actions": ["Admin", "Read", "Write", "List"],
            }
        ]
    }
    (folder / "s3.json").write_text(json.dumps(keys))
    ports = {
        name: free_port()
        for name in (
            "master.port",
            "volume.port",
            "filer.port",
            "s3.port",
            "master.port.grpc",
            "volume.port.grpc",
            "filer.port.grpc",
            "s3.port.grpc",
        )
    }
    words = [f"-{name}={port}" for name, port in ports.items()]
    words += [
        "-s3",
        f"-s3.config={folder / 's3.json'}",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-s3.port.iceberg=0",  # fixed ports: a second store on this machine would not start
        "-s3.port.lance=0",
        "-volume.max=500",
        "-master.volumeSizeLimitMB=64",
    ]
    with (folder / "log").open("wb") as log:
        secret = {"WEED_S3_SSE_KEY": "for tests only"} if encrypting else {}
        command = [str(Path(sys.executable).with_name("weed")), "server", *words]
        server = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **secret})
    endpoint = f"127.0.0.1:{ports['s3.port']}"
    try:
        _wait(endpoint, folder / "log")
        yield endpoint
    finally:
        server.kill()
        server.wait()


def _wait(endpoint: str, log: Path) -> None:
    http = urllib3.PoolManager(retries=False, timeout=2)
    for _ in range(150):
        try:
            http.request("GET", f"http://{endpoint}/")
        except urllib3.exceptions.HTTPError:
            time.sleep(0.2)
        else:
            time.sleep(1)
            return
    pytest.fail(f"SeaweedFS did not start: {log.read_text()[-2000:]}")
