"""The fault of an archive as every check names it."""

from dataclasses import dataclass

from archive.accession.recheck import PAGE_DIFFERS


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken invariant: which, of what, and how; of a page also where.

    `page` counts in the volume, `material` is its number in the case.
    """

    invariant: str
    subject: str
    message: str
    page: int | None = None
    material: int | None = None

    def public(self) -> dict[str, str]:
        """Return it as scripts read it."""
        return {"code": self.invariant, "subject": self.subject, "message": self.message}

    def by_page(self) -> dict[str, str | int | None]:
        """Return it as scripts read it where pages were compared; the volume by its 档号."""
        return {
            "code": self.invariant if self.page is None else PAGE_DIFFERS,
            "volume": self.subject.partition("/v")[0],
            "page": self.page,
            "material": self.material,
            "message": self.message,
        }
