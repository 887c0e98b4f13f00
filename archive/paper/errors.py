"""The errors of the paper of the transition."""

from archive.reference.errors import ArchiveError
from archive.reference.paper_terms import PaperFault


class PaperError(ArchiveError):
    """An act on paper is refused; `fault` says why, and the code is `PAPER_` and it."""

    def __init__(self, fault: PaperFault, message: str, action: str) -> None:
        """Keep the fault, what happened and the next step; neither names a person."""
        super().__init__(message, action)
        self.fault = fault
        self.code = f"PAPER_{fault}"
