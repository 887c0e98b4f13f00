"""The checks of what version 2 of a submission says of the course of a case.

Its end, its clocks, the identity of who came, seals and grants, and signatures on the screen. A
case of version 1 states none of it and is not asked for it.
"""

from collections.abc import Iterator
from datetime import date, timedelta

from archive.inspection.subject import Subject
from archive.reference.case_blocks import Clock, Signature
from archive.reference.case_facts import SPEC_1, CaseFacts, SealUse
from archive.reference.findings import Finding, finding
from archive.reference.form_digest import form_digest, form_facts
from archive.reference.local_time import LOCAL_TIME
from archive.reference.organisations import Organisations
from archive.reference.service_items import needs_investigation
from archive.reference.strokes import fault_of
from archive.reference.submission_terms import (
    ClockKind,
    ClockUnit,
    Ending,
    IdentityResult,
    PartyRole,
)
from archive.reference.vocabulary import Channel, FormKind, Node, ProcessResult
from archive.reference.worktime import due_with_pauses, holidays_known

_CLOCKS = timedelta(minutes=5)
_SEALED_FORMS = frozenset({None, FormKind.APPROVAL, FormKind.REGISTER})
"""Forms whose seal says that a case was approved; a receipt is sealed before."""


def signatures_are_of_their_forms(subject: Subject) -> Iterator[Finding]:
    """Check that who signed on the screen signed this form, in the time of the case (R37).

    The digest of the form is computed again: a fact or a value that was changed after signing
    asks for a new signature, which may come after the case was issued: when the archive sent it
    back.
    """
    for signature in subject.facts.signatures:
        for why in _faults(signature, subject.facts):
            place = f"material {signature.material}"
            yield finding("SIGNATURE_INVALID", place, material=signature.material, why=why)


def _faults(signature: Signature, facts: CaseFacts) -> Iterator[str]:
    material = next((row for row in facts.materials if row.no == signature.material), None)
    if material is None:
        return
    shown = form_facts(facts, signature.at)
    if form_digest(signature.form, shown, material.data) != signature.form_sha256:
        yield "签名之后表单的内容有改动，或所签的是另一份表单"
    if not signature.strokes and signature.fingerprint is None:
        yield "没有笔迹，也没有指纹"
    elif signature.strokes and (why := fault_of(signature.strokes)):
        yield why
    received = min(event.at for event in facts.process)
    if signature.at < received - _CLOCKS:
        yield "签名早于收件"


def receipt_is_signed(subject: Subject) -> Iterator[Finding]:
    """Check that the applicant, or who acts for the applicant, signed the receipt (R37)."""
    facts = subject.facts
    if facts.spec == SPEC_1 or facts.channel is not Channel.WINDOW:
        return
    receipt = next((row for row in facts.materials if row.form is FormKind.RECEIPT), None)
    if receipt and not any(row.form is FormKind.RECEIPT for row in facts.signatures):
        yield finding("SIGNATURE_MISSING", f"material {receipt.no}", material=receipt.no)


def person_was_identified(subject: Subject) -> Iterator[Finding]:
    """Check that who came to the window was compared with the certificate (R29).

    Of several comparisons the last counts. Who signs for another is compared too.
    """
    facts = subject.facts
    if facts.spec == SPEC_1 or facts.channel is not Channel.WINDOW:
        return
    last = {
        check.person: check.result for check in sorted(facts.identity_checks, key=lambda it: it.at)
    }
    if not last:
        yield finding("IDENTITY_MISSING", "case.json:identity_checks", who="办理人")
    elif PartyRole.AGENT not in last and any(
        row.signer is PartyRole.AGENT for row in facts.signatures
    ):
        yield finding("IDENTITY_MISSING", "case.json:identity_checks", who=PartyRole.AGENT.label)
    for person in PartyRole:
        if last.get(person) is IdentityResult.MISMATCH and facts.ending is Ending.ISSUED:
            yield finding("IDENTITY_MISMATCH", "case.json:identity_checks", who=person.label)


def end_agrees_with_process(subject: Subject) -> Iterator[Finding]:
    """Check that the process came to the end that is stated (GD-2-5)."""
    facts = subject.facts
    agreed = {event.node for event in facts.process if event.result is ProcessResult.AGREE}
    decided = [event for event in facts.process if event.node in {Node.REVIEW, Node.APPROVE}]
    refused = any(event.result is ProcessResult.REFUSE for event in facts.process)
    last_refuses = bool(decided) and decided[-1].result is ProcessResult.REFUSE
    faults = {
        "不予受理的办件有审批": facts.ending is Ending.NOT_ACCEPTED
        and any(event.node is Node.APPROVE for event in facts.process),
        "不予受理的办件没有不同意的环节": facts.ending is Ending.NOT_ACCEPTED and not refused,
        "不予批准的办件没有以不同意结束审核、审批": facts.ending is Ending.NOT_APPROVED
        and not last_refuses,
        "审批不同意的办件不是办结出件": facts.ending is Ending.ISSUED and last_refuses,
        "申请人撤回的办件已经出件": facts.ending is Ending.WITHDRAWN and Node.ISSUE in agreed,
    }
    for why in (why for why, holds in faults.items() if holds):
        yield finding("GD-2-5", "case.json:ending", why=why)


