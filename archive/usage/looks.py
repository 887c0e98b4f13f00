"""Looks (查阅): every access to a record is journalled with its purpose, once for all doors.

What follows from a look, such as the images of its pages, names the look and bears its mark.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from archive.administration.policy import Denial, Reader, Role
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.audit.entries import EntryFilter, find_entries
from archive.database.engine import database_now
from archive.database.tables_audit import JournalEntry
from archive.reference.errors import ArchiveError
from archive.reference.local_time import LOCAL_TIME
from archive.reference.vocabulary import LabelledEnum

LASTS = timedelta(hours=12)
"""How long images are sent for a look: a working day; after it the page is opened, and journalled,
again."""


class Purpose(LabelledEnum):
    """Why a reader opens a record; stated with every access."""

    HANDLE = "HANDLE", "办理业务"
    CHECK = "CHECK", "核查比对"
    ARCHIVE = "ARCHIVE", "档案管理"
    SUPERVISE = "SUPERVISE", "监督抽查"
    USE = "USE", "查询利用"


_PURPOSE_OF_ROLE = {
    Role.OFFICER: Purpose.HANDLE,
    Role.AUXILIARY: Purpose.HANDLE,
    Role.STATION_CLIENT: Purpose.HANDLE,
    Role.ARCHIVIST: Purpose.ARCHIVE,
}


class PurposeNeededError(ArchiveError):
    """The reader has not said today what the pages of this volume are looked at for."""

    code = "PURPOSE_NEEDED"

    def __init__(self) -> None:
        """Say what to do; it names no record."""
        super().__init__("今天还没有说明查阅本册页面的目的。", "请打开本册，选定查阅目的后再看。")


class DeniedError(ArchiveError):
    """A refusal by the policy; `denial` is the reason.

    Records of others and records that do not exist read the same.
    """

    code = "DENIED"

    def __init__(self, denial: Denial) -> None:
        """Set message, code and next step from the denial."""
        super().__init__(f"{denial.label}。", _NEXT[denial])
        self.denial = denial
        self.code = denial.value


_NEXT = {
    Denial.ROLE: "如需此权限，请联系安全保密管理员。",
    Denial.SCOPE: "请以所需的权限范围重新取得令牌。",
    Denial.NOT_HERE: "请核对档号或办件编号；他单位的档案请先提交利用申请。",
    Denial.NOT_FILING: "请由立卷单位或其上级单位办理。",
    Denial.NOT_COLLECTED: "需要查看的，请由民警办理。",
    Denial.NEEDS_GRANT: "请提交利用申请，批准后在 Yice-Usage 中注明利用单号。",
    Denial.STATE: "请在归档完成后再试。",
}


@dataclass(frozen=True, slots=True)
class AccessContext:
    """Why a reader reads: the purpose, the usage number, and the officer at a client."""

    purpose: Purpose
    usage: str | None = None
    operator: str | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """A journalled access: its number in the journal, when it was, and what for.

    `usage` is the number of the grant that it relies on, None for none; `shown` what the entry says
    was shown: `version`, `item` and the like.
    """

    number: int
    at: datetime
    purpose: Purpose
    usage: str | None
    operator: str | None
    shown: Mapping[str, Any]


def purposes_of(reader: Reader) -> tuple[Purpose, ...]:
    """Return what a person may look at the unit's own pages for, the role's business first.

    Use for others needs a grant, which states its own purpose.
    """
    first = purpose_of(reader, None)
    rest = (Purpose.HANDLE, Purpose.CHECK, Purpose.ARCHIVE, Purpose.SUPERVISE)
    return (first, *(purpose for purpose in rest if purpose is not first))


def stated_purpose(session: Session, reader: Reader, subject: str) -> Purpose | None:
    """Return what the reader said today that the pages of a record are looked at for (R14).

    The newest statement counts; None: asked anew each day, by the archive's own clock.
    """
    midnight = (
        database_now(session)
        .astimezone(LOCAL_TIME)
        .replace(hour=0, minute=0, second=0, microsecond=0)
    )
    wanted = EntryFilter(JournalAct.STATE_PURPOSE, reader.account, subject, midnight)
    newest = next(iter(find_entries(session, wanted, limit=1)), None)
    return None if newest is None else Purpose(json.loads(newest.detail)["purpose"])


def purpose_of(reader: Reader, usage: str | None) -> Purpose:
    """Return what a person at the desk reads for: use under a grant, else the role's business."""
    if usage:
        return Purpose.USE
    return _PURPOSE_OF_ROLE.get(reader.role, Purpose.SUPERVISE)


def journal_look(
    session: Session,
    reader: Reader,
    act: JournalAct,
    subject: str,
    context: AccessContext,
    **shown: object,
) -> Look:
    """Journal an access and return it: reader, purpose, grant, officer, what was shown.

    `shown` holds numbers and codes, never a person.
    """
    entry = journal.record(
        session,
        reader.account,
        act,
        subject,
        purpose=str(context.purpose),
        org=reader.org,
        usage=context.usage,
        operator=context.operator,
        **shown,
    )
    return _look(entry)


def find_look(
    session: Session, reader: Reader, number: int, subject: str, acts: Collection[JournalAct]
) -> Look:
    """Return a look of the reader's own at this record, of these acts, within its hours.

    So no image is sent without an entry in the journal, and none long after it. Raises DeniedError.
    """
    entry = session.get(JournalEntry, number)
    if (
        entry is None
        or entry.actor != reader.account
        or entry.subject != subject
        or entry.act not in acts
        or database_now(session) - datetime.fromisoformat(entry.at) > LASTS
    ):
        raise DeniedError(Denial.NOT_HERE)
    return _look(entry)


def _look(entry: JournalEntry) -> Look:
    detail = json.loads(entry.detail)
    return Look(
        entry.seq,
        datetime.fromisoformat(entry.at),
        Purpose(detail["purpose"]),
        detail["usage"] or None,
        detail["operator"],
        detail,
    )
