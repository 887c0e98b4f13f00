"""The schema of the archive."""

import sqlalchemy as sa
from alembic import op

from archive.database.engine import append_only_triggers

revision = "0001"
down_revision = None
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", KEY, nullable=False),
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
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("login", name=op.f("uq_accounts_login")),
    )
    op.create_index(op.f("ix_accounts_officer_no"), "accounts", ["officer_no"], unique=False)
    op.create_index(op.f("ix_accounts_org"), "accounts", ["org"], unique=False)
    op.create_index(op.f("ix_accounts_role"), "accounts", ["role"], unique=False)


def _arrivals() -> None:
    op.create_table(
        "arrivals",
        sa.Column("id", KEY, nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("notice", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arrivals")),
        sa.UniqueConstraint("source", "notice", name=op.f("uq_arrivals_source_notice")),
    )
    op.create_index(op.f("ix_arrivals_sha256"), "arrivals", ["sha256"], unique=False)


def _cases() -> None:
    op.create_table(
        "cases",
        sa.Column("id", KEY, nullable=False),
        sa.Column("case_no", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("snapshot", sa.JSON(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("item_code", sa.String(length=32), nullable=False),
        sa.Column("item_version", sa.String(length=32), nullable=False),
        sa.Column("receive_org", sa.String(length=12), nullable=False),
        sa.Column("accept_org", sa.String(length=12), nullable=False),
        sa.Column("domicile_org", sa.String(length=12), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
        sa.UniqueConstraint("case_no", name=op.f("uq_cases_case_no")),
    )
    op.create_index(op.f("ix_cases_accept_org"), "cases", ["accept_org"], unique=False)
    op.create_index(op.f("ix_cases_completed_at"), "cases", ["completed_at"], unique=False)
    op.create_index(
        "ix_cases_counted",
        "cases",
        ["completed_at", "receive_org", "accept_org", "domicile_org", "item_code", "state"],
        unique=False,
    )
    op.create_index(op.f("ix_cases_domicile_org"), "cases", ["domicile_org"], unique=False)
    op.create_index(op.f("ix_cases_item_code"), "cases", ["item_code"], unique=False)
    op.create_index(
        "ix_cases_places",
        "cases",
        ["receive_org", "item_code", "accept_org", "domicile_org", "completed_at"],
        unique=False,
    )
    op.create_index("ix_cases_queue", "cases", ["state", "completed_at", "case_no"], unique=False)
    op.create_index(op.f("ix_cases_receive_org"), "cases", ["receive_org"], unique=False)
    op.create_index(op.f("ix_cases_state"), "cases", ["state"], unique=False)


def _configured() -> None:
    op.create_table(
        "configured",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_configured")),
    )
    op.create_index(op.f("ix_configured_kind"), "configured", ["kind"], unique=False)


def _daily_uses() -> None:
    op.create_table(
        "daily_uses",
        sa.Column("id", KEY, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("content", sa.Integer(), nullable=False),
        sa.Column("numbers", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_daily_uses")),
        sa.UniqueConstraint("account", "day", name=op.f("uq_daily_uses_account_day")),
    )
    op.create_index(op.f("ix_daily_uses_day"), "daily_uses", ["day"], unique=False)


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", KEY, nullable=False),
        sa.Column("bag", sa.String(length=300), nullable=False),
        sa.Column("case_no", sa.String(length=64), nullable=True),
        sa.Column("sender", sa.String(length=12), nullable=True),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("quarantine_prefix", sa.String(length=200), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index(op.f("ix_deliveries_case_no"), "deliveries", ["case_no"], unique=False)
    op.create_index(
        op.f("ix_deliveries_content_digest"), "deliveries", ["content_digest"], unique=False
    )
    op.create_index(op.f("ix_deliveries_outcome"), "deliveries", ["outcome"], unique=False)
    op.create_index(op.f("ix_deliveries_sender"), "deliveries", ["sender"], unique=False)


def _duties() -> None:
    op.create_table(
        "duties",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("turn", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("lease_owner", sa.String(length=100), nullable=True),
        sa.Column("lease_token", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_duties")),
    )


def _idempotent_answers() -> None:
    op.create_table(
        "idempotent_answers",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key_digest", sa.String(length=64), nullable=False),
        sa.Column("request_digest", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotent_answers")),
        sa.UniqueConstraint("key_digest", name=op.f("uq_idempotent_answers_key_digest")),
    )
    op.create_index(
        op.f("ix_idempotent_answers_created_at"), "idempotent_answers", ["created_at"], unique=False
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=True),
        sa.Column("version_id", sa.BigInteger(), nullable=True),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("page_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("begun", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_owner", sa.String(length=100), nullable=True),
        sa.Column("lease_token", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("kind", "subject", name=op.f("uq_jobs_kind_subject")),
        sa.UniqueConstraint("version_id", name=op.f("uq_jobs_version_id")),
        sa.UniqueConstraint("order_id", name=op.f("uq_jobs_order_id")),
        sa.UniqueConstraint("page_id", name=op.f("uq_jobs_page_id")),
    )
    op.create_index(
        "ix_jobs_begun", "jobs", ["created_at", "state", "version_id", "ended_at"], unique=False
    )
    op.create_index(op.f("ix_jobs_state"), "jobs", ["state"], unique=False)


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("seq", KEY, autoincrement=False, nullable=False),
        sa.Column("at", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("act", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_journal")),
    )
    op.create_index(op.f("ix_journal_act"), "journal", ["act"], unique=False)
    op.create_index(op.f("ix_journal_actor"), "journal", ["actor"], unique=False)
    op.create_index(op.f("ix_journal_at"), "journal", ["at"], unique=False)
    op.create_index(op.f("ix_journal_subject"), "journal", ["subject"], unique=False)


def _number_counters() -> None:
    op.create_table(
        "number_counters",
        sa.Column("fonds", sa.String(length=4), nullable=False),
        sa.Column("series", sa.String(length=2), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("term", sa.String(length=3), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("fonds", "series", "year", "term", name=op.f("pk_number_counters")),
    )


def _period_runs() -> None:
    op.create_table(
        "period_runs",
        sa.Column("id", KEY, nullable=False),
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
        sa.UniqueConstraint(
            "fonds", "series", "period", name=op.f("uq_period_runs_fonds_series_period")
        ),
    )


def _presences() -> None:
    op.create_table(
        "presences",
        sa.Column("id", KEY, nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presences")),
        sa.UniqueConstraint("subject", "account", name=op.f("uq_presences_subject_account")),
    )


def _recognised_pages() -> None:
    op.create_table(
        "recognised_pages",
        sa.Column("id", KEY, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=100), nullable=True),
        sa.Column("lease_token", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("text_sha256", sa.String(length=64), nullable=True),
        sa.Column("engine", sa.String(length=40), nullable=True),
        sa.Column("engine_version", sa.String(length=40), nullable=True),
        sa.Column("characters", sa.Integer(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("recognised_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recognised_pages")),
        sa.UniqueConstraint("sha256", "page", name=op.f("uq_recognised_pages_sha256_page")),
    )


def _sources() -> None:
    op.create_table(
        "sources",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("cursor", sa.String(length=200), nullable=False),
        sa.Column("fetched", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sources")),
    )


def _uploads() -> None:
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
    op.create_index(op.f("ix_uploads_account"), "uploads", ["account"], unique=False)


def _usage_requests() -> None:
    op.create_table(
        "usage_requests",
        sa.Column("id", KEY, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("org", sa.String(length=12), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("keeper", sa.String(length=12), nullable=False),
        sa.Column("capacity", sa.String(length=16), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("basis", sa.String(length=100), nullable=False),
        sa.Column("papers", sa.JSON(), nullable=False),
        sa.Column("visitor", sa.JSON(), nullable=True),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_requests")),
    )
    op.create_index(op.f("ix_usage_requests_account"), "usage_requests", ["account"], unique=False)
    op.create_index(op.f("ix_usage_requests_code"), "usage_requests", ["code"], unique=False)
    op.create_index(op.f("ix_usage_requests_keeper"), "usage_requests", ["keeper"], unique=False)
    op.create_index(op.f("ix_usage_requests_state"), "usage_requests", ["state"], unique=False)


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", KEY, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("org", sa.String(length=12), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("notice_cursor", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_owner", sa.String(length=100), nullable=True),
        sa.Column("lease_token", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_index(op.f("ix_webhooks_account"), "webhooks", ["account"], unique=False)
    op.create_index(op.f("ix_webhooks_next_at"), "webhooks", ["next_at"], unique=False)


def _kept_views() -> None:
    op.create_table(
        "kept_views",
        sa.Column("id", KEY, nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("pages", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_views")),
        sa.UniqueConstraint("token", name=op.f("uq_kept_views_token")),
    )
    op.create_index(op.f("ix_kept_views_account"), "kept_views", ["account"], unique=False)
    op.create_index(op.f("ix_kept_views_created_at"), "kept_views", ["created_at"], unique=False)


def _saved_searches() -> None:
    op.create_table(
        "saved_searches",
        sa.Column("id", KEY, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("sort", sa.String(length=12), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_searches")),
    )
    op.create_index(op.f("ix_saved_searches_account"), "saved_searches", ["account"], unique=False)


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("id", KEY, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=True),
        sa.Column("org", sa.String(length=12), nullable=True),
        sa.Column("act", sa.String(length=24), nullable=True),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("topic", sa.String(length=12), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
    )
    for column in ("account", "org", "subject"):
        op.create_index(op.f(f"ix_notices_{column}"), "notices", [column], unique=False)
    op.create_table(
        "notice_readers",
        sa.Column("id", KEY, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("read_to", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_readers")),
        sa.UniqueConstraint("account", name=op.f("uq_notice_readers_account")),
    )


def _account_changes() -> None:
    op.create_table(
        "account_changes",
        sa.Column("id", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("wanted", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("proposed_by", sa.String(length=64), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_account_changes_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_changes")),
    )
    op.create_index(
        op.f("ix_account_changes_account_id"), "account_changes", ["account_id"], unique=False
    )
    op.create_index(op.f("ix_account_changes_state"), "account_changes", ["state"], unique=False)


def _blind_index() -> None:
    op.create_table(
        "blind_index",
        sa.Column("id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_blind_index_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blind_index")),
        sa.UniqueConstraint(
            "case_id", "kind", "digest", name=op.f("uq_blind_index_case_id_kind_digest")
        ),
    )
    op.create_index(op.f("ix_blind_index_case_id"), "blind_index", ["case_id"], unique=False)
    op.create_index(op.f("ix_blind_index_digest"), "blind_index", ["digest"], unique=False)
    op.create_index(op.f("ix_blind_index_key"), "blind_index", ["key"], unique=False)


def _captured_files() -> None:
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
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("case_no", sa.String(length=64), nullable=True),
        sa.Column("material_no", sa.Integer(), nullable=True),
        sa.Column("material", sa.String(length=200), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("of", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("media_type", sa.String(length=64), nullable=True),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("hints", sa.JSON(), nullable=False),
        sa.Column("part_of", sa.String(length=32), nullable=True),
        sa.Column("first_page", sa.Integer(), nullable=False),
        sa.Column("pieces", sa.JSON(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("arrival_id", KEY, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["arrival_id"], ["arrivals.id"], name=op.f("fk_captured_files_arrival_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_captured_files")),
    )
    op.create_index(op.f("ix_captured_files_case_no"), "captured_files", ["case_no"], unique=False)
    op.create_index(op.f("ix_captured_files_org"), "captured_files", ["org"], unique=False)
    op.create_index(op.f("ix_captured_files_sha256"), "captured_files", ["sha256"], unique=False)
    op.create_index(op.f("ix_captured_files_state"), "captured_files", ["state"], unique=False)


def _case_actors() -> None:
    op.create_table(
        "case_actors",
        sa.Column("id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("node", sa.String(length=12), nullable=False),
        sa.Column("actor_no", sa.String(length=64), nullable=False),
        sa.Column("org", sa.String(length=12), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_actors_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_actors")),
    )
    op.create_index(op.f("ix_case_actors_actor_no"), "case_actors", ["actor_no"], unique=False)
    op.create_index(op.f("ix_case_actors_case_id"), "case_actors", ["case_id"], unique=False)


def _case_revisions() -> None:
    op.create_table(
        "case_revisions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("snapshot", sa.JSON(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_revisions_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_revisions")),
        sa.UniqueConstraint(
            "case_id", "content_digest", name=op.f("uq_case_revisions_case_id_content_digest")
        ),
        sa.UniqueConstraint("case_id", "revision", name=op.f("uq_case_revisions_case_id_revision")),
    )
    op.create_index(op.f("ix_case_revisions_state"), "case_revisions", ["state"], unique=False)


def _case_sources() -> None:
    op.create_table(
        "case_sources",
        sa.Column("case_id", KEY, autoincrement=False, nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("materials", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_sources_case_id")),
        sa.PrimaryKeyConstraint("case_id", "source", name=op.f("pk_case_sources")),
    )


def _components() -> None:
    op.create_table(
        "components",
        sa.Column("id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("material_no", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(length=1024), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_components_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_components")),
        sa.UniqueConstraint(
            "case_id", "revision", "path", name=op.f("uq_components_case_id_revision_path")
        ),
    )
    op.create_index(op.f("ix_components_case_id"), "components", ["case_id"], unique=False)
    op.create_index(op.f("ix_components_sha256"), "components", ["sha256"], unique=False)


def _gathered_cases() -> None:
    op.create_table(
        "gathered_cases",
        sa.Column("id", KEY, nullable=False),
        sa.Column("arrival_id", KEY, nullable=False),
        sa.Column("case_no", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("packages", sa.Integer(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["arrival_id"], ["arrivals.id"], name=op.f("fk_gathered_cases_arrival_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gathered_cases")),
        sa.UniqueConstraint("case_no", "digest", name=op.f("uq_gathered_cases_case_no_digest")),
    )
    op.create_index(op.f("ix_gathered_cases_case_no"), "gathered_cases", ["case_no"], unique=False)
    op.create_index(op.f("ix_gathered_cases_state"), "gathered_cases", ["state"], unique=False)


def _gathered_materials() -> None:
    op.create_table(
        "gathered_materials",
        sa.Column("id", KEY, nullable=False),
        sa.Column("arrival_id", KEY, nullable=False),
        sa.Column("case_no", sa.String(length=64), nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("stated", sa.JSON(), nullable=False),
        sa.Column("used_in", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["arrival_id"], ["arrivals.id"], name=op.f("fk_gathered_materials_arrival_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gathered_materials")),
        sa.UniqueConstraint(
            "case_no", "no", "digest", name=op.f("uq_gathered_materials_case_no_no_digest")
        ),
    )
    op.create_index(
        op.f("ix_gathered_materials_case_no"), "gathered_materials", ["case_no"], unique=False
    )


def _logins() -> None:
    op.create_table(
        "logins",
        sa.Column("id", KEY, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_logins_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logins")),
        sa.UniqueConstraint("digest", name=op.f("uq_logins_digest")),
    )
    op.create_index(op.f("ix_logins_account_id"), "logins", ["account_id"], unique=False)
    op.create_index(op.f("ix_logins_expires_at"), "logins", ["expires_at"], unique=False)


def _login_attempts() -> None:
    op.create_table(
        "login_attempts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_login_attempts_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_attempts")),
        sa.UniqueConstraint(
            "account_id", "address", name=op.f("uq_login_attempts_account_id_address")
        ),
    )
    op.create_index(op.f("ix_login_attempts_last_at"), "login_attempts", ["last_at"], unique=False)


def _page_orders() -> None:
    op.create_table(
        "page_orders",
        sa.Column("id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("material_no", sa.Integer(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("leaves", sa.JSON(), nullable=False),
        sa.Column("changed_by", sa.String(length=64), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_page_orders_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page_orders")),
        sa.UniqueConstraint(
            "case_id",
            "revision",
            "material_no",
            name=op.f("uq_page_orders_case_id_revision_material_no"),
        ),
    )


def _check_acts() -> None:
    op.create_table(
        "check_acts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("signatory", sa.String(length=200), nullable=False),
        sa.Column("org", sa.String(length=12), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("codes", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("to_account", sa.String(length=64), nullable=True),
        sa.Column("to_org", sa.String(length=12), nullable=True),
        sa.Column("material_no", sa.Integer(), nullable=True),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_check_acts_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_acts")),
    )
    op.create_index("ix_check_acts_case", "check_acts", ["case_id", "kind"], unique=False)
    op.create_index(op.f("ix_check_acts_to_account"), "check_acts", ["to_account"], unique=False)
    op.create_index(op.f("ix_check_acts_to_org"), "check_acts", ["to_org"], unique=False)


def _shown_pages() -> None:
    op.create_table(
        "shown_pages",
        sa.Column("id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("material_no", sa.Integer(), nullable=False),
        sa.Column("component_id", KEY, nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_shown_pages_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shown_pages")),
        sa.UniqueConstraint(
            "case_id",
            "revision",
            "account",
            "material_no",
            "component_id",
            "page",
            name="uq_shown_pages_page",
        ),
    )


def _page_prints() -> None:
    op.create_table(
        "page_prints",
        sa.Column("id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("material_no", sa.Integer(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("bits", sa.LargeBinary(length=64), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_page_prints_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page_prints")),
    )
    op.create_index(op.f("ix_page_prints_case_id"), "page_prints", ["case_id"], unique=False)


def _volumes() -> None:
    op.create_table(
        "volumes",
        sa.Column("id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("fonds", sa.String(length=4), nullable=False),
        sa.Column("series", sa.String(length=2), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("term", sa.String(length=3), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("filing_org", sa.String(length=12), nullable=False),
        sa.Column("cross_fonds", sa.String(length=4), nullable=True),
        sa.Column("cross_series", sa.String(length=2), nullable=True),
        sa.Column("cross_org", sa.String(length=12), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("void_reason", sa.Text(), nullable=True),
        sa.Column("reserved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_volumes_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_volumes")),
        sa.UniqueConstraint("case_id", name=op.f("uq_volumes_case_id")),
        sa.UniqueConstraint("code", name=op.f("uq_volumes_code")),
        sa.UniqueConstraint(
            "fonds",
            "series",
            "year",
            "term",
            "number",
            name=op.f("uq_volumes_fonds_series_year_term_number"),
        ),
    )
    op.create_index(op.f("ix_volumes_completed_at"), "volumes", ["completed_at"], unique=False)
    op.create_index(op.f("ix_volumes_cross_org"), "volumes", ["cross_org"], unique=False)
    op.create_index(op.f("ix_volumes_filing_org"), "volumes", ["filing_org"], unique=False)
    op.create_index("ix_volumes_listed", "volumes", ["series", "year", "code"], unique=False)
    op.create_index(op.f("ix_volumes_series"), "volumes", ["series"], unique=False)
    op.create_index(
        "ix_volumes_spans",
        "volumes",
        ["series", "fonds", "year", "term", "completed_at", "filing_org", "cross_org", "case_id"],
        unique=False,
    )


def _certified_copies() -> None:
    op.create_table(
        "certified_copies",
        sa.Column("id", KEY, nullable=False),
        sa.Column("check_code", sa.String(length=32), nullable=False),
        sa.Column("request_id", KEY, nullable=False),
        sa.Column("volume_id", KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("issued_by", sa.String(length=12), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["usage_requests.id"], name=op.f("fk_certified_copies_request_id")
        ),
        sa.ForeignKeyConstraint(
            ["volume_id"], ["volumes.id"], name=op.f("fk_certified_copies_volume_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certified_copies")),
        sa.UniqueConstraint("check_code", name=op.f("uq_certified_copies_check_code")),
    )
    op.create_index(
        op.f("ix_certified_copies_request_id"), "certified_copies", ["request_id"], unique=False
    )


def _index_feed() -> None:
    op.create_table(
        "index_feed",
        sa.Column("id", KEY, nullable=False),
        sa.Column("volume_id", KEY, nullable=True),
        sa.Column("check_act_id", KEY, nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["check_act_id"], ["check_acts.id"], name=op.f("fk_index_feed_check_act_id")
        ),
        sa.ForeignKeyConstraint(
            ["volume_id"], ["volumes.id"], name=op.f("fk_index_feed_volume_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_index_feed")),
    )
    op.create_index(op.f("ix_index_feed_volume_id"), "index_feed", ["volume_id"], unique=False)


def _page_bands() -> None:
    op.create_table(
        "page_bands",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("print_id", KEY, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["print_id"], ["page_prints.id"], name=op.f("fk_page_bands_print_id")
        ),
        sa.PrimaryKeyConstraint("key", "print_id", name=op.f("pk_page_bands")),
        sqlite_with_rowid=False,
    )


def _volume_versions() -> None:
    op.create_table(
        "volume_versions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("volume_id", KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("case_revision", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("input_digest", sa.String(length=64), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("compiled_by", sa.String(length=200), nullable=True),
        sa.Column("lease_owner", sa.String(length=100), nullable=True),
        sa.Column("lease_token", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("inventory_sha256", sa.String(length=64), nullable=True),
        sa.Column("signature_level", sa.String(length=8), nullable=True),
        sa.Column("lta_pending", sa.Boolean(), nullable=False),
        sa.Column("stamped_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stamp_algorithm", sa.String(length=64), nullable=True),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["volume_id"], ["volumes.id"], name=op.f("fk_volume_versions_volume_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_volume_versions")),
        sa.UniqueConstraint(
            "volume_id", "version", name=op.f("uq_volume_versions_volume_id_version")
        ),
    )
    op.create_index(
        "ix_volume_versions_newest",
        "volume_versions",
        ["state", "committed_at", "volume_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_volume_versions_stamped_until"), "volume_versions", ["stamped_until"], unique=False
    )
    op.create_index(op.f("ix_volume_versions_state"), "volume_versions", ["state"], unique=False)
    op.create_index(
        "ix_volume_versions_sums",
        "volume_versions",
        ["state", "lta_pending", "volume_id", "pages", "bytes"],
        unique=False,
    )
    op.create_index(
        op.f("ix_volume_versions_volume_id"), "volume_versions", ["volume_id"], unique=False
    )


def _copy_orders() -> None:
    op.create_table(
        "copy_orders",
        sa.Column("id", KEY, nullable=False),
        sa.Column("request_id", KEY, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("step", sa.String(length=12), nullable=False),
        sa.Column("lease_owner", sa.String(length=100), nullable=True),
        sa.Column("lease_token", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("copy_id", KEY, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["copy_id"], ["certified_copies.id"], name=op.f("fk_copy_orders_copy_id")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["usage_requests.id"], name=op.f("fk_copy_orders_request_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_copy_orders")),
    )
    op.create_index(op.f("ix_copy_orders_account"), "copy_orders", ["account"], unique=False)
    op.create_index(op.f("ix_copy_orders_request_id"), "copy_orders", ["request_id"], unique=False)


def _print_orders() -> None:
    op.create_table(
        "print_orders",
        sa.Column("id", KEY, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("org", sa.String(length=12), nullable=False),
        sa.Column("choice", sa.JSON(), nullable=False),
        sa.Column("step", sa.String(length=12), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("documents", sa.JSON(), nullable=False),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_owner", sa.String(length=100), nullable=True),
        sa.Column("lease_token", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_print_orders")),
    )
    op.create_index(op.f("ix_print_orders_account"), "print_orders", ["account"], unique=False)
    op.create_index(op.f("ix_print_orders_step"), "print_orders", ["step"], unique=False)


def _fixity_checks() -> None:
    op.create_table(
        "fixity_checks",
        sa.Column("id", KEY, nullable=False),
        sa.Column("store", sa.String(length=12), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("volume_version_id", KEY, nullable=True),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("objects", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("faults", sa.JSON(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["volume_version_id"],
            ["volume_versions.id"],
            name=op.f("fk_fixity_checks_volume_version_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fixity_checks")),
    )
    op.create_index(op.f("ix_fixity_checks_cycle"), "fixity_checks", ["cycle"], unique=False)
    op.create_index(op.f("ix_fixity_checks_outcome"), "fixity_checks", ["outcome"], unique=False)
    op.create_index(
        op.f("ix_fixity_checks_volume_version_id"),
        "fixity_checks",
        ["volume_version_id"],
        unique=False,
    )


def _scrub_places() -> None:
    op.create_table(
        "scrub_places",
        sa.Column("store", sa.String(length=12), nullable=False),
        sa.Column("after", sa.String(length=900), nullable=False),
        sa.PrimaryKeyConstraint("store", name=op.f("pk_scrub_places")),
    )


def _replicas() -> None:
    op.create_table(
        "replicas",
        sa.Column("id", KEY, nullable=False),
        sa.Column("volume_version_id", KEY, nullable=False),
        sa.Column("objects", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("copied_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["volume_version_id"],
            ["volume_versions.id"],
            name=op.f("fk_replicas_volume_version_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replicas")),
        sa.UniqueConstraint("volume_version_id", name=op.f("uq_replicas_volume_version_id")),
    )


def _steps() -> None:
    op.create_table(
        "steps",
        sa.Column("id", KEY, nullable=False),
        sa.Column("volume_version_id", KEY, nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("input_digest", sa.String(length=64), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["volume_version_id"], ["volume_versions.id"], name=op.f("fk_steps_volume_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steps")),
        sa.UniqueConstraint(
            "volume_version_id",
            "step",
            "input_digest",
            name=op.f("uq_steps_volume_version_id_step_input_digest"),
        ),
    )
    op.create_index(
        op.f("ix_steps_volume_version_id"), "steps", ["volume_version_id"], unique=False
    )


def _paper_box_counters() -> None:
    op.create_table(
        "paper_box_counters",
        sa.Column("org", sa.String(length=12), nullable=False),
        sa.Column("fonds", sa.String(length=4), nullable=False),
        sa.Column("series", sa.String(length=2), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "org", "fonds", "series", "year", name=op.f("pk_paper_box_counters")
        ),
    )


def _paper_boxes() -> None:
    op.create_table(
        "paper_boxes",
        sa.Column("id", KEY, nullable=False),
        sa.Column("org", sa.String(length=12), nullable=False),
        sa.Column("fonds", sa.String(length=4), nullable=False),
        sa.Column("series", sa.String(length=2), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("spine_mm", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_boxes")),
        sa.UniqueConstraint(
            "org",
            "fonds",
            "series",
            "year",
            "number",
            name=op.f("uq_paper_boxes_org_fonds_series_year_number"),
        ),
    )


def _paper_handovers() -> None:
    op.create_table(
        "paper_handovers",
        sa.Column("id", KEY, nullable=False),
        sa.Column("from_org", sa.String(length=12), nullable=False),
        sa.Column("to_org", sa.String(length=12), nullable=True),
        sa.Column("to_name", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("opened_by", sa.String(length=64), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_by", sa.String(length=64), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.String(length=64), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_handovers")),
    )
    op.create_index(
        op.f("ix_paper_handovers_from_org"), "paper_handovers", ["from_org"], unique=False
    )
    op.create_index(op.f("ix_paper_handovers_to_org"), "paper_handovers", ["to_org"], unique=False)


def _paper_places() -> None:
    op.create_table(
        "paper_places",
        sa.Column("id", KEY, nullable=False),
        sa.Column("parent_id", KEY, nullable=True),
        sa.Column("org", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("path", sa.String(length=100), nullable=False),
        sa.Column("width_mm", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["paper_places.id"], name=op.f("fk_paper_places_parent_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_places")),
        sa.UniqueConstraint("parent_id", "name", name=op.f("uq_paper_places_parent_id_name")),
    )
    op.create_index(op.f("ix_paper_places_path"), "paper_places", ["path"], unique=False)
    op.create_index("ix_paper_places_rooms", "paper_places", ["org", "kind"], unique=False)


def _paper_stocktakes() -> None:
    op.create_table(
        "paper_stocktakes",
        sa.Column("id", KEY, nullable=False),
        sa.Column("place_id", KEY, nullable=False),
        sa.Column("org", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("expected_digest", sa.String(length=64), nullable=False),
        sa.Column("opened_by", sa.String(length=64), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by", sa.String(length=64), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["place_id"], ["paper_places.id"], name=op.f("fk_paper_stocktakes_place_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_stocktakes")),
    )
    op.create_index(op.f("ix_paper_stocktakes_org"), "paper_stocktakes", ["org"], unique=False)


def _paper_items() -> None:
    op.create_table(
        "paper_items",
        sa.Column("id", KEY, nullable=False),
        sa.Column("volume_id", KEY, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("station", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("materials", sa.JSON(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("thickness", sa.Integer(), nullable=False),
        sa.Column("condition", sa.String(length=12), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=True),
        sa.Column("registered_by", sa.String(length=64), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["volume_id"], ["volumes.id"], name=op.f("fk_paper_items_volume_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_items")),
        sa.UniqueConstraint(
            "volume_id", "revision", name=op.f("uq_paper_items_volume_id_revision")
        ),
    )
    op.create_index(op.f("ix_paper_items_station"), "paper_items", ["station"], unique=False)


def _paper_sessions() -> None:
    op.create_table(
        "paper_sessions",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("flow", sa.String(length=12), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("org", sa.String(length=12), nullable=False),
        sa.Column("stocktake_id", KEY, nullable=True),
        sa.Column("handover_id", KEY, nullable=True),
        sa.Column("box_id", KEY, nullable=True),
        sa.Column("place_id", KEY, nullable=True),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["box_id"], ["paper_boxes.id"], name=op.f("fk_paper_sessions_box_id")
        ),
        sa.ForeignKeyConstraint(
            ["handover_id"], ["paper_handovers.id"], name=op.f("fk_paper_sessions_handover_id")
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["paper_places.id"], name=op.f("fk_paper_sessions_place_id")
        ),
        sa.ForeignKeyConstraint(
            ["stocktake_id"], ["paper_stocktakes.id"], name=op.f("fk_paper_sessions_stocktake_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_sessions")),
    )
    op.create_index(op.f("ix_paper_sessions_account"), "paper_sessions", ["account"], unique=False)


def _paper_tasks() -> None:
    op.create_table(
        "paper_tasks",
        sa.Column("id", KEY, nullable=False),
        sa.Column("volume_id", KEY, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("station", sa.String(length=12), nullable=False),
        sa.Column("materials", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_by", sa.String(length=64), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["volume_id"], ["volumes.id"], name=op.f("fk_paper_tasks_volume_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_tasks")),
        sa.UniqueConstraint(
            "volume_id", "revision", name=op.f("uq_paper_tasks_volume_id_revision")
        ),
    )
    op.create_index(
        "ix_paper_tasks_waiting", "paper_tasks", ["state", "station", "id"], unique=False
    )


def _paper_checks() -> None:
    op.create_table(
        "paper_checks",
        sa.Column("id", KEY, nullable=False),
        sa.Column("item_id", KEY, nullable=False),
        sa.Column("paper_pages", sa.Integer(), nullable=False),
        sa.Column("electronic_pages", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("checked_by", sa.String(length=64), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"], ["paper_items.id"], name=op.f("fk_paper_checks_item_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_checks")),
    )
    op.create_index(op.f("ix_paper_checks_item_id"), "paper_checks", ["item_id"], unique=False)


def _paper_expectations() -> None:
    op.create_table(
        "paper_expectations",
        sa.Column("stocktake_id", KEY, autoincrement=False, nullable=False),
        sa.Column("item_id", KEY, autoincrement=False, nullable=False),
        sa.Column("box_id", KEY, nullable=False),
        sa.Column("place_id", KEY, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("lent", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["box_id"], ["paper_boxes.id"], name=op.f("fk_paper_expectations_box_id")
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["paper_items.id"], name=op.f("fk_paper_expectations_item_id")
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["paper_places.id"], name=op.f("fk_paper_expectations_place_id")
        ),
        sa.ForeignKeyConstraint(
            ["stocktake_id"],
            ["paper_stocktakes.id"],
            name=op.f("fk_paper_expectations_stocktake_id"),
        ),
        sa.PrimaryKeyConstraint("stocktake_id", "item_id", name=op.f("pk_paper_expectations")),
    )


def _paper_handover_entries() -> None:
    op.create_table(
        "paper_handover_entries",
        sa.Column("handover_id", KEY, autoincrement=False, nullable=False),
        sa.Column("item_id", KEY, autoincrement=False, nullable=False),
        sa.Column("box_id", KEY, nullable=True),
        sa.Column("boxed", sa.Boolean(), nullable=False),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("difference", sa.String(length=8), nullable=True),
        sa.ForeignKeyConstraint(
            ["box_id"], ["paper_boxes.id"], name=op.f("fk_paper_handover_entries_box_id")
        ),
        sa.ForeignKeyConstraint(
            ["handover_id"],
            ["paper_handovers.id"],
            name=op.f("fk_paper_handover_entries_handover_id"),
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["paper_items.id"], name=op.f("fk_paper_handover_entries_item_id")
        ),
        sa.PrimaryKeyConstraint("handover_id", "item_id", name=op.f("pk_paper_handover_entries")),
    )


def _paper_loans() -> None:
    op.create_table(
        "paper_loans",
        sa.Column("id", KEY, nullable=False),
        sa.Column("item_id", KEY, nullable=False),
        sa.Column("org", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("borrower", sa.JSON(), nullable=False),
        sa.Column("borrower_unit", sa.String(length=100), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("basis", sa.String(length=100), nullable=False),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("requested_by", sa.String(length=64), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("renewals", sa.Integer(), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["item_id"], ["paper_items.id"], name=op.f("fk_paper_loans_item_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_loans")),
    )
    op.create_index(op.f("ix_paper_loans_item_id"), "paper_loans", ["item_id"], unique=False)
    op.create_index(
        "ix_paper_loans_listed", "paper_loans", ["state", "org", "due_at"], unique=False
    )


def _paper_scans() -> None:
    op.create_table(
        "paper_scans",
        sa.Column("id", KEY, nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("fault", sa.String(length=16), nullable=True),
        sa.Column("message", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=200), nullable=False),
        sa.Column("item_id", KEY, nullable=True),
        sa.Column("box_id", KEY, nullable=True),
        sa.Column("place_id", KEY, nullable=True),
        sa.Column("stocktake_id", KEY, nullable=True),
        sa.Column("scanned_by", sa.String(length=64), nullable=False),
        sa.Column("scanned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["box_id"], ["paper_boxes.id"], name=op.f("fk_paper_scans_box_id")),
        sa.ForeignKeyConstraint(
            ["item_id"], ["paper_items.id"], name=op.f("fk_paper_scans_item_id")
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["paper_places.id"], name=op.f("fk_paper_scans_place_id")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["paper_sessions.id"], name=op.f("fk_paper_scans_session_id")
        ),
        sa.ForeignKeyConstraint(
            ["stocktake_id"], ["paper_stocktakes.id"], name=op.f("fk_paper_scans_stocktake_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_scans")),
        sa.UniqueConstraint("session_id", "seq", name=op.f("uq_paper_scans_session_id_seq")),
    )
    op.create_index(
        "ix_paper_scans_counted", "paper_scans", ["stocktake_id", "item_id", "id"], unique=False
    )


def _paper_loan_decisions() -> None:
    op.create_table(
        "paper_loan_decisions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("loan_id", KEY, nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["loan_id"], ["paper_loans.id"], name=op.f("fk_paper_loan_decisions_loan_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_loan_decisions")),
        sa.UniqueConstraint(
            "loan_id", "decided_by", name=op.f("uq_paper_loan_decisions_loan_id_decided_by")
        ),
    )


def _paper_moves() -> None:
    op.create_table(
        "paper_moves",
        sa.Column("id", KEY, nullable=False),
        sa.Column("item_id", KEY, nullable=True),
        sa.Column("moved_box_id", KEY, nullable=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("org", sa.String(length=12), nullable=False),
        sa.Column("box_id", KEY, nullable=True),
        sa.Column("place_id", KEY, nullable=True),
        sa.Column("loan_id", KEY, nullable=True),
        sa.Column("handover_id", KEY, nullable=True),
        sa.Column("scan_session", sa.String(length=32), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("moved_by", sa.String(length=64), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["box_id"], ["paper_boxes.id"], name=op.f("fk_paper_moves_box_id")),
        sa.ForeignKeyConstraint(
            ["handover_id"], ["paper_handovers.id"], name=op.f("fk_paper_moves_handover_id")
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["paper_items.id"], name=op.f("fk_paper_moves_item_id")
        ),
        sa.ForeignKeyConstraint(
            ["loan_id"], ["paper_loans.id"], name=op.f("fk_paper_moves_loan_id")
        ),
        sa.ForeignKeyConstraint(
            ["moved_box_id"], ["paper_boxes.id"], name=op.f("fk_paper_moves_moved_box_id")
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["paper_places.id"], name=op.f("fk_paper_moves_place_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_moves")),
        sa.UniqueConstraint("item_id", "seq", name=op.f("uq_paper_moves_item_id_seq")),
        sa.UniqueConstraint("moved_box_id", "seq", name=op.f("uq_paper_moves_moved_box_id_seq")),
    )
    op.create_index(
        "ix_paper_moves_boxes", "paper_moves", ["box_id", "item_id", "seq"], unique=False
    )
    op.create_index(
        "ix_paper_moves_holders", "paper_moves", ["org", "state", "item_id"], unique=False
    )
    op.create_index(
        "ix_paper_moves_places", "paper_moves", ["place_id", "moved_box_id", "seq"], unique=False
    )


def _window_cases() -> None:
    op.create_table(
        "window_cases",
        sa.Column("id", KEY, nullable=False),
        sa.Column("case_no", sa.String(length=64), nullable=False),
        sa.Column("item_code", sa.String(length=32), nullable=False),
        sa.Column("item_version", sa.String(length=32), nullable=False),
        sa.Column("receive_org", sa.String(length=12), nullable=False),
        sa.Column("home_org", sa.String(length=12), nullable=False),
        sa.Column("flow_digest", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(length=12), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("ending", sa.String(length=16), nullable=True),
        sa.Column("corrections", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_window_cases")),
        sa.UniqueConstraint("case_no", name=op.f("uq_window_cases_case_no")),
    )
    op.create_index(
        "ix_window_cases_home_org", "window_cases", ["home_org", "step", "id"], unique=False
    )
    op.create_index(
        "ix_window_cases_receive_org", "window_cases", ["receive_org", "step", "id"], unique=False
    )
    op.create_index(op.f("ix_window_cases_step"), "window_cases", ["step"], unique=False)


def _window_flows() -> None:
    op.create_table(
        "window_flows",
        sa.Column("id", KEY, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_window_flows")),
        sa.UniqueConstraint("digest", name=op.f("uq_window_flows_digest")),
    )


def _window_grants() -> None:
    op.create_table(
        "window_grants",
        sa.Column("id", KEY, nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("grantor", sa.String(length=12), nullable=False),
        sa.Column("grantee", sa.String(length=12), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("seal", sa.String(length=40), nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("quota", sa.Integer(), nullable=True),
        sa.Column("case_no", sa.String(length=64), nullable=True),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_window_grants")),
        sa.UniqueConstraint("number", name=op.f("uq_window_grants_number")),
    )
    op.create_index(op.f("ix_window_grants_grantee"), "window_grants", ["grantee"], unique=False)
    op.create_index(op.f("ix_window_grants_grantor"), "window_grants", ["grantor"], unique=False)


def _window_officers() -> None:
    op.create_table(
        "window_officers",
        sa.Column("id", KEY, nullable=False),
        sa.Column("officer_no", sa.String(length=32), nullable=False),
        sa.Column("id_number", sa.Text(), nullable=False),
        sa.Column("registered_by", sa.String(length=64), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_window_officers")),
        sa.UniqueConstraint("officer_no", name=op.f("uq_window_officers_officer_no")),
    )


def _window_acts() -> None:
    op.create_table(
        "window_acts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(length=12), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("actor_no", sa.String(length=64), nullable=False),
        sa.Column("org", sa.String(length=12), nullable=False),
        sa.Column("grant_number", sa.String(length=32), nullable=True),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["window_cases.id"], name=op.f("fk_window_acts_case_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_window_acts")),
        sa.UniqueConstraint("case_id", "seq", name=op.f("uq_window_acts_case_id_seq")),
        sa.UniqueConstraint("case_id", "key", name=op.f("uq_window_acts_case_id_key")),
    )
    op.create_index(op.f("ix_window_acts_key"), "window_acts", ["key"], unique=False)


def _window_alerts() -> None:
    op.create_table(
        "window_alerts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("rung", sa.String(length=8), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["window_cases.id"], name=op.f("fk_window_alerts_case_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_window_alerts")),
        sa.UniqueConstraint(
            "case_id",
            "kind",
            "rung",
            "due_on",
            name=op.f("uq_window_alerts_case_id_kind_rung_due_on"),
        ),
    )


def _window_clocks() -> None:
    op.create_table(
        "window_clocks",
        sa.Column("id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("unit", sa.String(length=12), nullable=False),
        sa.Column("budget", sa.Integer(), nullable=False),
        sa.Column("yellow_share", sa.Integer(), nullable=False),
        sa.Column("calendar", sa.String(length=32), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("yellow_on", sa.Date(), nullable=True),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["window_cases.id"], name=op.f("fk_window_clocks_case_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_window_clocks")),
        sa.UniqueConstraint("case_id", "kind", name=op.f("uq_window_clocks_case_id_kind")),
    )
    op.create_index(
        "ix_window_clocks_running", "window_clocks", ["ended_at", "yellow_on"], unique=False
    )


def _window_registrations() -> None:
    op.create_table(
        "window_registrations",
        sa.Column("id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("owed_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_code", sa.String(length=32), nullable=True),
        sa.Column("registration_no", sa.String(length=2000), nullable=True),
        sa.Column("registered_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["case_id"], ["window_cases.id"], name=op.f("fk_window_registrations_case_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_window_registrations")),
        sa.UniqueConstraint("case_id", name=op.f("uq_window_registrations_case_id")),
    )
    op.create_index(
        op.f("ix_window_registrations_not_before"),
        "window_registrations",
        ["not_before"],
        unique=False,
    )


def _window_seal_uses() -> None:
    op.create_table(
        "window_seal_uses",
        sa.Column("id", KEY, nullable=False),
        sa.Column("use_no", sa.String(length=80), nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=12), nullable=False),
        sa.Column("caller", sa.String(length=12), nullable=False),
        sa.Column("grant_number", sa.String(length=32), nullable=True),
        sa.Column("seal", sa.String(length=40), nullable=False),
        sa.Column("form", sa.String(length=16), nullable=False),
        sa.Column("document_sha256", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["window_cases.id"], name=op.f("fk_window_seal_uses_case_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_window_seal_uses")),
        sa.UniqueConstraint("use_no", name=op.f("uq_window_seal_uses_use_no")),
    )
    op.create_index(
        op.f("ix_window_seal_uses_case_id"), "window_seal_uses", ["case_id"], unique=False
    )
    op.create_index(
        op.f("ix_window_seal_uses_grant_number"), "window_seal_uses", ["grant_number"], unique=False
    )
    op.create_index(op.f("ix_window_seal_uses_owner"), "window_seal_uses", ["owner"], unique=False)


def _window_spans() -> None:
    op.create_table(
        "window_spans",
        sa.Column("id", KEY, nullable=False),
        sa.Column("clock_id", KEY, nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clock_id"], ["window_clocks.id"], name=op.f("fk_window_spans_clock_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_window_spans")),
        sa.UniqueConstraint("clock_id", "no", name=op.f("uq_window_spans_clock_id_no")),
    )


def upgrade() -> None:
    """Create every table, and let the database itself refuse changes of the journal."""
    for create in (
        _accounts,
        _arrivals,
        _cases,
        _configured,
        _daily_uses,
        _deliveries,
        _duties,
        _idempotent_answers,
        _jobs,
        _journal,
        _number_counters,
        _period_runs,
        _presences,
        _recognised_pages,
        _sources,
        _uploads,
        _usage_requests,
        _webhooks,
        _kept_views,
        _saved_searches,
        _notices,
        _account_changes,
        _blind_index,
        _captured_files,
        _case_actors,
        _case_revisions,
        _case_sources,
        _components,
        _gathered_cases,
        _gathered_materials,
        _logins,
        _login_attempts,
        _page_orders,
        _page_prints,
        _volumes,
        _certified_copies,
        _check_acts,
        _shown_pages,
        _index_feed,
        _page_bands,
        _volume_versions,
        _copy_orders,
        _print_orders,
        _fixity_checks,
        _scrub_places,
        _replicas,
        _steps,
        _paper_box_counters,
        _paper_boxes,
        _paper_handovers,
        _paper_places,
        _paper_stocktakes,
        _paper_items,
        _paper_sessions,
        _paper_tasks,
        _paper_checks,
        _paper_expectations,
        _paper_handover_entries,
        _paper_loans,
        _paper_scans,
        _paper_loan_decisions,
        _paper_moves,
        _window_cases,
        _window_flows,
        _window_grants,
        _window_officers,
        _window_acts,
        _window_alerts,
        _window_clocks,
        _window_registrations,
        _window_seal_uses,
        _window_spans,
    ):
        create()
    for table in ("journal", "paper_moves", "window_alerts", "window_seal_uses"):
        for statement in append_only_triggers(op.get_bind().dialect.name, table):
            op.execute(statement)
