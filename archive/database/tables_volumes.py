"""Tables of volumes: numbers, versions, steps and the order of pages."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.base import Base, Id
from archive.database.leased import Leased
from archive.reference.vocabulary import VersionOrigin


class NumberCounter(Base):
    """The last 册号 given under one fonds, series, year and term.

    The row is locked while numbers are reserved.
    """

    __tablename__ = "number_counters"
    fonds: Mapped[str] = mapped_column(String(4), primary_key=True)
    series: Mapped[str] = mapped_column(String(2), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    term: Mapped[str] = mapped_column(String(3), primary_key=True)
    last: Mapped[int] = mapped_column(default=0)


class Volume(Base):
    """册: one case, one volume, one number for good (R23, I5)."""

    __tablename__ = "volumes"
    __table_args__ = (
        UniqueConstraint("fonds", "series", "year", "term", "number"),
        Index(
            "ix_volumes_spans",
            "series",
            "fonds",
            "year",
            "term",
            "completed_at",
            "filing_org",
            "cross_org",
            "case_id",
        ),
        Index("ix_volumes_listed", "series", "year", "code"),
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), unique=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    fonds: Mapped[str] = mapped_column(String(4))
    series: Mapped[str] = mapped_column(String(2), index=True)
    year: Mapped[int]
    term: Mapped[str] = mapped_column(String(3))
    number: Mapped[int]
    filing_org: Mapped[str] = mapped_column(String(12), index=True)
    cross_fonds: Mapped[str | None] = mapped_column(String(4))
    cross_series: Mapped[str | None] = mapped_column(String(2))
    cross_org: Mapped[str | None] = mapped_column(String(12), index=True)
    completed_at: Mapped[datetime] = mapped_column(index=True)
    late: Mapped[bool] = mapped_column(default=False)
    void_reason: Mapped[str | None] = mapped_column(Text)
    reserved_at: Mapped[datetime]


class VolumeVersion(Leased, Base):
    """One version of a volume on its way to COMMITTED; the lease fences its worker.

    `origin` CASE is compiled from a revision of the case; TIMESTAMP is the version before it with
    the time-stamps that it still owed, RENEWAL with a further one. `stamped_until` is the end of
    the newest time-stamp's certificates. `compiled_by` is how the sealed record names who had it
    compiled (立卷人).
    """

    __tablename__ = "volume_versions"
    __table_args__ = (
        UniqueConstraint("volume_id", "version"),
        Index("ix_volume_versions_sums", "state", "lta_pending", "volume_id", "pages", "bytes"),
        Index("ix_volume_versions_newest", "state", "committed_at", "volume_id"),
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    volume_id: Mapped[int] = mapped_column(ForeignKey("volumes.id"), index=True)
    version: Mapped[int]
    case_revision: Mapped[int]
    origin: Mapped[str] = mapped_column(String(12), default=VersionOrigin.CASE)
    state: Mapped[str] = mapped_column(String(16), index=True)
    input_digest: Mapped[str] = mapped_column(String(64))
    frozen_at: Mapped[datetime]
    compiled_by: Mapped[str | None] = mapped_column(String(200))
    pages: Mapped[int | None]
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    inventory_sha256: Mapped[str | None] = mapped_column(String(64))
    signature_level: Mapped[str | None] = mapped_column(String(8))
    lta_pending: Mapped[bool] = mapped_column(default=False)
    stamped_until: Mapped[datetime | None] = mapped_column(index=True)
    stamp_algorithm: Mapped[str | None] = mapped_column(String(64))
    committed_at: Mapped[datetime | None]


class Step(Base):
    """The recorded result of one step: the first one counts (volume.md, exactly-once effects)."""

    __tablename__ = "steps"
    __table_args__ = (UniqueConstraint("volume_version_id", "step", "input_digest"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    volume_version_id: Mapped[int] = mapped_column(ForeignKey("volume_versions.id"), index=True)
    step: Mapped[str] = mapped_column(String(16))
    input_digest: Mapped[str] = mapped_column(String(64))
    result: Mapped[dict[str, Any]]
    done_at: Mapped[datetime]


class PageOrder(Base):
    """The pages of one material in the order that a person set for the volume.

    The originals stay as they came. `edition` counts the saves.
    """

    __tablename__ = "page_orders"
    __table_args__ = (UniqueConstraint("case_id", "revision", "material_no"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    revision: Mapped[int]
    material_no: Mapped[int]
    edition: Mapped[int]
    leaves: Mapped[list[Any]]
    changed_by: Mapped[str] = mapped_column(String(64))
    changed_at: Mapped[datetime]
