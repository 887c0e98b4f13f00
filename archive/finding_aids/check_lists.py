"""Lists of 核对: the cases on a desk, and one case as those who check it are told of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, func, not_, or_, select, true
from sqlalchemy.orm import Session

from archive.administration.account_lists import accounts_by_login
from archive.administration.filing_units import FilingRule
from archive.administration.policy import Act, Reader
from archive.administration.policy import acts_of as acts_of_role
from archive.checking.acts import acts_of
from archive.checking.returning import Returned, returned_cases
from archive.checking.seats import Holder, given_to, holders_of, on_desk
from archive.database.listing import ListPart, ListWanted, QueryList, RowList
from archive.database.tables_cases import Case
from archive.finding_aids.cases import follows
from archive.finding_aids.reach import Reach, cases_in, filed_in
from archive.reference.case_facts import CaseFacts
from archive.reference.check_terms import CheckKind, Desk, ReturnReason
from archive.reference.organisations import Organisations
from archive.reference.vocabulary import CaseState
from archive.usage.redaction import mask_text, names_of

CASES = QueryList(
    Case.id,
    {
        "case": Case.case_no,
        "receive": Case.receive_org,
        "completed": Case.completed_at,
    },
    "completed",
    day=Case.completed_at,
    stations=(Case.receive_org, Case.domicile_org),
)

RETURNED_CASES: RowList[Returned] = RowList(
    {"case": lambda row: row.case.case_no, "at": lambda row: row.at},
    day=lambda row: row.at,
    stations=lambda row: (row.case.receive_org, row.case.domicile_org, row.org),
)


def _waits(reader: Reader, desk: Desk, reach: Reach, rule: FilingRule) -> ColumnElement[bool]:
    waiting = Case.state == CaseState.CONFIRM
    return waiting & on_desk(reader, desk, filed_in(reach, rule))


def cases_on_desk(
    session: Session,
    reader: Reader,
    desk: Desk,
    reach: Reach,
    rule: FilingRule,
    *,
    after: Case | None = None,
    limit: int,
) -> Sequence[Case]:
    """Return the cases that wait on a desk, the earliest completed first, after a case."""
    query = (
        select(Case)
        .where(_waits(reader, desk, reach, rule))
        .order_by(Case.completed_at, Case.case_no)
        .limit(limit)
    )
    return session.scalars(query.where(follows(after)) if after else query).all()


def part_on_desk(
    session: Session,
    reader: Reader,
    desk: Desk,
    reach: Reach,
    rule: FilingRule,
    wanted: ListWanted,
) -> ListPart[Case]:
    """Return one page of the cases that wait on a desk."""
    return CASES.part(session, select(Case), wanted, [_waits(reader, desk, reach, rule)])


def part_elsewhere(
    session: Session, reach: Reach, rule: FilingRule, wanted: ListWanted
) -> ListPart[Case]:
    """Return one page of the reach's cases that another unit, which files them, is to check."""
    where = (Case.state == CaseState.CONFIRM, cases_in(reach), not_(filed_in(reach, rule)))
    return CASES.part(session, select(Case), wanted, where)


def count_on_desk(
    session: Session, reader: Reader, desk: Desk, reach: Reach, rule: FilingRule
) -> int:
    """Count the cases that wait on a desk."""
    query = select(func.count()).select_from(Case).where(_waits(reader, desk, reach, rule))
    return session.scalar(query) or 0


def cases_asked_of(
    session: Session, reader: Reader, reach: Reach, rule: FilingRule, *, limit: int
) -> Sequence[Case]:
    """Return the cases that the reader, or the reader's unit, was asked to see.

    Those that the reader decides anyway are left out: they are among the ones to check.
    """
    query = select(Case).where(Case.state == CaseState.CONFIRM, given_to(reader))
    if Act.CONFIRM in acts_of_role(reader.role):
        decided = true() if reach is None else filed_in(reach, rule)
        query = query.where(not_(decided))
    return session.scalars(query.order_by(Case.completed_at, Case.case_no).limit(limit)).all()


def returned_to(session: Session, reach: Reach, limit: int) -> list[Returned]:
    """Return the cases that wait for their sender to correct them: the reach's own."""
    where = (
        true() if reach is None else or_(Case.receive_org.in_(reach), Case.accept_org.in_(reach))
    )
    return _masked(returned_cases(session, where, limit))


def returned_from(session: Session, reach: Reach, rule: FilingRule, limit: int) -> list[Returned]:
    """Return the cases that the reach files and that wait for their sender."""
    return _masked(returned_cases(session, filed_in(reach, rule), limit))


def _masked(rows: Iterable[Returned]) -> list[Returned]:
    """Return the cases with names and numbers masked in what was written of them."""
    return [
        replace(row, text=mask_text(row.text, names_of(CaseFacts.model_validate(row.case.facts))))
        for row in rows
    ]


def named_holders(
    session: Session, cases: Sequence[Case], organisations: Organisations
) -> dict[int, str]:
    """Return in words who has each of these cases, where somebody was asked."""
    holders = holders_of(session, [case.id for case in cases])
    people = accounts_by_login(
        session, (holder.account for holder in holders.values() if holder.account)
    )
    return {
        case_id: _named(holder, {login: row.name for login, row in people.items()}, organisations)
        for case_id, holder in holders.items()
    }


def _named(holder: Holder, people: Mapping[str, str], organisations: Organisations) -> str:
    if holder.account:
        return people.get(holder.account, holder.account)
    if holder.org is None or holder.org not in organisations:
        return ""
    return organisations.get(holder.org).name


def told_acts(session: Session, case: Case, organisations: Organisations) -> list[dict[str, Any]]:
    """Return what people did with a case, the newest first; what they wrote is masked."""
    names = names_of(CaseFacts.model_validate(case.facts))
    rows = acts_of(session, case.id)
    people = accounts_by_login(session, (row.to_account for row in rows if row.to_account))
    logins = {login: row.name for login, row in people.items()}
    return [
        {
            "kind": row.kind,
            "label": CheckKind(row.kind).label,
            "revision": row.revision,
            "at": row.at.isoformat(timespec="seconds"),
            "by": row.signatory,
            "org": organisations.get(row.org).name if row.org in organisations else row.org,
            "to": _named(Holder(row.to_account, row.to_org), logins, organisations)
            if row.kind == CheckKind.ASK
            else "",
            "reasons": [ReturnReason(code).label for code in row.codes]
            if row.kind == CheckKind.RETURN
            else [],
            "text": mask_text(row.text or row.reason or "", names),
            "material": row.material_no,
        }
        for row in rows
    ]
