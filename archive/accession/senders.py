"""Telling the sender of a package what became of it."""

import re

from sqlalchemy.orm import Session

from archive.administration.notices import NoticeKind, NoticeTopic, notify
from archive.administration.policy import Act

_OF_UNIT = re.compile(r"([0-9]{12})-")


def tell_sender(session: Session, case_no: str | None) -> None:
    """Tell the unit that a case number begins with that its package was refused or returned.

    A package that names no case has a sender that nobody knows.
    """
    unit = _OF_UNIT.match(case_no or "")
    if case_no is not None and unit is not None:
        kind, topic = NoticeKind.RETURNED, NoticeTopic.PACKAGE
        notify(session, kind, topic, case_no, org=unit[1], act=Act.SUBMIT)
