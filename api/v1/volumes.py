"""One volume: its facts, contents, process, signature and paper; by 档号 or by case number, one at a time."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict

from api.http.tokens import Caller
from api.v1.station import Access, Station, open_and_note
from archive.administration.policy import Act, Denial
from archive.audit.acts import JournalAct
from archive.reference.case_facts import CaseFacts
from archive.reference.vocabulary import Retention, Series
from archive.signing.validation import read_signature
from archive.usage.certified_copies import contents_of
from archive.usage.reading_room import DeniedError, OpenedVolume
from archive.usage.redaction import hidden, names_of, paper, shown_facts, timeline

router = APIRouter(tags=["档案"])
Name = Annotated[
    str,
    Path(
        description="档号（“·”可写作“.”）或办件编号",
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9._·-]+$",
        examples=["J602-ZY.HJ.CS.2026.Y-000001"],
    ),
]


class Signature(BaseModel):
    """What the rows say of the seal; `/signature` validates it."""

    level: str | None
    timestamp_pending: bool


class VolumeView(BaseModel):
    """A volume as everybody who may see it sees it: names, numbers and telephone numbers are masked, data of forms left out."""

    code: str
    case_no: str
    series: str
    series_label: str
    year: int
    retention_label: str
    version: int | None
    pages: int | None
    sha256: str | None
    committed_at: str | None
    signature: Signature
    facts: dict[str, Any]
    contents: list[dict[str, Any]]
    timeline: list[dict[str, Any]]
    paper: list[dict[str, Any]]


class PlainFacts(BaseModel):
    """The facts in plain, as far as the grant reaches."""

    code: str
    usage: str
    facts: dict[str, Any]


class SignatureView(BaseModel):
    """The seal as validated now, against this installation's trust."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"code": "J602-ZY·HJ·CS·2026·Y-000001", "version": 1, "valid": True}]
        }
    )
    code: str
    version: int
    valid: bool
    intact: bool
    covers_whole_document: bool
    signer: str
    signed_at: str | None
    timestamped_at: str | None
    level: str | None


@router.get("/volumes/{name}", summary="一册：办件信息、卷内目录、办理过程、签章、纸质位置")
def volume(name: Name, reader: Caller, station: Station, access: Access) -> VolumeView:
    """Masked. A foreign volume and one that does not exist are answered alike."""
    opened = open_and_note(station, reader, access, Act.VIEW, name, JournalAct.VIEW)
    facts = CaseFacts.model_validate(opened.case.facts)
    names = names_of(facts)
    contents = contents_of(station.runtime.store, opened) if opened.version else []
    row, kept = opened.version, opened.volume
    return VolumeView(
        code=kept.code,
        case_no=opened.case.case_no,
        series=kept.series,
        series_label=Series(kept.series).label,
        year=kept.year,
        retention_label=Retention(kept.term).label,
        version=row.version if row else None,
        pages=row.pages if row else None,
        sha256=row.sha256 if row else None,
        committed_at=row.committed_at.isoformat() if row and row.committed_at else None,
        signature=Signature(
            level=row.signature_level if row else None,
            timestamp_pending=bool(row and row.lta_pending),
        ),
        facts=shown_facts(facts, station.runtime.organisations),
        contents=[{**item, "title": hidden(item["title"], names)} for item in contents],
        timeline=timeline(facts, station.runtime.organisations),
        paper=paper(facts, station.runtime.organisations),
    )


@router.get("/volumes/{name}/facts", summary="办件信息明文（须有利用单）")
def facts(name: Name, reader: Caller, station: Station, access: Access) -> PlainFacts:
    """What the grant of `Yice-Usage` opens; everything else stays masked."""
    opened = open_and_note(station, reader, access, Act.VIEW_PLAIN, name, JournalAct.VIEW_PLAIN)
    grant = opened.decision.grant
    if grant is None:
        raise DeniedError(Denial.NEEDS_GRANT)
    case_facts = CaseFacts.model_validate(opened.case.facts)
    return PlainFacts(
        code=opened.volume.code,
        usage=grant.number,
        facts=shown_facts(case_facts, station.runtime.organisations, grant.fields),
    )


@router.get("/volumes/{name}/signature", summary="验证签章")
def signature(name: Name, reader: Caller, station: Station, access: Access) -> SignatureView:
    """Read the file from the store against its digest, and validate its seal."""
    opened = open_and_note(station, reader, access, Act.VIEW, name, JournalAct.CHECK_SIGNATURE)
    report = read_signature(volume_pdf(station, opened), station.stamps.trust)
    return SignatureView(
        code=opened.volume.code,
        version=opened.version.version if opened.version else 0,
        valid=report.valid,
        intact=report.intact,
        covers_whole_document=report.covers_whole_document,
        signer=report.signer_cn,
        signed_at=report.signed_at.isoformat() if report.signed_at else None,
        timestamped_at=report.timestamped_at.isoformat() if report.timestamped_at else None,
        level=report.level,
    )


def volume_pdf(station: Station, opened: OpenedVolume) -> bytes:
    """The file of the newest archived version, verified against its row."""
    return station.runtime.store.read(
        f"{opened.prefix}/volume.pdf", sha256=opened.version.sha256 if opened.version else None
    )
