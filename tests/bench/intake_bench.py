"""What intake costs: `make bench-intake`. CPU per page-file without OCR, with hash, identification,
quality checks, near-copy look-up and accession, beside the bare library calls (hash and decode)
on the same files in the same run; and the look-ups beside many cases held.

Prints a table and writes `bench-results/intake.json`.
"""

import argparse
import hashlib
import io
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pikepdf
import pypdfium2
from PIL import Image
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, insert

from api.demo.build import build_demo
from archive.accession.across_cases import doubts
from archive.accession.blind_index import ID_NUMBER
from archive.accession.page_prints import seen_elsewhere
from archive.database.encryption import Keyring, attach_keys, new_keyring
from archive.database.engine import connect, migrate, reading, writing
from archive.database.tables_cases import BlindEntry, Case, PageBand, PagePrint
from archive.reference.case_facts import CaseFacts
from archive.reference.organisations import load_organisations
from archive.reference.prints import BITS, band_keys
from archive.reference.service_items import load_catalogue, snapshot
from ingest.intake.intake import IntakeRules, inspect_package, receive
from ingest.reading.sandbox import _pool
from ingest.reading.virus import NO_SCANNER
from storage.local_store import LocalStore
from tests.support.factories import sound_case

TABLES = (load_catalogue(), load_organisations())
RULES = IntakeRules(*TABLES, scanner=NO_SCANNER, ocr=False)
AIM_MS, _SIDE, _LOOKS = 60.0, 400, 200


def used() -> float:
    """CPU seconds of this process and of its ended children."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


class Steps(dict[str, float]):
    """CPU seconds by step; the sandbox is closed after each, for a child's time counts only when it
    has ended.
    """

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add the CPU of the block."""
        before = used()
        yield
        _pool.close()
        self[name] = self.get(name, 0.0) + used() - before


