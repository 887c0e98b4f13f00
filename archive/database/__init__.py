"""The engine for both databases, the tables by subject, encryption of columns, and the migration."""
