"""Tables of checking (核对): acts of people on a case that waits, and what they saw."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.base import Base, Id
from archive.database.sealed_columns import SealedText


class CheckAct(Base):
    """One act of a person on a case that waits; rows are only added.

    Who has the case, and why it was returned, follows from the rows. `signatory` is how the sealed
    record names the person: name and police number as they were then. `codes` are the findings
    that were confirmed, or the reasons of a return. `reason` is journalled too and names nobody; to
    colleagues people write about people: `text` is encrypted.
    """

    __tablename__ = "check_acts"
    __table_args__ = (Index("ix_check_acts_case", "case_id", "kind"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    revision: Mapped[int]
    kind: Mapped[str] = mapped_column(String(12))
    account: Mapped[str] = mapped_column(String(64))
    signatory: Mapped[str] = mapped_column(String(200))
    org: Mapped[str] = mapped_column(String(12))
    at: Mapped[datetime]
    codes: Mapped[list[Any]]
    reason: Mapped[str | None] = mapped_column(Text)
    text: Mapped[str | None] = mapped_column(SealedText("check_acts.text"))
    to_account: Mapped[str | None] = mapped_column(String(64), index=True)
    to_org: Mapped[str | None] = mapped_column(String(12), index=True)
    material_no: Mapped[int | None]
    page: Mapped[int | None]


class ShownPage(Base):
    """A page of a case that was sent to a person in full size, for the first time.

    `component_id` 0 is a form that the archive draws.
    """

    __tablename__ = "shown_pages"
    __table_args__ = (
        UniqueConstraint(
            "case_id",
            "revision",
            "account",
            "material_no",
            "component_id",
            "page",
            name="uq_shown_pages_page",
        ),
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    revision: Mapped[int]
    account: Mapped[str] = mapped_column(String(64))
    material_no: Mapped[int]
    component_id: Mapped[int]
    page: Mapped[int]
    at: Mapped[datetime]
