"""The form of 开办 filled in with what the population system knows of its people."""

from collections.abc import Collection, Mapping
from datetime import datetime

from ingest.window.known import (
    APPLICANT,
    FACTS,
    HOUSEHOLD_FACTS,
    SUBJECT,
    Answer,
    Answers,
    facts_of,
    remarks,
)
from ingest.window.refusals import refusal
from ingest.window.terms import QueryOutcome


def filled(
    form: Mapping[str, str], answers: Answers, stations: Collection[str], now: datetime
) -> tuple[dict[str, str], str]:
    """Return the fields with what is known, and what is to be said of its people.

    What a person typed stays, but for the station that stood there unasked: that of the register
    takes its place.
    """
    fields, sentences = dict(form), []
    for name, who in _people(form):
        number = form.get(name, "").strip()
        answer = answers.about(number) if number else None
        if answer is None:
            continue
        sentences_of = [*remarks(answer, who, now)]
        if _fill_name(fields, name.replace("id_number", "name"), answer):
            sentences_of.append(refusal("PERSON_DIFFERS", who=who, fields="姓名"))
        sentences += [f"{row.message}{row.action}" for row in sentences_of]
    applicant = answers.about(form.get("id_number"))
    record = applicant.record if applicant else None
    if record and record.station in stations:
        fields["home"] = record.station
    for label, text in _facts(form, answers).items():
        key = f"fact-{label}"
        fields[key] = fields.get(key, "").strip() or text
    return fields, "".join(dict.fromkeys(sentences))


def _people(form: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the fields of ID numbers, each with who it is of."""
    further = sorted(name for name in form if name.startswith("id_number-"))
    return [("id_number", APPLICANT), *((name, SUBJECT) for name in further)]


def _fill_name(fields: dict[str, str], name: str, answer: Answer) -> bool:
    """Put the name there where none was typed; return whether another one was typed."""
    record = answer.record
    if record is None or record.undrawn:
        return False
    typed = fields.get(name, "").strip()
    fields[name] = typed or record.name
    return fields[name] != record.name


def _facts(form: Mapping[str, str], answers: Answers) -> dict[str, str]:
    """Return what the forms begin with: of the subject, the household also of the applicant."""
    own = "id_number" if form.get("self") == "1" else "id_number-1"
    subject, applicant = answers.about(form.get(own)), answers.about(form.get("id_number"))
    facts = facts_of(subject.record) if subject and subject.record else {}
    if applicant and applicant.record and applicant.outcome is QueryOutcome.KNOWN:
        known = facts_of(applicant.record)
        facts = {label: known[label] for label in HOUSEHOLD_FACTS if label in known} | facts
    return {label: facts[label] for label in FACTS if label in facts}
