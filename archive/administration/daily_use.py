"""What each account was shown today, and the limits of it.

A stolen token or cookie must not empty an archive slowly: clients and persons are counted alike,
each against limits of their own. The command line has no account; who may use it may read the
store anyway. The count is in the transaction of the reading
itself, so that nodes share it and nothing is shown uncounted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine, bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, writing
from archive.database.tables_administration import DailyUse
from archive.reference.errors import ArchiveError
from archive.reference.local_time import LOCAL_TIME
from archive.reference.vocabulary import LabelledEnum


class Shown(LabelledEnum):
    """A kind of use that is counted.

    LOOKS are searches, lists and masked facts; CONTENT is pages, files, copies and facts in plain.
    A client is counted for each page, a person for each volume whose pages are opened. NUMBERS are
    the ID and telephone numbers looked for: who guesses what a mask hides has to ask often.
    """

    LOOKS = "LOOKS", "查阅"
    CONTENT = "CONTENT", "页面与文件"
    NUMBERS = "NUMBERS", "号码检索"


class DailyLimitError(ArchiveError):
    """The account reached its limit of today."""

    code = "DAILY_LIMIT"

    def __init__(self, kind: Shown) -> None:
        """Say what was reached, and whom to ask."""
        super().__init__(
            f"今日{kind.label}已达上限。", "请次日再试；确需继续的，请联系安全保密管理员。"
        )
        self.kind = kind
        self.wait = 0
        """Seconds until the next day begins, once the refusal is recorded."""


@dataclass(frozen=True, slots=True)
class DailyLimits:
    """How much of each kind an account may be shown in a day."""

    looks: int
    content: int
    numbers: int

    def of(self, kind: Shown) -> int:
        """Return the limit of a kind."""
        by_kind = {
            Shown.LOOKS: self.looks,
            Shown.CONTENT: self.content,
            Shown.NUMBERS: self.numbers,
        }
        return by_kind[kind]


_COLUMNS = {
    Shown.LOOKS: DailyUse.looks,
    Shown.CONTENT: DailyUse.content,
    Shown.NUMBERS: DailyUse.numbers,
}
# Every reading is counted, so the statements are compiled once, on the table: the unit of work is
# not involved.
_ONE_MORE = {
    kind: update(DailyUse.__table__)  # type: ignore[arg-type]  # typed too broadly
    .where(
        DailyUse.account == bindparam("of"),
        DailyUse.day == bindparam("on"),
        column < bindparam("most"),
    )
    .values({column.key: column + 1})
    for kind, column in _COLUMNS.items()
}


def today(session: Session) -> date:
    """Return the day that is counted, by the archive's own clock and zone."""
    return database_now(session).astimezone(LOCAL_TIME).date()


def seconds_left(session: Session) -> int:
    """Return the seconds until the next day begins."""
    now = database_now(session).astimezone(LOCAL_TIME)
    return 24 * 3600 - (now.hour * 60 + now.minute) * 60 - now.second


def count(session: Session, account: str, kind: Shown, most: int) -> None:
    """Count one more use of today.

    Raises DailyLimitError when that would be more than `most`.
    """
    day = today(session)
    of_today = (DailyUse.account == account, DailyUse.day == day)
    for _ in range(2):
        done = session.execute(_ONE_MORE[kind], {"of": account, "on": day, "most": most})
        if done.rowcount:  # type: ignore[attr-defined]
            return
        if session.scalars(select(DailyUse.id).where(*of_today)).first() is not None:
            break
        try:
            with session.begin_nested():
                session.add(DailyUse(account=account, day=day))
        except IntegrityError:
            continue  # another node began the day for this account
    raise DailyLimitError(kind)


@contextmanager
def within_limits(engine: Engine, account: str, limits: DailyLimits) -> Iterator[Session]:
    """Open a transaction in which uses may be counted.

    Raises DailyLimitError for what `count` refuses inside; nothing of the transaction is kept then
    but the record of the refusal.
    """
    try:
        with writing(engine) as session:
            yield session
    except DailyLimitError as error:
        with writing(engine) as session:
            refuse(session, account, error.kind, limits.of(error.kind))
            error.wait = seconds_left(session)
        raise


@contextmanager
def counted(engine: Engine, account: str, kind: Shown, limits: DailyLimits) -> Iterator[Session]:
    """Open the transaction of an access, counted before anything is looked up.

    Raises DailyLimitError as `within_limits` does.
    """
    with within_limits(engine, account, limits) as session:
        count(session, account, kind, limits.of(kind))
        yield session


def refuse(session: Session, account: str, kind: Shown, most: int) -> None:
    """Record that an account was refused.

    The first refusal of a day is journalled as an alarm, the others are only counted.
    """
    of_today = (DailyUse.account == account, DailyUse.day == today(session))
    before = session.scalars(select(DailyUse.refused).where(*of_today)).first()
    session.execute(update(DailyUse).where(*of_today).values(refused=DailyUse.refused + 1))
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


def uses_of_day(session: Session, day: date) -> list[DailyUse]:
    """Return what each account was shown on a day, for the security administrator.

    Refused accounts come first, then the most content.
    """
    order = (
        DailyUse.refused.desc(),
        DailyUse.content.desc(),
        DailyUse.looks.desc(),
        DailyUse.account,
    )
    return list(session.scalars(select(DailyUse).where(DailyUse.day == day).order_by(*order)))
