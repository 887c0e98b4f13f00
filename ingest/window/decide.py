"""`decide`: may this act be done now, by this person, on this case? Pure.

It answers with the row of the act, or with a refusal in Chinese: why, and what to do or who can.
First the flow is asked (step, role, place), then what holds for persons, then the rule of the act
(`ingest.window.rules`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from archive.administration.policy import Role, scope_of
from archive.reference.organisations import Organisations
from archive.reference.vocabulary import ApprovalLevel, OrgKind
from archive.reference.window_steps import ENDED, Step
from ingest.window.asked import shaped
from ingest.window.flow import Flow, Rule
from ingest.window.refusals import Refusal, refusal
from ingest.window.rules import RULES, World
from ingest.window.state import ActRow, CaseState
from ingest.window.terms import APART, DECIDING, SYSTEM_ACTS, Side, WindowAct


@dataclass(frozen=True, slots=True)
class Officer:
    """Who acts: the account, and the person behind it by name, police and ID number."""

    account: str
    role: Role
    org: str
    name: str
    officer_no: str
    id_number: str


SYSTEM = Officer("archive", Role.SYSTEM_ADMIN, "", "归档系统", "", "")
"""Who answers for the archive."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An act that is asked for.

    `seen` is the number of the last act that the page showed, `key` tells a request sent again
    from a new one.
    """

    act: WindowAct
    key: str
    seen: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)


def decide(
    flow: Flow, state: CaseState, asked: Asked, actor: Officer, now: datetime, world: World
) -> ActRow | Refusal:
    """Return the row of an act that may be done, else why it may not."""
    return (
        _out_of_order(flow, state, asked, actor, world.organisations)
        or _stale(state, asked, now)
        or _person(state, asked, actor)
        or _row(flow, state, asked, actor, now, world)
    )


_ANSWERED = {
    WindowAct.ARCHIVE_TOOK: frozenset({Step.CLOSED}),
    WindowAct.ARCHIVE_REFUSED: frozenset({Step.CLOSED, Step.ARCHIVED}),
}
"""Where the archive answers; what it took is returned when somebody looks at it (核对)."""


def _out_of_order(
    flow: Flow, state: CaseState, asked: Asked, actor: Officer, organisations: Organisations
) -> Refusal | None:
    """Return a refusal for an act at the wrong step, of the wrong role or place."""
    if asked.act in SYSTEM_ACTS:
        right = actor.account == SYSTEM.account and state.step in _ANSWERED[asked.act]
        return None if right else refusal("ACT_ORDER", step=state.step.label, may="归档系统答复")
    if asked.act is WindowAct.OPEN:
        return refusal("ACT_ORDER", step=state.step.label, may="开办另一件")
    rules = flow.rules(asked.act, state.step)
    if not rules:
        return refusal("ACT_ORDER", step=state.step.label, may=_possible(flow, state))
    at_side = [rule for rule in rules if stands_at(rule.side, actor.org, state, organisations)]
    if not at_side:
        who = "、".join(dict.fromkeys(_place(rule.side, state, organisations) for rule in rules))
        return refusal("ACT_PLACE", act=asked.act.label, who=who)
    if not any(_has_role(rule, actor, state) for rule in at_side):
        roles = "、".join(
            role.label for role in Role if any(_right(rule, role, state) for rule in at_side)
        )
        return refusal("ACT_ROLE", act=asked.act.label, roles=roles)
    return None


def _has_role(rule: Rule, actor: Officer, state: CaseState) -> bool:
    return _right(rule, actor.role, state)


_OF_LEVEL = {
    ApprovalLevel.STATION: Role.CHIEF,
    ApprovalLevel.DISTRICT: Role.DISTRICT_SUPERVISOR,
    ApprovalLevel.CITY: Role.CITY_SUPERVISOR,
}


def _right(rule: Rule, role: Role, state: CaseState) -> bool:
    """Return whether a role may act by a rule; at a level of approval only that level's may."""
    if rule.side is Side.LEVEL and role is not _OF_LEVEL[state.current_level]:
        return False
    return role in rule.roles


def stands_at(side: Side, org: str, state: CaseState, organisations: Organisations) -> bool:
    """Return whether an organisation stands at a side of a case."""
    opening = state.opening
    parties = {opening.receive_org, opening.home_org}
    match side:
        case Side.RECEIVER:
            return org == opening.receive_org
        case Side.HOME:
            return org == opening.home_org
        case Side.LEVEL:
            return org == level_org(state, organisations)
        case Side.PARTY:
            return org in scope_of(parties, organisations)
        case Side.ABOVE:
            return org in set(scope_of(parties, organisations)) - parties
        case Side.CITY:
            return org in organisations and organisations.get(org).kind is OrgKind.CITY


def level_org(state: CaseState, organisations: Organisations) -> str:
    """Return the unit that approves at the level at which a case stands."""
    home = state.opening.home_org
    match state.current_level:
        case ApprovalLevel.STATION:
            return home
        case ApprovalLevel.DISTRICT:
            return organisations.district_of(home).code
        case ApprovalLevel.CITY:
            return organisations.of_kind(OrgKind.CITY)[0].code


def _place(side: Side, state: CaseState, organisations: Organisations) -> str:
    """Return who stands at a side, by name."""
    opening = state.opening
    names = {
        Side.RECEIVER: opening.receive_org,
        Side.HOME: opening.home_org,
        Side.LEVEL: level_org(state, organisations),
    }
    return organisations.get(names[side]).name if side in names else side.label


def _possible(flow: Flow, state: CaseState) -> str:
    acts = [act.label for act in WindowAct if flow.rules(act, state.step)]
    return "、".join(acts) if acts and state.step not in ENDED else "查看"


def _stale(state: CaseState, asked: Asked, now: datetime) -> Refusal | None:
    """Return a refusal for a page that does not show what was done since."""
    if asked.seen is not None and asked.seen < state.moved:
        return refusal("ACT_STALE")
    return refusal("CLOCK_BACK") if now < state.last_at else None


def _person(state: CaseState, asked: Asked, actor: Officer) -> Refusal | None:
    """Return a refusal for what holds for persons, whatever their accounts are."""
    if asked.act in SYSTEM_ACTS:
        return None
    if not actor.officer_no or not actor.id_number:
        return refusal("ACT_NO_PERSON")
    if asked.act in APART and actor.id_number in state.collectors:
        return refusal("ACT_COLLECTOR", act=asked.act.label)
    if asked.act in DECIDING and actor.id_number in state.opening.household:
        return refusal("ACT_HOUSEHOLD")
    return None


def _row(
    flow: Flow, state: CaseState, asked: Asked, actor: Officer, now: datetime, world: World
) -> ActRow | Refusal:
    wanted = shaped(asked.act, asked.data)
    if isinstance(wanted, list):
        return refusal("ACT_DATA", act=asked.act.label, places="、".join(wanted) or "内容")
    rule = RULES.get(asked.act)
    detail: Mapping[str, Any] | Refusal = (
        rule(flow, state, wanted, actor, now, world) if rule else wanted.model_dump(mode="json")
    )
    if isinstance(detail, Refusal):
        return detail
    return ActRow(
        seq=state.seq + 1,
        step=state.step,
        act=asked.act,
        at=now,
        account=actor.account,
        actor=actor.name,
        actor_no=actor.officer_no,
        person=actor.id_number,
        org=actor.org,
        key=asked.key,
        opinion=str(getattr(wanted, "opinion", "") or getattr(wanted, "reason", "") or ""),
        grant=detail.get("grant"),
        detail=detail,
    )
