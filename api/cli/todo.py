"""`yice todo` and `yice notices`: what waits in the city, and what the operator was told."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.cli.archive import open_archive, operator
from api.cli.terminal import Json, print_json, screen
from archive.administration.notices import mark_read, notices_of, public_notice, read_to
from archive.database.engine import reading, writing
from archive.finding_aids.todo import todo as waiting
from archive.finding_aids.todo_terms import Whose


def todo(
    whose: Annotated[Whose, typer.Option(help="mine 本账号可办的，unit 全部")] = Whose.UNIT,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    *,
    as_json: Json = False,
) -> None:
    """List what waits, by deadline."""
    runtime = open_archive()
    with reading(runtime.engine) as session:
        rows = waiting(session, operator(runtime), runtime.reference, whose, limit=limit)
    if as_json:
        print_json([row.public() for row in rows])
        return
    table = Table("期限", "剩余", "要办的事", "编号", "内容", "谁交来")
    for row in rows:
        left = "" if row.left is None else str(row.left)
        due = row.due.isoformat() if row.due else "不限期"
        table.add_row(due, left, row.kind.label, row.subject, row.title, row.who)
    Console().print(table)
    screen.print(f"共 {len(rows)} 件。")


def notices(
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 40,
    *,
    read: Annotated[bool, typer.Option("--read", help="同时标为已读")] = False,
    as_json: Json = False,
) -> None:
    """List what the operator was told, the latest first."""
    runtime = open_archive()
    reader = operator(runtime)
    with writing(runtime.engine) as session:
        seen = read_to(session, reader)
        rows = [public_notice(row, seen) for row in notices_of(session, reader, limit=limit)]
        if read and rows:
            mark_read(session, reader, rows[0]["id"])
    if as_json:
        print_json(rows)
        return
    table = Table("时间", "通知", "到期")
    for row in rows:
        table.add_row(row["at"][:16], row["label"], (row["due_at"] or "")[:10])
    Console().print(table)
