"""The base of the archive's errors, and those that every package raises.

Each error carries a stable code and says in Chinese what happened and what to do next.
"""


class ArchiveError(Exception):
    """The base of the archive's errors."""

    code = "ARCHIVE_ERROR"

    def __init__(self, message: str, action: str) -> None:
        """Keep what happened and the next step; neither names a person."""
        super().__init__(f"{message} {action}")
        self.message = message
        self.action = action


class NotFoundError(ArchiveError):
    """No such case, volume or number exists."""

    code = "NOT_FOUND"


class ConflictError(ArchiveError):
    """Another worker or person was first."""

    code = "CONFLICT"


class LeaseLostError(ArchiveError):
    """The lease ran out or was taken over: this worker's result is not recorded."""

    code = "LEASE_LOST"
