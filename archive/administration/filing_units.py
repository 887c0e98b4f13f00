"""The unit that files a case (立卷单位), and who may number, confirm and void for it (I15).

Whoever received a case, or is the domicile of its person, sees it; a number, once given, is never
taken back, so that it is given by the filing unit or a unit above it alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from archive.administration.policy import Act, Reader, scope_of
from archive.reference.errors import ArchiveError
from archive.reference.organisations import Organisations


class FilingRule(StrEnum):
    """The fonds that takes a case received for another organisation's resident.

    The source's sentence is ambiguous, so it is a setting.
    """

    RECEIVING_PLACE = "RECEIVING_PLACE"
    DOMICILE = "DOMICILE"


class NotFilingError(ArchiveError):
    """An act that belongs to the filing unit was asked for by another one."""

    code = "NOT_FILING"


_WORDS: Mapping[Act, str] = {
    Act.CONFIRM: "核对",
    Act.CHECK: "核对、退回",
    Act.COMPILE: "组卷",
    Act.VOID: "作废档号",
}


@dataclass(frozen=True, slots=True)
class FilingUnits:
    """The rule of this installation by which a case has its filing unit."""

    organisations: Organisations
    rule: FilingRule

    def unit_of(self, receive: str, domicile: str) -> str:
        """Return the organisation that files a case of a receiving place and a domicile (R20)."""
        return receive if self.rule is FilingRule.RECEIVING_PLACE else domicile

    def is_filer(self, reader: Reader, unit: str) -> bool:
        """Say whether the reader belongs to the filing unit or to one above it."""
        return reader.org in scope_of((unit,), self.organisations)

    def require(self, reader: Reader, act: Act, unit: str, subject: str) -> None:
        """Raise NotFilingError unless the reader may do the act for the filing unit.

        `subject` is the 档号 or case number that the message names.
        """
        if not self.is_filer(reader, unit):
            name = self.organisations.get(unit).name
            raise NotFilingError(
                f"{subject} 由{name}立卷，您的单位不能{_WORDS[act]}；未作任何更改。",
                f"请由{name}或其上级单位办理。",
            )
