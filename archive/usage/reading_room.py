"""Reading (阅览): open a volume for a reader by the policy, and journal the access.

The database decides last about whatever a search found.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.policy import (
    Act,
    Decision,
    Denial,
    Reader,
    Record,
    decide,
    is_restricted,
    may,
)
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_cases import Case
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.reference.codes import ArchivalCode, CodeFaultError, storage_prefix
from archive.reference.errors import ArchiveError
from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import LabelledEnum, VolumeState
from archive.usage.requests import grants_of

_OF_VOLUME = ("code", "filing_org", "cross_org")
_OF_CASE = ("receive_org", "accept_org", "domicile_org", "item_code", "item_version")
_CASE_START = 1 + len(_OF_VOLUME)
_ARCHIVED = (
    select(VolumeVersion.id)
    .where(VolumeVersion.volume_id == Volume.id, VolumeVersion.state == VolumeState.COMMITTED)
    .exists()
)
_POLICY_COLUMNS = (
    Volume.id,
    *(getattr(Volume, name) for name in _OF_VOLUME),
    *(getattr(Case, name) for name in _OF_CASE),
    _ARCHIVED.label("archived"),
)
"""Columns of a volume that the policy needs.

Its key, its own columns, those of its case, and whether a version is archived.
"""
_CASE_NO = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Purpose(LabelledEnum):
    """Why a reader opens a record; stated with every access."""

    HANDLE = "HANDLE", "办理业务"
    CHECK = "CHECK", "核查比对"
    ARCHIVE = "ARCHIVE", "档案管理"
    SUPERVISE = "SUPERVISE", "监督抽查"
    USE = "USE", "查询利用"


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
    Denial.NEEDS_GRANT: "请提交利用申请，批准后在 Yice-Usage 中注明利用单号。",
    Denial.STATE: "请在归档完成后再试。",
}


@dataclass(frozen=True, slots=True)
class OpenedVolume:
    """A volume opened for a reader: its rows, and the decision that allows it.

    `version` is None when no version is archived yet.
    """

    volume: Volume
    version: VolumeVersion | None
    case: Case
    decision: Decision

    @property
    def prefix(self) -> str:
        """Return the prefix of its newest archived version. Raises DeniedError without one."""
        if self.version is None:
            raise DeniedError(Denial.STATE)
        return storage_prefix(ArchivalCode.parse(self.volume.code), self.version.version)


@dataclass(frozen=True, slots=True)
class ReferenceData:
    """What the policy needs beside the rows."""

    organisations: Organisations
    catalogue: Catalogue


def require(reader: Reader, act: Act) -> None:
    """Raise DeniedError unless the reader may do the act at all.

    It is called before any record is looked up.
    """
    denial = may(reader, act).denial
    if denial is not None:
        raise DeniedError(denial)


def _record(
    volume: Sequence[Any], case: Sequence[Any], reference: ReferenceData, *, committed: bool
) -> Record:
    """Return the policy's record from the columns `_OF_VOLUME` and `_OF_CASE`."""
    (code, filing_org, cross_org), (*handling, item_code, item_version) = volume, case
    orgs = dict.fromkeys((filing_org, *handling))
    if cross_org:
        orgs[cross_org] = None
    series = reference.catalogue.get(item_code, item_version).series
    return Record(tuple(orgs), filing_org, code, committed, is_restricted(series))


def read_code(text: str) -> str:
    """Return a 档号 as typed in its normal form, or the text itself when it is no code.

    `.` may stand for `·`, as on the barcode, so that a URL can be ASCII.
    """
    try:
        return str(ArchivalCode.parse(text.replace(".", "·")).volume)
    except CodeFaultError:
        return text


def open_volume(
    session: Session,
    reader: Reader,
    act: Act,
    name: str,
    reference: ReferenceData,
    usage: str | None = None,
) -> OpenedVolume:
    """Return the volume of a 档号 or case number when the policy allows the act.

    Raises DeniedError: NOT_HERE for volumes of others and for missing ones alike, after the same
    work. A grant counts only when the reader states it (`usage`, 利用单号), so that every access
    under a grant says so.
    """
    require(reader, act)
    code = read_code(name)
    by = (
        Volume.code == code
        if "·" in code
        else Case.case_no == (name if _CASE_NO.fullmatch(name) else "")
    )
    # Organisations are columns beside the encrypted facts. Facts are decrypted only when they may
    # be shown, so that the time of a refusal reveals nothing.
    columns = session.execute(
        select(*_POLICY_COLUMNS).join(Case, Case.id == Volume.case_id).where(by)
    ).first()
    grants = [grant for grant in grants_of(session, reader.account) if grant.number == usage]
    now = database_now(session)
    record = (
        _record(columns[1:_CASE_START], columns[_CASE_START:-1], reference, committed=columns[-1])
        if columns
        else None
    )
    decision = decide(reader, act, record, reference.organisations, grants, now=now)
    if decision.denial is not None or columns is None:
        raise DeniedError(decision.denial or Denial.NOT_HERE)
    volume, case, version = _newest(session, columns[0])
    return OpenedVolume(volume, version, case, decision)


def visible(
    session: Session, reader: Reader, ids: Iterable[int], reference: ReferenceData
) -> set[int]:
    """Return those of these volumes that the reader may see now, decided by the rows."""
    wanted = tuple(ids)
    if not wanted or not may(reader, Act.SEARCH).allowed:
        return set()
    # A reader who may search may know that a volume exists.
    searcher = Reader(reader.account, reader.role, reader.org)
    now = database_now(session)
    # The decision needs no decryption of the hits.
    query = (
        select(*_POLICY_COLUMNS)
        .join(Case, Case.id == Volume.case_id)
        .where(Volume.id.in_(wanted), Volume.void_reason.is_(None), _ARCHIVED)
    )
    return {
        row[0]
        for row in session.execute(query)
        if decide(
            searcher,
            Act.VIEW,
            _record(row[1:_CASE_START], row[_CASE_START:-1], reference, committed=True),
            reference.organisations,
            now=now,
        ).allowed
    }


def _newest(session: Session, volume_id: int) -> tuple[Volume, Case, VolumeVersion | None]:
    """Return a volume with its case and its newest archived version."""
    query = (
        select(Volume, Case, VolumeVersion)
        .join(Case, Case.id == Volume.case_id)
        .outerjoin(
            VolumeVersion,
            (VolumeVersion.volume_id == Volume.id) & (VolumeVersion.state == VolumeState.COMMITTED),
        )
        .where(Volume.id == volume_id)
        .order_by(VolumeVersion.version.desc())
    )
    volume, case, version = session.execute(query.limit(1)).one()
    return volume, case, version


def journal_access(
    session: Session,
    reader: Reader,
    act: JournalAct,
    subject: str,
    purpose: Purpose,
    **shown: object,
) -> None:
    """Journal an access: reader, purpose, what was shown.

    `shown` holds numbers and codes, never a person.
    """
    journal.record(
        session, reader.account, act, subject, purpose=str(purpose), org=reader.org, **shown
    )
