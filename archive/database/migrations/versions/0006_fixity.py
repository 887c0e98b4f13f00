"""what the fixity checks found, which packages lie in the second store, and the runs of the periodic compile."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


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
    op.create_table(
        "period_runs",
        sa.Column("id", key, nullable=False),
        sa.Column("fonds", sa.String(length=4), nullable=False),
        sa.Column("series", sa.String(length=2), nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("register", sa.String(length=200), nullable=True),
        sa.Column("register_sha256", sa.String(length=64), nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_period_runs")),
        sa.UniqueConstraint("fonds", "series", "period", name=op.f("uq_period_runs_fonds_series_period")),
    )
