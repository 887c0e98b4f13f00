"""`yice window …`: cases handled at a police window, from application to issue."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer
from rich.console import Console
from rich.table import Column, Table

from api.cli.archive import Bars, actor, begin_archive, open_archive, operator
from api.cli.command_line import CommandLine
from api.cli.terminal import Json, print_json, screen, with_examples
from api.http.window import act_at_window, ask_at_window, open_at_window, tables_of
from api.runtime.bootstrap import Runtime
from archive.administration import logins
from archive.administration.accounts import account_by_login
from archive.administration.policy import Reader
from archive.database.engine import database_now, reading, writing
from archive.reference.errors import NotFoundError
from archive.reference.submission_terms import Ending
from archive.reference.window_steps import Step
from ingest.window.decide import Asked
from ingest.window.files import keep_file
from ingest.window.known import people_rows
from ingest.window.listing import case_rows, shown_case
from ingest.window.officers import register_officer
from ingest.window.terms import Lamp, WindowAct

window_app = CommandLine(no_args_is_help=True)
Case = Annotated[str, typer.Argument(help="办件编号")]
As = Annotated[str, typer.Option("--as", help="以此账号（登录名）办理")]
Secret = Annotated[
    str, typer.Option("--secret", prompt="口令", hide_input=True, help="该账号的口令；不写则询问")
]
Data = Annotated[Path | None, typer.Option(help="办理内容的 JSON 文件", exists=True)]
_MOST = 1000
_OUTCOME = {
    "cases": "办件",
    "by_state": "结果",
    "volumes": "已归档的册",
    "refused_acts": "被拒的办理",
    "alerts": "亮灯",
    "seal_uses": "用章",
    "unreconciled": "核对不符",
}
"""What the outcome of a simulation is called on the screen."""


def person(runtime: Runtime, login: str, secret: str) -> Reader:
    """Return the reader of an account whose secret is right. Raises LoginRefusedError."""
    credentials = logins.Credentials.of(login, secret, "terminal")
    if not logins.confirm_secret(runtime.engine, credentials, limit=lambda _name: None):
        raise logins.LoginRefusedError
    with reading(runtime.engine) as session:
        return logins.reader(account_by_login(session, login))


@window_app.command(
    "list",
    help=with_examples(
        "列出在办的件，或处于某一环节的件。", "yice window list", "yice window list --step REVIEW"
    ),
)
def list_(
    *,
    step: Annotated[Step | None, typer.Option(help="只列处于此环节的")] = None,
    as_json: Json = False,
) -> None:
    """List the cases that are handled now, or those at a step."""
    runtime = open_archive()
    with reading(runtime.engine) as session:
        rows = case_rows(
            session,
            operator(runtime),
            tables=tables_of(runtime),
            now=database_now(session),
            step=step,
            limit=_MOST,
        )
    if as_json:
        print_json(rows)
        return
    headings = ("事项", "环节", "收件单位", "户籍地单位", "期限", "灯")
    table = Table(
        Column("办件编号", no_wrap=True), *(Column(name, overflow="fold") for name in headings)
    )
    for row in rows:
        where = row["level"] or row["step_label"]
        table.add_row(
            row["case_no"],
            row["item"],
            where,
            row["receive"],
            row["home"],
            row["due_on"] or "",
            Lamp(row["lamp"]).label if row["lamp"] else "",
        )
    Console().print(table)


@window_app.command(
    "show",
    help=with_examples("出示一件的办理记录、期限和停计。", "yice window show CASE --json"),
)
def show_(case_no: Case, *, as_json: Json = False) -> None:
    """Show one case: acts, clocks, spans."""
    runtime = open_archive()
    with writing(runtime.engine) as session:
        shown = shown_case(
            session,
            operator(runtime),
            case_no=case_no,
            tables=tables_of(runtime),
            now=database_now(session),
        )
    if as_json:
        print_json(shown)
        return
    table = Table("序号", "时间", "办理", "人员", "单位", "意见")
    for act in shown["acts"]:
        who = f"{act['actor']}（{act['actor_no']}）" if act["actor_no"] else act["actor"]
        row = (str(act["seq"]), act["at"], act["label"], who, act["org"], act["opinion"])
        table.add_row(*row)
    Console().print(f"{shown['case_no']} {shown['item']} {shown['step_label']}", table)
    for row in shown["population"]:
        differs = f"，与填写不一致：{'、'.join(row['differs'])}" if row["differs"] else ""
        Console().print(f"{row['who']}：{row['label']}{differs}", highlight=False)
    for clock in shown["clocks"]:
        due = clock["due_on"] or "停计"
        Console().print(f"{clock['label']}：{due}，{Lamp(clock['lamp']).label}", highlight=False)


@window_app.command(
    "open",
    help=with_examples(
        "开办一件；内容见 docs/window.md。",
        "yice window open --as demo-officer --data case.json",
    ),
)
def open_(
    login: As, data: Annotated[Path, typer.Option(help="JSON 文件", exists=True)], secret: Secret
) -> None:
    """Open a case, and print its number."""
    runtime = open_archive()
    done = open_at_window(runtime, person(runtime, login, secret), _key(), _data(data))
    Console().print(done.case_no, highlight=False)


@window_app.command(
    "query",
    help=with_examples(
        "开办之前向人口信息管理系统查询一人；查询记入审计日志。",
        "yice window query --as demo-officer --item CS02",
    ),
)
def query_(
    login: As,
    secret: Secret,
    item: Annotated[str, typer.Option(help="要开办的事项编码")],
    id_number: Annotated[
        str, typer.Option("--id", prompt="公民身份号码", hide_input=True, help="不写则询问")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Ask for a person, and print what is known with the number for the opening."""
    runtime = open_archive()
    reader = person(runtime, login, secret)
    answers = ask_at_window(runtime, reader, item, (id_number,))
    rows = people_rows(answers, datetime.now(UTC))
    if as_json:
        print_json({"query": answers.token, "people": rows})
        return
    for row in rows:
        for remark in row["remarks"]:
            Console().print(remark, highlight=False)
        facts = {"姓名": row["name"], **row["facts"]}
        for label, text in facts.items():
            if text:
                Console().print(f"{label}：{text}", highlight=False)
    if answers.token:
        Console().print(f"开办时写入 query：{answers.token}", highlight=False)


