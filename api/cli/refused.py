"""`yice refused`: packages in quarantine, why each was refused, and sending them back."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.cli.archive import open_archive, operator
from api.cli.command_line import CommandLine
from api.cli.terminal import Json, print_json, screen, with_examples
from archive.accession.deliveries import return_delivery
from archive.database.engine import database_now, reading, writing
from archive.finding_aids.gathering_lists import refused_packages
from archive.reference.local_time import local_time

refused_app = CommandLine(no_args_is_help=True)
_SHOWN = 1000


@refused_app.command(
    "list",
    help=with_examples(
        "列出拒收隔离的包和原因，最近的在先。",
        "yice refused list",
        "yice refused list --returned --json",
    ),
)
def list_refused(
    *,
    returned: Annotated[bool, typer.Option("--returned", help="列已退回的和退回的理由")] = False,
    as_json: Json = False,
) -> None:
    """List the refused packages, waiting or sent back."""
    runtime = open_archive()
    with reading(runtime.engine) as session:
        rows = refused_packages(session, None, _SHOWN, returned=returned)
    if as_json:
        print_json([row.public() for row in rows])
        return
    table = Table("编号", "包", "送交单位", "送达", "原因", "退回")
    for row in rows:
        sender = runtime.organisations.get(row.sender).name if row.sender else "不详"
        why = "\n".join(f"{entry['message']}{entry['action']}" for entry in row.findings)
        cells = (str(row.id), row.case_no or row.bag, sender, local_time(row.received_at))
        table.add_row(*cells, why, row.reason or "")
    Console().print(table)


@refused_app.command(
    "return",
    help=with_examples(
        "退回一个隔离的包：原包仍保留，理由记入审计日志。",
        "yice refused return 12 --reason 缺审批表，请补齐后重送",
    ),
)
def return_refused(
    number: Annotated[int, typer.Argument(help="隔离件编号，见 yice refused list")],
    reason: Annotated[str, typer.Option(help="要更正什么；请勿写入个人信息")],
) -> None:
    """Mark a refused package as sent back."""
    runtime = open_archive()
    with writing(runtime.engine) as session:
        return_delivery(
            session,
            operator(runtime),
            number,
            reason=reason,
            organisations=runtime.organisations,
            at=database_now(session),
        )
    screen.print("已退回。")
