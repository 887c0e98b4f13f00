"""The archive of the settings, who works on it at this terminal, bars over volumes."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from api.cli.terminal import progress, screen
from api.jobs.progress import Advance, Batch
from api.runtime.bootstrap import Runtime, start
from api.runtime.settings import Settings
from archive.administration.policy import Reader
from archive.administration.signatories import TERMINAL
from archive.finding_aids.compile_jobs import CompileJob
from archive.reference.errors import ArchiveError
from archive.usage.looks import AccessContext, Purpose

KEEPING = AccessContext(Purpose.ARCHIVE)
"""What the operator reads for: the keeping of the archive."""


class NoArchiveError(ArchiveError):
    """There is no archive where the settings say."""

    code = "NO_ARCHIVE"


def open_archive() -> Runtime:
    """Return the runtime of the archive in the settings; raises NoArchiveError where none is.

    A mistyped folder would look like an empty archive.
    """
    settings = Settings()
    if _is_new(settings):
        raise NoArchiveError(
            f"数据文件夹 {settings.data} 里还没有档案库。",
            "请核对 YICE_DATA 和当前文件夹；新建请用 yice ingest、yice serve 或 yice demo run。",
        )
    return start(settings)


def begin_archive() -> Runtime:
    """Return the runtime of the archive that the settings name; a new one is begun and told."""
    settings = Settings()
    is_new = _is_new(settings)
    runtime = start(settings)
    if is_new:
        screen.print(f"新建档案库：{escape(str(settings.data))}", soft_wrap=True)
    return runtime


def _is_new(settings: Settings) -> bool:
    return not settings.database_url and not (settings.data / "yice.db").exists()


def actor() -> str:
    """Return the actor that the journal names for this terminal: `cli:<user>`."""
    return f"{TERMINAL}{os.environ.get('USER', 'operator')}"


def operator(runtime: Runtime) -> Reader:
    """Return the reader at this terminal: a user who may run it reads the whole city anyway."""
    return runtime.operator(actor())


@contextmanager
def volume_bar(title: str) -> Iterator[Callable[[Batch], None]]:
    """Draw a bar over volumes: done, failed, rate per minute, time left."""
    columns = (
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("失败 {task.fields[failed]}　{task.fields[rate]:.0f} 册/分"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen) as bar:
        task = bar.add_task(title, total=None, failed=0, rate=0.0)

        def watch(batch: Batch) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            rate = 60 * batch.done / elapsed if elapsed else 0.0
            bar.update(
                task, total=batch.total, completed=batch.done, failed=batch.failed, rate=rate
            )

        yield watch


def show_failures(batch: Batch) -> None:
    """Name the case and the reason of each volume that failed, now or before."""
    for job in batch.failures:
        _show_failure(job, "red")
    if batch.known:
        screen.print(
            f"此前已失败、同样的材料不会自动再试的 {len(batch.known)} 册"
            "（更正材料后重新送达，或用 --case 指名再试）："
        )
    for job in batch.known:
        _show_failure(job, "yellow")


def _show_failure(job: CompileJob, colour: str) -> None:
    """Print one line: code, case, 档号 and the words of the error."""
    message = job.error or "出现了未预料的错误，详见数据目录 logs/ 下的日志。"
    screen.print(
        f"[{colour}]{job.error_code}[/{colour}] 办件 {job.case_no}"
        f"（{job.code} 第 {job.version} 版）{escape(message)}",
        soft_wrap=True,
        highlight=False,
    )


class Bars:
    """A `Progress` (of `api.jobs.progress`) that draws a bar for each long act."""

    def pieces(self, title: str, total: int | None) -> AbstractContextManager[Advance]:
        """Draw a bar over pieces."""
        return progress(title, total)

    def volumes(self, title: str) -> AbstractContextManager[Callable[[Batch], None]]:
        """Draw a bar over volumes."""
        return volume_bar(title)
