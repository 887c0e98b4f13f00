"""Inspection reports of a volume: taken over by the store (YJ), and in the long run (CQ).

The first comes from the proof of the volume, the second from the scrub that reads it again.
Both have the layout of `report`: by group and item of DA/T 70-2018.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from archive.checking.acts import Decision
from archive.inspection.report import GROUPS
from archive.inspection.table import Phase
from archive.reference.vocabulary import Fixity, Outcome, PageVerdict

_Row = tuple[str, str, str | None]
"""Item, what was checked, and the fault or None."""


def taken_over(proof: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the report of taking over.

    Nothing that `prove_volume` refuses is taken over, so a recorded proof has found nothing.
    """
    wrong = None if proof.get("ok") else "证明未通过。"
    compared: list[_Row] = []
    if "compared" in proof:
        asked = f"，其中 {proof['decided']} 页经人工核对" if proof.get("decided") else ""
        text = f"来件页面与原件逐页比对（{proof['compared']} 页{asked}）"
        compared.append(("1-10", text, wrong))
    return _by_group(
        Phase.YJ,
        [
            *compared,
            ("1-1", f"固化信息核验（电子签章 {proof.get('level', '')}）", wrong),
            ("1-3", "档号与文件内所载一致", wrong),
            ("2-1", "封面、目录、备考表齐全", wrong),
            ("2-7", f"实有页数与目录相符（{proof.get('pages', '')} 页）", wrong),
            ("2-11", "原始文件逐一读出，摘要相符", wrong),
            ("3-3", f"长期保存格式 PDF/A-{proof.get('pdfa', '')}（veraPDF）", wrong),
            ("3-4", "自存储读出后可打开、可读", wrong),
            ("4-2", "不含脚本、外部引用和加密", wrong),
        ],
    )


def compared_counts(pages: Sequence[Mapping[str, Any]] | None) -> dict[str, int]:
    """Return how many pages were compared with their originals, and decided by a person.

    Empty for a volume that was made before pages were compared.
    """
    if pages is None:
        return {}
    decided = [page for page in pages if page["verdict"] == PageVerdict.CONFIRMED]
    return {"compared": len(pages), "decided": len(decided)}


def long_run(objects: int, faults: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the report of a scrub.

    It states how many objects were read, and how many of them were changed, missing or
    unreadable.
    """

    def wrong(kind: Fixity) -> str | None:
        """Return the message about faults of a kind, or None."""
        return f"{faults[kind]} 个对象{kind.label}。" if faults.get(kind) else None

    return _by_group(
        Phase.CQ,
        [
            ("1-1", f"固化信息核验（{objects} 个对象摘要复核）", wrong(Fixity.CHANGED)),
            ("2-11", "信息包内容数据完整，归档记录与清单一致", wrong(Fixity.MISSING)),
            ("3-4", "存储介质可读", wrong(Fixity.UNREADABLE)),
        ],
    )


def _by_group(phase: Phase, rows: list[_Row]) -> list[dict[str, Any]]:
    """Return the rows under their groups."""
    return [
        {"group": f"{phase}-{group} {name}", "items": items}
        for group, name in GROUPS.items()
        if (items := list(_rows(phase, [row for row in rows if row[0].startswith(f"{group}-")])))
    ]


def _rows(phase: Phase, rows: list[_Row]) -> Iterator[dict[str, Any]]:
    """Yield the rows as items of a report."""
    for item, check, wrong in rows:
        outcome = str(Outcome.REFUSE) if wrong else "PASS"
        yield {
            "code": f"{phase}-{item}",
            "checks": [check],
            "outcome": outcome,
            "findings": [{"message": wrong}] if wrong else [],
        }


@dataclass(frozen=True, slots=True)
class KeptReport:
    """A report on record, with what people decided about its findings."""

    phase: Phase
    at: datetime
    decisions: tuple[Decision, ...]
    report: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Inspected:
    """A case with the code of its volume, if it has one, and its reports by phase.

    `pages` say how each page from outside stands to its original: page, material, renderer,
    distance, verdict.
    """

    case_no: str
    code: str | None
    reports: tuple[KeptReport, ...]
    pages: tuple[Mapping[str, Any], ...] = ()
