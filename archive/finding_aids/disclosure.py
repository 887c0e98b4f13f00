"""What a reader is told of findings about a second case (`reference.other_cases`)."""

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from archive.finding_aids.cases import cases_with_codes
from archive.finding_aids.reach import Reach
from archive.reference.other_cases import other_cases, without_cases


def disclosed(
    session: Session, reach: Reach, findings: Sequence[Mapping[str, str]]
) -> list[dict[str, str]]:
    """Return findings as a reader of this reach may know them.

    Where the other case is outside it, nothing is left but that another organisation decides.
    """
    numbers = other_cases(findings)
    known = {case.case_no for case, _ in cases_with_codes(session, reach, numbers)}
    return without_cases(findings, numbers - known)
