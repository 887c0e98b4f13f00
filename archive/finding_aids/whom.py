"""Whom a case is about, and who handled it last, as lists may show them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from archive.reference.case_facts import CaseFacts
from archive.reference.citizen_id import mask_name
from archive.reference.local_time import LOCAL_TIME
from archive.reference.worktime import due_on, workdays_left


def whom(facts: Mapping[str, Any]) -> str:
    """Return whom a case is about, masked: 王*明, or 王*明等3人."""
    # Read as it lies: the facts were parsed when they came, and a list shows many.
    subjects = facts["subjects"]
    first = mask_name(subjects[0]["name"])
    return f"{first}等{len(subjects)}人" if len(subjects) > 1 else first


def handled_by(facts: Mapping[str, Any]) -> tuple[str, str]:
    """Return organisation and police number of who handled a case last; "" of none."""
    steps = facts.get("process") or [{}]
    return steps[-1].get("org", ""), steps[-1].get("actor_no", "")


@dataclass(frozen=True, slots=True)
class Promise:
    """The day by which a case was promised, the working days beyond it, and who handled it.

    `late` is 0 of a case that was in time.
    """

    due: date
    late: int
    org: str
    officer: str


def promise_of(facts: Mapping[str, Any], limit: int | None) -> Promise | None:
    """Return what was promised of a completed case; None where nothing was (R34).

    `limit` are the working days of its service item, for a case that states no day.
    """
    read = CaseFacts.model_validate(facts)
    received = min(event.at for event in read.process).astimezone(LOCAL_TIME).date()
    due = read.due_on or due_on(received, limit)
    if due is None:
        return None
    completed = read.completed_at.astimezone(LOCAL_TIME).date()
    org, officer = handled_by(facts)
    return Promise(due, max(-workdays_left(completed, due), 0), org, officer)
