"""Use of volumes: requests, reading, redaction, certified copies."""
