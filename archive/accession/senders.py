"""Telling the sender of a package what became of it."""

import re

from sqlalchemy.orm import Session

from archive.administration.notices import NoticeKind, NoticeTopic, notify
from archive.administration.policy import Act

_OF_UNIT = re.compile(r"([0-9]{12})-")


def tell_sender(session: Session, case_no: str | None, sender: str | None) -> None:
    """Tell the unit that sent a package that it was refused or returned.

    Where no sender is recorded, it is the unit that the case number begins with; a package that
    names no case is the city's to look at, in the pool.
    """
    match = _OF_UNIT.match(case_no or "")
    unit = sender or (match[1] if match else None)
    if case_no is not None and unit is not None:
        kind, topic = NoticeKind.RETURNED, NoticeTopic.PACKAGE
        notify(session, kind, topic, case_no, org=unit, act=Act.SUBMIT)
