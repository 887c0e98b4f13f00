from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, select

from archive.database.base import Base
from archive.database.engine import migrate, reading
from archive.database.tables_cases import CaseRevision
from tests.archive.arrangement.test_numbering import START, accept, number_all


def test_the_migrations_make_the_tables_that_the_models_name(engine: Engine) -> None:
    with engine.connect() as connection:
        assert (
            compare_metadata(
                MigrationContext.configure(connection, opts={"compare_type": False}), Base.metadata
            )
            == []
        )


def test_migrating_again_changes_nothing_that_is_held(engine: Engine) -> None:
    accept(engine, 1, START)
    accept(engine, 2, START)
    with reading(engine) as session:
        rows = list(session.scalars(select(CaseRevision)))
        before = [(row.case_id, row.revision, row.state, row.facts) for row in rows]
    migrate(engine)
    with reading(engine) as session:
        rows = list(session.scalars(select(CaseRevision)))
        assert [(row.case_id, row.revision, row.state, row.facts) for row in rows] == before
    assert [late for _, late in number_all(engine)] == [False, False]
