"""the desk: orders of certified copies, changes of accounts and of shipped tables, materials by source, and indexes for pages of 50,000 volumes."""

import sqlalchemy as sa
from alembic import op

from archive.accession.case_sources import sources_in
from archive.database.encryption import SealedJson

revision = "0015"
down_revision = "0014"
_AT_ONCE = 500
_INDEXES = {
    "ix_cases_accept_org": ("cases", "accept_org"),
    "ix_cases_counted": ("cases", "completed_at", "receive_org", "accept_org", "domicile_org", "item_code", "state"),
    "ix_cases_places": ("cases", "receive_org", "item_code", "accept_org", "domicile_org", "completed_at"),
    "ix_cases_queue": ("cases", "state", "completed_at", "case_no"),
    "ix_volumes_spans": ("volumes", "series", "fonds", "year", "term", "completed_at", "filing_org", "cross_org", "case_id"),
    "ix_volumes_listed": ("volumes", "series", "year", "code"),
    "ix_volume_versions_sums": ("volume_versions", "state", "lta_pending", "volume_id", "pages", "bytes"),
    "ix_volume_versions_newest": ("volume_versions", "state", "committed_at", "volume_id"),
    "ix_jobs_version_id": ("jobs", "version_id"),
    "ix_jobs_begun": ("jobs", "created_at", "state", "version_id", "ended_at"),
    "ix_journal_at": ("journal", "at"),
    "ix_journal_actor": ("journal", "actor"),
}


def upgrade() -> None:
    """Apply."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    at = sa.DateTime(timezone=True)
    op.add_column("accounts", sa.Column("must_change", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "account_changes",
        sa.Column("id", key, nullable=False),
        sa.Column("account_id", key, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("wanted", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("proposed_by", sa.String(length=64), nullable=False),
        sa.Column("proposed_at", at, nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", at, nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_account_changes_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_changes")),
    )
    op.create_table(
        "configured",
        sa.Column("id", key, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", at, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_configured")),
    )
    op.create_table(
        "copy_orders",
        sa.Column("id", key, nullable=False),
        sa.Column("request_id", key, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("step", sa.String(length=12), nullable=False),
        sa.Column("lease_owner", sa.String(length=100), nullable=True),
        sa.Column("lease_token", sa.Integer(), nullable=False),
        sa.Column("lease_until", at, nullable=True),
        sa.Column("copy_id", key, nullable=True),
        sa.Column("created_at", at, nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["usage_requests.id"], name=op.f("fk_copy_orders_request_id")),
        sa.ForeignKeyConstraint(["copy_id"], ["certified_copies.id"], name=op.f("fk_copy_orders_copy_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_copy_orders")),
    )
    for table, columns in {
        "account_changes": ("account_id", "state"),
        "configured": ("kind",),
        "copy_orders": ("request_id", "account"),
    }.items():
        for column in columns:
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
    op.add_column("jobs", sa.Column("version_id", sa.BigInteger(), nullable=True))
    op.execute("UPDATE jobs SET version_id = CAST(subject AS BIGINT) WHERE kind IN ('compile', 'timestamp', 'renew')")
    for name, (table, *names) in _INDEXES.items():
        op.create_index(op.f(name), table, list(names), unique=False, if_not_exists=True)
    _sources(key)


def _sources(key: sa.types.TypeEngine[int]) -> None:
    op.create_table(
        "case_sources",
        sa.Column("case_id", key, nullable=False, autoincrement=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("materials", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_sources_case_id")),
        sa.PrimaryKeyConstraint("case_id", "source", name=op.f("pk_case_sources")),
    )
    # Read through the type of the column, whose keys the engine carries: the facts are sealed.
    cases = sa.table("cases", sa.column("id", key), sa.column("facts", SealedJson()))
    counted = sa.table("case_sources", *(sa.column(name) for name in ("case_id", "source", "materials", "pages")))
    connection, after = op.get_bind(), 0
    while found := connection.execute(sa.select(cases).where(cases.c.id > after).order_by(cases.c.id).limit(_AT_ONCE)).all():
        rows = [
            {"case_id": case_id, "source": source, "materials": materials, "pages": pages}
            for case_id, facts in found
            for source, (materials, pages) in sources_in(facts).items()
        ]
        if rows:
            connection.execute(sa.insert(counted), rows)
        after = found[-1][0]
