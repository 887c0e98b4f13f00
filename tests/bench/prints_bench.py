"""How long a near-copy look-up takes among a million pages held: `python -m
tests.bench.prints_bench [COUNT] [DATABASE_URL]`, part of `make bench-inspection`.
"""

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import numpy as np
from sqlalchemy import Engine, insert

from archive.accession.page_prints import seen_elsewhere
from archive.database.engine import connect, migrate, reading, writing
from archive.database.tables_cases import Case, PageBand, PagePrint
from archive.reference.prints import BITS

_STEP, _SOUGHT, _BENT = 100_000, 200, 25


def fill(engine: Engine, count: int) -> list[int]:
    """So many prints of one case; gives some of them. Bands go in sorted, which a database likes
    best; it does not change what is read later.
    """
    bits = np.random.default_rng(1).integers(0, 256, (count, BITS // 8), dtype=np.uint8)
    with writing(engine) as session:
        now = datetime.now(UTC)
        case = Case(
            case_no="A-1",
            content_digest="",
            state="ACCEPTED",
            facts={},
            snapshot={},
            findings=[],
            item_code="",
            item_version="",
            receive_org="",
            accept_org="",
            domicile_org="",
            completed_at=now,
            accepted_at=now,
        )
        session.add(case)
        session.flush()
        case_id = case.id
    for start in range(0, count, _STEP):
        rows = enumerate(bits[start : start + _STEP], start + 1)
        with writing(engine) as session:
            session.execute(
                insert(PagePrint),
                [
                    {
                        "id": at,
                        "case_id": case_id,
                        "material_no": 4,
                        "page": at,
                        "bits": row.tobytes(),
                    }
                    for at, row in rows
                ],
            )
    # Band b is the 24 bits at 24 b, counted from the last byte.
    tail = bits[:, ::-1].astype(np.int64)
    for band in range(16):
        keys = (
            (band << 24)
            | tail[:, 3 * band]
            | tail[:, 3 * band + 1] << 8
            | tail[:, 3 * band + 2] << 16
        )
        order = np.argsort(keys, kind="stable")
        for start in range(0, count, _STEP):
            chosen = order[start : start + _STEP]
            rows_of_band = [
                {"key": key, "print_id": at}
                for key, at in zip(keys[chosen].tolist(), (chosen + 1).tolist(), strict=True)
            ]
            with writing(engine) as session:
                session.execute(insert(PageBand), rows_of_band)
    return [int.from_bytes(row.tobytes()) for row in bits[:: max(1, count // _SOUGHT)][:_SOUGHT]]


def look_up(count: int, url: str = "") -> str:
    """Fill a database and seek copies and strangers in it."""
    with tempfile.TemporaryDirectory(prefix="yice-prints-") as folder:
        engine = connect(url or f"sqlite:///{Path(folder) / 'yice.db'}")
        migrate(engine)
        known, random = fill(engine, count), Random(1)
        copies = [
            print_ ^ sum(1 << bit for bit in random.sample(range(BITS), _BENT)) for print_ in known
        ]
        lines = []
        for name, sought in (
            ("copies", copies),
            ("strangers", [random.getrandbits(BITS) for _ in known]),
        ):
            times, hits = [], 0
            with reading(engine) as session:
                for print_ in sought:
                    started = time.perf_counter()
                    hits += bool(list(seen_elsewhere(session, "B-1", {(4, 1): [print_]})))
                    times.append(1000 * (time.perf_counter() - started))
            times.sort()
            lines.append(
                f"{name} {hits} of {len(sought)} found, median {times[len(times) // 2]:.2f} ms, "
                f"p95 {times[len(times) * 95 // 100]:.2f} ms"
            )
        engine.dispose()
    return f"near-copy look-up among {count} pages: {'; '.join(lines)}"


if __name__ == "__main__":
    sys.stdout.write(
        look_up(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, *sys.argv[2:3]) + "\n"
    )
