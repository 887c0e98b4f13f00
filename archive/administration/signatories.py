"""How the sealed record names who acted: name and police number, never a login.

A closing sheet (备考表) is read in decades, when accounts are long gone: the words are kept with
the act, as they were then.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.policy import Role
from archive.database.tables_administration import Account

TERMINAL = "cli:"
"""The beginning of the actor of a command line."""
BEAT = "beat"
"""The actor of duties that run by the clock."""
_LONGEST = 200


def signatory(session: Session, actor: str) -> str:
    """Return who acted, in the words of the sealed record.

    A person by name and police number; a duty by what ordered it.
    """
    if actor == BEAT:
        return "系统自动组卷（按系统管理员设定的定期组卷）"
    if actor.startswith(TERMINAL):
        return f"服务器操作员 {actor.removeprefix(TERMINAL)}（命令行）"[:_LONGEST]
    row = session.execute(
        select(Account.name, Account.officer_no, Account.role).where(Account.login == actor)
    ).first()
    if row is None:
        return actor[:_LONGEST]
    name, officer_no, role = row
    number = f"（{officer_no}）" if officer_no else ""
    system = "（系统接口）" if role == Role.STATION_CLIENT else ""
    return f"{name}{number}{system}"[:_LONGEST]
