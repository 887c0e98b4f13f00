"""what comes from the sources and gathers under its case number; hashes of the pages held."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    key, moment = sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.DateTime(timezone=True)
    op.create_table(
        "sources",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("cursor", sa.String(length=200), nullable=False),
        sa.Column("fetched", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_at", moment, nullable=True),
        sa.Column("succeeded_at", moment, nullable=True),
        sa.Column("not_before", moment, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sources")),
    )
    op.create_table(
        "arrivals",
        sa.Column("id", key, nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("notice", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("fetched_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arrivals")),
        sa.UniqueConstraint("source", "notice", name=op.f("uq_arrivals_source_notice")),
    )
    op.create_index(op.f("ix_arrivals_sha256"), "arrivals", ["sha256"], unique=False)
    op.create_table(
        "gathered_cases",
        sa.Column("id", key, nullable=False),
        sa.Column("arrival_id", key, nullable=False),
        sa.Column("case_no", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("packages", sa.Integer(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("changed_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["arrival_id"], ["arrivals.id"], name=op.f("fk_gathered_cases_arrival_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gathered_cases")),
        sa.UniqueConstraint("case_no", "digest", name=op.f("uq_gathered_cases_case_no_digest")),
    )
    op.create_index(op.f("ix_gathered_cases_case_no"), "gathered_cases", ["case_no"], unique=False)
    op.create_index(op.f("ix_gathered_cases_state"), "gathered_cases", ["state"], unique=False)
    op.create_table(
        "gathered_materials",
        sa.Column("id", key, nullable=False),
        sa.Column("arrival_id", key, nullable=False),
        sa.Column("case_no", sa.String(length=64), nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("stated", sa.JSON(), nullable=False),
        sa.Column("used_in", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["arrival_id"], ["arrivals.id"], name=op.f("fk_gathered_materials_arrival_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gathered_materials")),
        sa.UniqueConstraint("case_no", "no", "digest", name=op.f("uq_gathered_materials_case_no_no_digest")),
    )
    op.create_index(op.f("ix_gathered_materials_case_no"), "gathered_materials", ["case_no"], unique=False)
    op.create_table(
        "page_prints",
        sa.Column("id", key, nullable=False),
        sa.Column("case_id", key, nullable=False),
        sa.Column("material_no", sa.Integer(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("bits", sa.LargeBinary(length=64), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_page_prints_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page_prints")),
    )
    op.create_index(op.f("ix_page_prints_case_id"), "page_prints", ["case_id"], unique=False)
    op.create_table(
        "page_bands",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("print_id", key, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["print_id"], ["page_prints.id"], name=op.f("fk_page_bands_print_id")),
        sa.PrimaryKeyConstraint("key", "print_id", name=op.f("pk_page_bands")),
        sqlite_with_rowid=False,
    )
