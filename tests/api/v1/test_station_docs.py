"""What docs/stations.md tells stations to type, and its Python client, on a real server."""

import hashlib
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import httpx
import pikepdf
import pytest
from PIL import Image

from api.jobs.webhooks import signature
from api.runtime.bootstrap import start
from api.runtime.settings import Settings
from archive.administration.policy import Role
from tests.api.monitoring.test_health import ROOT, served
from tests.resources.bags import members, zip_of
from tests.support.factories import make_bag
from tests.support.station import MOVE, StationClient, moved_case

PAGE = (ROOT / "docs" / "stations.md").read_text("utf-8").partition("# The station API")[2]
CODE = "J602-ZY.HJ.QR.2026.Y-000001"


@dataclass(frozen=True)
class Live:
    """A served copy of the built archive, and the rows under it."""

    desk: StationClient
    client: httpx.Client

    @property
    def address(self) -> str:
        return str(self.client.base_url).rstrip("/")

    def approve(self, number: str) -> None:
        headers = self.desk.token(Role.CHIEF)
        decided = self.client.post(
            f"/api/v1/usage-requests/{number}/decision",
            json={"approve": True, "reason": "材料齐全"},
            headers=headers,
        )
        assert decided.status_code == 200, decided.text


@pytest.fixture(scope="module")
def live(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    data = tmp_path_factory.mktemp("live")
    shutil.copytree(built, data, dirs_exist_ok=True)
    with served(data) as client:
        runtime = start(Settings(data=data))
        yield Live(StationClient(runtime, client), client)  # type: ignore[arg-type]
        runtime.engine.dispose()


def blocks(kind: str) -> list[str]:
    """The examples of one kind, in order; the first block of the page fetches the token."""
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def typed(live: Live, folder: Path, secret: tuple[str, str], script: str, **more: str) -> str:
    env = {
        **os.environ,
        "API": f"{live.address}/api/v1",
        "CLIENT": secret[0],
        "SECRET": secret[1],
        "CODE": CODE,
        **more,
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=env,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_curl_examples_work_as_they_are_written(live: Live, tmp_path: Path) -> None:
    secret = live.desk.secret()
    token, look, use = blocks("sh")
    output = typed(live, tmp_path, secret, f"{token}\n{look}\n{use}")
    assert MOVE in output
    assert '"valid":true' in output
    number = json.loads((tmp_path / "request.json").read_text("utf-8"))["number"]
    assert f'"number":"{number}"' in output
    live.approve(number)
    output = typed(
        live, tmp_path, secret, "\n".join((token, *blocks("sh approved"))), NUMBER=number
    )
    assert "测某" in output
    with Image.open(tmp_path / "page.webp") as picture:
        assert picture.width == 1200
    assert (tmp_path / "part.pdf").stat().st_size == 65536
    copy = (tmp_path / "copy.pdf").read_bytes()
    assert output.count(hashlib.sha256(copy).hexdigest()) == 2, (
        "told when it was made, and when anybody checks it"
    )
    zip_of(
        tmp_path / "package.zip",
        members(make_bag(tmp_path / "bag", case=moved_case("150602010000-20260901-000088"))),
    )
    output = typed(live, tmp_path, secret, "\n".join((token, *blocks("sh package"))))
    assert output.count('"case_no":"150602010000-20260901-000088"') == 2


@pytest.fixture(scope="module")
def client_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "yice_client", ROOT / "docs" / "client" / "yice_client.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_python_client_finds_asks_looks_certifies_and_submits(
    live: Live, client_module: ModuleType, tmp_path: Path
) -> None:
    yice = client_module.Yice(live.address, *live.desk.secret(), operator="060101")
    code = yice.search(f"办件:{MOVE}", purpose="HANDLE")["hits"][0]["code"]
    volume = yice.volume(code, purpose="HANDLE")
    assert hashlib.sha256(yice.file(code, purpose="HANDLE")).hexdigest() == volume["sha256"]
    with pytest.raises(client_module.YiceError) as refused:
        yice.facts(code, purpose="USE", usage="LY2026-999999")
    assert (refused.value.code, bool(refused.value.action)) == ("NEEDS_GRANT", True)
    number = yice.request_use(
        code, purpose="核对材料", basis="东公户核〔2026〕13号", papers=["办理业务的依据"]
    )["number"]
    assert yice.usage(number)["state"] == "REQUESTED"
    live.approve(number)
    assert yice.facts(code, purpose="USE", usage=number)["facts"]["applicant"]["name"] == "测某"
    issued, copy = yice.certify(code, [4], usage=number)
    assert hashlib.sha256(copy).hexdigest() == issued["sha256"]
    with pikepdf.open(io.BytesIO(yice.file(code, purpose="HANDLE", item=4))) as item:
        assert len(item.pages) == issued["pages"]
    assert Image.open(io.BytesIO(yice.page(code, 2, purpose="HANDLE"))).format == "WEBP"
    package = zip_of(
        tmp_path / "p.zip",
        members(make_bag(tmp_path / "bag", case=moved_case("150602010000-20260901-000089"))),
    ).read_bytes()
    done = yice.submit("package-2", package)
    assert (done["state"], done["case_no"]) == ("DONE", "150602010000-20260901-000089")
    assert yice.submit("package-2", package) == done, (
        "sent again after a lost answer, it goes on where it stopped"
    )


def test_the_python_client_knows_a_genuine_notice(client_module: ModuleType) -> None:
    now = time.time()
    good = signature("secret", int(now), b"{}")
    assert client_module.notice_is_genuine("secret", good, b"{}", now=now)
    assert not client_module.notice_is_genuine("secret", good, b"{ }", now=now)
    assert not client_module.notice_is_genuine("other", good, b"{}", now=now)
    assert not client_module.notice_is_genuine("secret", good, b"{}", now=now + 301)
    assert not client_module.notice_is_genuine("secret", "nonsense", b"{}", now=now)


def test_the_python_client_needs_only_python(client_module: ModuleType) -> None:
    source = Path(str(client_module.__file__)).read_text("utf-8")
    imported = re.findall(r"^(?:from|import) (\w+)", source, re.MULTILINE)
    assert set(imported) <= sys.stdlib_module_names
