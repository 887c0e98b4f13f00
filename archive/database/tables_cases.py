"""Tables of cases: deliveries, cases, revisions, components, prints and look-up tables.

Identifiers are integers; times are UTC with zone; facts are JSON exactly as accepted.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.base import Base, Id
from archive.database.sealed_columns import SealedJson


class Delivery(Base):
    """One delivered package and its outcome.

    A refused package is stored whole under `quarantine_prefix`. `sender` answers for one that was
    not taken over: who sent it, else who received its case; None where neither is known.
    """

    __tablename__ = "deliveries"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    bag: Mapped[str] = mapped_column(String(300))
    case_no: Mapped[str | None] = mapped_column(String(64), index=True)
    sender: Mapped[str | None] = mapped_column(String(12), index=True)
    content_digest: Mapped[str] = mapped_column(String(64), index=True)
    outcome: Mapped[str] = mapped_column(String(16), index=True)
    findings: Mapped[list[Any]]
    quarantine_prefix: Mapped[str | None] = mapped_column(String(200))
    received_at: Mapped[datetime]
    returned_at: Mapped[datetime | None]


class Case(Base):
    """A case taken over, as its newest usable revision states it.

    Lists, search and filing read it. What a version of the volume is made of stands in
    `CaseRevision`, because a supplement may come before the first version is made.
    """

    __tablename__ = "cases"
    # The indexes serve counts and filters without reading the rows, which are wide with encrypted
    # facts.
    __table_args__ = (
        Index(
            "ix_cases_counted",
            "completed_at",
            "receive_org",
            "accept_org",
            "domicile_org",
            "item_code",
            "state",
        ),
        Index(
            "ix_cases_places",
            "receive_org",
            "item_code",
            "accept_org",
            "domicile_org",
            "completed_at",
        ),
        Index("ix_cases_queue", "state", "completed_at", "case_no"),
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_no: Mapped[str] = mapped_column(String(64), unique=True)
    revision: Mapped[int] = mapped_column(default=1)
    content_digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), index=True)
    facts: Mapped[dict[str, Any]] = mapped_column(SealedJson("cases.facts"))
    snapshot: Mapped[dict[str, Any]]
    findings: Mapped[list[Any]]
    item_code: Mapped[str] = mapped_column(String(32), index=True)
    item_version: Mapped[str] = mapped_column(String(32))
    receive_org: Mapped[str] = mapped_column(String(12), index=True)
    accept_org: Mapped[str] = mapped_column(String(12), index=True)
    domicile_org: Mapped[str] = mapped_column(String(12), index=True)
    completed_at: Mapped[datetime] = mapped_column(index=True)
    accepted_at: Mapped[datetime]


class CaseRevision(Base):
    """One accepted delivery of a case; a supplement adds one (R40).

    It holds the facts and the snapshot of the materials that the item required (R10).
    """

    __tablename__ = "case_revisions"
    __table_args__ = (
        UniqueConstraint("case_id", "revision"),
        UniqueConstraint("case_id", "content_digest"),
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    revision: Mapped[int]
    content_digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), index=True)
    facts: Mapped[dict[str, Any]] = mapped_column(SealedJson("case_revisions.facts"))
    snapshot: Mapped[dict[str, Any]]
    findings: Mapped[list[Any]]
    accepted_at: Mapped[datetime]


class Component(Base):
    """One digital object of a case: an untouched original, kept by content."""

    __tablename__ = "components"
    __table_args__ = (UniqueConstraint("case_id", "revision", "path"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    revision: Mapped[int]
    material_no: Mapped[int]
    path: Mapped[str] = mapped_column(String(1024))
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str] = mapped_column(String(64))
    pages: Mapped[int]


class PagePrint(Base):
    """The print (perceptual hash) of one scanned page, by which a copy is recognised.

    See `archive.accession.page_prints`.
    """

    __tablename__ = "page_prints"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    material_no: Mapped[int]
    page: Mapped[int]
    bits: Mapped[bytes] = mapped_column(LargeBinary(64))


class PageBand(Base):
    """One band of a print: pages that share a key are compared in full."""

    __tablename__ = "page_bands"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy's own form
    key: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    print_id: Mapped[int] = mapped_column(
        ForeignKey("page_prints.id"), primary_key=True, autoincrement=False
    )


class BlindEntry(Base):
    """An entry of the blind index, from a keyed digest of a number to a case that names it.

    The number is an ID or telephone number; the number itself is nowhere in plain.
    """

    __tablename__ = "blind_index"
    __table_args__ = (UniqueConstraint("case_id", "kind", "digest"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    kind: Mapped[str] = mapped_column(String(12))
    digest: Mapped[str] = mapped_column(String(64), index=True)
    key: Mapped[str] = mapped_column(String(8), index=True)


class CaseActor(Base):
    """An officer who answers for a node of a case, by officer number (R35)."""

    __tablename__ = "case_actors"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    node: Mapped[str] = mapped_column(String(12))
    actor_no: Mapped[str] = mapped_column(String(64), index=True)
    org: Mapped[str] = mapped_column(String(12))
    at: Mapped[datetime]


class CaseSource(Base):
    """How many materials and pages of a case came from which source.

    They are counted in this table because the facts are encrypted and can't be counted by the
    database.
    """

    __tablename__ = "case_sources"
    case_id: Mapped[int] = mapped_column(
        ForeignKey("cases.id"), primary_key=True, autoincrement=False
    )
    source: Mapped[str] = mapped_column(String(32), primary_key=True)
    materials: Mapped[int]
    pages: Mapped[int]
