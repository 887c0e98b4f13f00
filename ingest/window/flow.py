"""The flow of a case as data: who may do which act at which step, edges and limits.

A case keeps the flow with which it was opened, named by its digest; only the act MIGRATE moves
it (`docs/window.md` shows the matrix).
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from archive.administration.policy import Role
from archive.reference.submission_terms import ClockUnit
from archive.reference.window_steps import Step
from ingest.window.terms import Side, WindowAct

_DATA = Path(__file__).with_name("data") / "flow.json"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Limit(_Model):
    """A number of days, and what counts as one."""

    unit: ClockUnit
    budget: int = Field(ge=0)


class Limits(_Model):
    """The limits of a flow; `yellow_share` is in percent of a budget."""

    yellow_share: int = Field(ge=1, le=100)
    feedback: Limit
    supervision: Limit
    longest_extension: int = Field(ge=1)


class Rule(_Model):
    """An act, at these steps, at this side, by these roles."""

    act: WindowAct
    steps: frozenset[Step]
    side: Side
    roles: frozenset[Role]


class Flow(_Model):
    """One version of the flow."""

    version: str = Field(min_length=1, max_length=32)
    source: str
    limits: Limits
    edges: tuple[tuple[Step, Step, str], ...]
    acts: tuple[Rule, ...]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """Return the flow that a JSON object states."""
        return cls.model_validate(body)

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 by which a case names its flow."""
        text = json.dumps(self.body(), ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def body(self) -> dict[str, Any]:
        """Return the flow as JSON, the same for the same flow."""
        body = self.model_dump(mode="json")
        for rule in body["acts"]:
            rule["steps"], rule["roles"] = sorted(rule["steps"]), sorted(rule["roles"])
        return body

    def rules(self, act: WindowAct, step: Step) -> tuple[Rule, ...]:
        """Return the rules by which an act may be done at a step; none: nobody may."""
        return tuple(rule for rule in self.acts if rule.act is act and step in rule.steps)

    def steps_of(self, act: WindowAct) -> frozenset[Step]:
        """Return the steps at which an act may be done at all."""
        return frozenset(step for rule in self.acts if rule.act is act for step in rule.steps)


@cache
def current_flow() -> Flow:
    """Return the flow that new cases get."""
    return Flow.of(json.loads(_DATA.read_text("utf-8")))
