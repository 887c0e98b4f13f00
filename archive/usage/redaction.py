"""Redaction: the facts of a case as they may be shown (standards.md §2.8).

Masked by default, in plain only the fields that a grant names.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from archive.reference.case_facts import CaseFacts, Person
from archive.reference.citizen_id import birth_date, mask, mask_name, mask_phone, sex
from archive.reference.masking import mask_numbers
from archive.reference.organisations import Organisations

FIELDS = ("name", "sex", "nation", "birth_date", "id_number", "address", "phone")
"""Fields that a grant may name.

A grant without names opens all of them and the data of forms.
"""
_IN_FORMS = {"nation": ("民族",), "address": ("住址", "现住址", "户籍地址")}


def names_of(facts: CaseFacts) -> tuple[str, ...]:
    """Return the names of all persons of a case, the longest first.

    Of 王小 and 王小明 a text holds the latter.
    """
    names = {person.name for person in (facts.applicant, *facts.subjects)} | {
        event.actor for event in facts.process
    }
    return tuple(sorted(names, key=len, reverse=True))


def mask_text(text: str, names: Iterable[str]) -> str:
    """Return a text with these names and every ID and telephone number masked."""
    for name in names:
        if len(name) > 1:
            text = text.replace(name, mask_name(name))
    return mask_numbers(text)


def shown_person(person: Person, plain: Collection[str]) -> dict[str, str | None]:
    """Return a person with the fields in `plain` unmasked; other sex and birth dates are None."""
    number, born = person.id_number or "", birth_date(person.id_number or "")
    known_sex = sex(number)
    return {
        "name": person.name if "name" in plain else mask_name(person.name),
        "id_number": person.id_number
        if person.id_number is None or "id_number" in plain
        else mask(number),
        "phone": person.phone
        if person.phone is None or "phone" in plain
        else mask_phone(person.phone),
        "sex": known_sex.label if known_sex and "sex" in plain else None,
        "birth_date": born.isoformat() if born and "birth_date" in plain else None,
        "relation": person.relation,
    }


def shown_facts(
    facts: CaseFacts, organisations: Organisations, plain: Collection[str] | None = ()
) -> dict[str, Any]:
    """Return the facts for a screen.

    `plain` are the fields of FIELDS to show unmasked; None shows all of them, with the data of
    forms.
    """
    fields = FIELDS if plain is None else plain
    names = names_of(facts)
    return {
        "applicant": shown_person(facts.applicant, fields),
        "subjects": [shown_person(subject, fields) for subject in facts.subjects],
        "channel": facts.channel,
        "item": {"code": facts.item.code, "version": facts.item.version},
        "orgs": {
            name: {"code": code, "name": organisations.get(code).name}
            for name, code in (
                ("receive", facts.orgs.receive),
                ("accept", facts.orgs.accept),
                ("domicile", facts.orgs.domicile),
            )
        },
        "due_on": facts.due_on.isoformat() if facts.due_on else None,
        "completed_at": facts.completed_at.isoformat(),
        "materials": [
            {
                "no": material.no,
                "type": mask_text(material.type, names),
                "source": material.source,
                "source_label": material.source.label,
                "pages": material.pages,
                "data": _form_data(material.data, fields, everything=plain is None),
            }
            for material in facts.materials
        ],
    }


def _form_data(
    data: Mapping[str, Any] | None, fields: Collection[str], *, everything: bool
) -> dict[str, Any]:
    """Return the data of a form that the fields of a grant name.

    A form may hold anything about anyone, so all else is left out.
    """
    if data is None:
        return {}
    if everything:
        return dict(data)
    wanted = {key for field in fields for key in _IN_FORMS.get(field, ())}
    return {key: value for key, value in data.items() if key in wanted}


def timeline(facts: CaseFacts, organisations: Organisations) -> list[dict[str, Any]]:
    """Return the steps of a case: who did what when.

    Officers are shown by number, since they are responsible for the case for life (R35); opinions
    are masked.
    """
    names = names_of(facts)
    return [
        {
            "node": event.node,
            "label": event.node.label,
            "org": event.org,
            "org_name": organisations.get(event.org).name if event.org in organisations else None,
            "actor_no": event.actor_no,
            "at": event.at.isoformat(),
            "result": event.result,
            "result_label": event.result.label,
            "level": event.level,
            "opinion": mask_text(event.opinion, names),
        }
        for event in facts.process
    ]


def paper(facts: CaseFacts, organisations: Organisations) -> list[dict[str, Any]]:
    """Return where the paper behind the scans is kept: at the window that received it (R19)."""
    keeper = organisations.get(facts.orgs.receive)
    return [
        {
            "no": material.no,
            "original": material.paper.original,
            "pages": material.paper.pages,
            "kept": material.paper.kept,
            "org": keeper.code,
            "org_name": keeper.name,
        }
        for material in facts.materials
        if material.paper
    ]
