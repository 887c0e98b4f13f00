"""Certified copies (出具证明件): pages of a volume, copied under a grant and sealed.

They bear the issuer's own stamp, are kept, and can be checked by anybody with the code.
"""

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
from archive.usage.redaction import mask_text
from archive.usage.requests import number_of
from storage.blobs import BlobStore
from storage.package import read_inventory

_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # not mistaken for each other on paper
_GROUPS, _GROUP = 5, 4


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


def make_copy(
    pdf: bytes,
    opened: OpenedVolume,
    items: tuple[CopiedItem, ...],
    reader: Reader,
    sealing: CopySealer,
    organisations: Organisations,
    public_url: str,
) -> SealedCopy:
    """Copy the pages, seal them, prove the result and return it.

    It is PDF/A-2u with one valid signature over all of it. Raises NotProvedError and what sealing
    raises.
    """
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
        ("复制页数", str(sum(item.pages for item in items))),
    )
    sheet = CopySheet(
        opened.volume.code, version, fields, check_code, url, issuer, made_at, sealing.demo
    )
    fonds = organisations.fonds_of(reader.org)
    sealed = sealing.sealer_for(fonds).seal(
        certified(pdf, items, sheet),
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
    session: Session, opened: OpenedVolume, copy: SealedCopy, reader: Reader, request: UsageRequest
) -> CertifiedCopy:
    """Write and journal the row of a copy that lies in the store."""
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
    """Return the copy with this code. Raises NotFoundError."""
    row = session.scalars(
        select(CertifiedCopy).where(CertifiedCopy.check_code == check_code.upper())
    ).first()
    if row is None:
        raise NotFoundError(
            "没有此核验码的证明件。", "请核对核验码；核验码由20个字符、每4个一组组成。"
        )
    return row
