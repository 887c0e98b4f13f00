"""What the population system knows of the people of a case, and what is said of it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from archive.reference import citizen_id
from archive.reference.case_facts import Person
from archive.reference.glyphs import undrawn
from ingest.sources.population import PersonRecord, Standing
from ingest.window.ledger import local_day
from ingest.window.refusals import Refusal, refusal
from ingest.window.terms import UNASKED, QueryOutcome

APPLICANT, SUBJECT = "申报人", "被办理人"
OWN_AGE = 14
"""Below it a person does not apply alone."""
OWN_FACTS = ("性别", "民族", "出生日期")
HOUSEHOLD_FACTS = ("户号", "户籍地址")
FACTS = (*OWN_FACTS, *HOUSEHOLD_FACTS)
"""The fields of the forms that a query fills in."""
_MOST_POINTS = 5
_STANDING = {
    Standing.REGISTERED: QueryOutcome.KNOWN,
    Standing.MOVED_OUT: QueryOutcome.MOVED_OUT,
    Standing.DEAD: QueryOutcome.DEAD,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What was learnt of one person; `members` are the ID numbers of the household."""

    id_number: str = field(repr=False)
    outcome: QueryOutcome
    at: datetime
    record: PersonRecord | None = field(default=None, repr=False)
    members: tuple[str, ...] = field(default=(), repr=False)

    def body(self) -> dict[str, Any]:
        """Return the answer as JSON, to be kept sealed."""
        return {
            "id_number": self.id_number,
            "outcome": str(self.outcome),
            "at": self.at.isoformat(),
            "record": self.record and self.record.model_dump(mode="json"),
            "members": list(self.members),
        }

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """Return the answer that was kept."""
        record = body["record"]
        return cls(
            body["id_number"],
            QueryOutcome(body["outcome"]),
            datetime.fromisoformat(body["at"]),
            record and PersonRecord.model_validate(record),
            tuple(body["members"]),
        )


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of one query by the number under which the journal has it.

    `token` is the name under which they are kept for who asked.
    """

    query: str = ""
    answers: tuple[Answer, ...] = ()
    token: str = ""

    def about(self, id_number: str | None) -> Answer | None:
        """Return what was learnt of a person, None where nobody was asked."""
        wanted = (id_number or "").upper()
        return next((row for row in self.answers if row.id_number == wanted), None)

    def joined(self, other: "Answers") -> "Answers":
        """Return these answers with those of another query."""
        numbers = "、".join(filter(None, (self.query, other.query)))
        return Answers(numbers, (*self.answers, *other.answers), self.token or other.token)

    def outcome(self, id_number: str | None) -> QueryOutcome:
        """Return what the query of a person came to."""
        answer = self.about(id_number)
        return answer.outcome if answer else QueryOutcome.NOT_ASKED


NOBODY_ASKED = Answers()
"""The answers of a window without a population system."""


def outcome_of(record: PersonRecord | None) -> QueryOutcome:
    """Return what an answer of the system says of a person."""
    return _STANDING[record.standing] if record else QueryOutcome.UNKNOWN


def young(id_number: str | None, now: datetime) -> bool:
    """Return whether a person is too young to apply alone, by the ID number."""
    born, today = citizen_id.birth_date(id_number or ""), local_day(now)
    return born is not None and (today.year - born.year, today.month, today.day) < (
        OWN_AGE,
        born.month,
        born.day,
    )


def remarks(answer: Answer | None, who: str, now: datetime) -> Iterator[Refusal]:
    """Yield what is to be said of a person, each with the next step; names nobody."""
    outcome = answer.outcome if answer else QueryOutcome.NOT_ASKED
    if outcome in UNASKED:
        yield refusal(f"POPULATION_{outcome}", who=who)
    elif outcome is QueryOutcome.DEAD:
        yield refusal("PERSON_DEAD" if who == APPLICANT else "SUBJECT_DEAD")
    elif outcome is QueryOutcome.MOVED_OUT:
        yield refusal("PERSON_MOVED", who=who)
    elif outcome is QueryOutcome.UNKNOWN:
        yield refusal("PERSON_UNKNOWN", who=who)
    else:
        yield refusal("PERSON_KNOWN", who=who)
    if answer and who == APPLICANT and young(answer.id_number, now):
        yield refusal("APPLICANT_YOUNG")
    if answer and answer.record and answer.record.undrawn:
        points = "、".join(answer.record.undrawn[:_MOST_POINTS])
        yield refusal("NAME_GLYPH", points=points)


def differing(answer: Answer | None, person: Person, home: str) -> list[str]:
    """Return what was typed otherwise than the system has it; no value is quoted.

    A name that cannot be shown cannot have been typed either, and is told apart.
    """
    record = answer.record if answer else None
    if record is None:
        return []
    name = not undrawn([record.name]) and record.name != person.name
    away = bool(record.station) and record.station != home
    return [label for label, differs in (("姓名", name), ("户籍地", away)) if differs]


def facts_of(record: PersonRecord) -> dict[str, str]:
    """Return what the forms state of a person, by the names of their fields."""
    facts = {
        "性别": record.sex,
        "民族": record.ethnic_group,
        "出生日期": record.birth_date.isoformat() if record.birth_date else "",
        "户号": record.household_no,
        "户籍地址": record.address,
    }
    return {label: text for label, text in facts.items() if text}


def people_rows(answers: Answers, now: datetime) -> list[dict[str, Any]]:
    """Return what was learnt of each person who was asked for, the applicant first."""
    rows = []
    for no, answer in enumerate(answers.answers):
        who, record = SUBJECT if no else APPLICANT, answer.record
        rows.append(
            {
                "who": who,
                "outcome": str(answer.outcome),
                "label": answer.outcome.label,
                "remarks": [f"{row.message}{row.action}" for row in remarks(answer, who, now)],
                "name": record.name if record else None,
                "station": record.station if record else None,
                "facts": facts_of(record) if record else {},
            }
        )
    return rows


def first_facts(
    answers: Answers, applicant: Person, subjects: tuple[Person, ...]
) -> dict[str, str]:
    """Return what forms begin with: of the subject, the household also by the others."""
    own = answers.about(subjects[0].id_number) if subjects else None
    facts: dict[str, str] = facts_of(own.record) if own and own.record else {}
    for person in (*subjects, applicant):
        answer = answers.about(person.id_number)
        if answer and answer.record and not any(label in facts for label in HOUSEHOLD_FACTS):
            of_person = facts_of(answer.record)
            facts |= {label: of_person[label] for label in HOUSEHOLD_FACTS if label in of_person}
    return facts


def stated(
    answers: Answers, applicant: Person, subjects: tuple[Person, ...], home: str
) -> list[dict[str, Any]]:
    """Return what the opening keeps of the query: for each person what it came to."""
    people = [(APPLICANT, applicant), *((SUBJECT, person) for person in subjects)]
    return [
        {
            "who": who,
            "outcome": str(answers.outcome(person.id_number)),
            "differs": differing(answers.about(person.id_number), person, home),
        }
        for who, person in people
        if person.id_number
    ]
