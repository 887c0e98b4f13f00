"""`yice saved …`: the searches that the operator saved."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.cli.archive import open_archive, operator
from api.cli.command_line import CommandLine
from api.cli.terminal import Json, print_json, screen
from api.http.saved_searches import SearchToSave, public
from archive.database.engine import reading, writing
from archive.usage import saved_searches as saved
from search.index import Sort

saved_app = CommandLine(no_args_is_help=True)


@saved_app.command("list", help="列出本账号保存的检索。例：yice saved list.")
def saved_list(*, as_json: Json = False) -> None:
    """List the operator's saved searches."""
    runtime = open_archive()
    with reading(runtime.engine) as session:
        rows = [public(row) for row in saved.saved_searches(session, operator(runtime))]
    if as_json:
        print_json(rows)
        return
    table = Table("编号", "名称", "检索式", "排序")
    for row in rows:
        table.add_row(str(row["id"]), row["name"], row["query"], row["sort"])
    Console().print(table)


@saved_app.command("add", help="以一个名称保存检索式；同名的以新的代替。")
def saved_add(
    name: Annotated[str, typer.Argument(help="名称")],
    query: Annotated[str, typer.Argument(help="检索式")],
    sort: Annotated[Sort, typer.Option(help="排序")] = Sort.RELEVANCE,
    *,
    as_json: Json = False,
) -> None:
    """Save a search under a name."""
    runtime = open_archive()
    wanted = SearchToSave(name=name, query=query, sort=sort)
    with writing(runtime.engine) as session:
        number = saved.save_search(session, operator(runtime), **wanted.model_dump()).id
    if as_json:
        print_json({"id": number})
    else:
        screen.print(f"已保存，编号 {number}。")


@saved_app.command("drop", help="删除一项保存的检索。例：yice saved drop 3.")
def saved_drop(number: Annotated[int, typer.Argument(min=1, help="编号")]) -> None:
    """Delete a saved search."""
    runtime = open_archive()
    with writing(runtime.engine) as session:
        saved.drop_search(session, operator(runtime), number)
    screen.print("已删除。")
