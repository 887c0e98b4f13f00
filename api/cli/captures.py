"""`yice capture`: scanned pages that wait for a person: list, place, set aside, take back."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.cli.archive import open_archive, operator
from api.cli.command_line import CommandLine
from api.cli.terminal import Json, print_json, screen, with_examples
from api.http.placing import (
    PagesWanted,
    PlacingWanted,
    cover_wanted,
    place_wanted,
    take_file_back,
)
from api.http.uploads import CaptureView
from archive.database.engine import reading
from archive.finding_aids.pool import pool_batches
from archive.reference.local_time import local_time

capture_app = CommandLine(no_args_is_help=True)
Pages = Annotated[
    list[str], typer.Argument(help="上传编号:页，如 编号:3 或 编号:2-4；不写页的为第1页")
]


@capture_app.command(
    "list",
    help=with_examples(
        "按扫描次序列出待归入的页，以及收件单、分隔页上的码写明的办件和材料。",
        "yice capture list",
        "yice capture list --json",
    ),
)
def list_pages(*, as_json: Json = False) -> None:
    """List the pages that wait for a person, in the order of scanning."""
    runtime = open_archive()
    with reading(runtime.engine) as session:
        batches = pool_batches(session, None)
    rows = [
        {
            "id": leaf.file,
            "page": leaf.page,
            "station": batch.station,
            "captured_at": batch.captured_at.isoformat(),
            "case_no": leaf.case_no,
            "no": leaf.no,
            "type": leaf.type,
            "cover": leaf.says,
        }
        for batch in batches
        for leaf in batch.leaves
    ]
    if as_json:
        print_json(rows)
        return
    table = Table("上传编号", "页", "采集", "码写明的办件", "材料")
    for batch in batches:
        for leaf in batch.leaves:
            material = f"{leaf.no} {leaf.type}" if leaf.no else "收件单、封面" if leaf.says else ""
            scanned = f"{batch.station} {local_time(batch.captured_at)}"
            table.add_row(leaf.file, str(leaf.page), scanned, leaf.case_no or "", material)
    Console().print(table)


@capture_app.command(
    "place",
    help=with_examples(
        "把所列的页按次序作为一份材料归入办件；只取一个文件的几页时先行拆分，原文件保留。",
        "yice capture place 4f1d2c3b4a5968778695a4b3c2d1e0ff:2-3"
        " --case 150602010000-20260901-000001 --no 6 --type 非婚生育说明",
    ),
)
def place(
    pages: Pages,
    case: Annotated[str, typer.Option(help="办件编号")],
    no: Annotated[int, typer.Option(min=1, max=999, help="材料序号")],
    kind: Annotated[str, typer.Option("--type", help="材料名称")],
    *,
    wait: Annotated[bool, typer.Option("--wait", help="编号无误、尚未办结：等待办结")] = False,
    as_json: Json = False,
) -> None:
    """Place pages as one material of a case."""
    runtime = open_archive()
    stated = {"case_no": case, "no": no, "type": kind, "wait": wait}
    wanted = PlacingWanted.model_validate({"pages": _pages(pages), **stated})
    _show(place_wanted(runtime, operator(runtime), wanted), as_json=as_json)


@capture_app.command(
    "cover",
    help=with_examples(
        "把扫描的收件单等封面页设为不归入；原件保留，可以撤回。",
        "yice capture cover 4f1d2c3b4a5968778695a4b3c2d1e0ff:1",
    ),
)
def cover(pages: Pages, *, as_json: Json = False) -> None:
    """Set pages aside that are placed nowhere."""
    runtime = open_archive()
    wanted = PagesWanted.model_validate({"pages": _pages(pages)})
    _show(cover_wanted(runtime, operator(runtime), wanted), as_json=as_json)


@capture_app.command(
    "undo",
    help=with_examples(
        "撤回一个文件的归入，同一材料的其他文件一并撤回；已送归档的不能撤回。",
        "yice capture undo 4f1d2c3b4a5968778695a4b3c2d1e0ff",
    ),
)
def undo(upload: Annotated[str, typer.Argument(help="上传编号")], *, as_json: Json = False) -> None:
    """Take back where a file was placed."""
    runtime = open_archive()
    _show(take_file_back(runtime, operator(runtime), upload), as_json=as_json)


def _pages(words: list[str]) -> list[dict[str, object]]:
    """Return the pages that words state; without pages it is the first, as of a photograph."""
    pages: list[dict[str, object]] = []
    for word in words:
        id_, _, run = word.partition(":")
        first, _, last = (run or "1").partition("-")
        if not first.isdecimal() or not (last or first).isdecimal():
            raise typer.BadParameter("页写作 编号:3 或 编号:2-4。")
        numbers = range(int(first), int(last or first) + 1)
        pages += [{"id": id_, "page": number} for number in numbers]
    return pages


def _show(rows: list[CaptureView], *, as_json: bool) -> None:
    if as_json:
        print_json([row.model_dump() for row in rows])
        return
    for row in rows:
        screen.print(f"{row.id} {row.state_label}")
