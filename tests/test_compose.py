"""docker-compose.yml and the Dockerfile say what `make cluster` does; no container engine is needed to hold them to it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.cluster import WEB, WORKER, Site, compose_secrets
from api.loopback import seaweedfs
from api.settings import Settings

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
NODES = ("worker", "web")
# The folder of secret files is read while Settings is made, so it is no field of it.
KNOWN = {f"YICE_{name.upper()}" for name in Settings.model_fields} | {"YICE_SECRETS"}


def test_workers_and_web_run_the_commands_of_make_cluster() -> None:
    assert SERVICES["worker"]["command"][: len(WORKER) + 1] == ["python", *WORKER]
    assert SERVICES["web"]["command"][: len(WEB) + 1] == ["python", *WEB]


def test_the_store_runs_with_the_options_of_make_cluster(tmp_path: Path) -> None:
    native = [word.partition("=")[0] for word in seaweedfs(tmp_path, 8333, "yice", "yice", "x").command[1:]]
    # Its inner ports are free ones on loopback, and the usual ones in a network of its own.
    inner = re.compile(r"-(master|volume|filer|s3)\.port(\.grpc)?$")
    composed = [word.partition("=")[0] for word in SERVICES["store"]["command"][1:]]
    assert [word for word in native if not inner.match(word)] == [word for word in composed if not inner.match(word)]


@pytest.mark.parametrize("node", NODES)
def test_a_node_is_told_the_same_settings_as_by_make_cluster(node: str) -> None:
    told = set(SERVICES[node]["environment"]) | {name.upper() for name in SERVICES[node]["secrets"]}
    native = set(Site("", "", "", "", "", "").settings(Path())) - {"PYTHONPATH"}
    assert told - {"YICE_SECRETS"} == native
    assert told <= KNOWN


def test_secrets_come_as_files_and_never_as_words() -> None:
    for name, service in SERVICES.items():
        environment = service.get("environment", {})
        assert not [key for key in environment if re.search(r"PASS|KEY|_URL$", key) and not key.endswith("_FILE")], name
        used = {one if isinstance(one, str) else one["source"] for one in service.get("secrets", [])}
        assert used <= set(COMPOSE["secrets"])
    assert all(one["file"].startswith("./secrets/") for one in COMPOSE["secrets"].values())
    assert "/secrets/" in (ROOT / ".gitignore").read_text().split()


def test_the_secret_files_made_are_those_named_and_agree_with_each_other() -> None:
    made = compose_secrets({"database": "d1", "broker": "b1", "store": "s1"})
    assert set(made) == set(COMPOSE["secrets"])
    assert f"yice:{made['postgres_password']}@database:" in made["yice_database_url"]
    assert "default_pass = b1\n" in made["rabbitmq_conf"]
    assert "yice:b1@broker:" in made["yice_broker_url"]
    assert made["yice_s3_secret_key"] in made["seaweedfs_s3"]
    assert {"database", "broker", "store"} <= set(SERVICES)


def test_settings_read_the_folder_of_secret_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_the_image_installs_only_what_is_locked_and_does_not_run_as_root() -> None:
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    last = [line for line in DOCKERFILE.splitlines() if line.startswith("USER")][-1]
    assert last.split()[1] == SERVICES["worker"]["user"]
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"python:3.11-slim-bookworm"}
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE))
    assert copied == {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
