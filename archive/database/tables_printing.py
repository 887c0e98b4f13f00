"""The table of the print centre: orders of sealed registers."""

from datetime import datetime
from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.base import Base, Id
from archive.database.leased import Leased


class PrintOrder(Leased, Base):
    """Registers to be printed and sealed: what was chosen, how far it is, what was made.

    `choice` holds codes and days, never a person. `documents` are the sealed files: kind, title,
    key, digest, pages and rows. The lease fences the worker that makes them; `done` of `total` rows
    are collected.
    """

    __tablename__ = "print_orders"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account: Mapped[str] = mapped_column(String(64), index=True)
    org: Mapped[str] = mapped_column(String(12))
    choice: Mapped[dict[str, Any]]
    step: Mapped[str] = mapped_column(String(12), index=True)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    documents: Mapped[list[Any]]
    error_code: Mapped[str | None] = mapped_column(String(64))
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
