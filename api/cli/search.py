"""`yice reindex`, `yice index …`, `yice search`: the search on the command line. Mounted by `api.cli`."""

import signal
from dataclasses import asdict
from threading import Event
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from api.cli.terminal import FINDINGS, Json, actor, print_json, screen, with_examples
from api.http.search import public, with_numbers
from api.runtime.bootstrap import open_shelf, source_of, start
from api.runtime.settings import Settings
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import reading, writing
from archive.reference.vocabulary import OrgKind
from search.follow import check, follow, rebuild
from search.index import Request, SearchResult, Sort
from search.index_folder import IndexReader
from search.query import Words, parse

index_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help=with_examples("检索索引。", "yice index check"),
)


def reindex(*, as_json: Json = False) -> None:
    """从数据库和存储重建检索索引，期间检索照常。例：yice reindex."""
    runtime = start(Settings())
    with Progress(console=screen) as bar:
        task = bar.add_task("建立索引", total=None)
        count = rebuild(
            source_of(runtime),
            open_shelf(runtime.settings),
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    if as_json:
        print_json({"volumes": count})
    else:
        screen.print(f"已建立索引：{count} 册。")


@index_app.command("check")
def index_check(*, as_json: Json = False) -> None:
    """将检索索引与数据库逐册核对。例：yice index check."""
    runtime = start(Settings())
    found = check(source_of(runtime), IndexReader(open_shelf(runtime.settings)).index())
    if as_json:
        print_json(asdict(found))
    else:
        for fault in found.faults:
            screen.print(f"[red]{fault.kind}[/red] {fault.code}")
        screen.print(
            f"已核对 {found.volumes} 册，待跟进 {found.behind} 册，不符 {len(found.faults)} 册。"
        )
    raise typer.Exit(FINDINGS if found.faults else 0)


@index_app.command("follow")
def index_follow() -> None:
    """持续跟进已归档的变更，直到收到停止信号；同一时间只有一个进程写索引。例：yice index follow."""
    runtime, stopped = start(Settings()), Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    follow(source_of(runtime), open_shelf(runtime.settings), stopped.is_set)


def search(
    query: Annotated[
        str,
        typer.Argument(
            help="检索式：姓名、档号、办件编号、正文；可用 AND OR NOT、引号和 姓名: 旗区: 日期: 等字段"
        ),
    ],
    sort: Annotated[Sort, typer.Option(help="排序")] = Sort.RELEVANCE,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    after: Annotated[str | None, typer.Option(help="上一页给出的翻页标记")] = None,
    *,
    facets: Annotated[bool, typer.Option("--facets", help="同时给出分面统计")] = False,
    as_json: Json = False,
) -> None:
    """检索本市全部已归档的册及其各页；姓名和号码一律遮蔽，检索记入审计日志。例：yice search '姓名:王 日期:2026-09'."""
    runtime = start(Settings())
    words = Words(runtime.organisations, runtime.catalogue)
    # Whoever may run this reads the whole data folder anyway, so the scope is the city; doors for persons give theirs.
    scope = frozenset(one.code for one in runtime.organisations.of_kind(OrgKind.CITY))
    asked = ("series", "district", "receive_org", "year") if facets else ()
    with reading(runtime.engine) as session:
        tree = with_numbers(session, parse(query, words))
    found = IndexReader(open_shelf(runtime.settings)).search(
        Request(tree, scope, sort, limit, after, asked)
    )
    with writing(runtime.engine) as session:
        # What was typed may hold a name or an ID number, so only what came of it is kept.
        journal.record(
            session, actor(), JournalAct.SEARCH, "index", total=found.total, shown=len(found.hits)
        )
    if as_json:
        print_json(public(found))
    else:
        _show(found)


def _show(found: SearchResult) -> None:
    table = Table("档号", "页", "题名", "办结", "内容")
    for hit in found.hits:
        table.add_row(hit.code, str(hit.page or ""), hit.title, hit.completed_on, hit.snippet.text)
    Console().print(table)
    screen.print(f"共 {found.total} 条。" + (f"下一页：--after {found.next}" if found.next else ""))
