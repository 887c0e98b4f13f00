"""四性检测 on paper: the sheet of a volume, and a PDF of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from archive.checking.acts import Decision, last_decision
from archive.compile.sheets import InspectionGroup, InspectionRow, InspectionSheet, compile_template
from archive.inspection.kept import Inspected
from archive.inspection.table import Phase
from archive.reference.local_time import local_time
from archive.reference.vocabulary import Outcome

_RESULTS = {
    "PASS": "通过",
    str(Outcome.NOTE): "备注",
    str(Outcome.CONFIRM): "待核对",
    str(Outcome.REFUSE): "不通过",
}
_CONFIRMED = "核对确认"
_LONGEST = 46
_AFTERWARDS = (
    "成册后的页数、页面与原件的逐页比对、PDF/A、签章和固化证明记于随册保存的 inspection.json；"
    "核对人、理由、时间写在所核对的一行，重新检测的记于审计日志。"
)


def inspection_sheet(
    report: Sequence[Mapping[str, Any]],
    phase: Phase,
    at: datetime,
    *,
    decisions: Sequence[Decision],
) -> InspectionSheet:
    """Return the sheet of a report (`archive.inspection.report`).

    Each finding that a person decided on says who did, why and when.
    """
    groups = tuple(
        InspectionGroup(
            group["group"].partition(" ")[2] or group["group"],
            tuple(_row(item, decisions) for item in group["items"]),
        )
        for group in report
    )
    results = [row.result for group in groups for row in group.rows]
    counts = "，".join(
        f"{result} {results.count(result)} 项" for result in dict.fromkeys(("通过", *results))
    )
    return InspectionSheet(
        f"{phase.label}（{phase}）",
        local_time(at),
        f"共检测 {len(results)} 项：{counts}。",
        (_AFTERWARDS,),
        groups,
    )


def _row(row: Mapping[str, Any], decisions: Sequence[Decision]) -> InspectionRow:
    result = _RESULTS[row["outcome"]]
    findings = row["findings"]
    asked = [entry for entry in findings if entry.get("outcome") == Outcome.CONFIRM]
    decided = next((it for entry in asked if (it := last_decision(decisions, entry["code"]))), None)
    finding = (
        _short(findings[0]["message"]) + (f"等 {len(findings)} 项" if len(findings) > 1 else "")
        if findings
        else ""
    )
    return InspectionRow(
        row["code"],
        "、".join(row["checks"]) or "信息包和送达",
        _CONFIRMED if decided and result == _RESULTS[Outcome.CONFIRM] else result,
        f"{finding}\n{_decided(decided)}" if decided else finding,
    )


def _decided(decision: Decision) -> str:
    """Return who decided, why and when, on one line."""
    reason = _short(" ".join(decision.reason.split()))
    return f"核对人：{decision.signatory}；理由：{reason}；{local_time(decision.at)}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def inspections_of(inspected: Inspected, *, demo: bool) -> bytes:
    """Return the reports on record as a PDF/A of their own, one page each.

    It names the volume, the case and who checked it, and no person of the case.
    """
    sheets = [
        asdict(inspection_sheet(report.report, report.phase, report.at, decisions=report.decisions))
        for report in inspected.reports
    ]
    return compile_template(
        "inspections.typ",
        {
            "code": inspected.code or "未赋号",
            "case_no": inspected.case_no,
            "phases": sheets,
            "demo": demo,
        },
    )
