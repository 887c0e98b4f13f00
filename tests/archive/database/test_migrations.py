from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, select, text

from archive.database.base import Base
from archive.database.engine import migrate, reading, writing
from archive.database.tables_cases import CaseRevision
from tests.archive.arrangement.test_numbering import START, accept, number_all

FIRST_TABLES = {"cases", "deliveries", "jobs", "journal", "number_counters", "components", "volumes", "volume_versions", "steps"}


def test_the_migrations_make_the_tables_that_the_models_name(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": False}), Base.metadata) == []


def test_cases_held_before_there_were_revisions_become_their_first_and_are_numbered_as_before(engine: Engine) -> None:
    accept(engine, 1, START)
    accept(engine, 2, START)
    with reading(engine) as session:
        before = [(one.case_id, one.revision, one.state, one.facts) for one in session.scalars(select(CaseRevision))]
    with writing(engine) as session:
        for statement in (
            *(f"DROP TABLE {one.name}" for one in reversed(Base.metadata.sorted_tables) if one.name not in FIRST_TABLES),
            "DROP INDEX ix_jobs_version_id",
            "DROP INDEX ix_jobs_begun",
            "ALTER TABLE jobs DROP COLUMN version_id",
            "DROP INDEX ix_volume_versions_stamped_until",
            *(f"ALTER TABLE volume_versions DROP COLUMN {one}" for one in ("origin", "stamped_until", "stamp_algorithm")),
            "ALTER TABLE deliveries DROP COLUMN returned_at",
            "UPDATE alembic_version SET version_num = '0001'",
        ):
            session.execute(text(statement))
    migrate(engine)
    with reading(engine) as session:
        assert [(one.case_id, one.revision, one.state, one.facts) for one in session.scalars(select(CaseRevision))] == before
    assert [late for _, late in number_all(engine)] == [False, False]
