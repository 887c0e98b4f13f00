"""The table of recognised pages: which scanned page is read by which worker, and its text."""

from datetime import datetime

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.base import Base, Id
from archive.database.leased import Leased


class RecognisedPage(Leased, Base):
    """One page of one file by content, so that the same scan is read once for all cases.

    The lease fences the worker that reads it.
    """

    __tablename__ = "recognised_pages"
    __table_args__ = (UniqueConstraint("sha256", "page"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    page: Mapped[int]
    text_sha256: Mapped[str | None] = mapped_column(String(64))
    engine: Mapped[str | None] = mapped_column(String(40))
    engine_version: Mapped[str | None] = mapped_column(String(40))
    characters: Mapped[int | None]
    confidence: Mapped[float | None]
    recognised_at: Mapped[datetime | None]
