"""`yice window grant|ring|submit|owed|check`: authorisations, deadlines, what is owed."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.cli.archive import Bars, actor, open_archive, operator
from api.cli.command_line import CommandLine
from api.cli.terminal import FINDINGS, Json, print_json, screen, with_examples
from api.cli.window import As, Secret, person
from api.http.window import tables_of
from api.jobs.population import open_population
from api.jobs.pull import submit_whole
from archive.database.engine import database_now, reading, snapshot, writing
from archive.finding_aids.reach import reach_of
from archive.reference.errors import NotFoundError
from ingest.window.alerts import ring
from ingest.window.closing import owed, take_answers
from ingest.window.grants import GrantWanted, end_grant, give_grant, grant_rows
from ingest.window.holding import window_faults
from ingest.window.registering import owed_results, register_results
from ingest.window.seal_rules import ALL_ITEMS

window_keeping_app = CommandLine()
_MOST = 1000


@window_keeping_app.command(
    "grant",
    help=with_examples(
        "授权另一窗口使用本所户口专用章；由所领导办理。",
        "yice window grant 150622020000 --as demo-chief --days 365",
    ),
)
def grant_(
    grantee: Annotated[str, typer.Argument(help="被授权窗口的 12 位机构代码")],
    login: As,
    secret: Secret,
    days: Annotated[int, typer.Option(help="自现在起的天数", min=1, max=3660)] = 365,
    item: Annotated[list[str] | None, typer.Option(help="只限此事项，可重复")] = None,
    quota: Annotated[int | None, typer.Option(help="次数上限", min=1)] = None,
    case: Annotated[str | None, typer.Option(help="只限这一办件")] = None,
) -> None:
    """Let another window use the seal of the account's station."""
    runtime = open_archive()
    reader = person(runtime, login, secret)
    with writing(runtime.engine) as session:
        now = database_now(session)
        row = give_grant(
            session,
            reader,
            wanted=GrantWanted(
                grantee, now, now + timedelta(days=days), tuple(item or (ALL_ITEMS,)), quota, case
            ),
            organisations=runtime.organisations,
            now=now,
        )
    Console().print(row.number, highlight=False)


@window_keeping_app.command(
    "revoke",
    help=with_examples("收回用章授权。", "yice window revoke YZ2026-000001 --as demo-chief"),
)
def revoke_(
    number: Annotated[str, typer.Argument(help="授权编号")], login: As, secret: Secret
) -> None:
    """Take an authorisation back, from now on."""
    runtime = open_archive()
    reader = person(runtime, login, secret)
    with writing(runtime.engine) as session:
        end_grant(session, reader, number=number, now=database_now(session))
    screen.print("已收回。")


@window_keeping_app.command(
    "grants", help=with_examples("列出用章授权和已用次数。", "yice window grants --json")
)
def grants_(*, as_json: Json = False) -> None:
    """List the authorisations and how often each was used."""
    runtime = open_archive()
    reach = reach_of(operator(runtime).org, runtime.organisations)
    with reading(runtime.engine) as session:
        rows = grant_rows(session, sorted(reach) if reach is not None else None, _MOST)
    if as_json:
        print_json(rows)
        return
    table = Table("编号", "授权单位", "被授权窗口", "起", "止", "已用", "上限")
    for row in rows:
        table.add_row(
            row["number"],
            runtime.organisations.get(row["grantor"]).name,
            runtime.organisations.get(row["grantee"]).name,
            row["begins_at"],
            row["ends_at"],
            str(row["used"]),
            str(row["quota"] or "不限"),
        )
    Console().print(table)


@window_keeping_app.command(
    "ring", help=with_examples("报出新的临期和超期；每一级只报一次。", "yice window ring")
)
def ring_() -> None:
    """Enter the alerts that are due."""
    runtime = open_archive()
    with writing(runtime.engine) as session:
        count = ring(session, actor(), now=database_now(session))
    screen.print(f"新报出 {count} 条。", highlight=False)


@window_keeping_app.command(
    "submit",
    help=with_examples("把办结的件送归档，取回归档的答复。", "yice window submit"),
)
def submit_() -> None:
    """Hand in what was closed, and enter what the archive answered."""
    runtime = open_archive()
    counts = submit_whole(runtime, actor(), Bars())
    with writing(runtime.engine) as session:
        now = max(database_now(session), datetime.now(UTC))
        answered = take_answers(session, tables=tables_of(runtime), now=now, limit=100_000)
    words = "，".join(f"{outcome.label} {count}" for outcome, count in counts.items())
    screen.print(f"{words or '没有待送的件'}；答复 {answered} 件。", highlight=False)


@window_keeping_app.command(
    "owed",
    help=with_examples(
        "应归未归：已办结而未归档的件，结果未登记到人口信息的件，及原因。",
        "yice window owed --json",
    ),
)
def owed_(*, as_json: Json = False) -> None:
    """List closed cases that are not archived, with the reason."""
    runtime = open_archive()
    asks = bool(runtime.settings.population_url)
    with reading(runtime.engine) as session:
        rows = owed(session)
        results = owed_results(session) if asks else []
    if as_json:
        print_json(
            [{**row, "owes": "VOLUME"} for row in rows]
            + [{**row, "owes": "RESULT"} for row in results]
        )
        return
    table = Table("办件编号", "自", "原因")
    for row in rows:
        table.add_row(row["case_no"], row["since"], row["why"])
    Console().print(f"应归未归 {len(rows)} 件", table)
    if asks:
        due = Table("办件编号", "自", "原因", "下次登记")
        for row in results:
            due.add_row(row["case_no"], row["since"], row["why"], row["next_try"] or "下一轮")
        Console().print(f"结果未登记 {len(results)} 件", due)


@window_keeping_app.command(
    "register",
    help=with_examples(
        "把办结的结果登记到人口信息管理系统；没有成功的，到时再试。", "yice window register --json"
    ),
)
def register_(*, as_json: Json = False) -> None:
    """Register the results that are due, and count them."""
    runtime = open_archive()
    if not runtime.settings.population_url:
        raise NotFoundError(
            "没有接入人口信息管理系统。", "请由系统管理员设置 YICE_POPULATION_URL。"
        )
    population = open_population(runtime.settings)
    counts = register_results(runtime.engine, actor(), population=population)
    if as_json:
        print_json(counts)
    else:
        screen.print(
            f"登记 {counts['registered']} 件，未成 {counts['failed']} 件，"
            f"尚欠 {counts['unregistered']} 件。",
            highlight=False,
        )
    raise typer.Exit(FINDINGS if counts["failed"] else 0)


@window_keeping_app.command(
    "check",
    help=with_examples(
        "核对：登记与办理记录、期限、用章与授权、册中用章。", "yice window check --json"
    ),
)
def check_(*, as_json: Json = False) -> None:
    """Hold rows to acts, and seals to grants and volumes; exit with 1 where they differ."""
    runtime = open_archive()
    with snapshot(runtime.engine) as session:
        faults = list(window_faults(session))
    rows = [{"rule": row.invariant, "subject": row.subject, "why": row.message} for row in faults]
    if as_json:
        print_json(rows)
    else:
        for row in rows:
            Console().print(f"{row['rule']} {row['subject']} {row['why']}", highlight=False)
        screen.print(f"不符 {len(rows)} 处。", highlight=False)
    raise typer.Exit(FINDINGS if rows else 0)
