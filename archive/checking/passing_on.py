"""转请 and 备注: a case that waits is passed on, and told about to colleagues."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.filing_units import FilingUnits
from archive.administration.notices import NoticeKind, NoticeTopic, notify
from archive.administration.policy import Act, Reader, scope_of
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.checking.acts import enter_act, lock_case, worded
from archive.checking.seats import orgs_of, people_to_ask, require_seat, waiting_of
from archive.database.tables_administration import Account
from archive.database.tables_cases import Case
from archive.database.tables_checks import CheckAct
from archive.reference.check_terms import CheckKind
from archive.reference.errors import ConflictError


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked to look: an account by its login, or a unit by its code."""

    account: str | None = None
    org: str | None = None


class NobodyToAskError(ConflictError):
    """Who is asked may not see the case, or is not there."""

    code = "NOBODY_TO_ASK"


def ask(
    session: Session,
    actor: Reader,
    *,
    case_no: str,
    asked: Asked,
    text: str,
    units: FilingUnits,
) -> CheckAct:
    """Give a case that waits to another person or unit, who then has it on the desk.

    To oneself: one takes it. It stays with the filing unit, which alone decides. Raises
    NotFoundError, ConflictError, NotFilingError, NotSaidError and NobodyToAskError.
    """
    case = lock_case(session, case_no)
    require_seat(session, actor, Act.CHECK, case, units)
    revision = waiting_of(session, case)
    to_account, to_org = _recipient(session, case, asked, units)
    least = 0 if to_account == actor.account else 2
    row = enter_act(
        session,
        actor,
        CheckKind.ASK,
        revision,
        text=worded(text, "请他看什么", least=least),
        to_account=to_account,
        to_org=to_org,
    )
    if to_account != actor.account:
        unit = None if to_account else to_org
        act = None if to_account else Act.VIEW
        kind, topic = NoticeKind.PASSED_ON, NoticeTopic.CASE
        notify(session, kind, topic, case_no, account=to_account, org=unit, act=act)
    journal.record(
        session,
        actor.account,
        JournalAct.ASK_CHECK,
        case_no,
        revision=revision.revision,
        org=actor.org,
        to=to_account,
        to_org=to_org,
    )
    return row


def _recipient(
    session: Session, case: Case, asked: Asked, units: FilingUnits
) -> tuple[str | None, str]:
    """Return account and unit of who is asked. Raises NobodyToAskError."""
    organisations = units.organisations
    if asked.account:
        people = {person.login: person for person in people_to_ask(session, case, organisations)}
        if asked.account in people:
            return asked.account, people[asked.account].org
    elif asked.org and asked.org in scope_of(orgs_of(case), organisations):
        staff = select(Account.id).where(Account.org == asked.org)
        if session.scalars(staff.limit(1)).first() is not None:
            return None, asked.org
    raise NobodyToAskError(
        "所选的人员或单位不能查看本件，未作任何更改。",
        "请在名单中选择；名单是本件各有关单位及其上级的人员。",
    )


def remark(
    session: Session, actor: Reader, *, case_no: str, text: str, units: FilingUnits
) -> CheckAct:
    """Add a remark to a case that waits, for those who check it.

    The journal holds that there is one, and not its words. Raises NotFoundError, ConflictError,
    NotFilingError and NotSaidError.
    """
    case = lock_case(session, case_no)
    require_seat(session, actor, Act.CHECK, case, units)
    revision = waiting_of(session, case)
    row = enter_act(session, actor, CheckKind.REMARK, revision, text=worded(text, "备注"))
    journal.record(
        session,
        actor.account,
        JournalAct.CHECK_REMARK,
        case_no,
        revision=revision.revision,
        org=actor.org,
    )
    return row
