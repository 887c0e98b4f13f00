"""`make bench-ocr`: what our reader costs a page and how much of it is right, beside the bare
library call on the same pages in the same run.
"""

import io
import json
import os
import statistics
import tempfile
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from random import Random

import cv2
import numpy as np
from PIL import Image
from rapidocr_onnxruntime import RapidOCR
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from api.demo.cases import make_case, stated_lines
from api.demo.scans import Page, colour, gray, jpeg, png
from archive.database.engine import connect, migrate, reading
from archive.recognition.page_texts import texts_of
from archive.reference.organisations import load_organisations
from archive.reference.service_items import load_catalogue
from ingest.reading import sandbox
from ingest.recognition.ocr import recognise_page
from storage.local_store import LocalStore
from tests.support.ocr_pages import hold_scan

RANDOM = Random(0)
PAGES = int(os.environ.get("PAGES", "8"))
KINDS: dict[str, Callable[[Page, Random], bytes]] = {
    "gray JPEG 300": lambda page, random: jpeg(gray(page, 300, random), 300),
    "colour JPEG 200": lambda page, random: jpeg(colour(page, 200, random), 200),
    "PNG 200": lambda page, random: png(gray(page, 200, random), 200),
}


@dataclass(frozen=True)
class Sample:
    """One page of the city: how it was scanned, its file, and what stands on it."""

    kind: str
    data: bytes
    truth: str


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock and of the processor; on a busy machine only the latter says much."""

    clock: float
    cpu: float


def _child_cpu() -> float:
    """What the child that reads has used so far."""
    total = 0
    for child in sandbox._pool._idle:
        fields = Path(f"/proc/{child._process.pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def flat(text: str) -> str:
    """As two readings are compared: by their characters, without spaces and width."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def samples() -> list[Sample]:
    """Pages of the demonstration city, the kinds of scanners in turn; a stamp stands on every
    second.
    """
    catalogue, organisations = load_catalogue(), load_organisations()
    pages = []
    for number in range(PAGES):
        random = Random(f"ocr:{number}")
        page = Page(
            "居住证明",
            stated_lines(random, make_case(1, number, catalogue, organisations), "居住证明", 14),
            "演示派出所" if number % 2 else "",
        )
        kind = list(KINDS)[number % len(KINDS)]
        pages.append(
            Sample(kind, KINDS[kind](page, random), flat("".join((page.heading, *page.lines))))
        )
    return pages


def right(truth: str, read: str) -> int:
    """How many characters of the truth stand in the reading, in order."""
    return sum(
        block.size
        for block in SequenceMatcher(None, truth, flat(read), autojunk=False).get_matching_blocks()
    )


def ours(engine: Engine, store: LocalStore, number: int, sample: Sample) -> tuple[Cost, str]:
    """The whole act: lease, store, child, derivative, row, journal."""
    digest = hold_scan(engine, store, number, sample.data)
    started, before = time.perf_counter(), time.process_time() + _child_cpu()
    recognise_page(engine, store, "bench", digest, 1)
    taken = Cost(time.perf_counter() - started, time.process_time() + _child_cpu() - before)
    with reading(engine) as session:
        return taken, texts_of(session, store, [digest])[digest, 1].text


def bare(library: RapidOCR, sample: Sample) -> tuple[Cost, str]:
    """Decode and read, and nothing else."""
    started, before = time.perf_counter(), time.process_time()
    regions, _ = library(
        np.asarray(Image.open(io.BytesIO(sample.data)).convert("RGB"))[:, :, ::-1], use_cls=False
    )
    return Cost(time.perf_counter() - started, time.process_time() - before), "".join(
        text for _, text, _ in regions or ()
    )


def main() -> None:
    """Print the table, write `bench-results/ocr.json`."""
    cv2.setNumThreads(1)
    library = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        engine, store = connect(f"sqlite:///{folder}/yice.db"), LocalStore(Path(folder) / "store")
        migrate(engine)
        pages = samples()
        ours(
            engine,
            store,
            1,
            Sample("warm-up", jpeg(gray(Page("预热", ("预热",), ""), 100, RANDOM), 100), ""),
        )
        bare(library, pages[0])
        for number, page in enumerate(pages, 2):
            (mine, text), (theirs, said_bare) = (
                ours(engine, store, number, page),
                bare(library, page),
            )
            rows.append(
                {
                    "kind": page.kind,
                    "characters": len(page.truth),
                    "seconds": mine.clock,
                    "bare_seconds": theirs.clock,
                    "cpu_seconds": mine.cpu,
                    "bare_cpu_seconds": theirs.cpu,
                    "right": right(page.truth, text),
                    "bare_right": right(page.truth, said_bare),
                }
            )
        engine.dispose()
    total = sum(int(row["characters"]) for row in rows)
    result = {
        "pages": len(rows),
        "seconds_per_page": round(statistics.median(float(row["seconds"]) for row in rows), 2),
        "bare_seconds_per_page": round(
            statistics.median(float(row["bare_seconds"]) for row in rows), 2
        ),
        "cpu_seconds_per_page": round(
            statistics.median(float(row["cpu_seconds"]) for row in rows), 2
        ),
        "bare_cpu_seconds_per_page": round(
            statistics.median(float(row["bare_cpu_seconds"]) for row in rows), 2
        ),
        "characters_right": round(sum(int(row["right"]) for row in rows) / total, 4),
        "bare_characters_right": round(sum(int(row["bare_right"]) for row in rows) / total, 4),
        "rows": rows,
    }
    table = Table(
        "scan", "characters", "s", "s, bare", "CPU s", "CPU s, bare", "right", "right, bare"
    )
    for row in rows:
        shares = (
            f"{int(row[key]) / int(row['characters']):.1%}" for key in ("right", "bare_right")
        )
        table.add_row(
            str(row["kind"]),
            str(row["characters"]),
            *(
                f"{row[key]:.2f}"
                for key in ("seconds", "bare_seconds", "cpu_seconds", "bare_cpu_seconds")
            ),
            *shares,
        )
    table.add_row(
        "median, all",
        str(total),
        f"{result['seconds_per_page']:.2f}",
        f"{result['bare_seconds_per_page']:.2f}",
        f"{result['cpu_seconds_per_page']:.2f}",
        f"{result['bare_cpu_seconds_per_page']:.2f}",
        f"{result['characters_right']:.2%}",
        f"{result['bare_characters_right']:.2%}",
    )
    Console().print(table)
    out = Path("bench-results")
    out.mkdir(exist_ok=True)
    (out / "ocr.json").write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
