"""Begins and ends the work of a period."""

from datetime import UTC, datetime, timedelta

from api.runtime.bootstrap import Runtime
from archive.arrangement.numbering import freeze
from archive.arrangement.periods import Report, Term, begin, cases_of, end, register_rows
from archive.compile.context import CompileContext
from archive.compile.register import make_register
from archive.database.engine import database_now, reading, writing

_UNSEEN = timedelta(minutes=1)
"""What was committed so shortly before may bear an earlier time and not be seen yet: it counts as later, and is looked for again."""


def begin_terms(runtime: Runtime, who: str, terms: list[Term]) -> None:
    """Give every case of the terms its number and its job. Begun again, a term takes what came since."""
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
                who,
                cases,
                catalogue=runtime.catalogue,
                organisations=runtime.organisations,
                rule=runtime.settings.filing_rule,
                at=datetime.now(UTC),
            )


def end_terms(runtime: Runtime, shop: CompileContext, who: str, terms: list[Term]) -> list[Report]:
    """Make the registers and count; terms without any case have no report."""
    reports = []
    for term in terms:
        with reading(runtime.engine) as session:
            at, rows = database_now(session) - _UNSEEN, register_rows(session, term)
        register = make_register(shop, term, rows)
        with writing(runtime.engine) as session:
            report = end(
                session,
                who,
                term,
                register,
                catalogue=runtime.catalogue,
                organisations=runtime.organisations,
                rule=runtime.settings.filing_rule,
                at=at,
            )
        reports.append(report)
    return [one for one in reports if one is not None]
