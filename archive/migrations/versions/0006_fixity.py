"""what the fixity checks found, and which packages lie in the second store."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "fixity_checks",
        sa.Column("id", key, nullable=False),
        sa.Column("store", sa.String(length=12), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("volume_version_id", key, nullable=True),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("objects", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("faults", sa.JSON(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["volume_version_id"], ["volume_versions.id"], name=op.f("fk_fixity_checks_volume_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fixity_checks")),
    )
    for column in ("cycle", "volume_version_id", "outcome"):
        op.create_index(op.f(f"ix_fixity_checks_{column}"), "fixity_checks", [column], unique=False)
    op.create_table(
        "replicas",
        sa.Column("id", key, nullable=False),
        sa.Column("volume_version_id", key, nullable=False),
        sa.Column("objects", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("copied_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["volume_version_id"], ["volume_versions.id"], name=op.f("fk_replicas_volume_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replicas")),
        sa.UniqueConstraint("volume_version_id", name=op.f("uq_replicas_volume_version_id")),
    )
