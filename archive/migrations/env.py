"""Alembic's entry: runs on the connection that `archive.db.migrate` hands over."""

from alembic import context

from archive import access_tables, capture_tables, duties, models, recognition_tables  # noqa: F401 - their tables belong to the same schema
from archive.tables import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
context.run_migrations()
