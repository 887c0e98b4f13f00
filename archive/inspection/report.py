"""The report of an inspection, by the four groups and the items of DA/T 70-2018.

For each item: whether it passed, and what was found.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from archive.inspection.table import CHECKS, Phase
from archive.reference.vocabulary import Outcome

GROUPS = {"1": "真实性", "2": "完整性", "3": "可用性", "4": "安全性"}
# Found outside the checks of one case: in the bag, or among the cases that the archive has.
_OUTSIDE_CHECKS = {
    "SEEN_ELSEWHERE": "1-8",
    "CORRECTED": "2-9",
    "MATCHES_ELSEWHERE": "1-5",
    "AFTER_DEATH": "1-5",
    "TWO_HOUSEHOLDS": "1-4",
    "TWO_MOVES": "1-5",
    "GD-1-14": "1-14",
    "NAME_PRIVATE": "4-3",
    "VIRUS": "4-1",
    "VIRUS_SCAN_DOWN": "4-1",
}
_NAMES = {"1-14": "信息包内容一致", "4-1": "病毒", "4-3": "文件名不含个人信息"}
_VIRUS = "4-1"
_GRAVEST = (Outcome.REFUSE, Outcome.CONFIRM, Outcome.NOTE)


def report(findings: Sequence[Mapping[str, Any]], phase: Phase) -> list[dict[str, Any]]:
    """Return stored findings (code, outcome, place, message …) laid out by group and item.

    The last group holds what no item of ours covers. A code that two items raise stands under
    the first of them.
    """
    items: dict[str, list[str]] = {}
    owner = dict(_OUTSIDE_CHECKS)
    for check in CHECKS:
        if phase in check.phases:
            items.setdefault(check.item, []).append(check.name)
            for code in sorted(check.codes):
                owner.setdefault(code, check.item)
    for item in owner.values():
        items.setdefault(item, [_NAMES[item]] if item in _NAMES else [])
    by_item: dict[str, list[Mapping[str, Any]]] = {item: [] for item in items}
    others: list[Mapping[str, Any]] = []
    for entry in findings:
        by_item.get(owner.get(entry["code"], ""), others).append(entry)
    # It is not known here whether a scanner was at work, so the report does not claim that there
    # is no virus.
    items = {item: names for item, names in items.items() if item != _VIRUS or by_item[item]}
    ordered = sorted(items, key=lambda item: tuple(int(part) for part in item.split("-")))
    rows = [
        {
            "group": f"{phase}-{group} {name}",
            "items": [
                _row(f"{phase}-{item}", items[item], by_item[item])
                for item in ordered
                if item.startswith(f"{group}-")
            ],
        }
        for group, name in GROUPS.items()
    ]
    return [*rows, *([{"group": "其他", "items": [_row("", [], others)]}] if others else [])]


def _row(code: str, names: Sequence[str], findings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one item of a report with its gravest outcome."""
    outcomes = {str(entry["outcome"]) for entry in findings}
    gravest = next((str(outcome) for outcome in _GRAVEST if outcome in outcomes), "PASS")
    return {
        "code": code,
        "checks": list(names),
        "outcome": gravest,
        "findings": [dict(entry) for entry in findings],
    }
