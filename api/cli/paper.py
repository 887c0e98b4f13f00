"""`yice paper`: lists of paper, places and boxes, scans from a file, stocktakes (R19)."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.cli.archive import actor, open_archive
from api.cli.command_line import CommandLine
from api.cli.terminal import FINDINGS, Json, print_json, with_examples
from api.runtime.bootstrap import Runtime
from archive.administration.policy import Act, Reader, Role
from archive.arrangement.paper_tasks import open_missing_paper_tasks
from archive.database.engine import reading, writing
from archive.paper.access import Keeper
from archive.paper.boxes import begin_box, box_name, find_box, shelve_box
from archive.paper.codes import CodeFault, PaperCodeKind, paper_code, read_code
from archive.paper.errors import PaperError
from archive.paper.listing import paper_rows, waiting_tasks
from archive.paper.moves import Cause
from archive.paper.page_checks import differences
from archive.paper.places import find_place, level, make_place, make_rack, place_name
from archive.reference.paper_terms import (
    PaperFault,
    PaperState,
    PlaceKind,
)
from archive.reference.vocabulary import OrgKind, Series

paper_app = CommandLine(no_args_is_help=True)
PlaceName = Annotated[str, typer.Argument(help="架签上的数字，或库位编号")]


def keeper_of(runtime: Runtime) -> Keeper:
    """Return who acts at this terminal: the archivist of the city."""
    (city,) = runtime.organisations.of_kind(OrgKind.CITY)
    return Keeper(Reader(actor(), Role.ARCHIVIST, city.code), runtime.organisations)


@paper_app.command(
    "list",
    help=with_examples(
        "列出纸质档案和它们现在的位置；--waiting 列出待登记的。",
        "yice paper list --json",
        "yice paper list --waiting",
        "yice paper list --state ON_LOAN",
    ),
)
def list_(
    state: Annotated[PaperState | None, typer.Option(help="只列此现状")] = None,
    *,
    waiting: Annotated[bool, typer.Option("--waiting", help="列出待登记的")] = False,
    as_json: Json = False,
) -> None:
    """List items with where they are, or what waits to be registered."""
    runtime = open_archive()
    keeper = keeper_of(runtime)
    rows: list[dict[str, object]] = []
    with reading(runtime.engine) as session:
        if waiting:
            rows = [
                {
                    "id": row.id,
                    "code": row.code,
                    "case_no": row.case_no,
                    "pages": row.pages,
                    "kind": row.kind,
                    "station": row.station,
                }
                for row in waiting_tasks(session, keeper)
            ]
        else:
            after = 0
            while page := paper_rows(session, keeper, state=state, after=after):
                rows += [row.public() for row in page]
                after = page[-1].id
    if as_json:
        print_json(rows)
        return
    table = Table(*(_TITLES[name] for name in (rows[0] if rows else ("code",))))
    for row in rows:
        table.add_row(*(str(getattr(value, "label", value)) for value in row.values()))
    Console().print(table)


_TITLES = {
    "id": "编号",
    "code": "档号",
    "case_no": "办件编号",
    "pages": "页数",
    "kind": "类别",
    "place": "库位",
    "box": "盒",
    "state": "现状",
    "station": "登记单位",
}


@paper_app.command(
    "place",
    help=with_examples(
        "设一处库位：库房，或上级之下的列架、节、层；--bays 一次设好一列。",
        "yice paper place 一号库 --org 150623010000",
        "yice paper place 第1列 --under 1 --bays 4 --shelves 5 --width 900",
    ),
)
def place_(
    name: Annotated[str, typer.Argument(help="名称")],
    under: Annotated[int | None, typer.Option(help="上级库位编号；不写为库房")] = None,
    org: Annotated[str | None, typer.Option(help="库房所属单位的机构代码")] = None,
    width: Annotated[int, typer.Option(help="层的可用宽度，毫米")] = 0,
    bays: Annotated[int, typer.Option(help="列架的节数")] = 0,
    shelves: Annotated[int, typer.Option(help="每节的层数")] = 5,
    *,
    as_json: Json = False,
) -> None:
    """Make a place, or a rack with all its bays and shelves."""
    runtime = open_archive()
    keeper = keeper_of(runtime)
    with writing(runtime.engine) as session:
        if bays and under is not None:
            place = make_rack(
                session, keeper, under, name=name, bays=bays, shelves=shelves, width_mm=width
            )
        else:
            place = make_place(session, keeper, parent_id=under, name=name, org=org, width_mm=width)
        _show_made(
            {
                "id": place.id,
                "code": paper_code(PaperCodeKind.PLACE, place.id),
                "name": place_name(session, place),
            },
            as_json=as_json,
        )


@paper_app.command(
    "places",
    help=with_examples("列出库位的一级及其占用。", "yice paper places", "yice paper places 1"),
)
def places_(
    parent: Annotated[int | None, typer.Argument(help="上级库位编号")] = None,
    *,
    as_json: Json = False,
) -> None:
    """List one level of places."""
    runtime = open_archive()
    with reading(runtime.engine) as session:
        rows = level(session, keeper_of(runtime), parent)
    shown = [
        {
            "id": row.place.id,
            "code": paper_code(PaperCodeKind.PLACE, row.place.id),
            "kind": row.place.kind,
            "name": row.place.name,
            "used_mm": row.used_mm,
            "width_mm": row.place.width_mm,
            "boxes": row.boxes,
        }
        for row in rows
    ]
    if as_json:
        print_json(shown)
        return
    table = Table("编号", "架签", "类别", "名称", "已用／可用（毫米）", "盒")
    for entry in shown:
        table.add_row(
            str(entry["id"]),
            str(entry["code"]),
            PlaceKind(str(entry["kind"])).label,
            str(entry["name"]),
            f"{entry['used_mm']}／{entry['width_mm']}",
            str(entry["boxes"]),
        )
    Console().print(table)


@paper_app.command(
    "box",
    help=with_examples(
        "立一盒：盒号按单位、卷目、年度连续；可同时放上一层。",
        "yice paper box --org 150623010000 --series QR --year 2026 --spine 30",
        "yice paper box --org 150623010000 --series QR --year 2026 --on 22000000000515",
    ),
)
def box_(
    series: Annotated[Series, typer.Option(help="卷目")],
    year: Annotated[int, typer.Option(help="年度")],
    org: Annotated[str | None, typer.Option(help="保管单位的机构代码")] = None,
    spine: Annotated[int, typer.Option(help="脊厚：20、30、40、50 毫米")] = 30,
    on: Annotated[str | None, typer.Option(help="放上这一层")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Begin a box."""
    runtime = open_archive()
    keeper = keeper_of(runtime)
    with writing(runtime.engine) as session:
        box = begin_box(session, keeper, org=org, series=series, year=year, spine_mm=spine)
        if on is not None:
            shelf = find_place(session, keeper, place_number(on), Act.KEEP_PAPER)
            shelve_box(
                session,
                keeper,
                find_box(session, keeper, box.id, Act.KEEP_PAPER),
                shelf,
                Cause("上架"),
            )
        _show_made(
            {
                "id": box.id,
                "code": paper_code(PaperCodeKind.BOX, box.id),
                "name": box_name(box),
            },
            as_json=as_json,
        )


