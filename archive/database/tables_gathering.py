"""Tables of what comes before a submission: sources, arrivals, captures, presence."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.base import Base, Id
from archive.database.sealed_columns import SealedJson, SealedText


class CapturedFile(Base):
    """One file uploaded to the 归集池, piece by piece.

    It says who captured it where and at which resolution, where it belongs, and what still prevents
    that. `pieces` are the materials in it with their files in the store, known once the file is
    complete. People name files after people, so `name` is encrypted. `ordinal` counts the files of
    one announcement in the order of scanning; `hints` are what the codes of its pages say, by page.
    A part of a divided file names it (`part_of`), and the page of it at which the part begins.
    """

    __tablename__ = "captured_files"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    account: Mapped[str] = mapped_column(String(64))
    org: Mapped[str] = mapped_column(String(12), index=True)
    name: Mapped[str] = mapped_column(SealedText("captured_files.name"))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    state: Mapped[str] = mapped_column(String(12), index=True)
    station: Mapped[str] = mapped_column(String(60))
    operator: Mapped[str] = mapped_column(String(60))
    dpi: Mapped[int]
    captured_at: Mapped[datetime]
    case_no: Mapped[str | None] = mapped_column(String(64), index=True)
    material_no: Mapped[int | None]
    material: Mapped[str | None] = mapped_column(String(200))
    position: Mapped[int]
    of: Mapped[int]
    pages: Mapped[int | None]
    media_type: Mapped[str | None] = mapped_column(String(64))
    ordinal: Mapped[int] = mapped_column(default=0)
    hints: Mapped[dict[str, Any]] = mapped_column(default=dict)
    part_of: Mapped[str | None] = mapped_column(String(32))
    first_page: Mapped[int] = mapped_column(default=1)
    pieces: Mapped[list[Any]]
    findings: Mapped[list[Any]]
    arrival_id: Mapped[int | None] = mapped_column(ForeignKey("arrivals.id"))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Presence(Base):
    """A note that an account has something open now; a row that is not renewed means nothing."""

    __tablename__ = "presences"
    __table_args__ = (UniqueConstraint("subject", "account"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    subject: Mapped[str] = mapped_column(String(100))
    account: Mapped[str] = mapped_column(String(64))
    seen_at: Mapped[datetime]


class SourceState(Base):
    """How far one source was read, and its last error.

    The cursor moves only when everything before it is stored.
    """

    __tablename__ = "sources"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    cursor: Mapped[str] = mapped_column(String(200), default="")
    fetched: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None] = mapped_column(String(64))
    error: Mapped[str | None] = mapped_column(Text)
    error_at: Mapped[datetime | None]
    succeeded_at: Mapped[datetime | None]
    not_before: Mapped[datetime | None]


class Arrival(Base):
    """The evidence of one fetch (R17): what came from where, when, and its digest.

    The same notice arrives once.
    """

    __tablename__ = "arrivals"
    __table_args__ = (UniqueConstraint("source", "notice"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    source: Mapped[str] = mapped_column(String(32))
    notice: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    outcome: Mapped[str] = mapped_column(String(16))
    fetched_at: Mapped[datetime]


class GatheredCase(Base):
    """One closed case as the population system reports it, while its materials come in.

    `accepted` is true once a package of it was taken over.
    """

    __tablename__ = "gathered_cases"
    __table_args__ = (UniqueConstraint("case_no", "digest"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    arrival_id: Mapped[int] = mapped_column(ForeignKey("arrivals.id"))
    case_no: Mapped[str] = mapped_column(String(64), index=True)
    digest: Mapped[str] = mapped_column(String(64))
    facts: Mapped[dict[str, Any]] = mapped_column(SealedJson("gathered_cases.facts"))
    state: Mapped[str] = mapped_column(String(16), index=True)
    packages: Mapped[int] = mapped_column(default=0)
    accepted: Mapped[bool] = mapped_column(default=False)
    outcome: Mapped[str | None] = mapped_column(String(16))
    changed_at: Mapped[datetime]


class GatheredMaterial(Base):
    """One material that came in under a case number.

    It holds the files by content, and what the source states of the material.
    """

    __tablename__ = "gathered_materials"
    __table_args__ = (UniqueConstraint("case_no", "no", "digest"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    arrival_id: Mapped[int] = mapped_column(ForeignKey("arrivals.id"))
    case_no: Mapped[str] = mapped_column(String(64), index=True)
    no: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    files: Mapped[list[Any]]
    stated: Mapped[dict[str, Any]]
    used_in: Mapped[int | None]
