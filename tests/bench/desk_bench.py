"""Measure the desk with many volumes: python -m tests.bench.desk_bench --help. The real server in a
process of its own, asked over loopback.

Prints a table for people on stderr and JSON for scripts on stdout: for each page the milliseconds
on the clock from request to the last byte (p50, p95), and the server's own processor time a
request, which does not grow when others keep the machine busy.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from api.demo.accounts import make_demo_accounts
from api.runtime.bootstrap import Runtime, start
from api.runtime.settings import Settings
from archive.database.engine import reading
from archive.database.tables_cases import Case
from archive.database.tables_usage import UsageRequest
from archive.database.tables_volumes import Volume
from archive.usage.requests import number_of
from tests.bench.answering import used
from tests.bench.desk_rows import build
from tests.support.browser import serving

PAGE_MS, CACHED_MS, FIRST_MS = 100, 20, 300


def places(runtime: Runtime) -> dict[str, tuple[str, ...]]:
    """Every page, by who looks: the city's supervisor sees all volumes, which is the most that a
    list has to bear.
    """
    with reading(runtime.engine) as session:
        generated = session.scalars(
            select(Volume).where(Volume.id > 9_999).order_by(Volume.id)
        ).first()
        late = session.scalars(
            select(Volume)
            .where(Volume.id > 9_999, Volume.fonds == "J602")
            .order_by(Volume.id.desc())
        ).first()
        real = session.scalars(select(Volume).where(Volume.id < 9_999).order_by(Volume.id)).first()
        own = session.scalars(
            select(UsageRequest)
            .where(UsageRequest.account == "demo-archivist")
            .order_by(UsageRequest.id.desc())
        ).first()
        waiting = session.scalars(
            select(Case.case_no).where(
                Case.state == "WAITING", Case.receive_org.startswith("150602")
            )
        ).first()
    assert generated is not None
    assert late is not None
    assert real is not None
    assert own is not None
    series = f"/series/{late.fonds}/{late.series}/{late.year}/{late.term}"
    everybody = (
        "/",
        "/volumes",
        "/volumes?page=400",
        "/volumes?sort=-completed&page=200",
        "/volumes?since=2024-03-01&until=2024-03-31",
        "/volumes?station=150602000000",
        "/volumes?state=owing",
        "/volumes?state=open",
        "/volumes?state=archived",
        "/volumes?series=QY&year=2025",
        "/volumes?code=J602-ZY",
        "/series",
        "/citywide",
        series,
        f"{series}?after=300",
        f"{series}/register",
        f"{series}/spines",
        f"{series}/transfer",
        f"/volumes/{real.code}",
        f"/volumes/{real.code}/contents",
        f"/volumes/{real.code}/v1/signature",
        "/statistics",
        "/statistics?since=2025-01&until=2025-06",
        "/usage",
        "/usage/new",
        "/search",
    )
    return {
        "demo-city": (*everybody, "/approvals", "/uses", "/uses?sort=code&page=3", "/uses/sheet"),
        "demo-district-archivist": (
            *everybody[:18],
            "/statistics",
            "/collecting",
            "/checks",
            "/checks?sort=-receive",
            f"/checks/{waiting}",
            "/compile",
            "/jobs",
            "/jobs/live",
            "/uses",
        ),
        "demo-archivist": ("/", "/volumes", "/statistics", "/jobs", f"/usage/{number_of(own)}"),
        "sysadmin": (
            "/",
            "/system/accounts",
            "/system/accounts/demo-chief",
            "/system/organisations",
            "/system/items",
            "/system/items/CS01/2026-1",
            "/system/retention",
            "/system/settings",
            "/password",
        ),
        "auditor": (
            "/",
            "/journal",
            "/journal?act=VIEW_PAGES",
            "/journal?actor=worker-7",
            f"/journal?subject={late.code}",
            "/journal?since=2024-06-01&until=2024-06-30",
            "/journal?page=900",
            "/journal?sort=actor",
        ),
    }


@dataclass(frozen=True, slots=True)
class Watched:
    """The server: where it answers, and its process."""

    address: str
    pid: int


def timed(server: Watched, asks: int, ask: Callable[[], httpx.Response]) -> dict[str, Any]:
    """One asked first, for what is made once, then `asks` times."""
    began = time.perf_counter()
    answer = ask()
    first = (time.perf_counter() - began) * 1000
    took, before = [], used(server.pid)
    for _ in range(asks):
        began = time.perf_counter()
        answer = ask()
        took.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    return {
        "status": answer.status_code,
        "kb": round(len(answer.content) / 1024),
        "first": round(first, 1),
        "p50": round(cuts[49], 1),
        "p95": round(cuts[94], 1),
        "cpu": round((used(server.pid) - before) / asks, 1),
    }


@contextmanager
def login(address: str, name: str, secret: str) -> Iterator[httpx.Client]:
    """A browser's worth of one account."""
    with httpx.Client(base_url=address, timeout=60) as client:
        assert client.post("/login", data={"login": name, "secret": secret}).status_code == 303
        yield client


