"""Tables of jobs: what waits for a worker, the index feed, period runs and duties."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.base import Base, Id
from archive.database.leased import Leased
from archive.reference.vocabulary import DutyState


class Job(Leased, Base):
    """A piece of work, written in the transaction that causes it; Celery only carries it out.

    It refers to what it makes: `version_id` a version, `order_id` a certified copy, `page_id` the
    text of a scanned page. A request to pull has none of them, and a `subject`. The lease of a
    request says that a process is on its way. `begun` counts the workers that took a version
    up since its last recorded step: those before the newest have died.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("kind", "subject"),
        Index("ix_jobs_begun", "created_at", "state", "version_id", "ended_at"),
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str | None] = mapped_column(String(100))
    version_id: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    order_id: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    page_id: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    state: Mapped[str] = mapped_column(String(12), index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    begun: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None] = mapped_column(String(64))
    error: Mapped[str | None] = mapped_column(Text)
    not_before: Mapped[datetime | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class IndexFeed(Base):
    """A change that is followed: of a volume, or a returned case (`archive.jobs.feed`).

    The row is written in the transaction of the change; ids grow in order of commit. One of
    `volume_id` and `check_act_id` is set.
    """

    __tablename__ = "index_feed"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    volume_id: Mapped[int | None] = mapped_column(ForeignKey("volumes.id"), index=True)
    check_act_id: Mapped[int | None] = mapped_column(ForeignKey("check_acts.id"))
    at: Mapped[datetime]


class PeriodRun(Base):
    """The compile of one period of one series (统一定期组卷归档).

    It holds the result, and the key of the period's register in the bucket.
    """

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


class DutyRow(Leased, Base):
    """The last turn of a duty."""

    __tablename__ = "duties"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    turn: Mapped[str] = mapped_column(String(20), default="")
    state: Mapped[str] = mapped_column(String(12), default=DutyState.DONE)
    begun_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]
    error_code: Mapped[str | None] = mapped_column(String(64))
    result: Mapped[dict[str, Any]]
