"""GD-2-5: the checks that the process of a case is whole.

No node is skipped, each is at its own organisation, and by another person where two must
decide.
"""

from collections.abc import Iterator
from datetime import timedelta

from archive.inspection.course import due_of, promised_clock
from archive.inspection.subject import Subject
from archive.reference.case_facts import CaseFacts, ProcessEvent
from archive.reference.findings import Finding, finding
from archive.reference.local_time import LOCAL_TIME
from archive.reference.organisations import Organisations
from archive.reference.submission_terms import Ending
from archive.reference.vocabulary import ApprovalLevel, Node, OrgKind, ProcessResult
from archive.reference.worktime import due_on, holidays_known

_HOME = (Node.RECEIVE, Node.ACCEPT, Node.REVIEW, Node.APPROVE, Node.ISSUE)
_CITYWIDE = (
    Node.RECEIVE,
    Node.TRANSFER,
    Node.ACCEPT,
    Node.REVIEW,
    Node.APPROVE,
    Node.FEEDBACK,
    Node.ISSUE,
)
_ORDER = (*_CITYWIDE[:3], Node.INVESTIGATE, *_CITYWIDE[3:])
_DECISIONS = (Node.ACCEPT, Node.REVIEW, Node.APPROVE)
_UNTIL_DECIDED = frozenset(_ORDER) - {Node.FEEDBACK, Node.ISSUE}
_CLOCKS = timedelta(minutes=5)
_KINDS = {
    ApprovalLevel.STATION: {OrgKind.STATION, OrgKind.HALL},
    ApprovalLevel.DISTRICT: {OrgKind.DISTRICT},
    ApprovalLevel.CITY: {OrgKind.CITY},
}


def no_node_is_skipped(subject: Subject) -> Iterator[Finding]:
    """Check that every node of the process is there (R8).

    After 不同意 nothing further has to be decided. Of a case that ended without a result only the
    way up to its last node must be whole.
    """
    process = subject.facts.process
    needed = list(_CITYWIDE if subject.facts.citywide else _HOME)
    ending = subject.facts.ending
    refused = [
        _ORDER.index(event.node) for event in process if event.result is ProcessResult.REFUSE
    ]
    if ending not in {None, Ending.ISSUED}:
        decided = {_ORDER.index(event.node) for event in process if event.node in _UNTIL_DECIDED}
        last = max(decided, default=0)
        needed = [node for node in needed if _ORDER.index(node) <= last and node in _UNTIL_DECIDED]
    elif refused:
        needed = [
            node for node in needed if node not in _DECISIONS or _ORDER.index(node) <= min(refused)
        ]
    missing = [node.label for node in needed if node not in {event.node for event in process}]
    if missing:
        yield finding("GD-2-5", "case.json:process", why=f"缺少{'、'.join(missing)}")


def no_node_is_foreign(subject: Subject) -> Iterator[Finding]:
    """Check that a case handled wholly at home is neither passed on nor reported back.

    If it was, one of its organisations is wrong (submission.md).
    """
    orgs = subject.facts.orgs
    strange = [
        event.node.label
        for event in subject.facts.process
        if event.node in {Node.TRANSFER, Node.FEEDBACK}
    ]
    if strange and orgs.receive == orgs.accept == orgs.domicile:
        yield finding(
            "GD-2-5", "case.json:process", why=f"本所件不应有{'、'.join(dict.fromkeys(strange))}"
        )


def nodes_are_in_order(subject: Subject) -> Iterator[Finding]:
    """Check the order of nodes.

    Only 退回补正 leads back, and what was returned is done again before the case ends.
    """
    at, returned = 0, False
    for event in subject.facts.process:
        place = _ORDER.index(event.node)
        if place < at and not returned:
            yield finding("GD-2-5", "case.json:process", why="环节顺序颠倒")
            return
        at, returned = place, event.result is ProcessResult.RETURN
    last = {event.node: event.result for event in subject.facts.process}
    open_end = subject.facts.ending not in {None, Ending.ISSUED}
    if ProcessResult.RETURN in last.values() and not open_end:
        yield finding("GD-2-5", "case.json:process", why="退回后未再办理")


def times_are_in_order(subject: Subject) -> Iterator[Finding]:
    """Check that each step is after the one before it, and none is later than now."""
    times = [event.at for event in subject.facts.process]
    if times != sorted(times) or max(times) > subject.now + _CLOCKS:
        yield finding("GD-2-5", "case.json:process", why="时间颠倒或晚于现在")


def every_step_names_its_actor(subject: Subject) -> Iterator[Finding]:
    """Check that each step names an officer: responsibility for life needs a person (R35)."""
    if any(not event.actor_no.strip() for event in subject.facts.process):
        yield finding("GD-2-5", "case.json:process", why="缺少办理人")


def receiver_and_decider_differ(subject: Subject) -> Iterator[Finding]:
    """Check that another unit and another person decide a citywide case (R13).

    At home a small station may have but one officer, which is noted.
    """
    facts = subject.facts
    received = [event for event in facts.process if event.node is Node.RECEIVE]
    deciding = {Node.REVIEW, Node.APPROVE} if facts.citywide else {Node.APPROVE}
    decided = [event for event in facts.process if event.node in deciding]
    if {event.actor_no.strip() for event in received} & {
        event.actor_no.strip() for event in decided
    } - {""}:
        yield finding("SAME_PERSON" if facts.citywide else "SAME_PERSON_HOME", "case.json:process")
    above = _above(subject.organisations, facts.orgs.domicile) | _above(
        subject.organisations, facts.orgs.accept
    )
    # A district office that receives at its counter may still approve at its own level.
    if (
        facts.citywide
        and {event.org for event in received} & {event.org for event in decided} - above
    ):
        yield finding("SAME_UNIT", "case.json:process")


