"""`yice reindex`, `yice index …`, `yice search`: search on the command line.

Mounted by `api.cli.main`.
"""

import signal
from dataclasses import asdict
from threading import Event
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table

from api.cli.archive import KEEPING, open_archive, operator
from api.cli.command_line import CommandLine
from api.cli.terminal import FINDINGS, Json, print_json, screen
from api.http.search import doubts_of, journal_search, look_up, public
from api.runtime.bootstrap import open_index_folder, source_of
from archive.database.engine import reading, writing
from search.follow import check, follow, rebuild
from search.index import SearchResult, Sort
from search.index_folder import IndexReader
from search.query import Words, parse

_FACETS = ("series", "district", "receive_org", "year")
index_app = CommandLine(no_args_is_help=True)


def reindex(*, as_json: Json = False) -> None:
    """Rebuild the search index from database and store."""
    runtime = open_archive()
    with Progress(console=screen) as bar:
        task = bar.add_task("建立索引", total=None)
        count = rebuild(
            source_of(runtime),
            open_index_folder(runtime.settings),
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    if as_json:
        print_json({"volumes": count})
    else:
        screen.print(f"已建立索引：{count} 册。")


@index_app.command("check", help="将检索索引与数据库逐册核对。例：yice index check.")
def index_check(*, as_json: Json = False) -> None:
    """Compare the search index with the database, volume by volume."""
    runtime = open_archive()
    checked = check(source_of(runtime), IndexReader(open_index_folder(runtime.settings)).index())
    if as_json:
        print_json(asdict(checked))
    else:
        for fault in checked.faults:
            screen.print(f"[red]{fault.kind}[/red] {fault.code}")
        screen.print(
            f"已核对 {checked.volumes} 册，待跟进 {checked.behind} 册，"
            f"不符 {len(checked.faults)} 册。"
        )
    raise typer.Exit(FINDINGS if checked.faults else 0)


@index_app.command(
    "follow",
    help=(
        "持续跟进已归档的变更，直到收到停止信号；同一时间只有一个进程写索引。例：yice index follow."
    ),
)
def index_follow() -> None:
    """Follow the changes of the archive until a signal ends it; one process writes at a time."""
    runtime, stopped = open_archive(), Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    follow(source_of(runtime), open_index_folder(runtime.settings), stopped.is_set)


def search(
    query: Annotated[
        str,
        typer.Argument(
            help=(
                "检索式：姓名、档号、办件编号、正文；"
                "可用 AND OR NOT、引号和 姓名: 旗区: 日期: 等字段"
            )
        ),
    ],
    sort: Annotated[Sort, typer.Option(help="排序")] = Sort.RELEVANCE,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    after: Annotated[str | None, typer.Option(help="上一页给出的翻页标记")] = None,
    *,
    facets: Annotated[bool, typer.Option("--facets", help="同时给出分面统计")] = False,
    as_json: Json = False,
) -> None:
    """Search all archived volumes of the city and their pages, and journal the search.

    Names and numbers are masked.
    """
    runtime = open_archive()
    words = Words(runtime.organisations, runtime.catalogue)
    reader, facet_fields = operator(runtime), _FACETS if facets else ()
    tree = parse(query, words)
    with reading(runtime.engine) as session:
        result = look_up(
            session,
            IndexReader(open_index_folder(runtime.settings)).search,
            tree,
            reader,
            runtime.reference,
            sort=sort,
            limit=limit,
            after=after,
            facets=facet_fields,
        )
    with writing(runtime.engine) as session:
        journal_search(session, reader, KEEPING, result)
    doubts = doubts_of(tree)
    if as_json:
        print_json({**public(result), "doubts": doubts})
        return
    for doubt in doubts:
        screen.print(f"[yellow]{doubt}[/yellow]")
    _show(result)


def _show(result: SearchResult) -> None:
    table = Table(Column("档号", no_wrap=True, overflow="fold"), "页", "题名", "办结", "内容")
    for hit in result.hits:
        table.add_row(hit.code, str(hit.page or ""), hit.title, hit.completed_on, hit.snippet.text)
    Console().print(table)
    screen.print(
        f"共 {result.total} 条。" + (f"下一页：--after {result.next}" if result.next else "")
    )
