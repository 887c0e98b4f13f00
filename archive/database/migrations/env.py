"""Alembic's entry: runs on the connection that `archive.db.migrate` hands over."""

from alembic import context

from archive.database import tables_administration, tables_cases, tables_gathering, tables_recognition  # noqa: F401 - their tables belong to the same schema
from archive.database.base import Base
from archive.jobs import duties  # noqa: F401 - their tables belong to the same schema

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
context.run_migrations()
