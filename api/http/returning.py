"""退回补正 as all doors do it: back to the sender, and to the window that sent the case."""

from collections.abc import Collection

from sqlalchemy.orm import Session

from api.http.window import tables_of
from api.runtime.bootstrap import Runtime
from archive.administration.policy import Reader
from archive.checking.returning import return_case
from archive.database.engine import database_now
from archive.reference.check_terms import ReturnReason
from ingest.window.returned import take_returns


def give_case_back(
    session: Session,
    runtime: Runtime,
    filer: Reader,
    *,
    case_no: str,
    reasons: Collection[ReturnReason],
    text: str,
) -> None:
    """Return a case that waits, in the caller's transaction. Raises what `return_case` raises."""
    return_case(session, filer, case_no=case_no, reasons=reasons, text=text, units=runtime.filing)
    now = database_now(session)
    take_returns(session, tables=tables_of(runtime), now=now, case_no=case_no)
