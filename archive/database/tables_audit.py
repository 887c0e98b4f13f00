"""The table of the journal."""

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.base import Base, Id


class JournalEntry(Base):
    """An entry of the journal: who did what to what, when (R14).

    Entries are append-only (triggers) and hash-chained.
    """

    __tablename__ = "journal"
    seq: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(40), index=True)
    actor: Mapped[str] = mapped_column(String(100), index=True)
    act: Mapped[str] = mapped_column(String(40), index=True)
    subject: Mapped[str] = mapped_column(String(200), index=True)
    detail: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))