def investigation_was_a_node(subject: Subject) -> Iterator[Finding]:
    """Check that what has to be investigated went through that node (R15)."""
    facts, item = subject.facts, subject.item
    if item is None or facts.spec == SPEC_1 or facts.ending is not Ending.ISSUED:
        return
    nodes = {event.node for event in facts.process}
    if Node.INVESTIGATE not in nodes and needs_investigation(item):
        yield finding("INVESTIGATION_MISSING", "case.json:process", what="调查环节")


def approval_is_sealed_by_its_unit(subject: Subject) -> Iterator[Finding]:
    """Check that the 审批表 bears the seal of who approved, used after the approval (R11)."""
    facts = subject.facts
    if facts.spec == SPEC_1:
        return
    uses = [use for use in facts.seal_uses if use.form is FormKind.APPROVAL]
    approvals = {
        event.org: event.at
        for event in facts.process
        if event.node is Node.APPROVE and event.result is ProcessResult.AGREE
    }
    for org, at in approvals.items():
        if not any(use.seal_owner == org and use.at >= at for use in uses):
            name = _name(subject.organisations, org)
            yield finding("SEAL_OWNER", "case.json:seal_uses", why=f"缺少{name}审批之后的用章")
    own = {*approvals, facts.orgs.domicile, facts.orgs.accept}
    own |= {event.org for event in facts.process if event.node is Node.APPROVE}
    for number, use in enumerate(facts.seal_uses):
        if use.form is FormKind.APPROVAL and use.seal_owner not in own:
            place = f"case.json:seal_uses[{number}]"
            yield finding("SEAL_OWNER", place, why="所盖的不是审批单位或户籍地单位的印章")


def _name(organisations: Organisations, code: str) -> str:
    return organisations.get(code).name if code in organisations else "审批单位"


def seals_are_used_within_grants(subject: Subject) -> Iterator[Finding]:
    """Check that another unit's seal is used under a grant that was in force then (R12)."""
    if subject.facts.spec == SPEC_1:
        return
    for number, use in enumerate(subject.facts.seal_uses):
        why = _beyond_grant(use, subject.facts)
        if why:
            yield finding("SEAL_GRANT", f"case.json:seal_uses[{number}]", why=why)


def _beyond_grant(use: SealUse, facts: CaseFacts) -> str:
    grant = facts.grant
    if use.caller == use.seal_owner:
        return ""
    if grant is None or not (use.grant_ref or "").strip():
        return "没有写明授权"
    if (grant.grantor, grant.grantee) != (use.seal_owner, use.caller):
        return "用章单位与授权不符"
    return "用章时授权已过期" if use.at.astimezone(LOCAL_TIME).date() > grant.valid_until else ""


def seal_is_of_an_approval(use: SealUse) -> bool:
    """Return whether a use of a seal says that the case was approved."""
    return use.form in _SEALED_FORMS


def promised_clock(facts: CaseFacts) -> Clock | None:
    """Return the clock of the promised time, where the case states one."""
    return next((clock for clock in facts.clocks if clock.kind is ClockKind.PROMISE), None)


def due_of(clock: Clock) -> tuple[date, bool]:
    """Return the day on which a clock runs out, by its pauses, and whether that is sure.

    It is counted again over the holidays that the archive knows.
    """
    started = clock.started_at.astimezone(LOCAL_TIME).date()
    pauses = [
        (span.start.astimezone(LOCAL_TIME).date(), span.end.astimezone(LOCAL_TIME).date())
        for span in clock.spans
    ]
    try:
        due = due_with_pauses(
            started, clock.budget, pauses, workdays=clock.unit is ClockUnit.WORKING_DAY
        )
    except ValueError:  # it stands still for decades: nothing is counted
        return clock.due_on, False
    return due, holidays_known(started, due)


def clocks_come_to_their_days(subject: Subject) -> Iterator[Finding]:
    """Check that a clock runs out on the day that its budget and its pauses come to (R34)."""
    for number, clock in enumerate(subject.facts.clocks):
        due, sure = due_of(clock)
        if sure and due != clock.due_on:
            yield finding("CLOCK_DIFFERS", f"case.json:clocks[{number}]", kind=clock.kind.label)


def course_times_can_be(subject: Subject) -> Iterator[Finding]:
    """Check that no return, identity check, signature or rating is in the future (GD-1-5)."""
    facts, latest = subject.facts, subject.now + _CLOCKS
    times = {
        "退回": [row.at for row in facts.returns],
        "人证核验": [row.at for row in facts.identity_checks],
        "签名": [row.at for row in facts.signatures],
        "评价": [facts.rating.at] if facts.rating else [],
        "提醒": [alert.at for clock in facts.clocks for alert in clock.alerts],
    }
    for what, moments in times.items():
        if any(at > latest for at in moments):
            yield finding("GD-1-5", "case.json", why=f"{what}时间晚于现在")