@window_app.command(
    "act",
    help=with_examples(
        "办理一步；名称见 docs/window.md。收取材料的文件用 --file 指出，可重复。",
        "yice window act CASE ACCEPT --as demo-officer",
        "yice window act CASE ADD_MATERIAL --as demo-officer --data material.json --file scan.jpg",
    ),
)
def act_(
    case_no: Case,
    act: Annotated[WindowAct, typer.Argument(help="办理的名称")],
    login: As,
    secret: Secret,
    data: Data = None,
    file: Annotated[list[Path] | None, typer.Option(help="材料的文件", exists=True)] = None,
    seen: Annotated[int | None, typer.Option(help="所看到的最后一条办理记录的序号")] = None,
) -> None:
    """Do an act on a case, in the name of an account whose secret is known."""
    runtime = open_archive()
    reader = person(runtime, login, secret)
    content = _data(data) if data else {}
    if file:
        kept = [keep_file(runtime.store, reader, path.read_bytes()) for path in file]
        content = {**content, "files": kept}
    done = act_at_window(runtime, reader, case_no, Asked(act, _key(), seen, content))
    screen.print(f"已办：{act.label}，现处于{done.state.step.label}。", highlight=False)


def _key() -> str:
    return f"cli-{uuid4().hex}"


def _data(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file. Raises NotFoundError where there is none."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (ValueError, UnicodeDecodeError):
        content = None
    if not isinstance(content, dict):
        raise NotFoundError("文件里没有 JSON 对象。", "请对照 docs/window.md 更正。")
    return content


@window_app.command(
    "officer",
    help=with_examples(
        "登记警号对应的公民身份号码：按人而不按账号回避。", "yice window officer 060101"
    ),
)
def officer_(
    officer_no: Annotated[str, typer.Argument(help="警号")],
    id_number: Annotated[
        str, typer.Option("--id", prompt="公民身份号码", hide_input=True, help="不写则询问")
    ],
) -> None:
    """Enter the ID number of an officer."""
    runtime = open_archive()
    with writing(runtime.engine) as session:
        now = datetime.now(UTC)
        register_officer(
            session, operator(runtime), officer_no=officer_no, id_number=id_number, now=now
        )
    screen.print("已登记。")


def _counted(value: int | dict[str, int]) -> str:
    """Return a count; of states each by its name, an ending or a step."""
    if isinstance(value, int):
        return str(value)
    labels = {str(term): term.label for term in (*Step, *Ending)}
    return "、".join(f"{labels[name]} {count}" for name, count in value.items())


@window_app.command(
    "simulate",
    help=with_examples(
        "在档案库中逐步办理模拟的办件，归档、组卷并核对；没有档案库的新建一个。",
        "yice window simulate --cases 30 --seed 1 --json",
    ),
)
def simulate_(
    *,
    cases: Annotated[int, typer.Option(help="办件数", min=1)] = 30,
    seed: Annotated[int, typer.Option(help="随机种子")] = 1,
    as_json: Json = False,
) -> None:
    """Play cases through the acts and print what became of them."""
    from api.demo.window_simulation import simulate  # noqa: PLC0415 - loads only when asked for

    outcome = simulate(begin_archive(), actor(), cases=cases, seed=seed, progress=Bars())
    if as_json:
        print_json(outcome)
    else:
        table = Table("项目", "数量")
        for name, value in outcome.items():
            table.add_row(_OUTCOME[name], _counted(value))
        Console().print(table)
    raise typer.Exit(int(bool(outcome["unreconciled"])))
