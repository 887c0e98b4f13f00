"""退回补正: a case that waits goes back to its sender, and comes again under the same number."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from archive.administration.filing_units import FilingUnits
from archive.administration.notices import NoticeKind, NoticeTopic, notify
from archive.administration.policy import Act, Reader
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.checking.acts import NotSaidError, enter_act, lock_case, worded
from archive.checking.seats import waiting_of
from archive.database.tables_administration import Account
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.database.tables_checks import CheckAct
from archive.gathering.returned import gather_again
from archive.jobs.feed import announce_return
from archive.reference.check_terms import CheckKind, ReturnReason
from archive.reference.objects import OriginalObject
from archive.reference.vocabulary import CaseState


@dataclass(frozen=True, slots=True)
class Returned:
    """A case that waits for its sender: why, since when, and who returned it."""

    case: Case
    revision: int
    at: datetime
    signatory: str
    org: str
    reasons: tuple[ReturnReason, ...]
    text: str


def return_case(
    session: Session,
    filer: Reader,
    *,
    case_no: str,
    reasons: Collection[ReturnReason],
    text: str,
    units: FilingUnits,
) -> CheckAct:
    """Return a case that waits to the pool of its receiving unit, and say why.

    What comes next under the same number (a rescan, or a package) waits at 核对 again, for the
    same person. The receiving unit is told by the station API and webhooks. Raises
    NotFoundError, ConflictError, NotSaidError, or NotFilingError when another unit files it.
    """
    case = lock_case(session, case_no)
    unit = units.unit_of(case.receive_org, case.domicile_org)
    units.require(filer, Act.CHECK, unit, case_no)
    revision = waiting_of(session, case)
    codes = [reason for reason in ReturnReason if reason in reasons]
    if not codes:
        raise NotSaidError("请选择退回的理由。", "可选几项；都不合适的选“其他”并写补充说明。")
    least = 2 if ReturnReason.OTHER in codes else 0
    act = enter_act(
        session,
        filer,
        CheckKind.RETURN,
        revision,
        codes=[str(code) for code in codes],
        text=worded(text, "补充说明", least=least),
        to_account=_person(session, filer.account),
        to_org=unit if filer.org == unit else filer.org,
    )
    revision.state = CaseState.RETURNED
    if case.revision == revision.revision:
        case.state = CaseState.RETURNED
    gather_again(session, revision, _objects(session, revision), at=act.at)
    announce_return(session, act.id)
    notify(
        session,
        NoticeKind.RETURNED,
        NoticeTopic.CASE,
        case_no,
        org=case.receive_org,
        act=Act.SUBMIT,
    )
    journal.record(
        session,
        filer.account,
        JournalAct.RETURN_CASE,
        case_no,
        revision=revision.revision,
        codes=act.codes,
        org=filer.org,
        to=case.receive_org,
        again=act.to_account,
        again_org=act.to_org,
    )
    return act


def _person(session: Session, login: str) -> str | None:
    """Return the login of who returned a case, None where that is no account of the archive."""
    return session.scalars(select(Account.login).where(Account.login == login)).first()


def _objects(session: Session, revision: CaseRevision) -> list[OriginalObject]:
    """Return the files of a revision."""
    rows = session.scalars(
        select(Component)
        .filter_by(case_id=revision.case_id, revision=revision.revision)
        .order_by(Component.path)
    )
    return [
        OriginalObject(row.material_no, row.path, row.sha256, row.size, row.media_type, row.pages)
        for row in rows
    ]


def returned_cases(session: Session, where: ColumnElement[bool], limit: int) -> list[Returned]:
    """Return the cases that wait for their sender, the longest waiting first."""
    rows = session.execute(
        select(Case, CaseRevision.revision)
        .join(CaseRevision, CaseRevision.case_id == Case.id)
        .where(CaseRevision.state == CaseState.RETURNED, where)
        .order_by(Case.completed_at, Case.case_no)
        .limit(limit)
    ).all()
    acts = _return_acts(session, [case.id for case, _ in rows])
    return [
        _returned(case, revision, acts[case.id, revision])
        for case, revision in rows
        if (case.id, revision) in acts
    ]


def _return_acts(session: Session, case_ids: Sequence[int]) -> dict[tuple[int, int], CheckAct]:
    """Return the last return of each revision of these cases."""
    rows = session.scalars(
        select(CheckAct)
        .where(CheckAct.case_id.in_(case_ids), CheckAct.kind == CheckKind.RETURN)
        .order_by(CheckAct.id)
    )
    return {(row.case_id, row.revision): row for row in rows}


def _returned(case: Case, revision: int, act: CheckAct) -> Returned:
    reasons = tuple(ReturnReason(code) for code in act.codes)
    return Returned(case, revision, act.at, act.signatory, act.org, reasons, act.text or "")
