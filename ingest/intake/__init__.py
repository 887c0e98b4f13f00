"""Intake: from a submission package to an accession or the quarantine."""
