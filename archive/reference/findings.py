"""Findings as data: a code of one table, the place, what is wrong and what to do next.

A second table says who can act on each, and how, by source and kind of the material: a finding
asks only for what somebody can do.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from archive.reference.vocabulary import Actor, MaterialKind, Outcome, SourceKind

_TABLE = Path(__file__).with_name("data") / "findings.json"
_ACTIONS = _TABLE.with_name("finding_actions.json")


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of an inspection.

    `message` and `action` are Chinese and name no person and no ID number; `other_case` is the
    办件编号 of a second case that the finding is about, `pair` names the two pages of one that is
    about two (`4.2-5.1`: material and page of each).
    """

    code: str
    outcome: Outcome
    place: str
    message: str
    action: str
    other_case: str = ""
    pair: str = ""

    def public(self) -> dict[str, str]:
        """Return the four fields promised to scripts, the outcome, and what else there is."""
        return {
            key: str(value)
            for key, value in asdict(self).items()
            if value or key not in {"other_case", "pair"}
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What a finding does to a case, who can act on it, and how."""

    outcome: Outcome
    who: Actor
    action: str


@dataclass(frozen=True, slots=True)
class SpecialAnswer:
    """An answer for materials of some sources or kinds; empty means all of them."""

    sources: frozenset[SourceKind]
    kinds: frozenset[MaterialKind]
    answer: Answer

    def covers(self, source: SourceKind, kind: MaterialKind) -> bool:
        """Return whether materials of this source and kind are answered so."""
        return (not self.sources or source in self.sources) and (
            not self.kinds or kind in self.kinds
        )


@dataclass(frozen=True, slots=True)
class FindingRule:
    """A row of the table: message template, the answer, the source of the rule.

    The template is for `str.format` over named data. `sources` are those whose materials the
    finding can be about, empty for one about the case as a whole; of `special` the first that
    covers a material counts.
    """

    message: str
    source: str
    answer: Answer
    sources: frozenset[SourceKind] = frozenset()
    special: tuple[SpecialAnswer, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """Return the outcome where nothing special is said."""
        return self.answer.outcome

    @property
    def action(self) -> str:
        """Return the next step where nothing special is said."""
        return self.answer.action

    def answer_for(self, source: SourceKind, kind: MaterialKind) -> Answer:
        """Return the answer for a material of this source and kind."""
        return next((row.answer for row in self.special if row.covers(source, kind)), self.answer)


@cache
def rules() -> dict[str, FindingRule]:
    """Return every known code with its rule, in the order of the table."""
    rows: dict[str, dict[str, str]] = json.loads(_TABLE.read_text("utf-8"))
    actions: dict[str, dict[str, Any]] = json.loads(_ACTIONS.read_text("utf-8"))
    return {code: _rule(row, actions.get(code, {})) for code, row in rows.items()}


def _rule(row: dict[str, str], acted: dict[str, Any]) -> FindingRule:
    usual = Answer(Outcome(row["outcome"]), Actor(acted.get("who", Actor.WINDOW)), row["action"])
    special = tuple(
        SpecialAnswer(
            frozenset(map(SourceKind, case.get("sources", ()))),
            frozenset(map(MaterialKind, case.get("kinds", ()))),
            Answer(
                Outcome(case.get("outcome", usual.outcome)),
                Actor(case.get("who", usual.who)),
                case.get("action", usual.action),
            ),
        )
        for case in acted.get("except", ())
    )
    sources = frozenset(map(SourceKind, acted.get("sources", ())))
    return FindingRule(row["message"], row["source"], usual, sources, special)


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
        _pair(**data),
    )


def _pair(**data: object) -> str:
    """Return the two pages that a finding is about, empty when it is not about two."""
    if "other_page" not in data:
        return ""
    other = data.get("other", data.get("other_material"))
    return f"{data['material']}.{data['page']}-{other}.{data['other_page']}"


def answered(entry: Finding, source: SourceKind, kind: MaterialKind) -> Finding:
    """Return a finding about a material with the outcome and next step for what it is."""
    answer = rules()[entry.code].answer_for(source, kind)
    return replace(entry, outcome=answer.outcome, action=answer.action)


def answers_of(rule: FindingRule) -> Sequence[tuple[str, str, Answer]]:
    """Return the rows of a plan for a finding: sources, kinds, and the answer.

    The usual answer stands first, for the sources that no special answer takes away.
    """
    if not rule.sources:
        return [("整件", "—", rule.answer)]
    taken = {source for row in rule.special if not row.kinds for source in row.sources}
    usual = [source for source in SourceKind if source in rule.sources - taken]
    rows = [(_named(usual), "全部", rule.answer)] if usual else []
    return [
        *rows,
        *(
            (
                _named(
                    [source for source in SourceKind if source in (row.sources or rule.sources)]
                ),
                "、".join(kind.label for kind in MaterialKind if kind in row.kinds) or "全部",
                row.answer,
            )
            for row in rule.special
        ),
    ]


def _named(sources: Sequence[SourceKind]) -> str:
    return "全部" if len(sources) == len(SourceKind) else "、".join(row.label for row in sources)


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
