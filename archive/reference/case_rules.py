"""What the parts of a `case.json` must agree on, beyond the shape of each.

A fault names its place and says in Chinese what is right there, never the value. These rules are
of the package itself; what the catalogue or the time asks is a matter of `archive.inspection`.
"""

from collections.abc import Iterator
from itertools import pairwise

from archive.reference.case_blocks import Clock
from archive.reference.case_facts import SPEC_1, CaseFacts
from archive.reference.local_time import LOCAL_TIME
from archive.reference.submission_terms import ENDING_OF, Ending, IdentityResult
from archive.reference.vocabulary import Node

Fault = tuple[str, str]
"""The place, its parts with dots, and what is right there."""
_UNKNOWN = "没有这个字段"


def faults_of(facts: CaseFacts) -> Iterator[Fault]:
    """Yield what is wrong with a `case.json` whose shape is right."""
    if facts.spec == SPEC_1:
        yield from _later_fields(facts)
        return
    yield from _ending(facts)
    for number, clock in enumerate(facts.clocks):
        yield from _clock(f"clocks.{number}", clock)
    yield from _identity_checks(facts)
    yield from _signatures(facts)
    yield from _seal_uses(facts)


def _later_fields(facts: CaseFacts) -> Iterator[Fault]:
    """Yield each field and node of version 2 in a case that says it is of version 1."""
    for name in facts.stated_later:
        yield name, _UNKNOWN
    for part, rows in (("materials", facts.materials), ("seal_uses", facts.seal_uses)):
        for number, row in enumerate(rows):
            for name in row.stated_later:
                yield f"{part}.{number}.{name}", _UNKNOWN
    for number, event in enumerate(facts.process):
        if event.node is Node.INVESTIGATE:
            yield f"process.{number}.node", "不在允许的取值之内"


def _ending(facts: CaseFacts) -> Iterator[Fault]:
    """Yield where the stated end is missing, or is not the one of the returns."""
    if facts.ending is None:
        yield "ending", "缺少该字段"
        return
    ends = [
        (number, ENDING_OF[row.kind])
        for number, row in enumerate(facts.returns)
        if row.kind in ENDING_OF
    ]
    for number, _ in ends[1:]:
        yield f"returns.{number}.kind", "一件只有一个结局，前面已有不予受理、不予批准或撤回"
    if facts.ending is Ending.ISSUED:
        if ends:
            yield "ending", f"与 returns 所记的结局（{ends[0][1].label}）不符"
    elif not ends:
        yield "ending", f"{facts.ending.label}须在 returns 中写明理由"
    elif ends[0][1] is not facts.ending:
        yield "ending", f"与 returns 所记的结局（{ends[0][1].label}）不符"


def _clock(place: str, clock: Clock) -> Iterator[Fault]:
    """Yield where a clock, its pauses or its lamps cannot have been."""
    if clock.ended_at is not None and clock.ended_at < clock.started_at:
        yield f"{place}.ended_at", "不得早于 started_at"
    if clock.due_on < clock.started_at.astimezone(LOCAL_TIME).date():
        yield f"{place}.due_on", "不得早于 started_at 的日期"
    for number, span in enumerate(clock.spans):
        where = f"{place}.spans.{number}"
        if span.end <= span.start:
            yield f"{where}.to", "须晚于 from"
        if span.start < clock.started_at or (
            clock.ended_at is not None and span.end > clock.ended_at
        ):
            yield where, "须在所属时钟的起止之内"
    yield from _overlaps(place, clock)
    rungs = [alert.rung for alert in clock.alerts]
    for number, alert in enumerate(clock.alerts):
        where = f"{place}.alerts.{number}"
        if alert.rung in rungs[:number]:
            yield f"{where}.rung", "同一时钟的同一灯只亮一次"
        if alert.at < clock.started_at:
            yield f"{where}.at", "不得早于 started_at"


def _overlaps(place: str, clock: Clock) -> Iterator[Fault]:
    """Yield the pauses of a clock that begin before an earlier one ends."""
    numbered = sorted(enumerate(clock.spans), key=lambda row: (row[1].start, row[1].end))
    overlapping = [
        (first, second)
        for (first, span), (second, following) in pairwise(numbered)
        if following.start < span.end
    ]
    for first, second in overlapping:
        yield f"{place}.spans.{second}", f"与第 {first + 1} 项的时间重叠"


def _identity_checks(facts: CaseFacts) -> Iterator[Fault]:
    """Yield checks that say neither which device compared, nor why none did (R29)."""
    for number, check in enumerate(facts.identity_checks):
        where = f"identity_checks.{number}"
        if check.result is IdentityResult.NO_DEVICE:
            if not (check.reason or "").strip():
                yield f"{where}.reason", "没有设备时须写明原因"
            if check.device is not None or check.score is not None:
                yield f"{where}.result", "填了设备或分值的，不是 NO_DEVICE"
        elif check.device is None:
            yield f"{where}.device", "比对须写明设备；没有设备的填 NO_DEVICE 和原因"


def _signatures(facts: CaseFacts) -> Iterator[Fault]:
    """Yield signatures that name no form of the case, and fingerprints that are no file of it."""
    forms = {material.no: material.form for material in facts.materials}
    files = {path for material in facts.materials for path in material.files}
    for number, signature in enumerate(facts.signatures):
        where = f"signatures.{number}"
        if signature.material not in forms:
            yield f"{where}.material", "没有这一件材料"
        elif forms[signature.material] is not signature.form:
            yield f"{where}.material", "所指的材料不是 form 所称的电子表单"
        if signature.fingerprint is not None and signature.fingerprint not in files:
            yield f"{where}.fingerprint", "须是某一件材料所列的文件"


def _seal_uses(facts: CaseFacts) -> Iterator[Fault]:
    """Yield uses of a seal with the number of another use."""
    numbers = [use.use_no for use in facts.seal_uses]
    for number, use in enumerate(facts.seal_uses):
        if use.use_no is not None and use.use_no in numbers[:number]:
            yield f"seal_uses.{number}.use_no", "与前面的用章编号重复"
