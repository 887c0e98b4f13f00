"""The data files of a package, beside its PDF."""

import json
from collections.abc import Mapping
from typing import Any

from archive.arrangement.plan import process_record
from archive.compile.context import CompileContext, CompileOrder
from archive.compile.metadata import write_metadata
from archive.inspection.kept import taken_over
from archive.inspection.report import report
from archive.inspection.table import Phase
from archive.reference.other_cases import sealed_findings


def package_files(
    context: CompileContext,
    order: CompileOrder,
    compiled: Mapping[str, Any],
    signed: Mapping[str, Any],
    proof: Mapping[str, Any],
) -> dict[str, bytes]:
    """Return the data files beside the PDF, by path in the package.

    They are readable without our software; same inputs, same bytes.
    """
    findings = sealed_findings(order.revision.findings, order.readers)
    hidden = {row["code"] for row in order.revision.findings} - {row["code"] for row in findings}
    inspection = {
        "spec": "volume-inspection/1",
        "code": order.volume.code,
        "findings": findings,
        "decisions": [decision.without(hidden).public() for decision in order.decisions],
        "inspected_at": order.revision.accepted_at.isoformat(timespec="seconds"),
        "report": report(findings, Phase.GD),
        "proof": dict(proof),
        "taken_over": {"at": proof.get("at"), "report": taken_over(proof)},
        "signature": {
            "level": signed["level"],
            "pending": signed["pending"],
            "sha256": signed["sha256"],
        },
        "routes": compiled["routes"],
    }
    if "compared" in compiled:  # a version of before pages were compared has none
        inspection["pages"] = compiled["compared"]
    records = {
        "case.json": order.revision.facts,
        "process.json": process_record(
            order.facts,
            order.plan,
            order.orders,
            compiled.get("conversions", []),
            order.version.compiled_by,
        ),
        "inspection.json": inspection,
    }
    files = {
        name: (json.dumps(record, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
        for name, record in records.items()
    }
    files["metadata.xml"] = write_metadata(
        order.volume,
        order.version.version,
        order.plan.title,
        order.facts,
        order.revision.snapshot,
        compiled["contents"],
        compiled["pages"],
        context.organisations,
    )
    return files
