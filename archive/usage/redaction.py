"""The facts of a case as they may be shown: masked by default, in plain only the fields that a grant names (standards.md §2.8)."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from archive.reference.case_facts import CaseFacts, Person
from archive.reference.citizen_id import birth_date, mask, mask_name, mask_phone, sex
from archive.reference.masking import mask_numbers
from archive.reference.organisations import Organisations

FIELDS = ("name", "sex", "nation", "birth_date", "id_number", "address", "phone")
"""What a grant may name; a grant without names opens all of them and the data of forms."""
_IN_FORMS = {"nation": ("民族",), "address": ("住址", "现住址", "户籍地址")}


def names_of(facts: CaseFacts) -> tuple[str, ...]:
    """Everybody whom the case names, the longest name first: of 王小 and 王小明 a text holds the latter."""
    found = {one.name for one in (facts.applicant, *facts.subjects)} | {
        event.actor for event in facts.process
    }
    return tuple(sorted(found, key=len, reverse=True))


def hidden(text: str, names: Iterable[str]) -> str:
    """A text with these names and every ID and telephone number masked."""
    for name in names:
        if len(name) > 1:
            text = text.replace(name, mask_name(name))
    return mask_numbers(text)


def shown_person(person: Person, plain: Collection[str]) -> dict[str, str | None]:
    """A person; the fields in `plain` as they are, of sex and birth nothing else."""
    number, born = person.id_number or "", birth_date(person.id_number or "")
    found = sex(number)
    return {
        "name": person.name if "name" in plain else mask_name(person.name),
        "id_number": person.id_number
        if person.id_number is None or "id_number" in plain
        else mask(number),
        "phone": person.phone
        if person.phone is None or "phone" in plain
        else mask_phone(person.phone),
        "sex": found.label if found and "sex" in plain else None,
        "birth_date": born.isoformat() if born and "birth_date" in plain else None,
        "relation": person.relation,
    }


def shown_facts(
    facts: CaseFacts, organisations: Organisations, plain: Collection[str] | None = ()
) -> dict[str, Any]:
    """The facts for a screen. `plain` are the fields of FIELDS to show as they are; None all of them, with the data of forms."""
    fields = FIELDS if plain is None else plain
    names = names_of(facts)
    return {
        "applicant": shown_person(facts.applicant, fields),
        "subjects": [shown_person(one, fields) for one in facts.subjects],
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
                "no": one.no,
                "type": hidden(one.type, names),
                "source": one.source,
                "source_label": one.source.label,
                "pages": one.pages,
                "data": _form_data(one.data, fields, everything=plain is None),
            }
            for one in facts.materials
        ],
    }


def _form_data(
    data: Mapping[str, Any] | None, fields: Collection[str], *, everything: bool
) -> dict[str, Any]:
    """What forms hold may be anything about anyone, so it is left out, but for what a field of the grant names."""
    if data is None:
        return {}
    if everything:
        return dict(data)
    wanted = {key for field in fields for key in _IN_FORMS.get(field, ())}
    return {key: value for key, value in data.items() if key in wanted}


def timeline(facts: CaseFacts, organisations: Organisations) -> list[dict[str, Any]]:
    """Who did what when. Officers stand there by number, for they answer for it for life (R35); opinions are masked."""
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
            "opinion": hidden(event.opinion, names),
        }
        for event in facts.process
    ]


def paper(facts: CaseFacts, organisations: Organisations) -> list[dict[str, Any]]:
    """Where the paper behind the scans is kept: with the window that took it in (R19)."""
    keeper = organisations.get(facts.orgs.receive)
    return [
        {
            "no": one.no,
            "original": one.paper.original,
            "pages": one.paper.pages,
            "kept": one.paper.kept,
            "org": keeper.code,
            "org_name": keeper.name,
        }
        for one in facts.materials
        if one.paper
    ]
