"""The first page of each role, and logging in."""
