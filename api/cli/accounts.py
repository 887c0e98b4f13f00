"""`yice account …`: the first 三员 of an archive, and fresh secrets.

Every other account is made by them, not at the terminal.
"""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.cli.archive import actor, begin_archive, open_archive
from api.cli.command_line import CommandLine
from api.cli.terminal import Json, print_json, with_examples
from api.jobs.preservation import anchor_journal
from archive.administration.account_lists import all_accounts
from archive.administration.accounts import (
    FIRST_ADMINISTRATORS,
    AccountState,
    first_administrators,
    renew_secret,
)
from archive.administration.passwords import fresh_secret
from archive.administration.policy import Role
from archive.database.engine import reading, writing

account_app = CommandLine(no_args_is_help=True)


@account_app.command(
    "init",
    help=with_examples(
        "为还没有账号的档案库建立三员（系统管理员、安全保密管理员、安全审计员），口令只显示一次。",
        "yice account init",
    ),
)
def init() -> None:
    """Make the first three accounts and print their secrets once."""
    runtime = begin_archive()
    fresh = [fresh_secret() for _ in FIRST_ADMINISTRATORS]
    with writing(runtime.engine) as session:
        secrets = first_administrators(session, runtime.organisations, fresh)
    for login, secret in secrets.items():
        Console().print(f"{login}\t{secret}", highlight=False)
    # From the first act on: what is in no anchor yet can be taken back by who writes the database.
    # After the secrets, which are shown once: without a seal this ends with its error.
    anchor_journal(runtime, actor())


@account_app.command(
    "list", help=with_examples("列出账号、角色和状态；不含口令。", "yice account list --json")
)
def list_(*, as_json: Json = False) -> None:
    """List accounts."""
    runtime = open_archive()
    with reading(runtime.engine) as session:
        rows = [
            {
                "login": account.login,
                "role": Role(account.role).label,
                "org": account.org,
                "state": AccountState(account.state).label,
            }
            for account in all_accounts(session)
        ]
    if as_json:
        print_json(rows)
        return
    table = Table("用户名", "角色", "单位", "状态")
    for row in rows:
        table.add_row(
            row["login"], row["role"], runtime.organisations.get(row["org"]).name, row["state"]
        )
    Console().print(table)


@account_app.command(
    "renew",
    help=with_examples(
        "为账号换发随机口令，只显示一次；原口令和登录即时失效，记入审计日志。",
        "yice account renew demo-officer",
    ),
)
def renew(login: Annotated[str, typer.Argument(help="用户名")]) -> None:
    """Give an account a fresh secret and print it once."""
    fresh = fresh_secret()
    with writing(open_archive().engine) as session:
        secret = renew_secret(session, actor(), login, fresh)
    Console().print(secret, highlight=False)
