"""The course of a case in words: what its process sheet and `process.json` say of it.

Version 1 of a submission states steps, grant, uses of seals and fetches. Version 2 adds clocks with
their pauses, the ways back, identity checks, signatures, trust and rating. Pure.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from archive.reference.case_blocks import Clock, Signature, Stroke
from archive.reference.case_facts import SPEC_1, CaseFacts
from archive.reference.local_time import local_time
from archive.reference.organisations import Organisations
from archive.reference.vocabulary import Node

ProcessRow = tuple[str, str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class CourseTable:
    """A table of the process sheet: title, heads, shares of the width, and rows of text."""

    title: str
    heads: tuple[str, ...]
    widths: tuple[float, ...]
    rows: tuple[tuple[str, ...], ...]


def course_fields(facts: CaseFacts, organisations: Organisations) -> tuple[tuple[str, str], ...]:
    """Return grant, seal uses and evidence of fetches as fields."""
    fields = [("办件编号", facts.case_no), ("办结时间", local_time(facts.completed_at))]
    fields += _later_fields(facts)
    if facts.grant:
        fields.append(
            (
                "授权",
                (
                    f"{org_name(organisations, facts.grant.grantor)}授权"
                    f"{org_name(organisations, facts.grant.grantee)}，"
                    f"有效期至{facts.grant.valid_until}"
                ),
            )
        )
    fields += [
        (
            "用章记录",
            (
                f"{org_name(organisations, use.caller)}调用"
                f"{org_name(organisations, use.seal_owner)}电子印章，{local_time(use.at)}"
            ),
        )
        for use in facts.seal_uses
    ]
    fields += [
        (
            f"调取凭据{material.no}",
            f"{material.type}：{ref.system} {ref.id}，{local_time(ref.fetched_at)}",
        )
        for material in facts.materials
        if (ref := material.source_ref) is not None
    ]
    return tuple(fields)


def _later_fields(facts: CaseFacts) -> list[tuple[str, str]]:
    """Return how the case ended, by which flow it ran, and how it was rated, where stated."""
    rating = facts.rating
    stated = {
        "结局": facts.ending.label if facts.ending else "",
        "流程版本": facts.flow.version if facts.flow else "",
        "好差评": f"{rating.score} 分（{rating.channel.label}，{local_time(rating.at)}）"
        if rating
        else "",
    }
    return [(label, text) for label, text in stated.items() if text]


def course_rows(facts: CaseFacts, organisations: Organisations) -> tuple[ProcessRow, ...]:
    """Return the steps of the case as rows of a form; who approves uses the seal (R11)."""
    return tuple(
        (
            event.node.label
            + (f"（{event.level.label}）" if event.node is Node.APPROVE and event.level else ""),
            org_name(organisations, event.org),
            f"{event.actor}（{event.actor_no}）",
            local_time(event.at),
            event.result.label,
            event.opinion,
            seal_words(facts, event.org, organisations) if event.node is Node.APPROVE else "",
        )
        for event in facts.process
    )


def org_name(organisations: Organisations, code: str) -> str:
    """Return the name of an organisation."""
    return organisations.get(code).name


def seal_words(facts: CaseFacts, owner: str, organisations: Organisations) -> str:
    """Return the record of the last use of an organisation's seal in a case."""
    uses = [use for use in facts.seal_uses if use.seal_owner == owner]
    if not uses:
        return "电子印章 · 无用章记录"
    use = max(uses, key=lambda use: use.at)
    caller = "" if use.caller == owner else f"，{org_name(organisations, use.caller)}调用"
    return f"电子印章 · 用章记录 {local_time(use.at)}{caller}"


@dataclass(frozen=True, slots=True)
class SignedMark:
    """What somebody wrote on the screen, for the form on which it stands."""

    label: str
    notes: tuple[str, ...]
    strokes: tuple[Stroke, ...]


def signed_marks(facts: CaseFacts, material: int) -> tuple[SignedMark, ...]:
    """Return the signatures on the form that is this material, in the order of time."""
    files = {path: row for row in facts.materials for path in row.files}
    return tuple(
        SignedMark(
            signature.signer.label,
            tuple(
                filter(
                    None,
                    (
                        f"{local_time(signature.at)}　{signature.device}",
                        f"表单摘要 {signature.form_sha256[:16]}",
                        f"指纹见材料“{files[signature.fingerprint].type}”"
                        if signature.fingerprint in files
                        else "",
                    ),
                )
            ),
            signature.strokes,
        )
        for signature in sorted(facts.signatures, key=lambda row: row.at)
        if signature.material == material
    )


