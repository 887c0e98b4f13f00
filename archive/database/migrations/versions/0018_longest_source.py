"""Room for the longest name of a source: ONLINE_APPLICATION has 18 letters, and PostgreSQL, unlike SQLite, refused it."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0012"


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("case_sources") as table:
        table.alter_column("source", existing_type=sa.String(length=16), type_=sa.String(length=32), existing_nullable=False)