def _show_made(row: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json(row)
    else:
        Console().print(f"{row['name']}　编号 {row['id']}　条码 {row['code']}", highlight=False)


def place_number(text: str) -> int:
    """Return the number of a place by its label or its number. Raises PaperError."""
    code = read_code(text, (PaperCodeKind.PLACE,))
    if not isinstance(code, CodeFault) and code.number is not None:
        return code.number
    if text.isascii() and text.isdigit() and len(text) < 11:  # noqa: PLR2004 - no label
        return int(text)
    raise PaperError(PaperFault.BAD_CODE, "这不是库位。", "请给架签上的数字，或库位编号。")


@paper_app.command(
    "differences",
    help=with_examples(
        "纸电核对：页数不同的、纸质未登记的、电子册已作废的。", "yice paper differences --json"
    ),
)
def differences_(*, as_json: Json = False) -> None:
    """List what stands between paper and volumes."""
    runtime = open_archive()
    with reading(runtime.engine) as session:
        rows = differences(session, keeper_of(runtime))
    if as_json:
        print_json(
            [
                {
                    "kind": row.kind,
                    "code": row.code,
                    "item": row.item_id,
                    "paper_pages": row.paper_pages,
                    "electronic_pages": row.electronic_pages,
                }
                for row in rows
            ]
        )
    else:
        table = Table("差异", "档号", "纸质页数", "电子页数")
        for row in rows:
            table.add_row(row.kind.label, row.code, str(row.paper_pages), str(row.electronic_pages))
        Console().print(table)
    raise typer.Exit(FINDINGS if rows else 0)


@paper_app.command(
    "reopen",
    help=with_examples(
        "为没有登记任务的册补立任务；用于重建数据库之后。", "yice paper reopen --json"
    ),
)
def reopen(*, as_json: Json = False) -> None:
    """Open the tasks that a rebuilt database lacks."""
    runtime = open_archive()
    with writing(runtime.engine) as session:
        opened = open_missing_paper_tasks(session, runtime.organisations, datetime.now(UTC))
    if as_json:
        print_json({"opened": opened})
    else:
        Console().print(f"补立登记任务 {opened} 件。", highlight=False)
