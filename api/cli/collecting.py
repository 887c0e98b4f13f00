"""`yice list --collecting`: the cases that still gather."""

from rich.console import Console
from rich.table import Table

from api.cli.terminal import print_json
from api.runtime.bootstrap import Runtime
from archive.database.engine import reading
from archive.gathering.cases import collecting_rows


def show_collecting(runtime: Runtime, *, as_json: bool) -> None:
    """Show the cases that still gather, and what they lack (`yice list --collecting`)."""
    with reading(runtime.engine) as session:
        rows = collecting_rows(session)
    if as_json:
        print_json(rows)
        return
    table = Table("办件编号", "状态", "办结", "缺少", "自")
    for row in rows:
        table.add_row(
            row["case_no"],
            row["state"].label,
            "是" if row["closed"] else "否",
            "\n".join(row["missing"]),
            row["since"],
        )
    Console().print(table)
