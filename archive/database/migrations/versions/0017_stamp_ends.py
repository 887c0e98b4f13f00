"""until when the newest time-stamp of each version is good, and the algorithms that it rests on: what is due for renewal is found from rows."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Apply."""
    op.add_column("volume_versions", sa.Column("stamped_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("volume_versions", sa.Column("stamp_algorithm", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_volume_versions_stamped_until"), "volume_versions", ["stamped_until"], unique=False)
