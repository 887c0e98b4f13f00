"""Reading (阅览): open a record for a reader by the policy, and journal the access.

The database decides last about whatever a search found.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from archive.administration.filing_units import FilingUnits
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
from archive.arrangement.volume_names import has_name
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_cases import Case
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.reference.codes import ArchivalCode, storage_prefix
from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import VolumeState
from archive.signing.validation import SignatureReport, TrustAnchors, read_signature
from archive.usage.looks import (
    AccessContext,
    DeniedError,
    Look,
    Purpose,
    PurposeNeededError,
    journal_look,
    purposes_of,
    stated_purpose,
)
from archive.usage.requests import grants_of
from storage.blobs import BlobStore

_OF_VOLUME = ("code", "filing_org", "cross_org")
_OF_CASE = ("receive_org", "accept_org", "domicile_org", "item_code", "item_version")
_CASE_START = 1 + len(_OF_VOLUME)
_ARCHIVED = (
    select(VolumeVersion.id)
    .where(VolumeVersion.volume_id == Volume.id, VolumeVersion.state == VolumeState.COMMITTED)
    .exists()
)
_CASE_COLUMNS = tuple(getattr(Case, name) for name in _OF_CASE)
_POLICY_COLUMNS = (
    Volume.id,
    *(getattr(Volume, name) for name in _OF_VOLUME),
    *_CASE_COLUMNS,
    _ARCHIVED.label("archived"),
)
"""Columns of a volume that the policy needs.

