"""`yice check`: what waits at 核对; return, pass on, remark, replace a scan."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from api.cli.archive import KEEPING, open_archive, operator
from api.cli.command_line import CommandLine
from api.cli.terminal import Json, print_json, screen
from api.http.checks import replace, returned_row
from api.http.returning import give_case_back
from api.runtime.bootstrap import Runtime
from archive.audit.acts import JournalAct
from archive.checking.passing_on import Asked, ask, remark
from archive.database.engine import reading, writing
from archive.finding_aids.cases import find_case, waiting_revision
from archive.finding_aids.check_lists import named_holders, returned_to, told_acts
from archive.finding_aids.volumes import case_rows
from archive.reference.check_terms import ReturnReason
from archive.reference.errors import NotFoundError
from archive.reference.vocabulary import CaseState
from archive.usage.looks import journal_look
from ingest.intake.replacing import NewScan

check_app = CommandLine(no_args_is_help=True)
Case = Annotated[str, typer.Argument(help="办件编号")]
_REASONS = "；".join(f"{reason} {reason.label}" for reason in ReturnReason)
_MOST = 1000


@check_app.command("list")
def list_(
    *,
    returned: Annotated[bool, typer.Option("--returned", help="已退回补正、尚未送回的")] = False,
    as_json: Json = False,
) -> None:
    """List the cases that wait, with who has each; or those that were returned."""
    runtime = open_archive()
    with reading(runtime.engine) as session:
        if returned:
            rows = [returned_row(entry, runtime) for entry in returned_to(session, None, _MOST)]
        else:
            rows = [
                {**row, "holder": _holder(runtime, session, row["case_no"])}
                for row in case_rows(session, CaseState.CONFIRM)
            ]
    if as_json:
        print_json(rows)
        return
    table = Table(
        "办件编号", "退回理由" if returned else "发现", "退回人" if returned else "在谁手上"
    )
    for row in rows:
        if returned:
            reasons = "；".join(reason["label"] for reason in row["reasons"])
            table.add_row(row["case_no"], f"{reasons} {row['text']}".strip(), row["by"])
        else:
            table.add_row(row["case_no"], " ".join(row["findings"]), row["holder"])
    Console().print(table)


def _holder(runtime: Runtime, session: Session, case_no: str) -> str:
    case = find_case(session, case_no)
    return named_holders(session, [case], runtime.organisations).get(case.id, "") if case else ""


@check_app.command("show")
def show_(case_no: Case, *, as_json: Json = False) -> None:
    """Show what people did with a case: confirmed, returned, passed on, remarked, replaced."""
    runtime = open_archive()
    with writing(runtime.engine) as session:
        case = find_case(session, case_no)
        if case is None:
            raise NotFoundError("没有这个办件编号。", "请用 yice check list 查看待核对的办件。")
        journal_look(session, operator(runtime), JournalAct.CHECK_LOOK, case_no, KEEPING)
        waits = waiting_revision(session, case)
        acts = told_acts(session, case, runtime.organisations)
        state, revision = CaseState(case.state), waits.revision if waits else case.revision
    if as_json:
        print_json({"case_no": case_no, "state": state, "revision": revision, "acts": acts})
        return
    table = Table("时间", "办理", "人员", "内容")
    for act in acts:
        words = "；".join(filter(None, [*act["reasons"], act["to"], act["text"]]))
        table.add_row(act["at"], act["label"], act["by"], words)
    Console().print(f"{case_no} {state.label}", table)


@check_app.command("return")
def return_(
    case_no: Case,
    reason: Annotated[list[ReturnReason], typer.Option(help=f"退回理由，可重复：{_REASONS}")],
    text: Annotated[str, typer.Option(help="补充说明，给收件单位看")] = "",
) -> None:
    """Return a case to its sender, with reasons."""
    runtime = open_archive()
    with writing(runtime.engine) as session:
        filer = operator(runtime)
        give_case_back(session, runtime, filer, case_no=case_no, reasons=reason, text=text)
    screen.print("已退回补正；补正后以同一办件编号送来，仍在此核对。")


@check_app.command("ask")
def ask_(
    case_no: Case,
    to: Annotated[str | None, typer.Option(help="转给这一人员（登录名）")] = None,
    unit: Annotated[str | None, typer.Option(help="转给这一单位（12 位代码）")] = None,
    text: Annotated[str, typer.Option(help="请他看什么")] = "",
) -> None:
    """Give a case to another person or unit."""
    if bool(to) == bool(unit):
        raise typer.BadParameter("请指明 --to 或 --unit 之一。")
    runtime = open_archive()
    with writing(runtime.engine) as session:
        ask(
            session,
            operator(runtime),
            case_no=case_no,
            asked=Asked(to, unit),
            text=text,
            units=runtime.filing,
        )
    screen.print("已转请。")


@check_app.command("remark")
def remark_(case_no: Case, text: Annotated[str, typer.Option(help="备注，供核对的人看")]) -> None:
    """Add a remark to a case."""
    runtime = open_archive()
    with writing(runtime.engine) as session:
        remark(session, operator(runtime), case_no=case_no, text=text, units=runtime.filing)
    screen.print("已备注。")


@check_app.command("replace")
def replace_(
    case_no: Case,
    scan: Annotated[Path, typer.Argument(help="新扫描件：JPEG、PNG、TIFF 或 PDF", exists=True)],
    material: Annotated[int, typer.Option(help="材料序号")],
    file: Annotated[int, typer.Option(help="材料的第几个文件")] = 1,
    *,
    as_json: Json = False,
) -> None:
    """Replace a scan of a case that waits; the one before it is kept as evidence."""
    runtime = open_archive()
    with reading(runtime.engine) as session:
        case = find_case(session, case_no)
        waits = waiting_revision(session, case) if case else None
    if waits is None:
        raise NotFoundError("该办件不在待核对状态。", "请用 yice check list 查看待核对的办件。")
    new = NewScan(case_no, waits.revision, material, file, scan.read_bytes())
    taken = replace(runtime, operator(runtime), new)
    if as_json:
        print_json(taken.public())
        return
    for finding in taken.findings:
        screen.print(f"{finding.code} {finding.message}", soft_wrap=True, highlight=False)
    screen.print("已换页，请再次核对。")
