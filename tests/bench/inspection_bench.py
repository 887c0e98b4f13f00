"""How well the inspection finds what was planted, and what it costs: `make bench-inspection`.

The demonstration city's cases, of which the sound ones must not be doubted, and behind them some of
each planted kind, with copies of pages of other cases. Prints precision and recall for each kind,
CPU per page-file, and the time of a look-up among a million pages. A machine cannot know what is
not in the picture: the truth is what was planted.
"""

import io
import json
import os
import resource
import sys
import tempfile
from collections import defaultdict
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

from api.demo.build import ONE_DEFECT_IN, _members, _write, build_demo
from api.demo.cases import make_case
from api.demo.defects import CONFLICT, DEFECTS
from api.demo.false_pages import add_scan
from archive.database.encryption import attach_keys, new_keyring
from archive.database.engine import connect, migrate
from archive.reference.organisations import load_organisations
from archive.reference.service_items import load_catalogue
from archive.reference.vocabulary import IntakeOutcome
from ingest.intake.intake import IntakeRules, inspect_package, receive
from ingest.reading.sandbox import _pool
from ingest.reading.virus import NO_SCANNER
from storage.local_store import LocalStore
from tests.bench.prints_bench import look_up

OF_EACH = 10
TABLES = (load_catalogue(), load_organisations())
RULES = IntakeRules(*TABLES, scanner=NO_SCANNER, ocr=False)


def plant_copies(bags: Path, seed: int, cases: int) -> list[dict[str, Any]]:
    """Sound cases behind the city's, each with a page of a sound case before it: smaller and
    encoded again.
    """
    rows = []
    sound = (
        make_case(seed, index, *TABLES)
        for index in range(cases)
        if index % ONE_DEFECT_IN != ONE_DEFECT_IN - 1
    )
    for number, source in enumerate(islice((case for case in sound if case.scanned), OF_EACH)):
        case = make_case(seed, cases + number, *TABLES)
        path = next(path for path in source.files if path.endswith((".jpg", ".png")))
        with Image.open(io.BytesIO(source.files[path])) as image:
            smaller = image.convert("L").resize((image.width * 9 // 10, image.height * 9 // 10))
        out = io.BytesIO()
        smaller.save(out, "JPEG", quality=55, dpi=(180, 180))
        add_scan(case, out.getvalue())
        bag = _write(
            bags, f"{cases + number:06d}-copy", _members(case.facts, case.files), zipped=False
        )
        rows.append(
            {
                "bag": bag,
                "expected": "CONFIRM",
                "defect": "copied-page",
                "finding": "SEEN_ELSEWHERE",
            }
        )
    return rows


def plant_each(bags: Path, seed: int, first: int) -> list[dict[str, Any]]:
    """So many of each kind of fault, each in a case of its own that can bear it."""
    rows, index = [], first
    for defect in DEFECTS:
        planted = 0
        while planted < OF_EACH and defect.kind != CONFLICT:
            index += 1
            case = make_case(seed, index, *TABLES)
            if not defect.plant(case, Random(index), TABLES[1]):
                continue
            planted += 1
            name = f"{index:06d}-{defect.kind}"
            if case.second is not None:  # what contradicts it is sound by itself, and comes first
                bag = _write(bags, name, _members(case.facts, case.files), zipped=False)
                rows.append({"bag": bag, "expected": "ACCEPT", "defect": None, "finding": None})
                case, name = case.second, f"{name}-second"
            members = _members(case.facts, case.files, bend=defect.kind == "wrong-digest")
            bag = _write(bags, name, members, zipped=False)
            rows.append(
                {
                    "bag": bag,
                    "expected": str(defect.outcome),
                    "defect": defect.kind,
                    "finding": defect.code,
                }
            )
    return rows


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def used() -> float:
    """CPU seconds of this process and of its ended children."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def prepare(city: Path, cases: int, seed: int) -> list[dict[str, Any]]:
    """The city with all that is planted into it; the truth of each bag."""
    build_demo(city, cases=cases, seed=seed, progress=lambda _: None, workers=os.cpu_count() or 1)
    truth: list[dict[str, Any]] = json.loads((city / "truth.json").read_text("utf-8"))["bags"]
    return (
        truth
        + plant_copies(city / "bags", seed, cases)
        + plant_each(city / "bags", seed, cases + OF_EACH)
    )


def measure(city: Path, truth: list[dict[str, Any]], folder: Path) -> None:
    """Take all bags in, one after the other, and say what was found and what it cost."""
    engine, store = (
        attach_keys(connect(f"sqlite:///{folder}/yice.db"), new_keyring()),
        LocalStore(folder / "store"),
    )
    migrate(engine)
    codes, files, wrong, started = {}, 0, [], used()
    for row in sorted(truth, key=lambda row: row["bag"]):
        path, now = city / "bags" / row["bag"], datetime.now(UTC)
        package = inspect_package(path, RULES, now)
        received = receive(engine, store, "bench", package, sender=None, rules=RULES)
        files += sum(not name.endswith("case.json") for name in package.bag.payload)
        codes[row["bag"]] = (
            set()
            if received.outcome is IntakeOutcome.DUPLICATE
            else {finding.code for finding in received.findings}
        )
        if row["defect"] is None and received.outcome in (
            IntakeOutcome.CONFIRM,
            IntakeOutcome.REFUSED,
        ):
            wrong.append((row["bag"], sorted(codes[row["bag"]])))
    _pool.close()
    cpu = used() - started
    table(truth, codes)
    say(
        f"sound cases doubted or refused: {len(wrong)} of "
        f"{sum(row['defect'] is None for row in truth)} {wrong or ''}"
    )
    say(
        f"intake: {files} page-files, {1000 * cpu / files:.1f} ms CPU each, "
        "with hash, identification, quality checks and near-copy look-up"
    )


def main(cases: int, seed: int) -> None:
    with tempfile.TemporaryDirectory(prefix="yice-bench-") as folder:
        measure(Path(folder) / "city", prepare(Path(folder) / "city", cases, seed), Path(folder))
    say(look_up(1_000_000))


def table(truth: list[dict[str, Any]], codes_of: dict[str, set[str]]) -> None:
    """A code that was found without its defect planted counts against precision."""
    kinds = defaultdict(set)
    for row in truth:
        if row["defect"]:
            kinds[row["defect"], row["finding"]].add(row["bag"])
    planted = {
        code: set().union(*(bags for (_, other), bags in kinds.items() if other == code))
        for _, code in kinds
    }
    say(f"{'kind':<20}{'finding':<17}{'planted':>8}{'found':>7}{'recall':>8}{'precision':>11}")
    for (kind, code), bags in sorted(kinds.items()):
        right = sum(code in codes_of[bag] for bag in bags)
        strange = sum(code in codes for bag, codes in codes_of.items() if bag not in planted[code])
        precision = f"{right / (right + strange):.3f}" if right + strange else "-"
        say(f"{kind:<20}{code:<17}{len(bags):>8}{right:>7}{right / len(bags):>8.3f}{precision:>11}")
    missing = {defect.kind for defect in DEFECTS} - {kind for kind, _ in kinds}
    if missing:
        say(f"not planted among so few cases: {', '.join(sorted(missing))}")


if __name__ == "__main__":
    main(*(int(argument) for argument in (*sys.argv[1:3], *("240", "1")[len(sys.argv) - 1 :])))