Its key, its own columns, those of its case, and whether a version is archived.
"""


@dataclass(frozen=True, slots=True)
class OpenedVolume:
    """A volume opened for a reader: its rows, and the decision that allows it.

    `version` is None when no version is archived yet; `followed_at` is when the version after it
    was archived, None for the newest.
    """

    volume: Volume
    version: VolumeVersion | None
    case: Case
    record: Record
    decision: Decision
    followed_at: datetime | None = None

    @property
    def usage(self) -> str | None:
        """Return the number of the grant that this access relies on."""
        return self.decision.grant.number if self.decision.grant else None

    @property
    def digest(self) -> str | None:
        """Return the SHA-256 of the file of this version."""
        return self.version.sha256 if self.version else None

    @property
    def prefix(self) -> str:
        """Return the prefix of this version in the store. Raises DeniedError without one."""
        if self.version is None:
            raise DeniedError(Denial.STATE)
        return storage_prefix(ArchivalCode.parse(self.volume.code), self.version.version)


@dataclass(frozen=True, slots=True)
class ReferenceData:
    """What the policy needs beside the rows."""

    filing: FilingUnits
    catalogue: Catalogue

    @property
    def organisations(self) -> Organisations:
        """Return the tree of organisations."""
        return self.filing.organisations


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
    restricted = is_restricted(series)
    return Record(tuple(orgs), filing_org, handling[0], code, committed, restricted)


def decision_on(
    session: Session,
    reader: Reader,
    act: Act,
    record: Record | None,
    reference: ReferenceData,
    usage: str | None = None,
) -> Decision:
    """Return the policy's answer now.

    A grant counts only when the reader states its number (`usage`, 利用单号), so that every
    access under a grant says so.
    """
    grants = [grant for grant in grants_of(session, reader.account) if grant.number == usage]
    now = database_now(session)
    return decide(reader, act, record, reference.organisations, grants, now=now)


def open_volume(
    session: Session,
    reader: Reader,
    act: Act,
    name: str,
    reference: ReferenceData,
    usage: str | None = None,
    *,
    version: int | None = None,
) -> OpenedVolume:
    """Return the volume of a 档号 or case number when the policy allows the act.

    In its newest archived version, or in the archived `version`. Raises DeniedError: NOT_HERE for
    volumes of others and for missing ones alike, after the same work.
    """
    require(reader, act)
    # Organisations are columns beside the encrypted facts. Facts are decrypted only when they may
    # be shown, so that the time of a refusal reveals nothing.
    columns = session.execute(
        select(*_POLICY_COLUMNS).join(Case, Case.id == Volume.case_id).where(has_name(name))
    ).first()
    record = (
        _record(columns[1:_CASE_START], columns[_CASE_START:-1], reference, committed=columns[-1])
        if columns
        else None
    )
    decision = decision_on(session, reader, act, record, reference, usage)
    if decision.denial is not None or columns is None or record is None:
        raise DeniedError(decision.denial or Denial.NOT_HERE)
    volume, case, archived = _version(session, columns[0], version)
    if version is None or archived is None:
        if version is not None:
            raise DeniedError(Denial.NOT_HERE)
        return OpenedVolume(volume, archived, case, record, decision)
    following = _followed_at(session, archived)
    return OpenedVolume(volume, archived, case, record, decision, following)


def _case_record(columns: Sequence[Any], reference: ReferenceData) -> Record:
    # Until it has a volume, a case is kept where it will be filed.
    receive, _, domicile, *_ = columns
    unit = reference.filing.unit_of(receive, domicile)
    return _record((None, unit, None), columns, reference, committed=False)


def open_case(
    session: Session, reader: Reader, act: Act, case_no: str, reference: ReferenceData
) -> Case:
    """Return the case of a number when the policy allows the act; it needs no volume yet.

    Raises DeniedError, the same for a foreign case and for one that is not there.
    """
    require(reader, act)
    columns = session.execute(
        select(Case.id, *_CASE_COLUMNS).where(Case.case_no == case_no)
    ).first()
    record = _case_record(columns[1:], reference) if columns else None
    decision = decision_on(session, reader, act, record, reference)
    if decision.denial is not None or columns is None:
        raise DeniedError(decision.denial or Denial.NOT_HERE)
    return session.get_one(Case, columns[0])


def consult_volume(
    session: Session,
    reader: Reader,
    act: Act,
    name: str,
    reference: ReferenceData,
    context: AccessContext,
    *,
    what: JournalAct,
    version: int | None = None,
    **shown: object,
) -> tuple[OpenedVolume, Look]:
    """Open a volume and journal the access in one transaction (调阅). Raises DeniedError.

    So nothing is shown without an entry in the journal.
    """
    opened = open_volume(session, reader, act, name, reference, context.usage, version=version)
    return opened, journal_opened(session, reader, opened, context, what=what, **shown)


def journal_opened(
    session: Session,
    reader: Reader,
    opened: OpenedVolume,
    context: AccessContext,
    *,
    what: JournalAct,
    **shown: object,
) -> Look:
    """Journal what a reader sees of an opened volume: its version, and the grant relied on."""
    relied = AccessContext(context.purpose, opened.usage, context.operator)
    version = opened.version.version if opened.version else None
    return journal_look(session, reader, what, opened.volume.code, relied, version=version, **shown)


def state_purpose(
    session: Session, reader: Reader, name: str, purpose: Purpose, reference: ReferenceData
) -> OpenedVolume:
    """Journal what a reader looks at the pages of an own volume for, good for this day.

    Raises DeniedError as opening its pages does, and for a purpose that needs a grant.
    """
    opened = open_volume(session, reader, Act.VIEW_PAGES, name, reference)
    if purpose not in purposes_of(reader):
        raise DeniedError(Denial.NEEDS_GRANT)
    what = JournalAct.STATE_PURPOSE
    journal_opened(session, reader, opened, AccessContext(purpose), what=what)
    return opened


def require_purpose(session: Session, reader: Reader, opened: OpenedVolume) -> Purpose:
    """Return what the pages of an opened volume are looked at for, by its grant or as stated.

    Raises PurposeNeededError where the reader was not asked today.
    """
    if opened.usage:
        return Purpose.USE
    purpose = stated_purpose(session, reader, opened.volume.code)
    if purpose is None:
        raise PurposeNeededError
    return purpose


def read_volume(store: BlobStore, opened: OpenedVolume) -> bytes:
    """Return the sealed file of an opened version, verified against its row."""
    return store.read(f"{opened.prefix}/volume.pdf", sha256=opened.digest)


def check_signature(store: BlobStore, opened: OpenedVolume, trust: TrustAnchors) -> SignatureReport:
    """Validate the seal of an opened version now, from its bytes in the store.

    An earlier version is judged at the time when the next one was archived.
    """
    return read_signature(read_volume(store, opened), trust.at(opened.followed_at))


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


def visible_volume(
    session: Session, reader: Reader, name: str, reference: ReferenceData
) -> str | None:
    """Return the 档号 of the volume of a name if the reader may find it, else None."""
    query = select(Volume.id, Volume.code).join(Case, Case.id == Volume.case_id)
    row = session.execute(query.where(has_name(name))).first()
    return row[1] if row and visible(session, reader, [row[0]], reference) else None


def _version(
    session: Session, volume_id: int, number: int | None
) -> tuple[Volume, Case, VolumeVersion | None]:
    """Return a volume with its case and its newest archived version, or the one of a number."""
    query = (
        select(Volume, Case, VolumeVersion)
        .join(Case, Case.id == Volume.case_id)
        .outerjoin(
            VolumeVersion,
            (VolumeVersion.volume_id == Volume.id)
            & (VolumeVersion.state == VolumeState.COMMITTED)
            & (VolumeVersion.version == number if number is not None else true()),
        )
        .where(Volume.id == volume_id)
        .order_by(VolumeVersion.version.desc())
    )
    volume, case, version = session.execute(query.limit(1)).one()
    return volume, case, version


def _followed_at(session: Session, version: VolumeVersion) -> datetime | None:
    """Return when the version after this one was committed; None for the newest."""
    later = select(VolumeVersion.committed_at).where(
        VolumeVersion.volume_id == version.volume_id,
        VolumeVersion.version > version.version,
        VolumeVersion.inventory_sha256.is_not(None),
    )
    return session.scalars(later.order_by(VolumeVersion.version).limit(1)).first()
