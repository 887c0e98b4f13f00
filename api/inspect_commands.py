"""`yice inspect`: a person has a case inspected again."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from api.bootstrap import start
from api.settings import Settings
from api.terminal import FINDINGS, Json, actor, print_json, screen
from archive.db import writing
from archive.inspection.report import report
from archive.inspection.table import Phase
from archive.vocabulary import Outcome
from ingest.reinspection import record_reinspection, reinspect


def inspect_(
    case_no: str,
    reason: Annotated[str, typer.Option(help="重新检测的理由，记入审计日志，请勿写入个人信息")],
    phase: Annotated[Phase, typer.Option(help="GD 归档、YJ 移交接收、CQ 长期保存")] = Phase.CQ,
    *,
    as_json: Json = False,
) -> None:
    """Inspect a case again and leave who, why and when."""
    runtime = start(Settings())
    now = datetime.now(UTC)
    done = reinspect(runtime.engine, runtime.store, runtime.catalogue, runtime.organisations, case_no=case_no, phase=phase, now=now)
    with writing(runtime.engine) as session:
        record_reinspection(session, actor(), done, reason=reason)
    laid = report([one.public() for one in done.findings], phase)
    if as_json:
        print_json({"case_no": case_no, "revision": done.revision, "phase": str(phase), "at": now.isoformat(), "report": laid})
    else:
        table = Table("检测项", "内容", "结果", "发现")
        for group in laid:
            table.add_section()
            table.add_row(group["group"], "", "", "")
            for row in group["items"]:
                said = "通过" if row["outcome"] == "PASS" else Outcome(row["outcome"]).label
                table.add_row(row["code"], "、".join(row["checks"]), said, "\n".join(one["message"] for one in row["findings"]))
        screen.print(table)
        screen.print(f"发现 {len(done.findings)}，其中归档时没有的 {len(done.fresh)}。已记入审计日志。")
    raise typer.Exit(FINDINGS if done.fresh else 0)
