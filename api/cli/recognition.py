"""`yice ocr`: read the text of scans, and say how far that is. Mounted by `api.cli`."""

import signal
from collections import Counter
from threading import Event
from typing import Annotated

import typer
from sqlalchemy import select

from api.cli.terminal import FINDINGS, Json, print_json, progress, screen
from api.jobs.progress import Batch
from api.jobs.recognition import follow_pages, queue_everything_held, recognise_all, require_ocr
from api.runtime.bootstrap import start
from api.runtime.settings import Settings
from archive.database.engine import reading
from archive.database.tables_jobs import Job
from archive.recognition.queue import OCR, progress_of
from ingest.recognition.ocr import is_installed


def ocr_(
    *,
    pending: Annotated[bool, typer.Option("--pending", help="识别全部待识别的扫描页")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="连同失败的重新识别")] = False,
    status: Annotated[bool, typer.Option("--status", help="只看进度")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="持续识别新到的扫描页，直到中断")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read what waits, or say how far it is."""
    runtime = start(Settings())
    if status:
        with reading(runtime.engine) as session:
            counted = progress_of(session)
            codes = Counter(
                session.scalars(
                    select(Job.error_code).where(Job.kind == OCR, Job.state == "FAILED")
                )
            )
        _show(
            {
                "enabled": runtime.settings.ocr,
                "installed": is_installed(),
                **{state.lower(): counted[state] for state in ("WAITING", "DONE", "FAILED")},
                "failures": {
                    code or "UNKNOWN": count for code, count in sorted(codes.items(), key=str)
                },
            },
            as_json=as_json,
        )
        return
    if not (pending or retry or follow):
        raise typer.BadParameter("请指明 --pending、--follow 或 --status 之一。")
    require_ocr(runtime)
    if follow:
        stopped = Event()
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, lambda *_: stopped.set())
        follow_pages(runtime, stopped.is_set)
        return
    queue_everything_held(runtime)
    with reading(runtime.engine) as session:
        waiting = progress_of(session)
    with progress("文字识别", waiting["WAITING"] + (waiting["FAILED"] if retry else 0)) as tell:

        def watch(batch: Batch) -> None:
            tell(batch.done + batch.failed, f"失败 {batch.failed}")

        batch = recognise_all(runtime, watch, retry=retry)
    if as_json:
        print_json({"total": batch.total, "done": batch.done, "failed": batch.failed})
    else:
        screen.print(
            f"识别 {batch.done} 页，失败 {batch.failed} 页"
            if batch.total
            else "没有待识别的扫描页。"
        )
    raise typer.Exit(FINDINGS if batch.failed else 0)


def _show(found: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    switch = "已启用" if found["enabled"] else "未启用（YICE_OCR=1）"
    engine = "引擎已安装" if found["installed"] else "引擎未安装（make setup-ocr）"
    screen.print(
        f"文字识别{switch}，{engine}；待识别 {found['waiting']} 页，完成 {found['done']} 页，失败 {found['failed']} 页。"
    )
