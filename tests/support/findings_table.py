"""The table of findings in docs/stations.md, made of archive/reference/data/findings.json.

`python -m tests.support.findings_table` writes it anew.
"""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "stations.md"
BEGIN, END = (
    "<!-- findings: begin, made by python -m tests.support.findings_table -->",
    "<!-- findings: end -->",
)
_LABELS = {"REFUSE": "拒收 REFUSE", "CONFIRM": "待核对 CONFIRM", "NOTE": "备注 NOTE"}


def table() -> str:
    """Every code with its outcome, message, next step and source."""
    rows = json.loads(
        (ROOT / "archive" / "reference" / "data" / "findings.json").read_text("utf-8")
    )
    lines = ["| code | outcome | 提示 | 处理办法 | source |", "|---|---|---|---|---|"]
    lines += [
        f"| `{code}` | {_LABELS[row['outcome']]} | {row['message']} "
        f"| {row['action']} | {row['source']} |"
        for code, row in rows.items()
    ]
    return "\n".join(lines)


def written() -> str:
    """The table as the page has it."""
    return PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0].strip()


if __name__ == "__main__":
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}", "utf-8")
