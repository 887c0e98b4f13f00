"""Opening a case at 核对: for the unit that files it, and for whoever was asked to look."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from archive.administration.policy import Act, Denial, Reader, may
from archive.checking.seats import is_asked
from archive.database.tables_cases import Case
from archive.usage.looks import DeniedError
from archive.usage.reading_room import ReferenceData, open_case


@dataclass(frozen=True, slots=True)
class OpenedCheck:
    """A case opened at 核对; `decides`: the reader's unit files it, and may confirm or return."""

    case: Case
    decides: bool


def open_check(
    session: Session, reader: Reader, case_no: str, reference: ReferenceData
) -> OpenedCheck:
    """Return a case for a reader who files it, or who was asked to look. Raises DeniedError."""
    try:
        return OpenedCheck(open_case(session, reader, Act.CHECK, case_no, reference), decides=True)
    except DeniedError as denied:
        if denied.denial is Denial.SCOPE or not may(reader, Act.VIEW_PAGES).allowed:
            raise
        return OpenedCheck(_asked(session, reader, case_no, reference, denied), decides=False)


def _asked(
    session: Session, reader: Reader, case_no: str, reference: ReferenceData, denied: DeniedError
) -> Case:
    """Return a case that the reader was asked to look at. Raises the denial."""
    try:
        case = open_case(session, reader, Act.VIEW, case_no, reference)
    except DeniedError:
        raise denied from None
    if not is_asked(session, reader, case.id):
        raise denied
    return case
