"""How many ID and telephone numbers each account looked for on a day."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the count, which begins at 0."""
    op.add_column(
        "daily_uses", sa.Column("numbers", sa.Integer(), nullable=False, server_default="0")
    )
