"""What each account was shown today, and how much it may be: a stolen token must not empty an archive slowly.

The count stands in the transaction of the look itself, so that nodes share it and nothing is shown uncounted.
"""

from datetime import date

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_administration import DailyUse
from archive.reference.errors import ArchiveError
from archive.reference.local_time import LOCAL_TIME
from archive.reference.vocabulary import LabelledEnum


class Shown(LabelledEnum):
    """What is counted: looks (searches, facts masked), and content (pages, files, copies, facts in plain)."""

    LOOKS = "LOOKS", "查阅"
    CONTENT = "CONTENT", "页面与文件"


class DailyLimitError(ArchiveError):
    """The account was shown today as much as it may be."""

    code = "DAILY_LIMIT"

    def __init__(self, kind: Shown) -> None:
        """What was reached, and whom to ask."""
        super().__init__(
            f"今日{kind.label}已达上限。", "请次日再试；确需继续的，请联系安全保密管理员。"
        )
        self.kind = kind


_COLUMNS = {Shown.LOOKS: DailyUse.looks, Shown.CONTENT: DailyUse.content}
# Every look counts, so the statements are made once, on the table: the unit of work has nothing to do with them.
_ONE_MORE = {
    kind: update(DailyUse.__table__)  # type: ignore[arg-type]  # a table, as SQLAlchemy types it too broadly
    .where(
        DailyUse.account == bindparam("of"),
        DailyUse.day == bindparam("on"),
        column < bindparam("most"),
    )
    .values({column.key: column + 1})
    for kind, column in _COLUMNS.items()
}


def today(session: Session) -> date:
    """The day that is counted, by the archive's own clock and zone."""
    return database_now(session).astimezone(LOCAL_TIME).date()


def seconds_left(session: Session) -> int:
    """Until the next day begins."""
    now = database_now(session).astimezone(LOCAL_TIME)
    return 24 * 3600 - (now.hour * 60 + now.minute) * 60 - now.second


def count(session: Session, account: str, kind: Shown, most: int) -> None:
    """Count one more of today. Raises DailyLimitError when that would be more than `most`."""
    day = today(session)
    mine = (DailyUse.account == account, DailyUse.day == day)
    for _ in range(2):
        done = session.execute(_ONE_MORE[kind], {"of": account, "on": day, "most": most})
        if done.rowcount:  # type: ignore[attr-defined]
            return
        if session.scalars(select(DailyUse.id).where(*mine)).first() is not None:
            break
        try:
            with session.begin_nested():
                session.add(DailyUse(account=account, day=day))
        except IntegrityError:
            continue  # another node began the day for this account
    raise DailyLimitError(kind)


def refuse(session: Session, account: str, kind: Shown, most: int) -> None:
    """Keep that an account was refused; the first time of a day is journalled as an alarm, the others only counted."""
    mine = (DailyUse.account == account, DailyUse.day == today(session))
    before = session.scalars(select(DailyUse.refused).where(*mine)).first()
    session.execute(update(DailyUse).where(*mine).values(refused=DailyUse.refused + 1))
    if not before:
        journal.record(
            session,
            account,
            JournalAct.ALARM,
            f"account:{account}",
            reason=DailyLimitError.code,
            kind=str(kind),
            most=most,
        )


def of_day(session: Session, day: date) -> list[DailyUse]:
    """What each account was shown on a day, most content first; for the security administrator."""
    order = (
        DailyUse.refused.desc(),
        DailyUse.content.desc(),
        DailyUse.looks.desc(),
        DailyUse.account,
    )
    return list(session.scalars(select(DailyUse).where(DailyUse.day == day).order_by(*order)))
