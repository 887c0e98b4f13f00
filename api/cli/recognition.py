"""`yice ocr`: read the text of scans, or show the progress. Mounted by `api.cli.main`."""

import signal
from threading import Event
from typing import Annotated

import typer

from api.cli.archive import open_archive
from api.cli.terminal import FINDINGS, Json, print_json, progress, screen
from api.jobs.progress import Batch
from api.jobs.recognition import follow_pages, queue_stored_scans, recognise_all, require_ocr
from archive.database.engine import reading
from archive.jobs.job_rows import failure_codes
from archive.recognition.queue import progress_of
from archive.reference.vocabulary import JobKind, JobState
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
    """Read the pages that wait, or show the progress."""
    runtime = open_archive()
    if status:
        with reading(runtime.engine) as session:
            counted = progress_of(session)
            codes = failure_codes(session, JobKind.OCR)
        _show(
            {
                "enabled": runtime.settings.ocr,
                "installed": is_installed(),
                **{state.lower(): counted[state] for state in JobState},
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
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        follow_pages(runtime, stopped.is_set)
        return
    queue_stored_scans(runtime)
    with reading(runtime.engine) as session:
        waiting = progress_of(session)
    with progress(
        "文字识别", waiting[JobState.WAITING] + (waiting[JobState.FAILED] if retry else 0)
    ) as advance:

        def watch(batch: Batch) -> None:
            advance(batch.done + batch.failed, f"失败 {batch.failed}")

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


def _show(status: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json(status)
        return
    switch = "已启用" if status["enabled"] else "未启用（YICE_OCR=1）"
    engine = "引擎已安装" if status["installed"] else "引擎未安装（make setup-ocr）"
    screen.print(
        f"文字识别{switch}，{engine}；待识别 {status['waiting']} 页，"
        f"完成 {status['done']} 页，失败 {status['failed']} 页。"
    )