def hold(engine: Engine, ring: Keyring, count: int) -> None:
    """Cases that are held already: rows, blind index and one print each, all of other people and
    other pages.
    """
    dice, now = Random(1), datetime.now(UTC)
    taken = snapshot(TABLES[0].get("CS02", "2026-1"))
    facts = sound_case("150602010000-20260901-900000")
    row = {
        "revision": 1,
        "state": "ACCEPTED",
        "facts": facts,
        "snapshot": taken,
        "findings": [],
        "item_code": "CS02",
        "item_version": "2026-1",
        "receive_org": "150602010000",
        "accept_org": "150602010000",
        "domicile_org": "150602010000",
        "completed_at": now,
        "accepted_at": now,
    }
    for start in range(0, count, 5000):
        numbers = range(start + 1, min(count, start + 5000) + 1)
        prints = [dice.getrandbits(BITS) for _ in numbers]
        with writing(engine) as session:
            session.execute(
                insert(Case),
                [
                    row
                    | {
                        "id": number,
                        "case_no": f"held-{number}",
                        "content_digest": f"{number:064d}",
                    }
                    for number in numbers
                ],
            )
            entries = [
                {
                    "case_id": number,
                    "kind": ID_NUMBER,
                    "digest": ring.digest(ID_NUMBER, str(number)),
                    "key": ring.blind,
                }
                for number in numbers
            ]
            session.execute(insert(BlindEntry), entries)
            session.execute(
                insert(PagePrint),
                [
                    {
                        "id": number,
                        "case_id": number,
                        "material_no": 1,
                        "page": 1,
                        "bits": bits.to_bytes(BITS // 8),
                    }
                    for number, bits in zip(numbers, prints, strict=True)
                ],
            )
            bands = sorted(
                (key, number)
                for number, bits in zip(numbers, prints, strict=True)
                for key in set(band_keys(bits))
            )
            session.execute(
                insert(PageBand), [{"key": key, "print_id": number} for key, number in bands]
            )


def bare(data: bytes) -> None:
    """Hash a file and decode every page of it, by library calls alone."""
    hashlib.sha256(data).hexdigest()
    if data.startswith(b"%PDF"):
        with pikepdf.open(io.BytesIO(data)):
            pass
        opened = pypdfium2.PdfDocument(data)
        for page in opened:
            page.render(scale=_SIDE / max(page.get_size()))
        return
    with Image.open(io.BytesIO(data)) as image:
        for frame in range(getattr(image, "n_frames", 1)):
            image.seek(frame)
            image.load()


def look_ups(engine: Engine) -> dict[str, float]:
    """Milliseconds of wall time of one look-up, the middle of many, beside all that is held."""
    dice, times = Random(2), {"near_copy": list[float](), "same_person": list[float]()}
    facts = CaseFacts.model_validate(sound_case("150602010000-20260901-000001"))
    taken = snapshot(TABLES[0].get("CS02", "2026-1"))
    with reading(engine) as session:
        for _ in range(_LOOKS):
            begun = time.perf_counter()
            list(seen_elsewhere(session, facts.case_no, {(1, 1): dice.getrandbits(BITS)}))
            between = time.perf_counter()
            doubts(session, facts, taken)
            times["near_copy"].append(between - begun)
            times["same_person"].append(time.perf_counter() - between)
    return {name: round(1000 * sorted(all_)[len(all_) // 2], 2) for name, all_ in times.items()}


def measure(cases: int, count: int, seed: int, folder: Path) -> dict[str, object]:
    """Everything once; what was planted is taken in too, as it comes."""
    build_demo(
        folder / "city",
        cases=cases,
        seed=seed,
        progress=lambda _: None,
        workers=os.cpu_count() or 1,
    )
    ring, steps = new_keyring(), Steps()
    engine, store = (
        attach_keys(connect(f"sqlite:///{folder}/yice.db"), ring),
        LocalStore(folder / "store"),
    )
    migrate(engine)
    hold(engine, ring, count)
    paths = sorted((folder / "city" / "bags").iterdir())
    now, payloads, pages = datetime.now(UTC), list[bytes](), 0
    with steps.step("inspect"):
        inspected = [inspect_package(path, RULES, now) for path in paths]
    for package in inspected:
        payload = package.bag.payload
        payloads += [file.read() for name, file in payload.items() if name != "case.json"]
        pages += sum(component.pages for component in package.submission.components)
    with steps.step("take_over"):
        for package in inspected:
            receive(engine, store, "bench", package, sender=None, rules=RULES)
    with steps.step("bare"):
        for data in payloads:
            try:
                bare(data)
            except (OSError, pikepdf.PdfError, pikepdf.PasswordError, pypdfium2.PdfiumError):
                continue  # planted as broken
    per_file = {name: round(1000 * seconds / len(payloads), 2) for name, seconds in steps.items()}
    total = round(per_file["inspect"] + per_file["take_over"], 2)
    return {
        "cases": cases,
        "files": len(payloads),
        "pages": pages,
        "held": count,
        "ms_per_file": {**per_file, "intake": total},
        "aim_ms": AIM_MS,
        "against_bare": round(total / per_file["bare"], 2),
        "look_up_ms": look_ups(engine),
    }


def show(figures: dict[str, object]) -> None:
    """The table."""
    table = Table("接收（不含文字识别）", "CPU 毫秒 / 文件", box=None)
    labels = {
        "inspect": "读包、摘要、识别、质量检测",
        "take_over": "近似页与同一人查找、入库",
        "intake": "合计",
        "bare": "仅调用库：摘要和解码",
    }
    costs, looks = figures["ms_per_file"], figures["look_up_ms"]
    assert isinstance(costs, dict)
    assert isinstance(looks, dict)
    for name, label in labels.items():
        table.add_row(label, f"{costs[name]:.1f}")
    table.add_row("目标", f"< {AIM_MS:.0f}")
    table.add_row("为仅调用库的", f"{figures['against_bare']} 倍")
    table.add_row(f"在册 {figures['held']} 件时查一页近似（毫秒）", str(looks["near_copy"]))
    table.add_row(f"在册 {figures['held']} 件时查同一人（毫秒）", str(looks["same_person"]))
    Console().print(
        table, f"{figures['cases']} 件，{figures['files']} 个文件，{figures['pages']} 页"
    )


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--cases", type=int, default=120)
    words.add_argument("--held", type=int, default=50_000)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--out", type=Path, default=Path("bench-results"))
    given = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="yice-bench-") as folder:
        figures = measure(given.cases, given.held, given.seed, Path(folder))
    given.out.mkdir(exist_ok=True)
    (given.out / "intake.json").write_text(json.dumps(figures, indent=1) + "\n")
    sys.stdout.write(json.dumps(figures) + "\n")
    show(figures)


if __name__ == "__main__":
    main()
