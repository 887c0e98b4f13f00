"""The reading room: accounts, logins, requests for use, certified copies, uploads, webhooks, repeated answers, blind index."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "accounts",
        sa.Column("id", key, nullable=False),
        sa.Column("login", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("officer_no", sa.String(length=32), nullable=True),
        sa.Column("org", sa.String(length=12), nullable=False),
        sa.Column("role", sa.String(length=24), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("secret_hash", sa.String(length=200), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("proposed_by", sa.String(length=64), nullable=False),
        sa.Column("approved_by", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("login", name=op.f("uq_accounts_login")),
    )
    for column in ("officer_no", "org", "role"):
        op.create_index(op.f(f"ix_accounts_{column}"), "accounts", [column], unique=False)
    op.create_table(
        "logins",
        sa.Column("id", key, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("account_id", key, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_logins_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logins")),
        sa.UniqueConstraint("digest", name=op.f("uq_logins_digest")),
    )
    for column in ("account_id", "expires_at"):
        op.create_index(op.f(f"ix_logins_{column}"), "logins", [column], unique=False)
    _use(key)
    _doors(key)
    op.create_table(
        "blind_index",
        sa.Column("id", key, nullable=False),
        sa.Column("case_id", key, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_blind_index_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blind_index")),
        sa.UniqueConstraint("case_id", "kind", "digest", name=op.f("uq_blind_index_case_id_kind_digest")),
    )
    _index("blind_index", "case_id", "digest")
    op.create_table(
        "case_actors",
        sa.Column("id", key, nullable=False),
        sa.Column("case_id", key, nullable=False),
        sa.Column("node", sa.String(length=12), nullable=False),
        sa.Column("actor_no", sa.String(length=64), nullable=False),
        sa.Column("org", sa.String(length=12), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_actors_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_actors")),
    )
    _index("case_actors", "case_id", "actor_no")


def _index(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)


def _use(key: sa.types.TypeEngine[int]) -> None:
    """Requests for use, and the copies certified upon them."""
    op.create_table(
        "usage_requests",
        sa.Column("id", key, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("org", sa.String(length=12), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("keeper", sa.String(length=12), nullable=False),
        sa.Column("capacity", sa.String(length=16), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("basis", sa.String(length=100), nullable=False),
        sa.Column("papers", sa.JSON(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_requests")),
    )
    _index("usage_requests", "account", "code", "keeper", "state")
    op.create_table(
        "certified_copies",
        sa.Column("id", key, nullable=False),
        sa.Column("check_code", sa.String(length=32), nullable=False),
        sa.Column("request_id", key, nullable=False),
        sa.Column("volume_id", key, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("issued_by", sa.String(length=12), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["usage_requests.id"], name=op.f("fk_certified_copies_request_id")),
        sa.ForeignKeyConstraint(["volume_id"], ["volumes.id"], name=op.f("fk_certified_copies_volume_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certified_copies")),
        sa.UniqueConstraint("check_code", name=op.f("uq_certified_copies_check_code")),
    )
    _index("certified_copies", "request_id")


def _doors(key: sa.types.TypeEngine[int]) -> None:
    """What goes through the station API."""
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("org", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("case_no", sa.String(length=64), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    _index("uploads", "account")
    op.create_table(
        "webhooks",
        sa.Column("id", key, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("org", sa.String(length=12), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    _index("webhooks", "account", "next_at")
    op.create_table(
        "idempotent_answers",
        sa.Column("id", key, nullable=False),
        sa.Column("key_digest", sa.String(length=64), nullable=False),
        sa.Column("request_digest", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotent_answers")),
        sa.UniqueConstraint("key_digest", name=op.f("uq_idempotent_answers_key_digest")),
    )
    _index("idempotent_answers", "created_at")
