"""Named places at which a test may kill the process, so that recovery is proved for each (volume.md, faults)."""

import os

POINTS = (
    "frozen-before-commit",
    "frozen-after-commit",
    "supplement-frozen-before-commit",
    "timestamp-frozen-before-commit",
    "renewal-frozen-before-commit",
    "claimed",
    "compiled",
    "compiled-recorded",
    "timestamped",
    "signed-staged",
    "signed-recorded",
    "proved",
    "proved-recorded",
    "objects-written",
    "stored-recorded",
    "inventory-written",
    "committed-recorded",
)
PULL_POINTS = ("fetched", "arrived", "cursor-moved", "packed", "received")
"""Those on the way from a source to the door of intake."""
OCR_POINTS = ("page-claimed", "text-stored", "text-recorded")
"""Those on the way of a scanned page to its text."""
CAPTURE_POINTS = ("capture-stored",)
"""Those of a file that a window sends."""


def reach(point: str) -> None:
    """Die here, as by kill -9, when the environment arms this point. Raises ValueError for a name that the registry lacks."""
    if point not in POINTS + PULL_POINTS + CAPTURE_POINTS + OCR_POINTS:
        raise ValueError(f"unregistered crash point {point}")
    if os.environ.get("YICE_CRASH_AT") == point:
        os._exit(137)
