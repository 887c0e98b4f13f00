"""The tables of findings in the documentation, made of the data that the code reads.

`python -m tests.support.findings_table` writes them anew: what stations see in docs/stations.md,
the plan of inspection in docs/inspection.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from archive.inspection.report import GROUPS
from archive.inspection.table import CHECKS, Phase
from archive.reference.findings import answers_of, rules
from archive.reference.service_items import investigation_names

ROOT = Path(__file__).parents[2]
_MADE = "made by python -m tests.support.findings_table -->"


@dataclass(frozen=True)
class MadeTable:
    """A table between two marks of a page."""

    page: Path
    mark: str
    lines: Callable[[], list[str]]

    @property
    def begin(self) -> str:
        """The mark before the table."""
        return f"<!-- {self.mark}: begin, {_MADE}"

    @property
    def end(self) -> str:
        """The mark behind it."""
        return f"<!-- {self.mark}: end -->"

    def text(self) -> str:
        """The table as the data has it."""
        return "\n".join(self.lines())

    def written(self) -> str:
        """The table as the page has it."""
        return self.page.read_text("utf-8").partition(self.begin)[2].partition(self.end)[0].strip()

    def write(self) -> None:
        """Write the table into its page."""
        before, _, rest = self.page.read_text("utf-8").partition(self.begin)
        after = rest.partition(self.end)[2]
        self.page.write_text(f"{before}{self.begin}\n{self.text()}\n{self.end}{after}", "utf-8")


def _findings() -> list[str]:
    """Every code with its outcome, message, next step and source."""
    return [
        "| code | outcome | 提示 | 处理办法 | source |",
        "|---|---|---|---|---|",
        *(
            f"| `{code}` | {rule.outcome.label} {rule.outcome} | {rule.message} "
            f"| {rule.action} | {rule.source} |"
            for code, rule in rules().items()
        ),
    ]


def _checks() -> list[str]:
    """Every check with its group, its phases and the codes that it may raise."""
    return [
        "| 条款 | 检测项 | 环节 | 发现 |",
        "|---|---|---|---|",
        *(
            f"| {check.item} {GROUPS[check.item[0]]} | {check.name} "
            f"| {'、'.join(phase for phase in Phase if phase in check.phases)} "
            f"| {'、'.join(f'`{code}`' for code in sorted(check.codes))} |"
            for check in CHECKS
        ),
    ]


def _answers() -> list[str]:
    """Every code by source and kind of material: outcome, who acts, how."""
    return [
        "| 发现 | 来源 | 材料 | 处置 | 由谁处理 | 怎样处理 |",
        "|---|---|---|---|---|---|",
        *(
            f"| `{code}` | {sources} | {kinds} | {answer.outcome.label} | {answer.who.label} "
            f"| {answer.action} |"
            for code, rule in rules().items()
            for sources, kinds, answer in answers_of(rule)
        ),
    ]


def _investigations() -> list[str]:
    """What counts as comparison and as visit, and by which names."""
    return [
        "| 材料 | 何谓 | 名称含有 | 但不含 |",
        "|---|---|---|---|",
        *(
            f"| {names.kind.label} | {names.meaning} | {'、'.join(names.names)} "
            f"| {'、'.join(names.other)} |"
            for names in investigation_names()
        ),
    ]


_PLAN = ROOT / "docs" / "inspection.md"
TABLES = (
    MadeTable(ROOT / "docs" / "stations.md", "findings", _findings),
    MadeTable(_PLAN, "checks", _checks),
    MadeTable(_PLAN, "answers", _answers),
    MadeTable(_PLAN, "investigations", _investigations),
)

if __name__ == "__main__":
    for table in TABLES:
        table.write()
