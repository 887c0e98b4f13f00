"""Bytes: put, get, verify, copy. Knows no record, no database, no settings."""
