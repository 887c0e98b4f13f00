"""The opening of a case at a window: who may, for which item, for whom. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from archive.administration.policy import Role
from archive.reference import citizen_id
from archive.reference.case_facts import Person
from archive.reference.glyphs import undrawn
from archive.reference.organisations import Organisations
from archive.reference.service_items import ServiceItem, needs_investigation, snapshot
from archive.reference.vocabulary import Mode, OrgKind, Series
from archive.reference.window_steps import Step
from ingest.window.asked import OpenWanted, shaped
from ingest.window.decide import Asked, Officer
from ingest.window.flow import Flow
from ingest.window.forms import first_forms
from ingest.window.known import APPLICANT, SUBJECT, Answers, first_facts, stated, young
from ingest.window.ledger import local_day
from ingest.window.refusals import Refusal, refusal
from ingest.window.state import ActRow
from ingest.window.terms import QueryOutcome, WindowAct

OPENERS = frozenset({Role.OFFICER, Role.AUXILIARY})
"""The roles that open a case, at any window of the city (R7)."""
_WINDOWS = frozenset({OrgKind.STATION, OrgKind.HALL})
_MOST_POINTS = 5


def decide_opening(
    flow: Flow,
    asked: Asked,
    actor: Officer,
    case_no: str,
    now: datetime,
    *,
    item: ServiceItem | None,
    organisations: Organisations,
    answers: Answers,
) -> ActRow | Refusal:
    """Return the act that opens a case, else why it may not be opened.

    `answers` are what the population system says of its people; where it was silent, the case
    says so and is opened.
    """
    wanted = shaped(WindowAct.OPEN, asked.data)
    if not isinstance(wanted, OpenWanted):
        places = "、".join(map(str, wanted)) or "内容"
        return refusal("ACT_DATA", act=WindowAct.OPEN.label, places=places)
    why = _not_here(wanted, actor, item, organisations) or _not_them(wanted, item, now, answers)
    if why or item is None:
        return why or refusal("ITEM_UNKNOWN")
    return ActRow(
        seq=1,
        step=Step.RECEIVE,
        act=WindowAct.OPEN,
        at=now,
        account=actor.account,
        actor=actor.name,
        actor_no=actor.officer_no,
        person=actor.id_number,
        org=actor.org,
        key=asked.key,
        detail=_detail(flow, wanted, case_no, item, answers),
    )


def _detail(
    flow: Flow, wanted: OpenWanted, case_no: str, item: ServiceItem, answers: Answers
) -> dict[str, Any]:
    persons = (wanted.applicant, *wanted.subjects)
    household = {person.id_number for person in persons if person.id_number}
    household |= {number for row in answers.answers for number in row.members}
    facts = first_facts(answers, wanted.applicant, wanted.subjects) | dict(wanted.facts)
    return {
        "case_no": case_no,
        "flow": flow.digest,
        "item": snapshot(item),
        "home": wanted.home,
        "channel": str(wanted.channel),
        "applicant": wanted.applicant.model_dump(mode="json"),
        "subjects": [person.model_dump(mode="json") for person in wanted.subjects],
        "household": sorted(household | set(wanted.household)),
        "investigates": needs_investigation(item),
        "forms": first_forms(item, {label: text for label, text in facts.items() if text}),
        "query": answers.query,
        "population": stated(answers, wanted.applicant, wanted.subjects, wanted.home),
    }


def may_open(actor: Officer, organisations: Organisations) -> Refusal | None:
    """Return why this officer opens no case at all; None for one who may."""
    if not actor.officer_no or not actor.id_number:
        return refusal("ACT_NO_PERSON")
    at_window = actor.org in organisations and organisations.get(actor.org).kind in _WINDOWS
    if actor.role not in OPENERS or not at_window:
        return refusal("OPEN_PLACE")
    return None


def _not_here(
    wanted: OpenWanted, actor: Officer, item: ServiceItem | None, organisations: Organisations
) -> Refusal | None:
    """Return why this window may not receive the item (R4, R5, R7)."""
    why = may_open(actor, organisations)
    if why is not None:
        return why
    if item is None:
        return refusal("ITEM_UNKNOWN")
    if wanted.home not in organisations or organisations.get(wanted.home).kind not in _WINDOWS:
        return refusal("HOME_UNKNOWN")
    if item.mode is not Mode.CITYWIDE and wanted.home != actor.org:
        return refusal("ITEM_HOME_ONLY", item=item.name, home=organisations.get(wanted.home).name)
    return None


def _not_them(
    wanted: OpenWanted, item: ServiceItem | None, now: datetime, answers: Answers
) -> Refusal | None:
    """Return why these persons may not apply, or can't be written."""
    today = local_day(now)
    settling = item is not None and item.series is Series.SY
    for who, person in _persons(wanted):
        if not person.id_number:
            if who == APPLICANT and not settling:
                return refusal("ID_NUMBER", who=who, why="未填写")
            continue
        fault = citizen_id.check(person.id_number, today)
        if fault:
            return refusal("ID_NUMBER", who=who, why=fault.label)
    if young(wanted.applicant.id_number, now):
        return refusal("APPLICANT_YOUNG")
    if answers.outcome(wanted.applicant.id_number) is QueryOutcome.DEAD:
        return refusal("PERSON_DEAD")
    points = undrawn([person.name for _, person in _persons(wanted)])
    return refusal("NAME_GLYPH", points="、".join(points[:_MOST_POINTS])) if points else None


def _persons(wanted: OpenWanted) -> Iterator[tuple[str, Person]]:
    yield APPLICANT, wanted.applicant
    yield from ((SUBJECT, person) for person in wanted.subjects)
