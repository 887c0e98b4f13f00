"""Who files in tests: somebody of the city, above each filing unit, by the rule of the default."""

from archive.administration.filing_units import FilingRule, FilingUnits
from archive.administration.policy import Reader, Role
from archive.reference.organisations import load_organisations

FILING = FilingUnits(load_organisations(), FilingRule.RECEIVING_PLACE)
FILER = Reader("test", Role.ARCHIVIST, "150600000000")
