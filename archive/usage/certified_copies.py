"""出具证明件: copy pages of a volume under a grant, sealed with the issuer's own stamp, kept, and checked by anybody with its code."""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.policy import Reader
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.compile.copies import COPY_SEAL_BOX, CopiedItem, CopySheet, certified
from archive.compile.metadata import read_metadata
from archive.compile.prove import PdfAProver
from archive.compile.seal_art import seal_pdf
from archive.database.tables_usage import CertifiedCopy, UsageRequest
from archive.reference.compile_errors import NotProvedError
from archive.reference.errors import NotFoundError
from archive.reference.organisations import Organisations
from archive.signing.seal import Sealer
from archive.signing.validation import TrustAnchors, read_signature
from archive.usage.reading_room import OpenedVolume
from archive.usage.redaction import hidden
from archive.usage.requests import number_of
from storage.blobs import BlobStore
from storage.package import read_inventory

_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # none that is mistaken for another on paper
_GROUPS, _GROUP = 5, 4


@dataclass(frozen=True, slots=True)
class CopySealer:
    """What sealing takes: seals by fonds, the trust that proves them, veraPDF, and whether the keys are the demonstration's."""

    sealer_for: Callable[[str], Sealer]
    trust: TrustAnchors
    prover: PdfAProver
    demo: bool


@dataclass(frozen=True, slots=True)
class MadeCopy:
    """A sealed copy, not yet entered."""

    pdf: bytes
    check_code: str
    items: tuple[CopiedItem, ...]
    pages: int
    made_at: datetime

    @property
    def sha256(self) -> str:
        """Digest of the file."""
        return hashlib.sha256(self.pdf).hexdigest()


def contents_of(store: BlobStore, opened: OpenedVolume) -> list[dict[str, Any]]:
    """The 卷内目录 of the newest archived version, from its record, whose digest the commit record names."""
    listed = read_inventory(store, opened.prefix)
    digest = (
        next((one.sha256 for one in listed.objects if one.path == "metadata.xml"), None)
        if listed
        else None
    )
    found: list[dict[str, Any]] = read_metadata(
        store.read(f"{opened.prefix}/metadata.xml", sha256=digest)
    )["contents"]
    return found


def chosen(
    contents: Sequence[Mapping[str, Any]], numbers: Sequence[int], names: Sequence[str] = ()
) -> tuple[CopiedItem, ...]:
    """The items of these numbers in the order of the volume, all of them for none named. Raises NotFoundError."""
    found = tuple(
        CopiedItem(one["no"], hidden(one["title"], names), one["page"], one["pages"])
        for one in contents
        if not numbers or one["no"] in numbers
    )
    if not found or (numbers and len(found) != len(set(numbers))):
        raise NotFoundError("本册没有所列的件。", "请对照卷内目录核对件号。")
    return found


def make_copy(
    pdf: bytes,
    opened: OpenedVolume,
    items: tuple[CopiedItem, ...],
    reader: Reader,
    room: CopySealer,
    organisations: Organisations,
    public_url: str,
) -> MadeCopy:
    """Copy, seal and prove: PDF/A-2u and one valid signature over all of it. Raises NotProvedError and what sealing raises."""
    made_at = datetime.now(UTC)
    check_code = "-".join(
        "".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS)
    )
    issuer = organisations.get(reader.org).name
    version = opened.version.version if opened.version else 0
    number = opened.decision.grant.number if opened.decision.grant else ""
    url = f"{public_url.rstrip('/')}/check/{check_code}" if public_url else ""
    fields = (
        ("档号", opened.volume.code),
        ("版本", f"第{version}版"),
        ("利用单号", number),
        ("复制页数", str(sum(one.pages for one in items))),
    )
    sheet = CopySheet(
        opened.volume.code, version, fields, check_code, url, issuer, made_at, room.demo
    )
    fonds = organisations.fonds_of(reader.org)
    sealed = room.sealer_for(fonds).seal(
        certified(pdf, items, sheet),
        appearance_pdf=seal_pdf(issuer, room.demo, "档案证明专用章"),
        page=0,
        box=COPY_SEAL_BOX,
        reason="出具档案复制件证明",
        at=None,
    )
    report = read_signature(sealed.pdf, room.trust)
    if room.prover.failures(sealed.pdf) or not (report.valid and report.covers_whole_document):
        raise NotProvedError(
            "复制件的证明未通过，未出具。", "请重试；若重复出现，请联系系统管理员。"
        )
    return MadeCopy(sealed.pdf, check_code, items, sum(one.pages for one in items), made_at)


def copy_key(sha256: str) -> str:
    """Where a certified copy lies."""
    return f"copies/{sha256}.pdf"


def enter_copy(
    session: Session, opened: OpenedVolume, copy: MadeCopy, reader: Reader, request: UsageRequest
) -> CertifiedCopy:
    """Enter and journal a copy that lies in the store."""
    row = CertifiedCopy(
        check_code=copy.check_code,
        request_id=request.id,
        volume_id=opened.volume.id,
        version=opened.version.version if opened.version else 0,
        items=[one.no for one in copy.items],
        pages=copy.pages,
        sha256=copy.sha256,
        issued_by=reader.org,
        made_at=copy.made_at,
    )
    session.add(row)
    session.flush()
    journal.record(
        session,
        reader.account,
        JournalAct.CERTIFY,
        opened.volume.code,
        usage=number_of(request),
        items=row.items,
        pages=row.pages,
        sha256=row.sha256,
        org=reader.org,
    )
    return row


def find_copy(session: Session, check_code: str) -> CertifiedCopy:
    """The copy with this code. Raises NotFoundError."""
    row = session.scalars(
        select(CertifiedCopy).where(CertifiedCopy.check_code == check_code.upper())
    ).first()
    if row is None:
        raise NotFoundError(
            "没有此核验码的证明件。", "请核对核验码；核验码由20个字符、每4个一组组成。"
        )
    return row
