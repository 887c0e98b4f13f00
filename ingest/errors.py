"""What can go wrong on the way in beside findings: each error carries a stable code and says in Chinese what to do next."""


class IngestError(Exception):
    """The family of intake errors."""

    code = "INGEST_ERROR"
