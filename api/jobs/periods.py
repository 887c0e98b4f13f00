"""Begin and end the compile of a period (统一定期组卷归档)."""

from datetime import UTC, datetime, timedelta

from api.runtime.bootstrap import Runtime
from archive.administration.policy import Reader
from archive.arrangement.numbering import freeze
from archive.arrangement.periods import Report, Term, begin, cases_of, end, register_rows
from archive.compile.context import CompileContext
from archive.compile.register import make_register
from archive.database.engine import database_now, reading, writing

_UNSEEN = timedelta(minutes=1)
"""What was committed so shortly before may bear an earlier time and not be seen yet.

It counts as later, and is looked for again.
"""


def begin_terms(runtime: Runtime, filer: Reader, terms: list[Term]) -> None:
    """Give every case of the terms its number and its job.

    A term that is begun again takes what came since.
    """
    for term in terms:
        with writing(runtime.engine) as session:
            cases = cases_of(
                session,
                term,
                runtime.catalogue,
                runtime.organisations,
                runtime.settings.filing_rule,
            )
            if not cases:
                continue
            begin(session, term).ended_at = None
            freeze(
                session,
                filer,
                cases,
                catalogue=runtime.catalogue,
                units=runtime.filing,
                at=datetime.now(UTC),
            )


def end_terms(
    runtime: Runtime, context: CompileContext, actor: str, terms: list[Term]
) -> list[Report]:
    """Make the registers of the terms and count; terms without any case have no report."""
    reports = []
    for term in terms:
        with reading(runtime.engine) as session:
            at, rows = database_now(session) - _UNSEEN, register_rows(session, term)
        register = make_register(context, term, rows)
        with writing(runtime.engine) as session:
            report = end(
                session,
                actor,
                term,
                register,
                catalogue=runtime.catalogue,
                organisations=runtime.organisations,
                rule=runtime.settings.filing_rule,
                at=at,
            )
        reports.append(report)
    return [report for report in reports if report is not None]
