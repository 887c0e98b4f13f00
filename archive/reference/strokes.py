"""What somebody wrote on a screen: whether it is a signature at all (R37).

A point is x and y within the field, from its upper left corner, milliseconds since the first
point, and the pressure. The field is three times as wide as it is high.
"""

from collections.abc import Sequence
from itertools import pairwise

from archive.reference.errors import ArchiveError

Strokes = Sequence[Sequence[tuple[float, float, float, float]]]
FIELD_RATIO = 3
"""Width of the field in which somebody signs, by its height."""
LEAST_POINTS, MOST_POINTS = 8, 20_000
_LEAST_WIDTH, _LEAST_HEIGHT = 0.05, 0.10
_LONGEST = 10 * 60_000


class SignatureError(ArchiveError):
    """What was written on the screen is no signature."""

    code = "SIGNATURE_INVALID"


def fault_of(strokes: Strokes) -> str:
    """Return in Chinese why strokes are no signature; empty when they are one.

    A dot, a scrawl in a corner and a recording whose time runs backwards are none.
    """
    points = [point for stroke in strokes for point in stroke]
    if not points:
        return "没有笔迹"
    if any(not (0 <= x <= 1 and 0 <= y <= 1 and 0 <= p <= 1 and t >= 0) for x, y, t, p in points):
        return "笔迹超出签名框，或压力不在 0 至 1 之间"
    if any(later[2] < earlier[2] for earlier, later in pairwise(points)):
        return "笔迹的时间先后颠倒"
    if not LEAST_POINTS <= len(points) <= MOST_POINTS:
        return "笔迹过少，不成签名" if len(points) < LEAST_POINTS else "笔迹的点过多"
    width = max(x for x, *_ in points) - min(x for x, *_ in points)
    height = max(y for _, y, *_ in points) - min(y for _, y, *_ in points)
    if width < _LEAST_WIDTH or height < _LEAST_HEIGHT:
        return "笔迹过小，不成签名"
    return "签名历时过长" if points[-1][2] > _LONGEST else ""


def check_strokes(strokes: Strokes) -> None:
    """Raise SignatureError, with what to do, unless strokes are a signature."""
    why = fault_of(strokes)
    if why:
        raise SignatureError(f"签名没有保存：{why}。", "请清除后重新签名，写满签名框。")
