"""Long acts that the command line and the pages share: take packages in, compile, verify."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from api.jobs.batch import Again, compile_batch, make_chosen
from api.jobs.progress import Batch, Progress
from api.jobs.recognition import wait_for_texts
from api.runtime.bootstrap import Runtime
from api.runtime.workshop import open_compile_context
from archive.administration.policy import Reader
from archive.arrangement.choice import EVERYTHING, Choice
from archive.jobs.processes import process_pool
from archive.preservation.faults import Fault
from archive.preservation.page_verification import PageTools, verify_pages
from archive.preservation.verify import committed, count_committed, verify_holdings, verify_volumes
from archive.reference.errors import NotFoundError
from archive.reference.vocabulary import IntakeOutcome
from ingest.intake.intake import Received, inspect_package, receive
from ingest.reading.second_drawing import draw_originals


def _bags(paths: Iterable[Path]) -> list[Path]:
    """Return the packages at these paths: bags, zips, or folders of them.

    In order of name, so that a second delivery comes after the first. Raises NotFoundError.
    """
    bags: list[Path] = []
    for path in paths:
        if not path.exists():
            raise NotFoundError("路径不存在。", "请检查输入的归档信息包路径。")
        if path.is_file() or (path / "bagit.txt").exists() or (path / "data").is_dir():
            bags.append(path)
        else:
            inside = sorted(
                entry
                for entry in path.iterdir()
                if entry.is_dir() or entry.suffix.lower() == ".zip"
            )
            bags += inside or [path]
    return bags


def ingest_paths(
    runtime: Runtime, actor: str, paths: Iterable[Path], progress: Progress
) -> list[Received]:
    """Inspect packages on all cores and take them over one after the other.

    In order: the package that comes first is the case, one that differs after it the conflict.
    """
    bags, received = _bags(paths), []
    workers = max(1, min(runtime.settings.workers or os.cpu_count() or 1, len(bags)))
    now = datetime.now(UTC)
    with process_pool(workers) as pool, progress.pieces("接收", len(bags)) as advance:
        rules = runtime.intake_rules
        places = [path.absolute() for path in bags]
        inspected = pool.map(
            inspect_package, places, *([value] * len(bags) for value in (rules, now))
        )
        for package in inspected:
            received.append(
                receive(runtime.engine, runtime.store, actor, package, sender=None, rules=rules)
            )
            refused = sum(result.outcome is IntakeOutcome.REFUSED for result in received)
            advance(len(received), f"拒收 {refused}")
    return received


def run_compile(
    runtime: Runtime,
    filer: Reader,
    progress: Progress,
    choice: Choice = EVERYTHING,
    *,
    again: Again = Again.WHAT_CAN_SUCCEED,
) -> Batch:
    """Compile volumes and report done, failed, rate and time left."""
    await_texts(runtime, progress)
    with progress.volumes("组卷") as watch:
        return compile_batch(runtime, filer, choice=choice, again=again, watch=watch)


def run_making(runtime: Runtime, filer: Reader, progress: Progress, choice: Choice) -> Batch:
    """Make volumes of what has been given its number, as `run_compile` does after giving it."""
    await_texts(runtime, progress)
    with progress.volumes("组卷") as watch:
        return make_chosen(runtime, filer.account, choice, watch)


def await_texts(runtime: Runtime, progress: Progress) -> None:
    """Give the texts of scans some time to come first, where the settings say so."""
    if runtime.settings.ocr and runtime.settings.ocr_wait_minutes:
        with progress.pieces("等待文字识别", 0) as advance:
            wait_for_texts(
                runtime,
                lambda batch: advance(
                    batch.done,
                    f"待识别 {batch.total - batch.done - batch.failed}　失败 {batch.failed}",
                ),
            )


def run_verify(
    runtime: Runtime, progress: Progress, codes: tuple[str, ...] = ()
) -> tuple[list[Fault], int]:
    """Verify the named volumes, or all of them with the invariants across volumes.

    Returns the faults, and how many volumes were verified.
    """
    faults = [
        Fault("I1", code, "没有这个档号的已归档册")
        for code in codes
        if not count_committed(runtime.engine, (code,))
    ]
    context, count = open_compile_context(runtime), 0
    with progress.pieces("验证", count_committed(runtime.engine, codes)) as advance:
        volumes = committed(runtime.engine, codes)
        for count, volume_faults in enumerate(
            verify_volumes(runtime.store, volumes, context.trust, context.prover), 1
        ):
            faults += volume_faults
            advance(count, f"问题 {len(faults)}")
    if not codes:
        faults += verify_holdings(runtime.engine, runtime.store, context.trust)
    return faults, count


def run_verify_pages(
    runtime: Runtime, progress: Progress, codes: tuple[str, ...] = ()
) -> tuple[list[Fault], int]:
    """Compare the pages of the named volumes, or of all, with their originals again.

    Returns the faults, and how many pages were compared.
    """
    tools = PageTools(
        runtime.engine, runtime.store, runtime.catalogue, runtime.organisations, draw_originals
    )
    faults, compared = list[Fault](), 0
    with progress.pieces("比对页面", count_committed(runtime.engine, codes)) as advance:
        for number, volume in enumerate(committed(runtime.engine, codes), 1):
            verified = verify_pages(tools, volume)
            compared += verified.compared
            faults += verified.faults
            advance(number, f"{compared} 页，问题 {len(faults)}")
    return faults, compared
