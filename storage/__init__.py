"""The storage of bytes: put, get, verify and copy, without records, database or settings."""
