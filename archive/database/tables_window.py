"""Tables of the window: cases that are handled, their acts, clocks, grants and seals."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.base import Base, Id
from archive.database.sealed_columns import SealedText


class WindowFlow(Base):
    """One version of the flow, by its digest; cases name it, rows are only added."""

    __tablename__ = "window_flows"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    version: Mapped[str] = mapped_column(String(32))
    body: Mapped[dict[str, Any]]
    added_at: Mapped[datetime]


class WindowOfficer(Base):
    """The person behind a police number, by ID number: one person with two accounts is one."""

    __tablename__ = "window_officers"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    officer_no: Mapped[str] = mapped_column(String(32), unique=True)
    id_number: Mapped[str] = mapped_column(SealedText("window_officers.id_number"))
    registered_by: Mapped[str] = mapped_column(String(64))
    registered_at: Mapped[datetime]


class WindowCase(Base):
    """A case at the window, for lists: every column but the keys is what its acts come to.

    `seq` is the number of its last act. `ingest.window.holding` compares it with the acts.
    """

    __tablename__ = "window_cases"
    __table_args__ = (
        Index("ix_window_cases_receive_org", "receive_org", "step", "id"),
        Index("ix_window_cases_home_org", "home_org", "step", "id"),
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_no: Mapped[str] = mapped_column(String(64), unique=True)
    item_code: Mapped[str] = mapped_column(String(32))
    item_version: Mapped[str] = mapped_column(String(32))
    receive_org: Mapped[str] = mapped_column(String(12))
    home_org: Mapped[str] = mapped_column(String(12))
    flow_digest: Mapped[str] = mapped_column(String(64))
    seq: Mapped[int]
    step: Mapped[str] = mapped_column(String(12), index=True)
    level: Mapped[int]
    ending: Mapped[str | None] = mapped_column(String(16))
    corrections: Mapped[int]
    opened_at: Mapped[datetime]
    moved_at: Mapped[datetime]


class WindowActRow(Base):
    """One act on a case: numbered without a gap, added and never changed.

    `content` is JSON of what names people: who acted, as the words were then, and what was said.
    The journal holds `digest`, by which a changed row is told.
    """

    __tablename__ = "window_acts"
    __table_args__ = (UniqueConstraint("case_id", "seq"), UniqueConstraint("case_id", "key"))
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("window_cases.id"))
    seq: Mapped[int]
    step: Mapped[str] = mapped_column(String(12))
    act: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime]
    account: Mapped[str] = mapped_column(String(64))
    actor_no: Mapped[str] = mapped_column(String(64))
    org: Mapped[str] = mapped_column(String(12))
    grant_number: Mapped[str | None] = mapped_column(String(32))
    key: Mapped[str] = mapped_column(String(64), index=True)
    content: Mapped[str] = mapped_column(SealedText("window_acts.content"))
    digest: Mapped[str] = mapped_column(String(64))


class WindowClock(Base):
    """A clock of a case with what it comes to, for lists and the sweep of deadlines."""

    __tablename__ = "window_clocks"
    __table_args__ = (
        UniqueConstraint("case_id", "kind"),
        Index("ix_window_clocks_running", "ended_at", "yellow_on"),
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("window_cases.id"))
    kind: Mapped[str] = mapped_column(String(12))
    unit: Mapped[str] = mapped_column(String(12))
    budget: Mapped[int]
    yellow_share: Mapped[int]
    calendar: Mapped[str] = mapped_column(String(32))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    due_on: Mapped[date | None]
    yellow_on: Mapped[date | None]
    provisional: Mapped[bool]


class WindowSpan(Base):
    """A time in which a clock stood; `days` of an extension, which has no end of its own."""

    __tablename__ = "window_spans"
    __table_args__ = (UniqueConstraint("clock_id", "no"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    clock_id: Mapped[int] = mapped_column(ForeignKey("window_clocks.id"))
    no: Mapped[int]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(String(16))
    days: Mapped[int]


class WindowAlert(Base):
    """A rung that rang: once for a clock and its due day, however many workers look."""

    __tablename__ = "window_alerts"
    __table_args__ = (UniqueConstraint("case_id", "kind", "rung", "due_on"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("window_cases.id"))
    kind: Mapped[str] = mapped_column(String(12))
    rung: Mapped[str] = mapped_column(String(8))
    due_on: Mapped[date]
    at: Mapped[datetime]


class WindowGrant(Base):
    """An authorisation to use a seal (授权+保留), from `begins_at` on, no longer at `ends_at`.

    One that is taken back keeps its row and ends earlier: `ended_at`.
    """

    __tablename__ = "window_grants"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    number: Mapped[str] = mapped_column(String(32), unique=True)
    grantor: Mapped[str] = mapped_column(String(12), index=True)
    grantee: Mapped[str] = mapped_column(String(12), index=True)
    items: Mapped[list[Any]]
    seal: Mapped[str] = mapped_column(String(40))
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    quota: Mapped[int | None]
    case_no: Mapped[str | None] = mapped_column(String(64))
    account: Mapped[str] = mapped_column(String(64))
    granted_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(64))


class WindowSealUse(Base):
    """One use of a seal, written before the sealed bytes leave; never changed."""

    __tablename__ = "window_seal_uses"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    use_no: Mapped[str] = mapped_column(String(80), unique=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("window_cases.id"), index=True)
    seq: Mapped[int]
    owner: Mapped[str] = mapped_column(String(12), index=True)
    caller: Mapped[str] = mapped_column(String(12))
    grant_number: Mapped[str | None] = mapped_column(String(32), index=True)
    seal: Mapped[str] = mapped_column(String(40))
    form: Mapped[str] = mapped_column(String(16))
    document_sha256: Mapped[str] = mapped_column(String(64))
    purpose: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime]


class WindowRegistration(Base):
    """The result of an issued case, owed to the population system from its close on.

    It holds nobody's number: what is sent is read from the acts. Once it is registered it has the
    number that the system gave, and is never changed again.
    """

    __tablename__ = "window_registrations"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("window_cases.id"), unique=True)
    owed_since: Mapped[datetime]
    failures: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None] = mapped_column(index=True)
    error_code: Mapped[str | None] = mapped_column(String(32))
    registration_no: Mapped[str | None] = mapped_column(String(2000))
    registered_on: Mapped[date | None]
