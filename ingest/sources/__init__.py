"""The four sources behind one protocol: discover, fetch, acknowledge (docs/sources/)."""
