"""Who may do what with which paper: by station, district and city, as everywhere (R27)."""

from dataclasses import dataclass
from functools import cached_property

from archive.administration.policy import Act, Denial, Reader
from archive.paper.errors import PaperError
from archive.reference.organisations import Organisations
from archive.reference.paper_terms import PaperFault
from archive.reference.vocabulary import OrgKind
from archive.usage.looks import DeniedError
from archive.usage.reading_room import require
from archive.usage.requests import organisations_below


@dataclass(frozen=True)
class Keeper:
    """Who acts on paper: the reader, and the organisations that decide what is within reach.

    Every act of this package takes one, so that none can be done without the policy.
    """

    reader: Reader
    organisations: Organisations

    @property
    def account(self) -> str:
        """Return the account that the journal names."""
        return self.reader.account

    @cached_property
    def reach(self) -> frozenset[str] | None:
        """Return the codes of the reader's organisation and all below it; None for the city."""
        if self.organisations.get(self.reader.org).kind is OrgKind.CITY:
            return None
        return organisations_below(self.reader, self.organisations)

    def reaches(self, *orgs: str | None) -> bool:
        """Return whether one of these organisations is within reach."""
        reach = self.reach
        return reach is None or any(org in reach for org in orgs if org)

    def require(self, act: Act, *orgs: str | None) -> None:
        """Raise DeniedError unless the reader may do the act, on paper of these organisations.

        Foreign paper reads like paper that is not there.
        """
        require(self.reader, act)
        if orgs and not self.reaches(*orgs):
            raise DeniedError(Denial.NOT_HERE)

    def organisation(self, code: str | None) -> str:
        """Return the organisation to act for: `code`, else the reader's own.

        Raises DeniedError for one out of reach, and PaperError for one that keeps no paper.
        """
        org = code or self.reader.org
        if org not in self.organisations:
            raise PaperError(PaperFault.VALUE, "机构代码不在本市机构表中。", "请核对12位机构代码。")
        if not self.reaches(org):
            raise DeniedError(Denial.NOT_HERE)
        return org
