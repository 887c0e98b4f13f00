"""the feed that the search index follows."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "index_feed",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("volume_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["volume_id"], ["volumes.id"], name=op.f("fk_index_feed_volume_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_index_feed")),
    )
    op.create_index(op.f("ix_index_feed_volume_id"), "index_feed", ["volume_id"], unique=False)
