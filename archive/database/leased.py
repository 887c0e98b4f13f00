"""The columns by which one worker at a time has a row for itself (`archive.jobs.leases`)."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column


class Leased:
    """A mixin for rows under a lease: who has the row, until when, and the fencing token.

    The token grows with every claim, so that a worker whose lease ran out is known by an older one.
    """

    lease_owner: Mapped[str | None] = mapped_column(String(100))
    lease_token: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
