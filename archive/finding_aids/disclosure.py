"""What a reader is told of findings that are about a second case.

A package with a stranger's number must not bring out what is recorded of that person elsewhere.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from archive.finding_aids.cases import cases_with_codes
from archive.finding_aids.reach import Reach
from archive.reference.findings import finding


def disclosed(
    session: Session, reach: Reach, findings: Sequence[Mapping[str, str]]
) -> list[dict[str, str]]:
    """Return findings as a reader of this reach may know them.

    Where the other case is outside it, nothing is left but that another organisation decides:
    neither which case nor in what the two match. Several of them are one.
    """
    numbers = {row["other_case"] for row in findings if row.get("other_case")}
    known = {case.case_no for case, _ in cases_with_codes(session, reach, numbers)}
    hidden = finding("MATCHES_ELSEWHERE", "case.json").public()
    rows = [
        hidden if row.get("other_case", "") in numbers - known else dict(row) for row in findings
    ]
    return [row for place, row in enumerate(rows) if row not in rows[:place]]
