"""Revisions of a case, and what a version of a volume is made from."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply; what is held already becomes the first revision of its case."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "case_revisions",
        sa.Column("id", key, nullable=False),
        sa.Column("case_id", key, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("snapshot", sa.JSON(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_revisions_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_revisions")),
        sa.UniqueConstraint("case_id", "revision", name=op.f("uq_case_revisions_case_id_revision")),
        sa.UniqueConstraint("case_id", "content_digest", name=op.f("uq_case_revisions_case_id_content_digest")),
    )
    op.create_index(op.f("ix_case_revisions_state"), "case_revisions", ["state"], unique=False)
    op.execute(
        "INSERT INTO case_revisions (case_id, revision, content_digest, state, facts, snapshot, findings, accepted_at) "
        "SELECT id, revision, content_digest, state, facts, snapshot, findings, accepted_at FROM cases"
    )
    op.add_column("volume_versions", sa.Column("origin", sa.String(length=12), nullable=False, server_default="CASE"))
