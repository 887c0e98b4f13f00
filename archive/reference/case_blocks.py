"""What version 2 of `case.json` adds: clocks, ways back, identity, signatures, rating.

Shape and types only; what the blocks must agree on is in `archive.reference.case_rules`.
"""

from typing import Annotated

from pydantic import Field, StringConstraints

from archive.reference.case_values import (
    Count,
    FactsModel,
    FilePath,
    Name,
    Number,
    OfficerNo,
    OrgCode,
    Sha256,
    Share,
    Text,
)
from archive.reference.moments import Day, Moment
from archive.reference.submission_terms import (
    ClockKind,
    ClockUnit,
    IdentityResult,
    PartyRole,
    RatingChannel,
    ReturnKind,
    Rung,
    SpanReason,
)
from archive.reference.vocabulary import FormKind, Node

Reason = Annotated[Text, StringConstraints(min_length=1)]
Point = tuple[Share, Share, Annotated[Number, Field(ge=0, le=3_600_000)], Share]
"""A point of a stroke: x and y within the field, milliseconds since its first point, pressure."""
Stroke = Annotated[tuple[Point, ...], Field(min_length=1, max_length=5000)]
MaterialNo = Annotated[Count, Field(ge=1, le=999)]
_MOST = Field(max_length=1000)


class FlowRef(FactsModel):
    """The flow by whose rules the case ran: its version and the digest of the rules."""

    version: Name
    digest: Sha256


class ClockSpan(FactsModel):
    """A time in which a clock stood still."""

    start: Annotated[Moment, Field(alias="from")]
    end: Annotated[Moment, Field(alias="to")]
    reason: SpanReason


class ClockAlert(FactsModel):
    """A lamp of a clock, and when it was lit."""

    rung: Rung
    at: Moment


class Clock(FactsModel):
    """A term that ran: its budget, the calendar by which it was counted, and its pauses (R34)."""

    kind: ClockKind
    unit: ClockUnit
    budget: Annotated[Count, Field(ge=0, le=3660)]
    calendar: Name
    started_at: Moment
    ended_at: Moment | None = None
    due_on: Day
    spans: Annotated[tuple[ClockSpan, ...], _MOST] = ()
    alerts: Annotated[tuple[ClockAlert, ...], _MOST] = ()


class CaseReturn(FactsModel):
    """A way back, or an end without a result: who, when, why, by what rule, what can be done."""

    kind: ReturnKind
    node: Node
    at: Moment
    org: OrgCode
    actor_no: OfficerNo
    actor: Text
    reason: Reason
    basis: Text | None = None
    remedy: Text | None = None
    materials: Annotated[tuple[Name, ...], _MOST] = ()


class IdentityCheck(FactsModel):
    """A comparison of the person at the window with the certificate (R29)."""

    at: Moment
    person: PartyRole
    device: Name | None = None
    score: Share | None = None
    result: IdentityResult
    reason: Reason | None = None
    actor_no: OfficerNo


class Signature(FactsModel):
    """What a person wrote on the screen, bound to the form that the screen showed (R37)."""

    signer: PartyRole
    form: FormKind
    material: MaterialNo
    at: Moment
    form_sha256: Sha256
    device: Name
    strokes: Annotated[tuple[Stroke, ...], Field(max_length=500)] = ()
    fingerprint: FilePath | None = None


class Rating(FactsModel):
    """What the applicant thought of the service (好差评)."""

    score: Annotated[Count, Field(ge=1, le=5)]
    channel: RatingChannel
    at: Moment