def steps_are_where_they_belong(subject: Subject) -> Iterator[Finding]:
    """Check that each step is at an organisation that may do it (R6, R8).

    A case is received where it says, decided at the accepting side or above it, and issued at one
    of its organisations.
    """
    for index, event in enumerate(subject.facts.process):
        if event.org in subject.organisations and event.org not in _places(
            event.node, subject.facts, subject.organisations
        ):
            yield finding("ORG_MISMATCH", f"case.json:process[{index}].org", node=event.node.label)


def _places(node: Node, facts: CaseFacts, organisations: Organisations) -> set[str]:
    """Return the organisations at which a node may be."""
    orgs = facts.orgs
    receiving, deciding = {orgs.receive}, {orgs.accept, orgs.domicile}
    if node is Node.RECEIVE:
        return receiving
    if node in {Node.ISSUE, Node.ACCEPT}:
        return (
            deciding | receiving
            if node is Node.ISSUE
            else deciding | _halls(organisations, deciding)
        )
    wide = deciding | _halls(organisations, deciding)
    for org in deciding:
        wide |= _above(organisations, org)
    return wide | receiving | _above(organisations, orgs.receive) if node is Node.TRANSFER else wide


def _above(organisations: Organisations, code: str) -> set[str]:
    """Return all superiors of an organisation, without itself; none for an unknown one."""
    superiors: set[str] = set()
    while (
        code in organisations
        and (parent := organisations.get(code).parent)
        and parent not in superiors
    ):
        superiors.add(parent)
        code = parent
    return superiors


def _halls(organisations: Organisations, codes: set[str]) -> set[str]:
    """Return the halls in the districts of these organisations."""
    districts = {organisations.district_of(code).code for code in codes if code in organisations}
    return {hall.code for hall in organisations.of_kind(OrgKind.HALL) if hall.parent in districts}


def approval_levels_are_kept(subject: Subject) -> Iterator[Finding]:
    """Check that each approval level of the item has an approval (R26, R27).

    Refused only where the catalogue's levels are read from a rule (confidence A).
    """
    item, approvals = (
        subject.item,
        [event for event in subject.facts.process if event.node is Node.APPROVE],
    )
    if item is None or not approvals:
        return
    stated = {event.level for event in approvals if event.level}
    open_levels = [level for level in item.approval_levels if level not in stated]
    # An approval that names no level stands for the lowest that is still open.
    missing = open_levels[sum(event.level is None for event in approvals) :]
    refused = any(event.result is ProcessResult.REFUSE for event in subject.facts.process)
    if missing and not refused:
        labels = "、".join(level.label for level in missing)
        sure = item.confidence.get("approval") == "A"
        code, why = (
            ("GD-2-5", f"缺少{labels}审批") if sure else ("APPROVAL_LEVEL", f"缺少{labels}审批")
        )
        yield finding(code, "case.json:process", why=why)
    if stated - set(item.approval_levels):
        yield finding("APPROVAL_LEVEL", "case.json:process", why="多于清单的级别")
    if any(_below_level(event, subject.organisations) for event in approvals):
        yield finding("APPROVAL_LEVEL", "case.json:process", why="审批单位与级别不符")


def _below_level(event: ProcessEvent, organisations: Organisations) -> bool:
    """Return whether an approval was given at an organisation that is not of its level."""
    return (
        event.level is not None
        and event.org in organisations
        and organisations.get(event.org).kind not in _KINDS[event.level]
    )


def promised_time_is_kept(subject: Subject) -> Iterator[Finding]:
    """Check that the case was completed by the stated day, else by that of the item (R34).

    A clock that the source kept says when it stood still, and counts before both.
    A late case is noted and never refused. A day that was counted over a year whose holidays are
    not entered yet is provisional: holidays may move it, so nobody is called late by it.
    """
    facts = subject.facts
    clock = promised_clock(facts)
    if clock is not None:
        last, sure = due_of(clock)
        ended = clock.ended_at or facts.completed_at
        if ended.astimezone(LOCAL_TIME).date() > last:
            yield finding("OVERDUE" if sure else "OVERDUE_PROVISIONAL", "case.json:clocks")
        return
    received = min(event.at for event in facts.process).astimezone(LOCAL_TIME).date()
    due = facts.due_on or due_on(received, subject.item.limit_workdays if subject.item else None)
    if due is None or facts.completed_at.astimezone(LOCAL_TIME).date() <= due:
        return
    sure = facts.due_on is not None or holidays_known(received, due)
    yield finding("OVERDUE" if sure else "OVERDUE_PROVISIONAL", "case.json:due_on")


def window_is_authorised(subject: Subject) -> Iterator[Finding]:
    """Check that a citywide case has a grant (R12).

    It is from its side, to its window, for its item, and in force when the case was completed.
    """
    facts, grant, known = subject.facts, subject.facts.grant, subject.organisations
    if not facts.citywide:
        return
    if grant is None:
        yield finding("NO_GRANT", "case.json:grant")
        return
    owners = (
        {facts.orgs.domicile, facts.orgs.accept}
        | _above(known, facts.orgs.domicile)
        | _above(known, facts.orgs.accept)
    )
    faults = {
        "授权已过期": grant.valid_until < facts.completed_at.astimezone(LOCAL_TIME).date(),
        "授权事项不符": grant.item != facts.item.code,
        "被授权单位不符": grant.grantee
        not in {facts.orgs.receive} | _above(known, facts.orgs.receive),
        "授权单位不符": grant.grantor not in owners,
    }
    for why in (why for why, holds in faults.items() if holds):
        yield finding("GRANT_INVALID", "case.json:grant", why=why)