def pages(
    server: Watched, secrets: dict[str, str], wanted: dict[str, tuple[str, ...]], asks: int
) -> dict[str, Any]:
    """Each page of each role."""
    timings = {}
    for name, addresses in wanted.items():
        with login(server.address, name, secrets[name]) as client:
            for address in addresses:
                timings[f"{name} {address}"] = timed(
                    server, asks, lambda address=address: client.get(address)
                )  # type: ignore[misc]
    with login(server.address, "demo-city", secrets["demo-city"]) as client:
        token = re.search(r'name="csrf"\s+value="(\w+)"', client.get("/search").text)
        assert token
        for words in ("王", "出生医学证明编号", "户口登记", "卷目:迁入 收件:交通"):
            form = {"csrf": token[1], "q": words}
            kept = client.post("/search", data=form).headers["location"]
            timings[f"demo-city /search/<id> {words}"] = timed(
                server, asks, lambda kept=kept: client.get(kept)
            )  # type: ignore[misc]
    return timings


def images(server: Watched, secrets: dict[str, str], runtime: Runtime, asks: int) -> dict[str, Any]:
    """A cached page again and again; and of every real volume the very first one, from a cold
    cache.
    """
    shutil.rmtree(runtime.settings.data / "cache", ignore_errors=True)
    with reading(runtime.engine) as session:
        codes = session.scalars(
            select(Volume.code).where(Volume.id < 9_999).order_by(Volume.id)
        ).all()
    first = []
    with login(server.address, "demo-city", secrets["demo-city"]) as client:
        image = ""
        for code in codes:
            token = re.search(r'name="csrf"\s+value="(\w+)"', client.get("/search").text)
            assert token
            stated = {"csrf": token[1], "purpose": "SUPERVISE"}
            assert client.post(f"/volumes/{code}/purpose", data=stated).status_code == 303
            look = re.search(r"pages/1\.jpg\?look=(\d+)", client.get(f"/volumes/{code}").text)
            assert look
            image = f"/volumes/{code}/v1/pages/1.jpg?look={look[1]}"
            began = time.perf_counter()
            assert client.get(image).headers["content-type"] == "image/jpeg"
            first.append((time.perf_counter() - began) * 1000)
        time.sleep(1)  # pages drawn ahead are not what is measured
        cached = timed(server, asks * 3, lambda: client.get(image))
    return {
        "cached page image": cached,
        "first image of a volume": {
            "p50": round(statistics.median(first), 1),
            "p95": round(max(first), 1),
            "volumes": len(first),
        },
    }


def main() -> None:
    """Build, serve, ask, print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--volumes", type=int, default=50_000)
    words.add_argument("--texts", type=int, default=50_000, help="page texts in the search index")
    words.add_argument("--real", type=int, default=8, help="volumes made by the main job")
    words.add_argument("--asks", type=int, default=30)
    words.add_argument(
        "--at", type=Path, help="keep the archive in this folder, and use the one that is there"
    )
    words.add_argument("--only", default="", help="pages whose name holds this")
    options = words.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        data = options.at or Path(folder)
        kept = data / "bench-secrets.json"
        began = time.perf_counter()
        runtime = start(Settings(data=data, workers=1))
        if not kept.is_file():
            build(runtime, options.volumes, options.texts, options.real)
            kept.write_text(
                json.dumps(
                    {account.login: account.secret for account in make_demo_accounts(runtime)}
                )
            )
        built = round(time.perf_counter() - began, 1)
        secrets = json.loads(kept.read_text())
        with serving(data) as (process, address):
            server = Watched(address, process.pid)
            wanted = {
                name: tuple(address for address in addresses if options.only in address)
                for name, addresses in places(runtime).items()
            }
            timings = pages(server, secrets, wanted, options.asks)
            drawn = images(server, secrets, runtime, options.asks)
    report(options, timings, drawn, built)


def report(
    options: argparse.Namespace, timings: dict[str, Any], drawn: dict[str, Any], built: float
) -> None:
    """The slowest pages first, then the verdict."""
    sys.stderr.write(f"\n{'page':<64}{'kB':>6}{'first':>9}{'p50':>9}{'p95':>9}{'cpu':>8} ms\n")
    for name, row in sorted(timings.items(), key=lambda entry: -entry[1]["p95"]):
        mark = "" if row["p95"] < PAGE_MS and row["status"] == 200 else f"  <- {row['status']}"
        sys.stderr.write(
            f"{name:<64}{row['kb']:>6}{row['first']:>9}{row['p50']:>9}"
            f"{row['p95']:>9}{row['cpu']:>8}{mark}\n"
        )
    for name, row in drawn.items():
        sys.stderr.write(f"{name:<64}{'':>6}{'':>9}{row['p50']:>9}{row['p95']:>9}\n")
    slow = [name for name, row in timings.items() if row["p95"] >= PAGE_MS]
    result = {
        "volumes": options.volumes,
        "seconds_to_build": built,
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "pages": timings,
        "images": drawn,
        "page_p95_ms": max(row["p95"] for row in timings.values()),
        "over_100_ms": slow,
        "cached_under_20_ms": drawn["cached page image"]["p95"] < CACHED_MS,
        "first_under_300_ms": drawn["first image of a volume"]["p95"] < FIRST_MS,
    }
    sys.stderr.write(
        f"{len(timings)} pages, {len(slow)} over {PAGE_MS} ms; "
        f"load average {result['load_average']}\n"
    )
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
