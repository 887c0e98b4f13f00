"""Doubts about a case beside other cases of the same person: 错、假、重户 (R36).

Each doubt names both cases and is decided by a person. Other cases are found through the
blind index, so no number is looked up in plain and the cost does not grow with the holdings.
The later delivery is the one that waits, whichever case was handled first.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from archive.accession.blind_index import ID_NUMBER
from archive.database.encryption import session_keys
from archive.database.tables_cases import BlindEntry, Case
from archive.reference.case_facts import CaseFacts, Person
from archive.reference.findings import Finding, finding
from archive.reference.vocabulary import CaseState, FormKind, Series

SAME_PERIOD = timedelta(days=30)
"""Two moves within this time are 同期: a second move so soon after the first is unlikely."""
_FIRST = frozenset({Series.CS, Series.SY, Series.BL, Series.HF})
"""Series that register a person who is registered nowhere.

A person who is registered somewhere moves (QR) or sets up an own household (LF).
"""
_ENTRY = _FIRST | {Series.QR, Series.LF}
_LEAVING = frozenset({Series.QC, Series.ZX, Series.SW})
_AFTER_DEATH = frozenset({Series.BZ, Series.SW})
"""Series that relatives may still ask for.

A second 注销 of one death is found by the household, not as business of the dead person.
"""
_REVIVED = frozenset({"HF04", "BL04"})
_REMEDY = frozenset({"ZX12", "BG07"})
"""Items that put right what these rules look for: 重户注销 and 重号更正."""
_BESIDE = frozenset({"申报人", "代办人", "监护人"})
_SELF = frozenset({"本人", "死者", "死亡人员", "被注销人"})


@dataclass(frozen=True)
class _PersonCase:
    """A case as the rules read it: its facts and its series."""

    facts: CaseFacts
    series: Series

    @cached_property
    def begun(self) -> datetime:
        """Return the time of the first step."""
        return min(event.at for event in self.facts.process)

    @cached_property
    def done(self) -> datetime:
        """Return the time of completion."""
        return self.facts.completed_at

    @cached_property
    def household(self) -> tuple[str, str]:
        """Return organisation and 户号, the latter where a register form states it."""
        stated = [
            str((material.data or {}).get("户号") or "")
            for material in self.facts.materials
            if material.form is FormKind.REGISTER
        ]
        return self.facts.orgs.domicile, next((number for number in stated if number), "")

    def concerns(self, number: str) -> bool:
        """Return whether the case is about this person, not only declared or witnessed by them."""
        return any(
            _number(person) == number and person.relation not in _BESIDE
            for person in self.facts.subjects
        )

    def died(self, number: str) -> bool:
        """Return whether the case registers the death of this person.

        Of several persons it is the one whose relation says so.
        """
        if self.series is not Series.SW:
            return False
        subjects = self.facts.subjects
        return any(
            _number(person) == number and (len(subjects) == 1 or person.relation in _SELF)
            for person in subjects
        )


def _number(person: Person) -> str:
    """Return the ID number of a person in upper case, empty when there is none."""
    return (person.id_number or "").upper()


def doubts(session: Session, facts: CaseFacts, snapshot: Mapping[str, Any]) -> list[Finding]:
    """Return all findings that a person has to decide before this case is filed.

    Without keys there is no blind index, and nothing is found.
    """
    if "series" not in snapshot:
        return []
    this = _PersonCase(facts, Series(snapshot["series"]))
    places = {
        _number(person): f"case.json:subjects[{index}].id_number"
        for index, person in enumerate(facts.subjects)
    }
    places = {_number(facts.applicant): "case.json:applicant.id_number"} | places
    about = {_number(person) for person in facts.subjects}
    findings: list[Finding] = []
    for number, place in places.items():
        if number:
            others = list(_others(session, facts.case_no, number, deaths_only=number not in about))
            findings += _findings_beside(this, others, number, place)
    return list(dict.fromkeys(findings))


def _others(
    session: Session, case_no: str, number: str, *, deaths_only: bool
) -> Iterator[_PersonCase]:
    """Yield the other cases that name a person.

    A person who only declares may declare for a whole village: with `deaths_only`, only cases
    that show a death or a return to life.
    """
    ring = session_keys(session)
    if ring is None:
        return
    query = (
        select(Case.facts, Case.snapshot)
        .join(BlindEntry, BlindEntry.case_id == Case.id)
        .where(BlindEntry.kind == ID_NUMBER, BlindEntry.digest == ring.digest(ID_NUMBER, number))
        .where(Case.case_no != case_no, Case.state != CaseState.VOID)
        .order_by(Case.id)
    )
    if deaths_only:
        query = query.where(
            or_(Case.snapshot["series"].as_string() == str(Series.SW), Case.item_code.in_(_REVIVED))
        )
    for facts, snapshot in session.execute(query):
        if "series" in snapshot:
            yield _PersonCase(CaseFacts.model_validate(facts), Series(snapshot["series"]))


def _findings_beside(
    this: _PersonCase, others: Iterable[_PersonCase], number: str, place: str
) -> Iterator[Finding]:
    """Yield the findings of a case beside each of the others."""
    others = list(others)
    about = [case for case in others if case.concerns(number)]
    for other in others:
        earlier, later = sorted((this, other), key=lambda case: (case.done, case.facts.case_no))
        for code, holds in (
            ("AFTER_DEATH", _after_death(earlier, later, about, number)),
            ("TWO_HOUSEHOLDS", _two_households(earlier, later, about, number)),
            ("TWO_MOVES", _two_moves(earlier, later, number)),
        ):
            if holds:
                yield finding(code, place, other_case=other.facts.case_no)


def _between(
    about: Iterable[_PersonCase], earlier: _PersonCase, later: _PersonCase
) -> Iterator[_PersonCase]:
    """Return the cases between two others in time."""
    return (
        case
        for case in about
        if case is not earlier and case is not later and earlier.done <= case.done <= later.begun
    )


def _after_death(
    earlier: _PersonCase, later: _PersonCase, about: Iterable[_PersonCase], number: str
) -> bool:
    """Return whether the later case acts for a person whose death the earlier one registered."""
    if not earlier.died(number) or later.begun < earlier.done or later.series in _AFTER_DEATH:
        return False
    code = later.facts.item.code
    return code not in _REVIVED | _REMEDY and not any(
        case.facts.item.code in _REVIVED for case in _between(about, earlier, later)
    )


def _two_households(
    earlier: _PersonCase, later: _PersonCase, about: Iterable[_PersonCase], number: str
) -> bool:
    """Return whether a number is entered in a second household while it stands in a first."""
    if (
        earlier.series not in _ENTRY
        or later.series not in _FIRST
        or not (earlier.concerns(number) and later.concerns(number))
    ):
        return False
    (org, household), (other_org, other_household) = earlier.household, later.household
    apart = org != other_org or (
        bool(household) and bool(other_household) and household != other_household
    )
    return apart and not any(case.series in _LEAVING for case in _between(about, earlier, later))


def _two_moves(earlier: _PersonCase, later: _PersonCase, number: str) -> bool:
    """Return whether a person moved to two places in one period: 同人同期两地迁入."""
    if not earlier.series is later.series is Series.QR or not (
        earlier.concerns(number) and later.concerns(number)
    ):
        return False
    return earlier.household[0] != later.household[0] and later.begun - earlier.done < SAME_PERIOD
