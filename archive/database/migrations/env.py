"""Alembic's entry: runs on the connection that `engine.migrate` hands over."""

from alembic import context

from archive.database.base import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
context.run_migrations()
