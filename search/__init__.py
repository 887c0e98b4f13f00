"""The search: what can be found of the archive, and how."""
