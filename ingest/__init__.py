"""Submission packages: read, inspected, then taken over or quarantined whole."""
