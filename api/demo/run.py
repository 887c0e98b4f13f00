"""The main job of the demo: build, ingest, compile, verify, and compare with the truth."""

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from api.demo.accounts import DemoAccount, make_demo_accounts
from api.demo.paper import DemoPaper, make_demo_paper, paper_station
from api.demo.todos import make_demo_todos
from api.demo.window_todos import make_demo_window
from api.jobs.acts import ingest_paths, run_compile, run_verify
from api.jobs.preservation import anchor_journal
from api.jobs.progress import Batch, Progress
from api.runtime.bootstrap import Runtime, open_index_folder, source_of
from archive.database.engine import reading
from archive.finding_aids.volumes import volume_rows
from archive.preservation.faults import Fault
from archive.reference.vocabulary import IntakeOutcome, Outcome, Series, VolumeState
from ingest.intake.intake import Received
from search.follow import rebuild


def run_demo(runtime: Runtime, actor: str, city: Path, progress: Progress) -> int:
    """Run the whole job on a city, build its search index, and print what it made.

    Returns 0 when everything planted was found and nothing sound was refused, else 1.
    """
    received = ingest_paths(runtime, actor, [city / "bags"], progress)
    started = time.perf_counter()
    batch = run_compile(runtime, runtime.operator(actor), progress)
    seconds = time.perf_counter() - started
    faults, verified = run_verify(runtime, progress)
    _build_index(runtime, progress, verified)
    wrong = mismatches(received, json.loads((city / "truth.json").read_text("utf-8"))["bags"])
    _print(runtime, received, batch, seconds, wrong, faults, verified)
    station = paper_station(runtime)
    accounts = make_demo_accounts(runtime, station)
    if accounts and station:
        _print_paper(runtime, make_demo_paper(runtime, station))
    make_demo_todos(runtime, accounts)
    waiting = make_demo_window(runtime, accounts, progress)
    if waiting:
        Console().print(f"户籍窗口：{waiting} 件停在各环节，等各角色接着办；例：yice window list")
    _print_accounts(runtime, accounts)
    anchor_journal(runtime, actor)
    return int(bool(wrong or faults or batch.failed))


def _build_index(runtime: Runtime, progress: Progress, volumes: int) -> None:
    """Build the search index, so that `yice search` answers before anything was served."""
    with progress.pieces("建立检索索引", volumes) as advance:
        rebuild(
            source_of(runtime),
            open_index_folder(runtime.settings),
            lambda done, _total: advance(done, ""),
        )


def mismatches(received: list[Received], truth: list[dict[str, Any]]) -> list[str]:
    """Return what differs from the planted truth.

    A package delivered again is a duplicate whatever it was the first time, unless it was refused.
    """
    expected = {row["bag"]: row for row in truth}
    wrong = []
    for package in received:
        want = expected[package.bag]
        fits = package.outcome == want["expected"] or (
            package.outcome is IntakeOutcome.DUPLICATE and want["expected"] != IntakeOutcome.REFUSED
        )
        codes = {finding.code for finding in package.findings}
        if not fits or (
            want["finding"]
            and package.outcome is not IntakeOutcome.DUPLICATE
            and want["finding"] not in codes
        ):
            wrong.append(
                f"{package.bag}: 应为 {want['expected']} {want['finding'] or ''}，"
                f"实为 {package.outcome} {sorted(codes)}"
            )
    return wrong


def _print(
    runtime: Runtime,
    received: list[Received],
    batch: Batch,
    seconds: float,
    wrong: list[str],
    faults: list[Fault],
    verified: int,
) -> None:
    with reading(runtime.engine) as session:
        volumes = [
            volume for volume in volume_rows(session) if volume["state"] == VolumeState.COMMITTED
        ]
    table = Table("一册 · 演示汇总", "数量", title="事项清单为重构、非官方；机构与人员均为演示数据")
    for outcome, count in Counter(package.outcome for package in received).items():
        table.add_row(outcome.label, str(count))
    refused = [
        finding
        for package in received
        if package.outcome is IntakeOutcome.REFUSED
        for finding in package.findings
    ]
    codes = Counter(finding.code for finding in refused if finding.outcome is Outcome.REFUSE)
    for code, count in sorted(codes.items()):
        table.add_row(f"　隔离原因 {code}", str(count))
    for series, count in sorted(Counter(volume["series"] for volume in volumes).items()):
        table.add_row(f"　卷目 {Series(series).label}", str(count))
    table.add_row("本次成册", str(batch.done))
    table.add_row("每册用时", f"{seconds / batch.done * 1000:.0f} 毫秒" if batch.done else "—")
    table.add_row(
        "册总数 / 页总数", f"{len(volumes)} / {sum(volume['pages'] or 0 for volume in volumes)}"
    )
    table.add_row("已验证 / 问题", f"{verified} / {len(faults)}")
    table.add_row("与预埋缺陷不符", str(len(wrong)))
    screen = Console()
    screen.print(table)
    for line in [
        *wrong,
        *(f"{fault.invariant} {fault.subject} {fault.message}" for fault in faults),
    ][:50]:
        screen.print(line)
    if volumes:
        screen.print(
            f"例：yice show {volumes[0]['code']}；"
            f"册文件在 {runtime.settings.data}/store/volumes/ 下；页面：yice serve"
        )


def _print_paper(runtime: Runtime, paper: DemoPaper) -> None:
    place = runtime.organisations.get(paper.station).name
    Console().print(
        f"纸质：{place}已登记 {paper.items} 件，待登记 {paper.waiting} 件，"
        "借出一件逾期，盘点进行到一半；例：yice paper list",
        highlight=False,
    )


def _print_accounts(runtime: Runtime, accounts: list[DemoAccount]) -> None:
    screen = Console()
    if not accounts:
        screen.print("演示账号此前已建，口令只显示一次；需要新口令：yice account renew 用户名")
        return
    screen.print("演示账号；口令只显示这一次，演示的登录页可直接点选：")
    write_login_accounts(runtime, accounts)
    for account in accounts:
        # Lines, not a table: on a narrow terminal a secret must not be cut off.
        place = runtime.organisations.get(account.org).name
        screen.print(
            f"{account.login:<24}{account.secret}  {account.role.label}，{place}",
            soft_wrap=True,
            highlight=False,
        )


def write_login_accounts(runtime: Runtime, accounts: list[DemoAccount]) -> None:
    """Write the accounts that the login page of the demo offers, one for each role.

    The secrets are those of fictional people, in a file that only its owner can read.
    """
    rows = [
        {
            "login": account.login,
            "secret": account.secret,
            "role": account.role.label,
            "place": runtime.organisations.get(account.org).name,
        }
        for account in accounts
    ]
    path = runtime.settings.data / "demo-accounts.json"
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as out:
        json.dump(rows, out, ensure_ascii=False, indent=1)
