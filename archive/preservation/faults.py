"""The fault of an archive as every check names it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken invariant: which, of what, and how."""

    invariant: str
    subject: str
    message: str

    def public(self) -> dict[str, str]:
        """Return it as scripts read it."""
        return {"code": self.invariant, "subject": self.subject, "message": self.message}
