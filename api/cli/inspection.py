"""`yice inspect`: the inspections on record, or, with a reason, a case inspected again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from api.cli.archive import actor, open_archive, operator
from api.cli.terminal import FINDINGS, Json, print_json, screen
from api.runtime.bootstrap import Runtime
from archive.compile.inspection_sheet import inspections_of
from archive.database.engine import reading, writing
from archive.finding_aids.disclosure import disclosed
from archive.finding_aids.reach import reach_of
from archive.inspection.kept import Inspected, KeptReport
from archive.inspection.report import report
from archive.inspection.table import Phase
from archive.preservation.inspections import inspections
from archive.reference.vocabulary import Outcome
from ingest.intake.reinspection import Reinspection, record_reinspection, reinspect


def inspect_(
    number: Annotated[str, typer.Argument(help="档号或办件编号")],
    reason: Annotated[
        str | None,
        typer.Option(
            help="重新检测的理由，记入审计日志，请勿写入个人信息；不写则出示已有的检测记录"
        ),
    ] = None,
    phase: Annotated[
        Phase, typer.Option(help="重新检测的环节：GD 归档、YJ 移交接收、CQ 长期保存")
    ] = Phase.CQ,
    pdf: Annotated[Path | None, typer.Option(help="四性检测报告写入此 PDF 文件")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show the inspections on record; with a reason inspect again, and journal it."""
    runtime = open_archive()
    with reading(runtime.engine) as session:
        reach = reach_of(operator(runtime).org, runtime.organisations)
        inspected = inspections(session, number, partial(disclosed, session, reach))
    done = _inspect_again(runtime, inspected, phase, reason) if reason else None
    shown = inspected.reports
    if done:
        fresh = report([finding.public() for finding in done.findings], phase)
        shown = (KeptReport(phase, done.at, decisions=(), report=fresh),)
    if pdf:
        pdf.write_bytes(
            inspections_of(replace(inspected, reports=shown), demo=runtime.settings.demo_seals)
        )
    if as_json:
        print_json(_public(inspected, shown, done))
    else:
        for kept in shown:
            _print(kept)
        if done:
            screen.print(
                f"发现 {len(done.findings)}，其中归档时没有的 {len(done.fresh)}。已记入审计日志。"
            )
    raise typer.Exit(FINDINGS if done and done.fresh else 0)


def _inspect_again(
    runtime: Runtime, inspected: Inspected, phase: Phase, reason: str
) -> Reinspection:
    now = datetime.now(UTC)
    done = reinspect(
        runtime.engine,
        runtime.store,
        runtime.catalogue,
        runtime.organisations,
        case_no=inspected.case_no,
        phase=phase,
        now=now,
    )
    with writing(runtime.engine) as session:
        record_reinspection(session, actor(), done, reason=reason)
    return done


def _public(
    inspected: Inspected, shown: Sequence[KeptReport], done: Reinspection | None
) -> Mapping[str, Any]:
    numbers = {
        "case_no": inspected.case_no,
        "code": inspected.code,
        "pages": [dict(page) for page in inspected.pages],
    }
    if done:
        return numbers | {
            "revision": done.revision,
            "phase": str(done.phase),
            "at": done.at.isoformat(),
            "report": shown[0].report,
        }
    return numbers | {
        "reports": [
            {"phase": str(kept.phase), "at": kept.at.isoformat(), "report": kept.report}
            for kept in shown
        ]
    }


def _print(kept: KeptReport) -> None:
    table = Table(
        "检测项",
        "内容",
        "结果",
        "发现",
        title=f"{kept.phase.label}（{kept.phase}）　{kept.at.astimezone():%Y-%m-%d %H:%M}",
    )
    for group in kept.report:
        table.add_section()
        table.add_row(group["group"], "", "", "")
        for row in group["items"]:
            outcome = "通过" if row["outcome"] == "PASS" else Outcome(row["outcome"]).label
            table.add_row(
                row["code"],
                "、".join(row["checks"]),
                outcome,
                "\n".join(finding["message"] for finding in row["findings"]),
            )
    screen.print(table)
