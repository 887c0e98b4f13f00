"""Findings as data: a code of one table, the place, what is wrong and what to do next."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from archive.reference.vocabulary import Outcome

_TABLE = Path(__file__).with_name("data") / "findings.json"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of an inspection.

    `message` and `action` are Chinese and name no person and no ID number; `other_case` is the
    办件编号 of a second case that the finding is about.
    """

    code: str
    outcome: Outcome
    place: str
    message: str
    action: str
    other_case: str = ""

    def public(self) -> dict[str, str]:
        """Return the four fields promised to scripts, the outcome, and the other case if any."""
        return {
            key: str(value) for key, value in asdict(self).items() if value or key != "other_case"
        }


@dataclass(frozen=True, slots=True)
class FindingRule:
    """A row of the table: outcome, message template, action, source.

    The template is for `str.format` over named data.
    """

    outcome: Outcome
    message: str
    action: str
    source: str


@cache
def rules() -> dict[str, FindingRule]:
    """Return every known code with its rule, in the order of the table."""
    rows: dict[str, dict[str, str]] = json.loads(_TABLE.read_text("utf-8"))
    return {
        code: FindingRule(Outcome(row["outcome"]), row["message"], row["action"], row["source"])
        for code, row in rows.items()
    }


def finding(code: str, place: str, **data: object) -> Finding:
    """Return a finding made from the table.

    Raises KeyError for a code that the table lacks: that is a defect, not an input fault.
    """
    rule = rules()[code]
    return Finding(
        code,
        rule.outcome,
        place,
        rule.message.format(**data),
        rule.action,
        str(data.get("other_case", "")),
    )


def worst(findings: Iterable[Finding]) -> Outcome | None:
    """Return the gravest outcome among findings, or None when there are none."""
    outcomes = {finding.outcome for finding in findings}
    return next(
        (
            outcome
            for outcome in (Outcome.REFUSE, Outcome.CONFIRM, Outcome.NOTE)
            if outcome in outcomes
        ),
        None,
    )
