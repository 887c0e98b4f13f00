"""The four sources, each behind the same small face: discover since a cursor, fetch, acknowledge (docs/sources/)."""
