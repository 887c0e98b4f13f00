"""files captured at the window, the order of pages, who sits at which case, and refused packages that were given back."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Apply."""
    key, moment = sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.DateTime(timezone=True)
    op.create_table(
        "captured_files",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("org", sa.String(length=12), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("station", sa.String(length=60), nullable=False),
        sa.Column("operator", sa.String(length=60), nullable=False),
        sa.Column("dpi", sa.Integer(), nullable=False),
        sa.Column("captured_at", moment, nullable=False),
        sa.Column("case_no", sa.String(length=64), nullable=True),
        sa.Column("material_no", sa.Integer(), nullable=True),
        sa.Column("material", sa.String(length=200), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("of", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("media_type", sa.String(length=64), nullable=True),
        sa.Column("pieces", sa.JSON(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("arrival_id", key, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["arrival_id"], ["arrivals.id"], name=op.f("fk_captured_files_arrival_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_captured_files")),
    )
    for column in ("org", "sha256", "state", "case_no"):
        op.create_index(op.f(f"ix_captured_files_{column}"), "captured_files", [column], unique=False)
    op.create_table(
        "page_orders",
        sa.Column("id", key, nullable=False),
        sa.Column("case_id", key, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("material_no", sa.Integer(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("leaves", sa.JSON(), nullable=False),
        sa.Column("changed_by", sa.String(length=64), nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_page_orders_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page_orders")),
        sa.UniqueConstraint("case_id", "revision", "material_no", name=op.f("uq_page_orders_case_id_revision_material_no")),
    )
    op.create_table(
        "presences",
        sa.Column("id", key, nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("seen_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presences")),
        sa.UniqueConstraint("subject", "account", name=op.f("uq_presences_subject_account")),
    )
    op.add_column("deliveries", sa.Column("returned_at", moment, nullable=True))
