"""Measures paper: planted faults of a stocktake, the time of a scan, a level of a large tree.

`python -m tests.bench.paper_bench FOLDER [items] [places]`
"""

import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert

from archive.administration.policy import Act
from archive.database.engine import reading, writing
from archive.database.tables_cases import Case
from archive.database.tables_paper import PaperBox, PaperItem, PaperMove, PaperPlace
from archive.database.tables_volumes import Volume
from archive.paper.codes import PaperCodeKind, paper_code
from archive.paper.places import level
from archive.paper.scans import Scan, open_session, take_scan
from archive.paper.stocktakes import close_stocktake, find_stocktake, open_stocktake
from archive.reference.paper_terms import ScanFlow
from tests.support.databases import sqlite_database
from tests.support.paper import HOME, keeper

IN_A_BOX = 20
PLANTED = 10  # of each of the four kinds
NOW = datetime(2026, 9, 1, 9, tzinfo=UTC)


def fill(engine: Engine, items: int) -> None:
    """A room of one rack with items in boxes of twenty, a box more than counted elsewhere."""
    boxes = items // IN_A_BOX
    shelves = boxes // 10 + 1
    places: list[dict[str, Any]] = [place(1, None, "ROOM", "1/"), place(2, 1, "RACK", "1/2/")]
    places += [place(3, 2, "BAY", "1/2/3/")]
    places += [place(4 + no, 3, "SHELF", f"1/2/3/{4 + no}/") for no in range(shelves)]
    places += [place(900_000, None, "ROOM", "900000/")]
    moves = [
        move(box=box, place=4 + (box - 1) // 10, state="ON_SHELF") for box in range(1, boxes + 1)
    ]
    items_rows, cases, volumes = [], [], []
    for number in range(1, items + PLANTED + 1):
        cases.append(case(number))
        volumes.append(volume(number))
        items_rows.append(item(number))
        # The last ten lie in a box that stands on no shelf of this room.
        box = (number - 1) // IN_A_BOX + 1 if number <= items else boxes + 1
        moves.append(move(item=number, in_box=box, state="IN_BOX"))
    moves.append(move(box=boxes + 1, state="UNSHELVED"))
    with writing(engine) as session:
        for table, rows in (
            (PaperPlace, places),
            (Case, cases),
            (Volume, volumes),
            (PaperItem, items_rows),
            (PaperBox, [box_row(number) for number in range(1, boxes + 2)]),
            (PaperMove, moves),
        ):
            for start in range(0, len(rows), 500):
                session.execute(insert(table), rows[start : start + 500])


def place(number: int, parent: int | None, kind: str, path: str) -> dict[str, Any]:
    return {
        "id": number,
        "parent_id": parent,
        "org": HOME,
        "kind": kind,
        "name": f"{kind}{number}",
        "path": path,
        "width_mm": 900,
        "created_at": NOW,
    }


def case(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "case_no": f"{HOME}-20260901-{number:06d}",
        "revision": 1,
        "content_digest": f"{number:064d}",
        "state": "ACCEPTED",
        "facts": {},
        "snapshot": {},
        "findings": [],
        "item_code": "CS01",
        "item_version": "2026-1",
        "receive_org": HOME,
        "accept_org": HOME,
        "domicile_org": HOME,
        "completed_at": NOW,
        "accepted_at": NOW,
    }


def volume(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "case_id": number,
        "code": f"J602-ZY·HJ·CS·2026·Y-{number:06d}",
        "fonds": "J602",
        "series": "CS",
        "year": 2026,
        "term": "Y",
        "number": number,
        "filing_org": HOME,
        "completed_at": NOW,
        "late": False,
        "reserved_at": NOW,
    }


def item(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "volume_id": number,
        "revision": 1,
        "station": HOME,
        "kind": "COPY",
        "materials": [],
        "pages": 3,
        "thickness": 4,
        "condition": "GOOD",
        "registered_by": "bench",
        "registered_at": NOW,
    }


def box_row(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "org": HOME,
        "fonds": "J602",
        "series": "CS",
        "year": 2026,
        "number": number,
        "spine_mm": 30,
        "created_by": "bench",
        "created_at": NOW,
    }


def move(
    *,
    state: str,
    item: int | None = None,
    box: int | None = None,
    in_box: int | None = None,
    place: int | None = None,
) -> dict[str, Any]:
    return {
        "item_id": item,
        "moved_box_id": box,
        "seq": 1,
        "state": state,
        "org": HOME,
        "box_id": in_box,
        "place_id": place,
        "reason": "bench",
        "moved_by": "bench",
        "moved_at": NOW,
    }


def say(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


def percentile(times: list[float], part: float) -> float:
    return sorted(times)[int(len(times) * part)] * 1000


def count(engine: Engine, items: int) -> None:
    """Count the room with forty planted faults; prints what was found and the time of a scan."""
    owner = keeper()
    with writing(engine) as session:
        stocktake = open_stocktake(session, owner, session.get_one(PaperPlace, 1))
        row = open_session(session, owner, ScanFlow.COUNT, stocktake_id=stocktake.id)
        number, name = stocktake.id, row.id
    drawn = random.Random(7).sample(range(1, items + 1), 2 * PLANTED)
    absent, misplaced = set(drawn[:PLANTED]), set(drawn[PLANTED:])
    codes: list[str] = []
    for box in range(1, items // IN_A_BOX + 1):
        if (box - 1) % 10 == 0:
            codes.append(paper_code(PaperCodeKind.PLACE, 4 + (box - 1) // 10))
        codes.append(paper_code(PaperCodeKind.BOX, box))
        inside = range((box - 1) * IN_A_BOX + 1, box * IN_A_BOX + 1)
        codes += [
            paper_code(PaperCodeKind.ITEM, no) for no in inside if no not in absent | misplaced
        ]
    # In the last box lie what belongs elsewhere, what nobody knows and what was given away.
    codes += [paper_code(PaperCodeKind.ITEM, no) for no in misplaced]
    codes += [paper_code(PaperCodeKind.ITEM, items + no) for no in range(1, PLANTED + 1)]
    codes += [paper_code(PaperCodeKind.ITEM, 5_000_000 + no) for no in range(PLANTED)]
    times = []
    for seq, code in enumerate(codes, 1):
        begin = time.perf_counter()
        with writing(engine) as session:
            take_scan(session, owner, Scan(name, seq, code, datetime.now(UTC)))
        times.append(time.perf_counter() - begin)
    with writing(engine) as session:
        result = close_stocktake(
            session, owner, find_stocktake(session, owner, number, Act.KEEP_PAPER)
        )
    missing = {item for item, verdict in result["results"] if verdict == "ABSENT"}
    off = {item for item, verdict in result["results"] if verdict == "MISPLACED"}
    strange = [row[2] for row in result["strange"]]
    say(f"scans {len(times)}  p50 {percentile(times, 0.5):.1f} ms  ", end="")
    say(f"p95 {percentile(times, 0.95):.1f} ms")
    say(f"absent found {len(missing & absent)}/{PLANTED}, false {len(missing - absent)}")
    say(f"misplaced found {len(off & misplaced)}/{PLANTED}, false {len(off - misplaced)}")
    say(f"foreign {strange.count('FOREIGN')}/{PLANTED}, ", end="")
    say(f"unregistered {strange.count('UNREGISTERED')}/{PLANTED}, all strange {len(strange)}")
    say(f"counts {result['counts']}")


def tree(engine: Engine, places: int) -> None:
    """Add a tree of many places, and time its levels."""
    owner = keeper()
    rows: list[dict[str, Any]] = []
    number = 1_000_000
    for _rack in range(places // 400):
        rows.append(place(number, 900_000, "RACK", f"900000/{number}/"))
        top = number
        for _bay in range(20):
            number += 1
            bay = number
            rows.append(place(bay, top, "BAY", f"900000/{top}/{bay}/"))
            for _shelf in range(19):
                number += 1
                rows.append(place(number, bay, "SHELF", f"900000/{top}/{bay}/{number}/"))
        number += 1
    with writing(engine) as session:
        for start in range(0, len(rows), 500):
            session.execute(insert(PaperPlace), rows[start : start + 500])

    def timed(read: Callable[[], object]) -> float:
        begin = time.perf_counter()
        read()
        return time.perf_counter() - begin

    with reading(engine) as session:
        parents = random.Random(3).choices(
            [row["id"] for row in rows if row["kind"] != "SHELF"], k=60
        )
        times = [timed(partial(level, session, owner, parent)) for parent in parents]
        top_times = [timed(lambda: level(session, owner, 900_000)) for _ in range(20)]
    say(f"tree {len(rows)} places: a level p95 {percentile(times, 0.95):.1f} ms, ", end="")
    say(f"the widest level p95 {percentile(top_times, 0.95):.1f} ms")


def main() -> None:
    folder = Path(sys.argv[1])
    items = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    places = int(sys.argv[3]) if len(sys.argv) > 3 else 200_000
    folder.mkdir(parents=True, exist_ok=True)
    engine = sqlite_database(folder / "yice.db")
    fill(engine, items)
    count(engine, items)
    tree(engine, places)
    engine.dispose()


if __name__ == "__main__":
    main()
