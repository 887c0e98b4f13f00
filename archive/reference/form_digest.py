"""The digest of a form as it was shown: what a signature on the screen is bound to (R37).

The window computes it when the applicant signs, the inspection computes it again of the facts.
Who signed a form with other facts, or before a fact was changed, did not sign this one.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from archive.reference.case_facts import CaseFacts, Material, Person
from archive.reference.vocabulary import Channel, FormKind


@dataclass(frozen=True, slots=True)
class FormFacts:
    """The facts of a case that a form prints, as codes: names of offices may change.

    `materials` are the names of what was taken in so far, without the forms themselves; they and
    `due_on` stand on the receipt, `subjects` on the register.
    """

    case_no: str
    item: tuple[str, str]
    channel: Channel
    applicant: Person
    subjects: tuple[Person, ...]
    orgs: tuple[str, str, str]
    received_at: datetime
    due_on: date | None = None
    materials: tuple[str, ...] = ()


def form_facts(facts: CaseFacts, at: datetime | None = None) -> FormFacts:
    """Return what a form of a case prints; with `at`, what it printed at that time.

    A material that was captured or fetched afterwards was not on it.
    """
    return FormFacts(
        case_no=facts.case_no,
        item=(facts.item.code, facts.item.version),
        channel=facts.channel,
        applicant=facts.applicant,
        subjects=facts.subjects,
        orgs=(facts.orgs.receive, facts.orgs.accept, facts.orgs.domicile),
        received_at=min(event.at for event in facts.process),
        due_on=facts.due_on,
        materials=tuple(
            material.type
            for material in facts.materials
            if material.form is None and (at is None or taken_by(material, at))
        ),
    )


def taken_by(material: Material, at: datetime) -> bool:
    """Return whether a material was there at a time; one that states no time was."""
    fetched = material.source_ref.fetched_at if material.source_ref else None
    taken = material.captured_at or fetched
    return taken is None or taken <= at


def form_digest(
    form: FormKind, facts: FormFacts, data: Mapping[str, str | int | float | bool | None] | None
) -> str:
    """Return the SHA-256, in hex, of the canonical JSON of what a form prints.

    Keys are sorted, nothing is indented, times are UTC to the second; numbers that `data` states
    count as the digits that they are written with.
    """
    printed: dict[str, Any] = {
        "form": str(form),
        "case_no": facts.case_no,
        "item": list(facts.item),
        "channel": str(facts.channel),
        "applicant": _person(facts.applicant),
        "orgs": list(facts.orgs),
        "received_at": facts.received_at.astimezone(UTC).isoformat(timespec="seconds"),
        "data": {key: _written(value) for key, value in (data or {}).items()},
    }
    if form is FormKind.RECEIPT:
        printed["due_on"] = facts.due_on.isoformat() if facts.due_on else None
        printed["materials"] = list(facts.materials)
    if form is FormKind.REGISTER:
        printed["subjects"] = [_person(person) for person in facts.subjects]
    text = json.dumps(printed, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _person(person: Person) -> list[str | None]:
    return [person.name, person.id_number, person.phone, person.relation]


def _written(value: str | float | bool | None) -> str | bool | None:  # noqa: FBT001 - JSON
    return value if isinstance(value, str | bool) or value is None else str(value)
