"""The form in which the sandbox hands pictures of pages over: JSON, then pixels."""

import json
import struct
from typing import Any

from PIL import Image

ORDER = struct.Struct("<III")
"""First page (from 1), number of pages, and 1 for a closer look, before the bytes of the file."""
LENGTH = struct.Struct("<I")
"""The length of the JSON that describes the pictures, before it; then their pixels."""

Row = tuple[dict[str, Any], Image.Image]
"""What is stated of a page, and its picture."""


def packed(pages: list[Row | None]) -> bytes:
    """Return pictures with what is stated of each as one answer of the sandbox."""
    stated: list[dict[str, Any] | None] = []
    pixels = []
    for page in pages:
        if page is None:
            stated.append(None)
            continue
        row, picture = page
        stated.append(row | {"mode": picture.mode, "grid": picture.size})
        pixels.append(picture.tobytes())
    head = json.dumps(stated).encode()
    return LENGTH.pack(len(head)) + head + b"".join(pixels)
