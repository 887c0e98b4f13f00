"""Tables of use: requests, certified copies and their orders."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.base import Base, Id
from archive.database.leased import Leased
from archive.database.sealed_columns import SealedJson


class UsageRequest(Base):
    """利用申请 and its decision; once granted, it is the grant until `ends_at`.

    Its number, 利用单号, is made of year and id. `visitor` is who came to the desk, encrypted; None
    where an officer asks for the own business.
    """

    __tablename__ = "usage_requests"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account: Mapped[str] = mapped_column(String(64), index=True)
    org: Mapped[str] = mapped_column(String(12))
    code: Mapped[str] = mapped_column(String(40), index=True)
    keeper: Mapped[str] = mapped_column(String(12), index=True)
    capacity: Mapped[str] = mapped_column(String(16))
    scope: Mapped[str] = mapped_column(String(16))
    purpose: Mapped[str] = mapped_column(Text)
    basis: Mapped[str] = mapped_column(String(100))
    papers: Mapped[list[Any]]
    visitor: Mapped[dict[str, Any] | None] = mapped_column(SealedJson("usage_requests.visitor"))
    days: Mapped[int]
    state: Mapped[str] = mapped_column(String(12), index=True)
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(Text)
    ends_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class CertifiedCopy(Base):
    """出具的证明件: which pages of which version, for which request.

    Anyone may check it by `check_code`.
    """

    __tablename__ = "certified_copies"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    check_code: Mapped[str] = mapped_column(String(32), unique=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("usage_requests.id"), index=True)
    volume_id: Mapped[int] = mapped_column(ForeignKey("volumes.id"))
    version: Mapped[int]
    items: Mapped[list[Any]]
    pages: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    issued_by: Mapped[str] = mapped_column(String(12))
    made_at: Mapped[datetime]


class CopyOrder(Leased, Base):
    """A certified copy to be made: which items under which request.

    The lease fences the worker that makes it; `step` is how far it is.
    """

    __tablename__ = "copy_orders"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("usage_requests.id"), index=True)
    account: Mapped[str] = mapped_column(String(64), index=True)
    code: Mapped[str] = mapped_column(String(40))
    items: Mapped[list[Any]]
    step: Mapped[str] = mapped_column(String(12))
    copy_id: Mapped[int | None] = mapped_column(ForeignKey("certified_copies.id"))
    created_at: Mapped[datetime]
