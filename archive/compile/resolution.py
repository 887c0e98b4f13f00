"""The resolution that an image file states, and what of it is believed."""

from collections.abc import Mapping
from typing import Any

from PIL import Image

DEFAULT_DPI = 200.0
# 72 and 96 are what cameras and screens write when they know nothing.
_BELIEVABLE = (100.0, 1300.0)
_STEEPEST = 4.0
"""No scanner or fax has pixels four times as high as wide; what says so is a mistake."""
_X, _Y, _UNIT = 282, 283, 296
_NO_UNIT, _CENTIMETRE, _INCH = 1, 3, 2.54


def stated_dpi(info: Mapping[Any, Any], tags: Mapping[int, Any]) -> tuple[float, float]:
    """Return pixels per inch, across and down as stored.

    `tags` are those of a TIFF or of EXIF. What no scanner has is replaced by 200 dpi, but the
    shape of the pixels is kept: a fax of 204 × 98 dpi is no page of half its height. So is the
    ratio where a file states nothing else (JFIF, PNG and TIFF without a unit).
    """
    x, y = _stated(info, tags)
    if not (x > 0 and y > 0 and 1 / _STEEPEST <= x / y <= _STEEPEST):
        return DEFAULT_DPI, DEFAULT_DPI
    finest = max(x, y)
    if _BELIEVABLE[0] <= finest <= _BELIEVABLE[1]:
        return x, y
    return DEFAULT_DPI * x / finest, DEFAULT_DPI * y / finest


def _stated(info: Mapping[Any, Any], tags: Mapping[int, Any]) -> tuple[float, float]:
    """Return the stated numbers, as a ratio where their unit is unknown."""
    if "jfif_density" in info and info.get("jfif_unit") == 0:
        if info["jfif_density"] != (1, 1):
            return _pair(info["jfif_density"], 1)
    elif "jfif_density" in info or "aspect" in info or ("dpi" in info and _X not in tags):
        return _pair(info.get("aspect") or info.get("dpi", ()), 1)
    unit = tags.get(_UNIT, 2)
    pair = _pair((tags.get(_X), tags.get(_Y, tags.get(_X))), _INCH if unit == _CENTIMETRE else 1)
    if unit == _NO_UNIT and pair[1]:
        # A bare ratio: brought below what is believed, so that only the shape counts.
        return pair[0] / max(pair), pair[1] / max(pair)
    return pair


def _pair(values: Any, scale: float) -> tuple[float, float]:  # noqa: ANN401 - what a file states
    try:
        x, y = (float(value) * scale for value in values)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return 0.0, 0.0
    return x, y


def exif_of(image: Image.Image) -> Mapping[int, Any]:
    """Return the EXIF of a picture, empty where it cannot be read, which refuses nothing."""
    try:
        return dict(image.getexif())
    except (ValueError, TypeError, LookupError, SyntaxError, OSError, EOFError, AttributeError):
        return {}
