"""The rows of acts on a case that waits, and the decisions that the sealed record tells."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.policy import Reader
from archive.administration.signatories import signatory
from archive.database.engine import database_now
from archive.database.tables_cases import Case, CaseRevision
from archive.database.tables_checks import CheckAct
from archive.reference.check_terms import CheckKind
from archive.reference.errors import ArchiveError, NotFoundError

_UNNAMED = "MATCHES_ELSEWHERE"
LONGEST = 500
"""Characters of a remark, a reason or a question."""


class NotSaidError(ArchiveError):
    """An act lacks its reason, or the text is too long."""

    code = "NOT_SAID"


@dataclass(frozen=True, slots=True)
class Decision:
    """A confirmation: who decided when, why, and about which findings.

    `signatory` is name and police number.
    """

    signatory: str
    at: datetime
    reason: str
    codes: tuple[str, ...]

    def without(self, hidden: Collection[str]) -> "Decision":
        """Return the decision as those may know it who may not know of findings of these codes."""
        codes = dict.fromkeys(_UNNAMED if code in hidden else code for code in self.codes)
        return replace(self, codes=tuple(codes))

    def public(self) -> dict[str, Any]:
        """Return the decision as the package keeps it."""
        return {
            "signatory": self.signatory,
            "at": self.at.isoformat(timespec="seconds"),
            "reason": self.reason,
            "codes": list(self.codes),
        }


def lock_case(session: Session, case_no: str) -> Case:
    """Return the case of a number, locked until the transaction ends. Raises NotFoundError."""
    case = session.scalars(select(Case).where(Case.case_no == case_no).with_for_update()).first()
    if case is None:
        raise NotFoundError("没有这个办件编号。", "请用 yice list --waiting 查看待核对的办件。")
    return case


def enter_act(
    session: Session,
    actor: Reader,
    kind: CheckKind,
    revision: CaseRevision,
    *,
    codes: Sequence[str] = (),
    reason: str | None = None,
    text: str | None = None,
    **where: str | int | None,
) -> CheckAct:
    """Add the row of an act on a revision and return it.

    `where` are the columns `to_account`, `to_org`, `material_no` and `page`.
    """
    row = CheckAct(
        case_id=revision.case_id,
        revision=revision.revision,
        kind=kind,
        account=actor.account,
        signatory=signatory(session, actor.account),
        org=actor.org,
        at=database_now(session),
        codes=list(codes),
        reason=reason,
        text=text or None,
        **where,
    )
    session.add(row)
    session.flush()
    return row


def worded(text: str, what: str, *, least: int = 2) -> str:
    """Return a text without surrounding space. Raises NotSaidError for one too short or long."""
    text = text.strip()
    if not least <= len(text) <= LONGEST:
        raise NotSaidError(f"请写明{what}。", f"{what}为 {least} 至 {LONGEST} 个字。")
    return text


def acts_of(session: Session, case_id: int) -> Sequence[CheckAct]:
    """Return all acts on a case, the newest first."""
    return session.scalars(
        select(CheckAct).filter_by(case_id=case_id).order_by(CheckAct.id.desc())
    ).all()


def decisions_of(session: Session, case_id: int, revision: int) -> tuple[Decision, ...]:
    """Return the confirmations of a revision, in order."""
    rows = session.scalars(
        select(CheckAct)
        .filter_by(case_id=case_id, revision=revision, kind=CheckKind.CONFIRM)
        .order_by(CheckAct.id)
    )
    return tuple(
        Decision(row.signatory, row.at, row.reason or "", tuple(row.codes)) for row in rows
    )


def last_decision(decisions: Iterable[Decision], code: str) -> Decision | None:
    """Return the last decision about findings of a code, None where nobody had to decide.

    What a reader may not know of a second case (`without_cases`) was decided with the rest.
    """
    newest = list(reversed(list(decisions)))
    if code == _UNNAMED and newest:
        return newest[0]
    return next((entry for entry in newest if code in entry.codes), None)
