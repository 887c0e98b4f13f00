"""Certified copies (出具证明件): pages of a volume, copied under a grant and sealed.

They bear the issuer's own stamp, are kept, and can be checked by anybody with the code.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from archive.administration.policy import Act, Denial, Reader
from archive.audit.acts import JournalAct
from archive.compile.copies import COPY_SEAL_BOX, CopiedItem, CopySheet, certified
from archive.compile.metadata import read_metadata
from archive.compile.prove import PdfAProver
from archive.compile.seal_art import seal_pdf
from archive.database.engine import reading
from archive.database.tables_usage import CertifiedCopy, UsageRequest
from archive.reference.case_facts import CaseFacts
from archive.reference.compile_errors import NotProvedError
from archive.reference.errors import NotFoundError
from archive.signing.seal import Sealer
from archive.signing.validation import TrustAnchors, read_signature
from archive.usage.looks import AccessContext, DeniedError, Purpose
from archive.usage.reading_room import (
    OpenedVolume,
    ReferenceData,
    journal_opened,
    open_volume,
    read_volume,
    require,
)
from archive.usage.redaction import mask_text, names_of
from archive.usage.requests import find_request, number_of
from storage.blobs import BlobStore
from storage.package import read_inventory

_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # not mistaken for each other on paper
_GROUPS, _GROUP = 5, 4
Entered = TypeVar("Entered")


@dataclass(frozen=True, slots=True)
class CopySealer:
    """What sealing needs: seals by fonds, trust anchors to prove them, veraPDF.

    `demo` says that the keys are those of the demonstration.
    """

    sealer_for: Callable[[str], Sealer]
    trust: TrustAnchors
    prover: PdfAProver
    demo: bool


@dataclass(frozen=True, slots=True)
class CopyingRoom:
    """What a certified copy is made from and with, at every door.

    `public_url` is where anybody can check it.
    """

    engine: Engine
    store: BlobStore
    reference: ReferenceData
    sealing: CopySealer
    public_url: str


@dataclass(frozen=True, slots=True)
class WantedCopy:
    """Which items of a volume are certified, none named: all; and under which grant."""

    name: str
    items: Sequence[int]
    usage: str | None


@dataclass(frozen=True, slots=True)
class SealedCopy:
    """A sealed copy that is not entered yet."""

    pdf: bytes
    check_code: str
    items: tuple[CopiedItem, ...]
    pages: int
    made_at: datetime

    @property
    def sha256(self) -> str:
        """Return the digest of the file."""
        return hashlib.sha256(self.pdf).hexdigest()


def contents_of(store: BlobStore, opened: OpenedVolume) -> list[dict[str, Any]]:
    """Return the 卷内目录 of the newest archived version.

    It is read from the version's record, whose digest the commit record names.
    """
    listed = read_inventory(store, opened.prefix)
    digest = (
        next((entry.sha256 for entry in listed.objects if entry.path == "metadata.xml"), None)
        if listed
        else None
    )
    contents: list[dict[str, Any]] = read_metadata(
        store.read(f"{opened.prefix}/metadata.xml", sha256=digest)
    )["contents"]
    return contents


def select_items(
    contents: Sequence[Mapping[str, Any]], numbers: Sequence[int], names: Sequence[str] = ()
) -> tuple[CopiedItem, ...]:
    """Return the items of these numbers in the order of the volume; all when none is named.

    Names in titles are masked. Raises NotFoundError.
    """
    items = tuple(
        CopiedItem(entry["no"], mask_text(entry["title"], names), entry["page"], entry["pages"])
        for entry in contents
        if not numbers or entry["no"] in numbers
    )
    if not items or (numbers and len(items) != len(set(numbers))):
        raise NotFoundError("本册没有所列的件。", "请对照卷内目录核对件号。")
    return items


def certify_copy(
    room: CopyingRoom,
    reader: Reader,
    wanted: WantedCopy,
    *,
    turn: AbstractContextManager[object],
    entering: Callable[[], AbstractContextManager[Session]],
    enter: Callable[[Session, OpenedVolume, SealedCopy], Entered],
) -> Entered:
    """Make a certified copy under a grant, and return what `enter` makes of it.

    It is copied and sealed outside any transaction: that takes seconds, in which SQLite would let
    nobody write. `turn` is held while it is sealed. `entering` opens the transaction in which it
    is entered. There the policy is asked again: the grant may have ended while the copy was made,
    and of two requests at once only one may be entered. Raises DeniedError, NotFoundError,
    NotProvedError.
    """
    require(reader, Act.CERTIFY)
    with reading(room.engine) as session:
        opened = _open(session, room, reader, wanted)
    names = names_of(CaseFacts.model_validate(opened.case.facts))
    items = select_items(contents_of(room.store, opened), wanted.items, names)
    with turn:
        copy = _sealed(room, reader, opened, items)
    room.store.put_new(copy_key(copy.sha256), copy.pdf, media_type="application/pdf")
    with entering() as session:
        return enter(session, _open(session, room, reader, wanted), copy)


def _open(session: Session, room: CopyingRoom, reader: Reader, wanted: WantedCopy) -> OpenedVolume:
    """Return the volume if the grant allows a copy of it now. Raises DeniedError."""
    opened = open_volume(session, reader, Act.CERTIFY, wanted.name, room.reference, wanted.usage)
    if opened.usage is None:
        raise DeniedError(Denial.NEEDS_GRANT)
    return opened


def _sealed(
    room: CopyingRoom, reader: Reader, opened: OpenedVolume, items: tuple[CopiedItem, ...]
) -> SealedCopy:
    """Copy the pages, seal them, prove the result and return it.

    It is PDF/A-2u with one valid signature over all of it. Raises NotProvedError and what sealing
    raises.
    """
    made_at = datetime.now(UTC)
    check_code = "-".join(
        "".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS)
    )
    organisations, sealing = room.reference.organisations, room.sealing
    issuer = organisations.get(reader.org).name
    version = opened.version.version if opened.version else 0
    url = f"{room.public_url.rstrip('/')}/check/{check_code}" if room.public_url else ""
    fields = (
        ("档号", opened.volume.code),
        ("版本", f"第{version}版"),
        ("利用单号", opened.usage or ""),
        ("复制页数", str(sum(item.pages for item in items))),
    )
    sheet = CopySheet(
        opened.volume.code, version, fields, check_code, url, issuer, made_at, sealing.demo
    )
    fonds = organisations.fonds_of(reader.org)
    sealed = sealing.sealer_for(fonds).seal(
        certified(read_volume(room.store, opened), items, sheet),
        appearance_pdf=seal_pdf(issuer, sealing.demo, "档案证明专用章"),
        page=0,
        box=COPY_SEAL_BOX,
        reason="出具档案复制件证明",
        at=None,
    )
    report = read_signature(sealed.pdf, sealing.trust)
    if sealing.prover.failures(sealed.pdf) or not (report.valid and report.covers_whole_document):
        raise NotProvedError(
            "复制件的证明未通过，未出具。", "请重试；若重复出现，请联系系统管理员。"
        )
    return SealedCopy(sealed.pdf, check_code, items, sum(item.pages for item in items), made_at)


def copy_key(sha256: str) -> str:
    """Return the key of a certified copy in the store."""
    return f"copies/{sha256}.pdf"


def enter_copy(
    session: Session, reader: Reader, opened: OpenedVolume, copy: SealedCopy
) -> CertifiedCopy:
    """Write and journal the row of a copy that lies in the store."""
    request = find_request(session, opened.usage or "")
    row = CertifiedCopy(
        check_code=copy.check_code,
        request_id=request.id,
        volume_id=opened.volume.id,
        version=opened.version.version if opened.version else 0,
        items=[item.no for item in copy.items],
        pages=copy.pages,
        sha256=copy.sha256,
        issued_by=reader.org,
        made_at=copy.made_at,
    )
    session.add(row)
    session.flush()
    context = AccessContext(Purpose.USE)
    shown = {"items": row.items, "pages": row.pages, "sha256": row.sha256}
    journal_opened(session, reader, opened, context, what=JournalAct.CERTIFY, **shown)
    return row


def fetch_copy(
    session: Session,
    reader: Reader,
    check_code: str,
    reference: ReferenceData,
    **shown: object,
) -> CertifiedCopy:
    """Return a copy to the account that it was made for, while the grant lasts; journalled.

    Raises DeniedError; NotFoundError also to other accounts.
    """
    require(reader, Act.CERTIFY)
    row = find_copy(session, check_code)
    request = session.get_one(UsageRequest, row.request_id)
    if request.account != reader.account:
        raise _no_copy()
    opened = open_volume(session, reader, Act.CERTIFY, request.code, reference, number_of(request))
    context, what = AccessContext(Purpose.USE), JournalAct.DOWNLOAD_COPY
    journal_opened(
        session, reader, opened, context, what=what, copy=row.id, sha256=row.sha256, **shown
    )
    return row


def find_copy(session: Session, check_code: str) -> CertifiedCopy:
    """Return the copy with this code. Raises NotFoundError."""
    row = session.scalars(
        select(CertifiedCopy).where(CertifiedCopy.check_code == check_code.upper())
    ).first()
    if row is None:
        raise _no_copy()
    return row


def read_copy(store: BlobStore, row: CertifiedCopy) -> bytes:
    """Return the file of a copy, verified against its row."""
    return store.read(copy_key(row.sha256), sha256=row.sha256)


def _no_copy() -> NotFoundError:
    return NotFoundError(
        "没有此核验码的证明件。", "请核对核验码；核验码由20个字符、每4个一组组成。"
    )
