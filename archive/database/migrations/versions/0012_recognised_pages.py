"""scanned pages to be read, and where their text lies."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0017"


def upgrade() -> None:
    """Apply."""
    key, moment = sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.DateTime(timezone=True)
    op.create_table(
        "recognised_pages",
        sa.Column("id", key, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=100), nullable=True),
        sa.Column("lease_token", sa.Integer(), nullable=False),
        sa.Column("lease_until", moment, nullable=True),
        sa.Column("text_sha256", sa.String(length=64), nullable=True),
        sa.Column("engine", sa.String(length=40), nullable=True),
        sa.Column("engine_version", sa.String(length=40), nullable=True),
        sa.Column("characters", sa.Integer(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("recognised_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recognised_pages")),
        sa.UniqueConstraint("sha256", "page", name=op.f("uq_recognised_pages_sha256_page")),
    )
