"""The tables of the archive. Identifiers are integers; times are UTC with zone; facts are JSON exactly as accepted."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.base import Base, Id
from archive.database.encryption import SealedJson


class Delivery(Base):
    """One delivered package and what became of it; a refused one lies whole under `quarantine_prefix`."""

    __tablename__ = "deliveries"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    bag: Mapped[str] = mapped_column(String(300))
    case_no: Mapped[str | None] = mapped_column(String(64), index=True)
    content_digest: Mapped[str] = mapped_column(String(64), index=True)
    outcome: Mapped[str] = mapped_column(String(16), index=True)
    findings: Mapped[list[Any]]
    quarantine_prefix: Mapped[str | None] = mapped_column(String(200))
    received_at: Mapped[datetime]
    returned_at: Mapped[datetime | None]


class Case(Base):
    """A case taken over, as its newest usable revision states it: what lists, search and filing read.

    What a version of the volume is made of stands in `CaseRevision`, because a supplement may come before the first version is made.
    """

    __tablename__ = "cases"
    # Counted and filtered without reading the rows, which are wide with sealed facts.
    __table_args__ = (
        Index("ix_cases_counted", "completed_at", "receive_org", "accept_org", "domicile_org", "item_code", "state"),
        Index("ix_cases_places", "receive_org", "item_code", "accept_org", "domicile_org", "completed_at"),
        Index("ix_cases_queue", "state", "completed_at", "case_no"),
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_no: Mapped[str] = mapped_column(String(64), unique=True)
    revision: Mapped[int] = mapped_column(default=1)
    content_digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), index=True)
    facts: Mapped[dict[str, Any]] = mapped_column(SealedJson)
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
    """One accepted delivery of a case: its facts and the snapshot of the materials that its item required (R10); a supplement adds one (R40)."""

    __tablename__ = "case_revisions"
    __table_args__ = (UniqueConstraint("case_id", "revision"), UniqueConstraint("case_id", "content_digest"))
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    revision: Mapped[int]
    content_digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), index=True)
    facts: Mapped[dict[str, Any]] = mapped_column(SealedJson)
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


class NumberCounter(Base):
    """The last 册号 given under one fonds, series, year and term; locked while numbers are reserved."""

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
        Index("ix_volumes_spans", "series", "fonds", "year", "term", "completed_at", "filing_org", "cross_org", "case_id"),
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


class VolumeVersion(Base):
    """One version of a volume on its way to COMMITTED; the lease fences the worker that carries it.

    `origin` CASE is compiled from a revision of the case; TIMESTAMP is the version before it with the time-stamps it still owed, RENEWAL with a
    further one. `stamped_until` is the end of the newest time-stamp's certificates.
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
    origin: Mapped[str] = mapped_column(String(12), default="CASE")
    state: Mapped[str] = mapped_column(String(16), index=True)
    input_digest: Mapped[str] = mapped_column(String(64))
    frozen_at: Mapped[datetime]
    lease_owner: Mapped[str | None] = mapped_column(String(100))
    lease_token: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
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
    """The recorded result of one step: the first one wins (volume.md, exactly-once effects)."""

    __tablename__ = "steps"
    __table_args__ = (UniqueConstraint("volume_version_id", "step", "input_digest"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    volume_version_id: Mapped[int] = mapped_column(ForeignKey("volume_versions.id"), index=True)
    step: Mapped[str] = mapped_column(String(16))
    input_digest: Mapped[str] = mapped_column(String(64))
    result: Mapped[dict[str, Any]]
    done_at: Mapped[datetime]


class Job(Base):
    """Work to be done, written in the transaction that causes it; Celery only carries it out. `version_id`: of a job that makes one."""

    __tablename__ = "jobs"
    __table_args__ = (UniqueConstraint("kind", "subject"), Index("ix_jobs_begun", "created_at", "state", "version_id", "ended_at"))
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(100))
    version_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    state: Mapped[str] = mapped_column(String(12), index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None] = mapped_column(String(64))
    error: Mapped[str | None] = mapped_column(Text)
    not_before: Mapped[datetime | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class JournalEntry(Base):
    """Who did what to what, when: append-only (triggers) and hash-chained (R14)."""

    __tablename__ = "journal"
    seq: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(40), index=True)
    actor: Mapped[str] = mapped_column(String(100), index=True)
    act: Mapped[str] = mapped_column(String(40), index=True)
    subject: Mapped[str] = mapped_column(String(200), index=True)
    detail: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))


class IndexFeed(Base):
    """What the search index has to look at again, written in the transaction that changed it; ids grow in order of commit (`archive.feed`)."""

    __tablename__ = "index_feed"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    volume_id: Mapped[int] = mapped_column(ForeignKey("volumes.id"), index=True)
    at: Mapped[datetime]


class SourceState(Base):
    """How far one source was read, and how it is: the cursor moves only when everything before it is held."""

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
    """The evidence of one fetch (R17): what came from where, when, and its digest. The same notice arrives once."""

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
    """One closed case as the population system tells it, while its materials come in; `accepted` once a package of it was taken over."""

    __tablename__ = "gathered_cases"
    __table_args__ = (UniqueConstraint("case_no", "digest"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    arrival_id: Mapped[int] = mapped_column(ForeignKey("arrivals.id"))
    case_no: Mapped[str] = mapped_column(String(64), index=True)
    digest: Mapped[str] = mapped_column(String(64))
    facts: Mapped[dict[str, Any]] = mapped_column(SealedJson)
    state: Mapped[str] = mapped_column(String(16), index=True)
    packages: Mapped[int] = mapped_column(default=0)
    accepted: Mapped[bool] = mapped_column(default=False)
    outcome: Mapped[str | None] = mapped_column(String(16))
    changed_at: Mapped[datetime]


class GatheredMaterial(Base):
    """One material that came in under a case number: its files by content, and what the source says of it."""

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


class PagePrint(Base):
    """The print of one scanned page, by which a copy of it is known again (`archive.page_prints`)."""

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
    print_id: Mapped[int] = mapped_column(ForeignKey("page_prints.id"), primary_key=True, autoincrement=False)


class FixityCheck(Base):
    """One look at one package in one store: history that is only added to. Without a version it was a planted canary."""

    __tablename__ = "fixity_checks"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    store: Mapped[str] = mapped_column(String(12))
    cycle: Mapped[int] = mapped_column(index=True)
    volume_version_id: Mapped[int | None] = mapped_column(ForeignKey("volume_versions.id"), index=True)
    outcome: Mapped[str] = mapped_column(String(12), index=True)
    objects: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)
    faults: Mapped[list[Any]]
    checked_at: Mapped[datetime]


class Replica(Base):
    """A package that lies in the second store too, each object read back from there."""

    __tablename__ = "replicas"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    volume_version_id: Mapped[int] = mapped_column(ForeignKey("volume_versions.id"), unique=True)
    objects: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)
    copied_at: Mapped[datetime]


class PeriodRun(Base):
    """The compile of one period of one series (统一定期组卷归档): what it came to, and its register in the bucket."""

    __tablename__ = "period_runs"
    __table_args__ = (UniqueConstraint("fonds", "series", "period"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    fonds: Mapped[str] = mapped_column(String(4))
    series: Mapped[str] = mapped_column(String(2))
    period: Mapped[str] = mapped_column(String(7))
    made: Mapped[int] = mapped_column(default=0)
    missing: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    register: Mapped[str | None] = mapped_column(String(200))
    register_sha256: Mapped[str | None] = mapped_column(String(64))
    begun_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
