"""错、假、重户 (R36): what a case means beside the other cases of the same person. Each doubt names both cases and is decided by a person.

Other cases are found through the blind index, so no number is looked up in plain and the cost does not grow with the holdings. The later delivery
is the one that waits, whichever case was handled first.
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
from archive.reference.vocabulary import FormKind, Series

SAME_PERIOD = timedelta(days=30)
"""Two moves within it are 同期: a person who has just moved has hardly moved again."""
_VOID = "VOID"
_FIRST = frozenset({Series.CS, Series.SY, Series.BL, Series.HF})
"""Series that enter a person who stands nowhere; who stands somewhere moves (QR) or sets up a household of his own (LF)."""
_ENTRY = _FIRST | {Series.QR, Series.LF}
_LEAVING = frozenset({Series.QC, Series.ZX, Series.SW})
_AFTER_DEATH = frozenset({Series.BZ, Series.SW})
"""What relatives may still ask for. A second 注销 of one death is told by the household, not as business of the dead."""
_REVIVED = frozenset({"HF04", "BL04"})
_REMEDY = frozenset({"ZX12", "BG07"})
"""重户注销 and 重号更正 put right what these rules look for."""
_BESIDE = frozenset({"申报人", "代办人", "监护人"})
_SELF = frozenset({"本人", "死者", "死亡人员", "被注销人"})


@dataclass(frozen=True)
class _Told:
    """One case as the rules read it; `done` when it was completed, `begun` its first step."""

    facts: CaseFacts
    series: Series

    @cached_property
    def begun(self) -> datetime:
        return min(event.at for event in self.facts.process)

    @cached_property
    def done(self) -> datetime:
        return self.facts.completed_at

    @cached_property
    def household(self) -> tuple[str, str]:
        """Organisation and 户号, the latter where a register form states one."""
        stated = [
            str((one.data or {}).get("户号") or "")
            for one in self.facts.materials
            if one.form is FormKind.REGISTER
        ]
        return self.facts.orgs.domicile, next((one for one in stated if one), "")

    def concerns(self, number: str) -> bool:
        """Whether the case is about this person, and not only declared or witnessed by him."""
        return any(
            _number(one) == number and one.relation not in _BESIDE for one in self.facts.subjects
        )

    def died(self, number: str) -> bool:
        """Whether the case registers the death of this person; of several persons it is the one it calls so."""
        if self.series is not Series.SW:
            return False
        subjects = self.facts.subjects
        return any(
            _number(one) == number and (len(subjects) == 1 or one.relation in _SELF)
            for one in subjects
        )


def _number(one: Person) -> str:
    return (one.id_number or "").upper()


def doubts(session: Session, facts: CaseFacts, snapshot: Mapping[str, Any]) -> list[Finding]:
    """All that a person has to decide before this case is filed. Without keys there is no blind index and nothing is found."""
    if "series" not in snapshot:
        return []
    this = _Told(facts, Series(snapshot["series"]))
    places = {
        _number(one): f"case.json:subjects[{index}].id_number"
        for index, one in enumerate(facts.subjects)
    }
    places = {_number(facts.applicant): "case.json:applicant.id_number"} | places
    about = {_number(one) for one in facts.subjects}
    found: list[Finding] = []
    for number, place in places.items():
        if number:
            others = list(_others(session, facts.case_no, number, deaths_only=number not in about))
            found += _judged(this, others, number, place)
    return list(dict.fromkeys(found))


def _others(session: Session, case_no: str, number: str, *, deaths_only: bool) -> Iterator[_Told]:
    """The other cases that name a person. Of somebody who only declares, and may declare for a whole village, just what shows that he died or lives."""
    ring = session_keys(session)
    if ring is None:
        return
    query = (
        select(Case.facts, Case.snapshot)
        .join(BlindEntry, BlindEntry.case_id == Case.id)
        .where(BlindEntry.kind == ID_NUMBER, BlindEntry.digest == ring.digest(ID_NUMBER, number))
        .where(Case.case_no != case_no, Case.state != _VOID)
        .order_by(Case.id)
    )
    if deaths_only:
        query = query.where(
            or_(Case.snapshot["series"].as_string() == str(Series.SW), Case.item_code.in_(_REVIVED))
        )
    for facts, snapshot in session.execute(query):
        if "series" in snapshot:
            yield _Told(CaseFacts.model_validate(facts), Series(snapshot["series"]))


def _judged(this: _Told, others: Iterable[_Told], number: str, place: str) -> Iterator[Finding]:
    others = list(others)
    about = [one for one in others if one.concerns(number)]
    for other in others:
        earlier, later = sorted((this, other), key=lambda one: (one.done, one.facts.case_no))
        for code, holds in (
            ("AFTER_DEATH", _after_death(earlier, later, about, number)),
            ("TWO_HOUSEHOLDS", _two_households(earlier, later, about, number)),
            ("TWO_MOVES", _two_moves(earlier, later, number)),
        ):
            if holds:
                yield finding(code, place, other_case=other.facts.case_no)


def _between(about: Iterable[_Told], earlier: _Told, later: _Told) -> Iterator[_Told]:
    return (
        one
        for one in about
        if one is not earlier and one is not later and earlier.done <= one.done <= later.begun
    )


def _after_death(earlier: _Told, later: _Told, about: Iterable[_Told], number: str) -> bool:
    if not earlier.died(number) or later.begun < earlier.done or later.series in _AFTER_DEATH:
        return False
    code = later.facts.item.code
    return code not in _REVIVED | _REMEDY and not any(
        one.facts.item.code in _REVIVED for one in _between(about, earlier, later)
    )


def _two_households(earlier: _Told, later: _Told, about: Iterable[_Told], number: str) -> bool:
    """One number entered anew in a second household while it stands in a first."""
    if (
        earlier.series not in _ENTRY
        or later.series not in _FIRST
        or not (earlier.concerns(number) and later.concerns(number))
    ):
        return False
    (one_org, one), (other_org, other) = earlier.household, later.household
    apart = one_org != other_org or (bool(one) and bool(other) and one != other)
    return apart and not any(each.series in _LEAVING for each in _between(about, earlier, later))


def _two_moves(earlier: _Told, later: _Told, number: str) -> bool:
    """同人同期两地迁入."""
    if not earlier.series is later.series is Series.QR or not (
        earlier.concerns(number) and later.concerns(number)
    ):
        return False
    return earlier.household[0] != later.household[0] and later.begun - earlier.done < SAME_PERIOD