def course_tables(facts: CaseFacts, organisations: Organisations) -> tuple[CourseTable, ...]:
    """Return what version 2 knows more, as tables of the process sheet.

    A block that the case does not state makes no table; version 1 makes none.
    """
    if facts.spec == SPEC_1:
        return ()
    tables = (
        CourseTable(
            "办理期限",
            ("期限", "限额", "起算", "停计", "到期日", "终止", "提醒"),
            (1.3, 1.1, 1.5, 2.6, 1.3, 1.5, 1.9),
            tuple(map(_clock_row, facts.clocks)),
        ),
        CourseTable(
            "退回与结局",
            ("类别", "环节、时间", "单位、经办人", "理由、依据", "告知的材料、救济途径"),
            (1.2, 1.4, 1.9, 2.8, 2.4),
            tuple(_return_rows(facts, organisations)),
        ),
        CourseTable(
            "人证核验",
            ("核验对象", "结果", "比对分值", "设备", "时间", "核验人", "说明"),
            (1, 1.5, 0.9, 1.6, 1.5, 1, 1.8),
            tuple(_identity_rows(facts)),
        ),
        CourseTable(
            "屏幕签名",
            ("签名人", "所签表单", "时间", "设备", "笔迹", "指纹", "表单摘要"),
            (0.9, 1.5, 1.5, 1.6, 1.2, 0.9, 1.8),
            tuple(_signature_rows(facts)),
        ),
        CourseTable(
            "电子印章使用",
            ("用章编号", "印章", "用于", "调用单位", "时间", "文件摘要"),
            (1.5, 1.8, 1.5, 1.8, 1.5, 1.6),
            tuple(_seal_rows(facts, organisations)),
        ),
        CourseTable(
            "材料可信等级",
            ("件号", "材料", "等级", "含义"),
            (0.6, 3, 0.6, 3),
            tuple(
                (str(row.no), row.type, str(row.trust), row.trust.label)
                for row in facts.materials
                if row.trust
            ),
        ),
    )
    return tuple(table for table in tables if table.rows)


def _clock_row(clock: Clock) -> tuple[str, ...]:
    pauses = "\n".join(
        f"{local_time(span.start)} 至 {local_time(span.end)}：{span.reason.label}"
        for span in sorted(clock.spans, key=lambda span: span.start)
    )
    return (
        clock.kind.label,
        f"{clock.budget} 个{clock.unit.label}",
        local_time(clock.started_at),
        pauses or "未停计",
        f"{clock.due_on}\n（放假安排 {clock.calendar}）",
        local_time(clock.ended_at) if clock.ended_at else "未终止",
        "\n".join(f"{alert.rung.label} {local_time(alert.at)}" for alert in clock.alerts) or "无",
    )


def _return_rows(facts: CaseFacts, organisations: Organisations) -> Iterator[tuple[str, ...]]:
    for row in facts.returns:
        basis = f"\n依据：{row.basis}" if row.basis else ""
        asked = "、".join(row.materials)
        yield (
            row.kind.label,
            f"{row.node.label}\n{local_time(row.at)}",
            f"{org_name(organisations, row.org)}\n{row.actor}（{row.actor_no}）",
            f"{row.reason}{basis}",
            "\n".join(filter(None, (asked, row.remedy))),
        )


def _identity_rows(facts: CaseFacts) -> Iterator[tuple[str, ...]]:
    for check in facts.identity_checks:
        yield (
            check.person.label,
            check.result.label,
            "" if check.score is None else f"{check.score:.2f}",
            check.device or "",
            local_time(check.at),
            check.actor_no,
            check.reason or "",
        )


def _signature_rows(facts: CaseFacts) -> Iterator[tuple[str, ...]]:
    names = {row.no: row.type for row in facts.materials}
    for signature in facts.signatures:
        points = sum(map(len, signature.strokes))
        yield (
            signature.signer.label,
            names.get(signature.material, signature.form.label),
            local_time(signature.at),
            signature.device,
            f"{len(signature.strokes)} 笔 {points} 点" if points else "无",
            "有" if signature.fingerprint else "无",
            signature.form_sha256[:16],
        )


def _seal_rows(facts: CaseFacts, organisations: Organisations) -> Iterator[tuple[str, ...]]:
    """Yield the uses that say what was sealed; those of version 1 stand among the fields."""
    for use in facts.seal_uses:
        if use.stated_later:
            yield (
                use.use_no or "",
                use.seal or f"{org_name(organisations, use.seal_owner)}电子印章",
                "\n".join(filter(None, (use.form.label if use.form else "", use.purpose))),
                org_name(organisations, use.caller),
                local_time(use.at),
                (use.document_sha256 or "")[:16],
            )


def course_record(facts: CaseFacts) -> dict[str, Any]:
    """Return what version 2 adds to `process.json`; nothing for version 1.

    Of a signature it holds the digest of the strokes: the strokes themselves are in `case.json`.
    """
    if facts.spec == SPEC_1:
        return {}
    return {
        "flow": facts.flow and facts.flow.model_dump(mode="json"),
        "ending": facts.ending,
        "clocks": [clock.model_dump(mode="json") for clock in facts.clocks],
        "returns": [row.model_dump(mode="json") for row in facts.returns],
        "identity_checks": [check.model_dump(mode="json") for check in facts.identity_checks],
        "signatures": [_signature_record(signature) for signature in facts.signatures],
        "rating": facts.rating and facts.rating.model_dump(mode="json"),
        "trust": [
            {"material": row.no, "trust": str(row.trust)} for row in facts.materials if row.trust
        ],
    }


def _signature_record(signature: Signature) -> dict[str, Any]:
    record = signature.model_dump(mode="json")
    strokes = record.pop("strokes")
    text = json.dumps(strokes, separators=(",", ":"))
    return record | {
        "strokes": len(strokes),
        "points": sum(map(len, strokes)),
        "strokes_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
