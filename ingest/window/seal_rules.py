"""Seals as the rules see them: which grant lets a window use one in this second. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from archive.reference.submission_terms import Ending
from archive.reference.vocabulary import FormKind
from archive.reference.worktime import WorkCalendar
from ingest.window.forms import shown_digest
from ingest.window.state import CaseState

SEAL = "户口专用章"
SealUseRow = dict[str, Any]
"""A use of a seal as the act, its row and the submission state it."""
ALL_ITEMS = "*"


@dataclass(frozen=True, slots=True)
class Grant:
    """An authorisation to use a seal; `used` counts its uses, `quota` None: without end.

    It holds from `begins` on and no longer at `ends`. With a `case_no` it is for that case only.
    """

    number: str
    grantor: str
    grantee: str
    items: frozenset[str]
    seal: str
    begins: datetime
    ends: datetime
    quota: int | None = None
    used: int = 0
    case_no: str | None = None

    def lets(self, state: CaseState, caller: str, now: datetime) -> bool:
        """Return whether it lets a window seal this case at this time."""
        opening = state.opening
        return (
            self.grantor == opening.home_org
            and self.grantee == caller
            and bool(self.items & {ALL_ITEMS, str(opening.item["code"])})
            and self.seal == SEAL
            and self.begins <= now < self.ends
            and (self.quota is None or self.used < self.quota)
            and self.case_no in {None, opening.case_no}
        )


def sealed_approval(
    state: CaseState,
    detail: Mapping[str, Any],
    org: str,
    now: datetime,
    calendar: WorkCalendar | None,
) -> SealUseRow:
    """Return the use of the approving unit's own seal on the 审批表, which comes by itself.

    Each level seals; the last one what the form concludes.
    """
    forms = {paper.stated.get("form"): paper for paper in state.papers.values()}
    paper = forms[FormKind.APPROVAL]
    digest = shown_digest(state, paper, calendar, detail.get("conclusion"))
    return _use(state, org, org, None, FormKind.APPROVAL, digest, "审批表加盖", now)


def issued_seal(
    state: CaseState,
    caller: str,
    now: datetime,
    grants: Iterable[Grant],
    calendar: WorkCalendar | None,
) -> SealUseRow | None:
    """Return the use of the home station's seal on what is issued; None without a grant.

    The station's own window needs none. Of several grants the one that ends first is used.
    """
    opening = state.opening
    grant = None
    if opening.citywide:
        lets = sorted(
            (grant for grant in grants if grant.lets(state, caller, now)),
            key=lambda grant: (grant.ends, grant.number),
        )
        if not lets:
            return None
        grant = lets[0].number
    kinds = {paper.stated.get("form"): paper for paper in state.papers.values()}
    paper = kinds.get(FormKind.REGISTER) or kinds[FormKind.APPROVAL]
    if state.ending is not Ending.ISSUED:
        paper = kinds[FormKind.APPROVAL]
    digest = shown_digest(state, paper, calendar)
    ending = state.ending.label if state.ending else ""
    form = FormKind(paper.stated["form"])
    return _use(state, opening.home_org, caller, grant, form, digest, f"出件：{ending}", now)


def _use(
    state: CaseState,
    owner: str,
    caller: str,
    grant: str | None,
    form: FormKind,
    digest: str,
    purpose: str,
    now: datetime,
) -> SealUseRow:
    return {
        "use_no": f"{state.opening.case_no}-S{state.seq + 1:03d}",
        "seal_owner": owner,
        "caller": caller,
        "at": now.isoformat(),
        "grant_ref": grant,
        "seal": SEAL,
        "form": str(form),
        "document_sha256": digest,
        "purpose": purpose,
    }
