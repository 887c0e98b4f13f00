"""The tables of the window: files on their way in, the order of pages that a person set, and who sits at which case right now."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.base import Base, Id
from archive.database.encryption import SealedText


class CapturedFile(Base):
    """One file brought to the 归集池, piece by piece: who captured it where and how fine, where it belongs, and what still keeps it.

    `pieces` are the materials in it with their files in the store, known once it is whole; people name files after people, so `name` is sealed.
    """

    __tablename__ = "captured_files"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    account: Mapped[str] = mapped_column(String(64))
    org: Mapped[str] = mapped_column(String(12), index=True)
    name: Mapped[str] = mapped_column(SealedText)
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
    pieces: Mapped[list[Any]]
    findings: Mapped[list[Any]]
    arrival_id: Mapped[int | None] = mapped_column(ForeignKey("arrivals.id"))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class PageOrder(Base):
    """The pages of one material as a person laid them for the volume; the originals stay as they came. `edition` counts the saves."""

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


class Presence(Base):
    """Somebody sits at something now; a row that is not renewed means nothing."""

    __tablename__ = "presences"
    __table_args__ = (UniqueConstraint("subject", "account"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    subject: Mapped[str] = mapped_column(String(100))
    account: Mapped[str] = mapped_column(String(64))
    seen_at: Mapped[datetime]
