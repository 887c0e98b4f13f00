"""Whom a case is about, and who handled it last, as lists may show them."""

from collections.abc import Mapping
from typing import Any

from archive.reference.citizen_id import mask_name


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
