"""Tables of preservation: fixity checks, the place of the scrub, and replicas."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.base import Base, Id


class FixityCheck(Base):
    """One check of one package in one store; rows are only added.

    Without a version it was a check of a planted canary.
    """

    __tablename__ = "fixity_checks"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    store: Mapped[str] = mapped_column(String(12))
    cycle: Mapped[int] = mapped_column(index=True)
    volume_version_id: Mapped[int | None] = mapped_column(
        ForeignKey("volume_versions.id"), index=True
    )
    outcome: Mapped[str] = mapped_column(String(12), index=True)
    objects: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)
    faults: Mapped[list[Any]]
    checked_at: Mapped[datetime]


class ScrubPlace(Base):
    """How far the scrub of a store came with what lies beside the packages.

    `after` is the key that was read last; it is empty when the last run read to the end.
    """

    __tablename__ = "scrub_places"
    store: Mapped[str] = mapped_column(String(12), primary_key=True)
    after: Mapped[str] = mapped_column(String(900))


class Replica(Base):
    """A package that is in the second store as well, each object read back from there."""

    __tablename__ = "replicas"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    volume_version_id: Mapped[int] = mapped_column(ForeignKey("volume_versions.id"), unique=True)
    objects: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)
    copied_at: Mapped[datetime]
