"""The forms of a case as they stand: which it has, and the digest of one as it is shown."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from archive.reference.case_facts import Person
from archive.reference.form_digest import FormFacts, form_digest
from archive.reference.service_items import ServiceItem
from archive.reference.vocabulary import Channel, FormKind, SourceKind
from archive.reference.worktime import WorkCalendar, due_on
from ingest.window.ledger import local_day
from ingest.window.state import CaseState, Paper, moment

_KINDS = {kind.label: kind for kind in FormKind if kind is not FormKind.OTHER}


def first_forms(item: ServiceItem, facts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the forms with which a case of an item begins: every one that only we make.

    `facts` are known already and stand on each but the receipt, which states what came in.
    """
    names = [FormKind.RECEIPT.label, FormKind.APPROVAL.label]
    names += [
        row.name
        for row in item.materials
        if row.sources == (SourceKind.SYSTEM_FORM,) and row.condition is None
    ]
    return [_form(no, name, facts) for no, name in enumerate(dict.fromkeys(names), 1)]


def _form(no: int, name: str, facts: Mapping[str, str]) -> dict[str, Any]:
    form = _KINDS.get(name, FormKind.OTHER)
    return {
        "no": no,
        "type": name,
        "source": str(SourceKind.SYSTEM_FORM),
        "form": str(form),
        "data": {} if form is FormKind.RECEIPT else dict(facts),
        "pages": 1,
    }


def promised_on(state: CaseState, calendar: WorkCalendar | None = None) -> date | None:
    """Return the day promised when the case was opened, as its receipt shows it.

    What stopped or extended the term since stands in its clock.
    """
    opening = state.opening
    return due_on(local_day(opening.opened_at), opening.item["limit_workdays"], calendar)


def form_facts(
    state: CaseState, calendar: WorkCalendar | None = None, at: datetime | None = None
) -> FormFacts:
    """Return the facts that the forms of a case print now, or with `at` printed at that time."""
    opening = state.opening
    return FormFacts(
        case_no=opening.case_no,
        item=(str(opening.item["code"]), str(opening.item["version"])),
        channel=Channel(opening.channel),
        applicant=Person.model_validate(opening.applicant),
        subjects=tuple(map(Person.model_validate, opening.subjects)),
        orgs=(opening.receive_org, opening.home_org, opening.home_org),
        received_at=opening.opened_at,
        due_on=promised_on(state, calendar),
        materials=tuple(
            paper.title
            for _, paper in sorted(state.papers.items())
            if not paper.stated.get("form")
            and (at is None or moment(paper.stated["captured_at"]) <= at)
        ),
    )


def shown_digest(
    state: CaseState,
    paper: Paper,
    calendar: WorkCalendar | None = None,
    data: Mapping[str, Any] | None = None,
    at: datetime | None = None,
) -> str:
    """Return the digest of a form as it is shown now, or with `at` was shown at that time.

    `data` stands in place of what the form states.
    """
    stated = {**(paper.stated.get("data") or {}), **(data or {})}
    kind = FormKind(paper.stated["form"])
    return form_digest(kind, form_facts(state, calendar, at), stated)
