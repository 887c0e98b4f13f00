"""Named points at which a test may kill the process (volume.md, faults).

Recovery is proved for each of them.
"""

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
"""The points on the way from a source to intake."""
OCR_POINTS = ("page-claimed", "text-stored", "text-recorded")
"""The points on the way of a scanned page to its text."""
CAPTURE_POINTS = ("capture-stored",)
"""The points of a file that a window sends."""

WINDOW_POINTS = ("window-acted", "window-committed", "window-rung", "window-closed")
"""The points of an act at the window, of an alert, and of a case that is handed in."""


def reach(point: str) -> None:
    """Exit at once, as by kill -9, when the environment arms this point.

    Raises ValueError for a name that the registry lacks.
    """
    if point not in POINTS + PULL_POINTS + CAPTURE_POINTS + OCR_POINTS + WINDOW_POINTS:
        raise ValueError(f"unregistered crash point {point}")
    if os.environ.get("YICE_CRASH_AT") == point:
        os._exit(137)
