"""How the inspection does in the second city.

`python -m tests.bench.field.measure [EACH] [REPORT] [FIRST]`, part of `make bench-inspection`.

So many sound cases and as many faulty ones. Prints for each kind how many were found, then sound
cases that wait or are refused with their codes, faults that slip, near copies by precision and
recall; the report is the same as JSON. FIRST is the number of the first case: another number,
another city.
"""

import json
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive.database.encryption import attach_keys, new_keyring
from archive.database.engine import connect, migrate
from archive.reference.vocabulary import IntakeOutcome
from ingest.intake.intake import IntakeRules, inspect_package, receive
from ingest.reading.virus import NO_SCANNER
from storage.local_store import LocalStore
from tests.bench.field.cases import CATALOGUE, ORGANISATIONS, FieldCase, pack, sound
from tests.bench.field.faults import FAULTS
from tests.bench.field.sheets import dice

_RULES = IntakeRules(CATALOGUE, ORGANISATIONS, scanner=NO_SCANNER, ocr=False)
_COPIES = {"NEAR_COPY", "SEEN_ELSEWHERE", "DUPLICATE_SCAN"}
_WAITING = (IntakeOutcome.CONFIRM, IntakeOutcome.REFUSED)


def measure(per_kind: int, folder: Path, first: int = 0) -> dict[str, Any]:
    """Take all cases in, one after the other, and return what was found."""
    engine = attach_keys(connect(f"sqlite:///{folder}/yice.db"), new_keyring())
    store = LocalStore(folder / "store")
    migrate(engine)

    def take(case: FieldCase, name: str, *, bend: bool = False) -> tuple[IntakeOutcome, list[str]]:
        path = pack(case, folder / "bags" / name, bend=bend)
        package = inspect_package(path, _RULES, datetime.now(UTC))
        received = receive(engine, store, "bench", package, sender=None, rules=_RULES)
        for row in received.findings:
            if row.code in _COPIES:
                sys.stderr.write(f"{name}: {row.code} {row.place} {row.message}\n")
        return received.outcome, sorted({row.code for row in received.findings})

    rows = _Rows()
    earlier: list[FieldCase] = []
    for number in range(first, first + per_kind):
        case = sound(number)
        outcome, codes = take(case, f"{number:05d}-sound")
        rows.append({"kind": "sound", "outcome": str(outcome), "codes": codes, "wanted": []})
        earlier = [*earlier[-9:], case]
    kinds, number = list(FAULTS), first + per_kind
    for place in range(per_kind):
        kind = kinds[place % len(kinds)]
        wanted, plant = FAULTS[kind]
        while True:
            number += 1
            case, random = sound(number), dice(number)
            if plant(case, random, random.choice(earlier) if earlier else None):
                break
        outcome, codes = take(
            case, f"{number:05d}-{place % len(kinds)}", bend=kind == "wrong digest"
        )
        rows.append({"kind": kind, "outcome": str(outcome), "codes": codes, "wanted": list(wanted)})
    return summary(rows)


class _Rows(list[dict[str, Any]]):
    """The rows so far; each is told as it comes, for a long run."""

    def append(self, row: dict[str, Any]) -> None:
        """Keep a row, and say it."""
        super().append(row)
        sys.stderr.write(json.dumps(row, ensure_ascii=False) + "\n")


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the counts that are printed."""
    sound_rows = [row for row in rows if row["kind"] == "sound"]
    faulty = [row for row in rows if row["kind"] != "sound"]
    waiting = [row for row in sound_rows if row["outcome"] in map(str, _WAITING)]
    copies = [row for row in faulty if _COPIES & set(row["wanted"])]
    right = [row for row in copies if _COPIES & set(row["codes"])]
    wrong = [row for row in rows if _COPIES & set(row["codes"]) and row not in copies]
    return {
        "sound": len(sound_rows),
        "waiting": len(waiting),
        "waiting_codes": Counter(code for row in waiting for code in row["codes"]),
        "faulty": len(faulty),
        "slipped": sum(not _found(row) for row in faulty),
        "kinds": {
            kind: [
                sum(_found(row) for row in faulty if row["kind"] == kind),
                sum(row["kind"] == kind for row in faulty),
            ]
            for kind in FAULTS
        },
        "near_copies": {
            "recall": len(right) / len(copies) if copies else None,
            "precision": len(right) / (len(right) + len(wrong)) if right or wrong else None,
        },
    }


def _found(row: dict[str, Any]) -> bool:
    return bool(set(row["wanted"]) & set(row["codes"])) and row["outcome"] in map(str, _WAITING)


def table(result: dict[str, Any]) -> str:
    """Return the result as people read it."""
    lines = [f"{'fault of the second city':<28}{'found':>8}{'planted':>9}"]
    lines += [f"{kind:<28}{hit:>8}{of:>9}" for kind, (hit, of) in result["kinds"].items()]
    share = 100 * result["waiting"] / max(1, result["sound"])
    lines.append(f"faults that slip: {result['slipped']} of {result['faulty']}")
    lines.append(
        f"sound cases that wait or are refused: {result['waiting']} of {result['sound']} "
        f"({share:.1f} %) {dict(result['waiting_codes'])}"
    )
    near = result["near_copies"]
    lines.append(f"near copies: precision {near['precision']}, recall {near['recall']}")
    return "\n".join(lines)


def main(per_kind: int, report: Path | None, first: int) -> None:
    """Measure, print the table, and write the report."""
    with tempfile.TemporaryDirectory(prefix="yice-field-") as folder:
        result = measure(per_kind, Path(folder), first)
    sys.stdout.write(table(result) + "\n")
    if report:
        report.write_text(json.dumps(result, ensure_ascii=False, indent=1), "utf-8")


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 400,
        Path(sys.argv[2]) if len(sys.argv) > 2 else None,
        int(sys.argv[3]) if len(sys.argv) > 3 else 0,
    )
