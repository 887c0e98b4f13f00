"""Confirmation (确认): a case that waits is accepted, after its materials were looked at."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.accession import blind_index
from archive.accession.accession import show_revision
from archive.accession.case_actors import remember_actors
from archive.accession.case_sources import remember_sources
from archive.accession.recheck import go_on_compiling
from archive.administration.filing_units import FilingUnits
from archive.administration.policy import Act, Reader, scope_of
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.checking.acts import enter_act, lock_case
from archive.checking.shown import pages_not_shown
from archive.database.tables_cases import Case, CaseRevision
from archive.reference.check_terms import CheckKind
from archive.reference.errors import ConflictError
from archive.reference.other_cases import other_cases
from archive.reference.vocabulary import CaseState

_PAGE = re.compile(r"材料 ([0-9]+) 第 ([0-9]+) 页")


@dataclass(frozen=True, slots=True)
class Ticks:
    """What a person ticked: materials one by one (R33), and blank pages each by itself.

    `blanks` are pages by material.
    """

    materials: frozenset[int]
    blanks: Mapping[int, Collection[int]]


class NotTickedError(ConflictError):
    """A material was not ticked, or was ticked before it was shown."""

    code = "NOT_TICKED"


def confirm(
    session: Session,
    filer: Reader,
    *,
    case_no: str,
    reason: str,
    units: FilingUnits,
    ticks: Ticks | None,
) -> Case:
    """Accept the revision of a case that waits at 核对, so that the case may be compiled.

    Of two cases that match nobody decides who sees one of them only. `ticks` None: the papers
    themselves were looked at, as the reason says. The journal entry holds actor, reason, and what
    was ticked (R33). Raises NotFoundError, ConflictError, NotTickedError, or NotFilingError when
    another unit files it (I15).
    """
    case = lock_case(session, case_no)
    unit = units.unit_of(case.receive_org, case.domicile_org)
    units.require(filer, Act.CONFIRM, unit, case_no)
    waiting = session.scalars(
        select(CaseRevision).filter_by(case_id=case.id, state=CaseState.CONFIRM)
    ).first()
    if waiting is None:
        raise ConflictError("该办件不在待核对状态。", "无需再次确认。")
    _require_both_seen(session, waiting, filer, units)
    if ticks is not None:
        _require_ticked(session, waiting, filer, ticks)
    waiting.state = CaseState.ACCEPTED
    go_on_compiling(session, case.id)
    show_revision(case, waiting)
    blind_index.remember(session, case)
    remember_actors(session, case)
    remember_sources(session, case)
    codes = sorted({row["code"] for row in waiting.findings})
    enter_act(session, filer, CheckKind.CONFIRM, waiting, codes=codes, reason=reason)
    journal.record(
        session,
        filer.account,
        JournalAct.CONFIRM,
        case_no,
        reason=reason,
        codes=codes,
        revision=waiting.revision,
        org=filer.org,
        **_ticked(ticks),
    )
    return case


def _ticked(ticks: Ticks | None) -> dict[str, object]:
    """Return what the journal keeps of ticks."""
    if ticks is None:
        return {}
    blanks = [[no, page] for no, pages in sorted(ticks.blanks.items()) for page in sorted(pages)]
    return {"ticked": sorted(ticks.materials), **({"blanks": blanks} if blanks else {})}


def _require_ticked(session: Session, revision: CaseRevision, filer: Reader, ticks: Ticks) -> None:
    """Raise NotTickedError unless all was ticked, and nothing before it was shown."""
    numbers = {int(material["no"]) for material in revision.facts["materials"]}
    if lacking := sorted(numbers - ticks.materials):
        raise NotTickedError(
            f"材料 {'、'.join(map(str, lacking))} 未勾核，未作确认。", "请逐件看过并勾核后再确认。"
        )
    for no, page in blank_pages(revision):
        if page not in ticks.blanks.get(no, ()):
            raise NotTickedError(
                f"材料 {no} 第 {page} 页是否空白未单独确认，未作确认。",
                "请看过这一页并单独勾选；不是空白的请换页或退回补扫。",
            )
    unseen = pages_not_shown(session, revision, filer.account)
    if unseen:
        raise NotTickedError(
            f"材料 {'、'.join(map(str, sorted(unseen)))} 还没有看全，未作确认。",
            "请逐页看过后再勾核、确认。",
        )


def blank_pages(revision: CaseRevision) -> list[tuple[int, int]]:
    """Return material and page of each page that seems blank: each is ticked by itself."""
    return [
        (int(at[1]), int(at[2]))
        for row in revision.findings
        if row["code"] == "BLANK_PAGE" and (at := _PAGE.search(row["message"]))
    ]


def _require_both_seen(
    session: Session, revision: CaseRevision, filer: Reader, units: FilingUnits
) -> None:
    """Raise ConflictError when a finding is about a case that the filer may not see."""
    numbers = other_cases(revision.findings)
    query = select(Case.case_no, Case.receive_org, Case.accept_org, Case.domicile_org)
    seen = {
        case_no
        for case_no, *orgs in session.execute(query.where(Case.case_no.in_(numbers)))
        if filer.org in scope_of(orgs, units.organisations)
    }
    if numbers - seen:
        raise ConflictError(
            "本件与其他单位的记录相符，本单位不能确认。", "请由能查看两件的上级档案部门核对后确认。"
        )
