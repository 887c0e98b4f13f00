"""Pictures of originals by a decoder that shares no code with that of the volume.

The volume is drawn by pdfium. A scan is decoded by Pillow; a PDF is drawn by PDFBox, whose jar and
whose Java are there for veraPDF already. Both run in the sandbox only (`decoded`, `pdfbox`).
"""

import json
from collections.abc import Iterator

from PIL import Image

from archive.compile.original_pages import OriginalPage, Undrawn
from ingest.reading.picture_answers import LENGTH, ORDER
from ingest.reading.sandbox import MAX_FILE_BYTES, Limits, run_task

AT_ONCE = 8
_TASKS = {"application/pdf": "pdfbox"}
PDFBOX_LIMITS = Limits(memory=3 << 30, cpu_seconds=30, wall_seconds=120.0)
_LIMITS = {"pdfbox": PDFBOX_LIMITS, "decoded": Limits()}


def draw_originals(
    data: bytes, media_type: str, pages: int, *, closer: bool = False
) -> Iterator[OriginalPage | None]:
    """Yield the first `pages` pages of a foreign file, drawn in a child process.

    None for a page that can't be drawn, or kills or outlasts the child. `closer` draws those of a
    PDF twice as fine before they are averaged. Raises SandboxError.
    """
    task = _TASKS.get(media_type, "decoded")
    for first in range(1, pages + 1, AT_ONCE):
        count = min(AT_ONCE, pages + 1 - first)
        drawn: list[OriginalPage | None] = []
        if len(data) <= MAX_FILE_BYTES:
            answer = run_task(task, ORDER.pack(first, count, closer) + data, _LIMITS[task])
            drawn = _unpacked(answer) if isinstance(answer, bytes) and answer else []
        yield from drawn[:count] + [None] * (count - len(drawn))


def _unpacked(answer: bytes) -> list[OriginalPage | None]:
    (length,) = LENGTH.unpack_from(answer)
    at = LENGTH.size + length
    pages: list[OriginalPage | None] = []
    for row in json.loads(answer[LENGTH.size : at]):
        if row is None:
            pages.append(None)
            continue
        wide, high = row["grid"]
        size = wide * high * len(row["mode"])
        picture = Image.frombytes(row["mode"], (wide, high), answer[at : at + size])
        at += size
        pages.append(
            OriginalPage(
                picture.convert("RGB"),
                (row["size"][0], row["size"][1]),
                row["renderer"],
                row.get("scale"),
                tuple(
                    Undrawn(tuple(entry["box"]), entry["ink"], entry["text"])
                    for entry in row.get("undrawn", ())
                ),
                row.get("substituted", False),
                row.get("text", ""),
                row.get("closer", False),
            )
        )
    return pages
