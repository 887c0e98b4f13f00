"""Where captured files belong, and what folder and file names state about it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file belongs: which of how many files of which material of a case."""

    case_no: str
    no: int
    type: str
    position: int = 1
    of: int = 1


_CASE = re.compile(r"(?<![0-9])\d{12}-\d{8}-\d{6}(?![0-9])")
_MATERIAL = re.compile(r"^(\d{1,3})[-_. 　]+(\S.*)$")
_PAGE = re.compile(r"^(.*?)[-_ 　]+(\d{1,4})$")


def places_by_path(paths: Sequence[str]) -> list[Place | None]:
    """Return the place that each path states, or None for a path that states none.

    Scanning programs write `办件编号/004-材料名/1.jpg` or `办件编号_004_材料名_1.jpg`.
    """
    stated = [_stated_place(path) for path in paths]
    order: dict[tuple[str, int], list[int]] = {}
    for at, reading in enumerate(stated):
        if reading:
            order.setdefault((reading[0], reading[1]), []).append(at)
    places: list[Place | None] = [None] * len(paths)
    for (case_no, no), members in order.items():
        # 2 before 10: people and scanners number without leading zeros.
        members.sort(
            key=lambda at: [
                (int(part), "") if part.isdigit() else (0, part)
                for part in re.split(r"(\d+)", paths[at])
            ]
        )
        for position, at in enumerate(members, 1):
            if reading := stated[at]:
                places[at] = Place(case_no, no, reading[2], position, len(members))
    return places


def _stated_place(path: str) -> tuple[str, int, str] | None:
    """Return case number, material number and material type of a path, or None."""
    parts = PurePosixPath(path).parts
    hit = next(
        ((at, match) for at, part in enumerate(parts) if (match := _CASE.search(part))), None
    )
    if hit is None:
        return None
    at, case = hit
    rest = [parts[at][case.end() :].strip("-_ 　"), *parts[at + 1 :]]
    rest[-1] = rest[-1].rpartition(".")[0] or rest[-1]
    for depth, part in enumerate(rest):
        if match := _MATERIAL.match(part):
            kind = match[2]
            # The last number of a file's own name counts pages; a folder's does not.
            if depth == len(rest) - 1 and (paged := _PAGE.match(kind)):
                kind = paged[1]
            return (case[0], int(match[1]), kind[:200]) if int(match[1]) else None
    return None
