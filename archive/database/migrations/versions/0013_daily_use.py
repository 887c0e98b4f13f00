"""the key of each entry of the blind index, and what each account was shown on each day."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0006"


def upgrade() -> None:
    """Apply."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    # What was there before keys had names stands under the first.
    with op.batch_alter_table("blind_index") as table:
        table.add_column(sa.Column("key", sa.String(length=8), nullable=False, server_default="b1"))
    with op.batch_alter_table("blind_index") as table:
        table.alter_column("key", server_default=None)
        table.create_index(op.f("ix_blind_index_key"), ["key"], unique=False)
    op.create_table(
        "daily_uses",
        sa.Column("id", key, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("content", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_daily_uses")),
        sa.UniqueConstraint("account", "day", name=op.f("uq_daily_uses_account_day")),
    )
    op.create_index(op.f("ix_daily_uses_day"), "daily_uses", ["day"], unique=False)
