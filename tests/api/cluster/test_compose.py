"""docker-compose.yml and the Dockerfile say what `make cluster` does.

No container engine is needed to hold them to it.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.cluster.nodes import (
    BEAT,
    KINDS,
    WEB,
    WORKER,
    Site,
    beat_node,
    compose_secrets,
    web_node,
    worker_nodes,
)
from api.cluster.services import seaweedfs
from api.runtime.broker import QUEUE_OF
from api.runtime.settings import QUEUES, Settings
from archive.jobs.duties import DUTIES

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
NODES = (*(kind.name for kind in KINDS), "beat", "web")
# The folder of secret files is read while Settings is made, so it is no field of it.
WORDS = {
    "build", "cap_drop", "command", "depends_on", "deploy", "environment", "healthcheck",
    "hostname", "image", "init", "logging", "ports", "restart", "secrets", "security_opt",
    "stop_grace_period", "user", "volumes",
}  # fmt: skip
KNOWN = {f"YICE_{name.upper()}" for name in Settings.model_fields} | {"YICE_SECRETS"}


def test_every_node_runs_the_command_of_make_cluster() -> None:
    for kind in KINDS:
        assert SERVICES[kind.name]["command"][: len(WORKER) + 1] == ["python", *WORKER]
        assert SERVICES[kind.name]["command"][len(WORKER) + 1 :] == [
            "--concurrency",
            "1",
            "--hostname",
            "worker@%h",
        ]
        assert SERVICES[kind.name]["deploy"].get("replicas", 1) == kind.copies
    assert SERVICES["web"]["command"][: len(WEB) + 1] == ["python", *WEB]
    assert SERVICES["beat"]["command"] == ["python", *BEAT]
    assert set(SERVICES) - {"database", "broker", "store"} == set(NODES)


def test_every_queue_has_a_node_and_every_duty_a_queue() -> None:
    assert sorted(queue for kind in KINDS for queue in kind.queues) == sorted(QUEUES)
    assert {duty.queue for duty in DUTIES.values()} | set(QUEUE_OF.values()) <= set(QUEUES)


def test_the_store_runs_with_the_options_of_make_cluster(tmp_path: Path) -> None:
    native = [
        word.partition("=")[0]
        for word in seaweedfs(tmp_path, 8333, "yice", "yice", "x").command[1:]
    ]
    # Its inner ports are free ones on loopback, and the usual ones in a network of its own.
    inner = re.compile(r"-(master|volume|filer|s3)\.port(\.grpc)?$")
    composed = [word.partition("=")[0] for word in SERVICES["store"]["command"][1:]]
    assert [word for word in native if not inner.match(word)] == [
        word for word in composed if not inner.match(word)
    ]


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, str]]]:
    """The settings of every node of `make cluster`, by kind."""
    folder, site = tmp_path_factory.mktemp("cluster"), Site("", "amqp://", "", "", "", "")
    settings: dict[str, list[dict[str, str]]] = {}
    for node in (
        web_node(site, folder, 8000),
        *worker_nodes(site, folder, workers=2, concurrency=1),
        beat_node(site, folder),
    ):
        settings.setdefault(node.name.partition("-")[0], []).append({**node.env})
    return settings


@pytest.mark.parametrize("node", NODES)
def test_a_node_is_told_the_same_settings_as_by_make_cluster(
    node: str, native: dict[str, list[dict[str, str]]]
) -> None:
    service = SERVICES[node]
    names = set(service["environment"]) | {name.upper() for name in service["secrets"]}
    assert names <= KNOWN
    assert len(native[node]) == service["deploy"].get("replicas", 1)
    for settings in native[node]:
        # The tests' own setting is handed down by the environment, as an operator's would be.
        stated = {name for name in settings if name.startswith("YICE_")} - {"YICE_WORKERS"}
        assert names - {"YICE_SECRETS"} == stated
        assert service["environment"].get("YICE_QUEUES") == settings.get("YICE_QUEUES")


def test_nodes_of_containers_share_one_data_folder_and_those_of_make_cluster_their_keys(
    tmp_path: Path,
) -> None:
    site = Site("", "amqp://", "", "", "", "")
    nodes = {
        node.name: Path(node.env["YICE_DATA"])
        for node in (
            web_node(site, tmp_path, 1),
            *worker_nodes(site, tmp_path, workers=2, concurrency=1),
        )
    }
    assert nodes["index"] == nodes["web"]
    assert {
        (folder / shared).resolve() for folder in nodes.values() for shared in ("pki", "keys")
    } == {
        tmp_path / "pki",
        tmp_path / "keys",
    }
    assert {tuple(SERVICES[name]["volumes"]) for name in NODES} == {("nodes:/var/lib/yice",)}


def test_secrets_come_as_files_and_never_as_words() -> None:
    for name, service in SERVICES.items():
        environment = service.get("environment", {})
        assert not [
            key
            for key in environment
            if re.search(r"PASS|KEY|_URL$", key) and not key.endswith("_FILE")
        ], name
        used = {
            secret if isinstance(secret, str) else secret["source"]
            for secret in service.get("secrets", [])
        }
        assert used <= set(COMPOSE["secrets"])
    assert all(secret["file"].startswith("./secrets/") for secret in COMPOSE["secrets"].values())
    assert "/secrets/" in (ROOT / ".gitignore").read_text().split()


def test_the_secret_files_made_are_those_named_and_agree_with_each_other() -> None:
    files = compose_secrets({"database": "d1", "broker": "b1", "store": "s1"})
    assert set(files) == set(COMPOSE["secrets"])
    assert f"yice:{files['postgres_password']}@database:" in files["yice_database_url"]
    assert "default_pass = b1\n" in files["rabbitmq_conf"]
    assert "yice:b1@broker:" in files["yice_broker_url"]
    assert files["yice_s3_secret_key"] in files["seaweedfs_s3"]
    assert {"database", "broker", "store"} <= set(SERVICES)


def test_settings_read_the_folder_of_secret_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in compose_secrets({"database": "d1", "broker": "b1", "store": "s1"}).items():
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("YICE_SECRETS", str(tmp_path))
    assert Settings().broker_url == "amqp://yice:b1@broker:5672//"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_pinned_bounded_watched_and_not_root(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[a-z/]+:\d+(\.\d+)+(-[a-z]+)?", service["image"])
    assert int(service["user"].partition(":")[0]) > 0
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["healthcheck"]["test"]
    assert service["cap_drop"] == ["ALL"]
    assert all(volume.partition(":")[0] in COMPOSE["volumes"] for volume in service["volumes"])
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_one_that_a_container_engine_reads(name: str) -> None:
    """No engine is at hand.

    The words, units and references of the compose specification are held instead.
    """
    service = SERVICES[name]
    assert set(service) <= WORDS
    check = service["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert all(
        re.fullmatch(r"\d+s", check[word])
        for word in ("interval", "timeout", "start_period")
        if word in check
    )
    assert check["retries"] > 0
    assert (
        all(
            isinstance(word, str)
            for word in (*service["command"], *service["environment"].values())
        )
        if "environment" in service
        else True
    )
    limits = service["deploy"]["resources"]["limits"]
    assert float(limits["cpus"]) > 0
    assert re.fullmatch(r"\d+[mg]", limits["memory"])
    assert limits["pids"] > 0
    for other, condition in service.get("depends_on", {}).items():
        assert condition == {"condition": "service_healthy"}
        assert "healthcheck" in SERVICES[other]
    assert set(service.get("depends_on", {})) == (
        {"database", "broker", "store"} if name in NODES else set()
    )
    assert service["restart"] == "unless-stopped"
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]
    assert not {"privileged", "network_mode", "pid", "cap_add"} & set(service)


def test_the_image_installs_only_what_is_locked_and_does_not_run_as_root() -> None:
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    last = [line for line in DOCKERFILE.splitlines() if line.startswith("USER")][-1]
    assert last.split()[1] == SERVICES["worker"]["user"]
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {
        "python:3.11-slim-bookworm"
    }
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE))
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert copied == packages | {"deploy"}  # which builds the wheel
