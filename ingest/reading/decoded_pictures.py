"""Pictures of scans by Pillow, for the proof of pages; runs inside the sandbox only."""

from itertools import islice

from PIL import Image

from archive.compile.page_comparison import grid_of
from archive.compile.shown import ShownPage, shown_pages
from ingest.reading.formats import identify
from ingest.reading.picture_answers import ORDER, Row, packed


def answer(order: bytes) -> bytes:
    """Return the pages that were ordered as one answer; empty for what can't be decoded."""
    first, count, _ = ORDER.unpack_from(order)
    data = order[ORDER.size :]
    try:
        # Not decoded smaller: what a JPEG's decoder leaves out then looks like missing strokes.
        pages = shown_pages(data, identify(data) or "")
        return packed([_row(page) for page in islice(pages, first - 1, first - 1 + count)])
    except Exception:  # noqa: BLE001 - whatever a foreign file does to a decoder, it has no picture
        return b""


def _row(page: ShownPage) -> Row:
    size = (page.size[0] / page.dpi[0], page.size[1] / page.dpi[1])
    wide, high = page.picture.size
    # Where pixels are no squares, both sides shrink as much as the one with the smaller pixels.
    finest = max(page.dpi)
    square = grid_of(round(wide * finest / page.dpi[0]), round(high * finest / page.dpi[1]))
    grid = (
        max(1, round(square[0] * page.dpi[0] / finest)),
        max(1, round(square[1] * page.dpi[1] / finest)),
    )
    # Pillow's box counts whole pixels only, pdfium's parts of them too: where a scan is coarse that
    # alone is as much as a missing stroke. This filter is the nearest to pdfium's.
    picture = page.picture.resize(grid, Image.Resampling.HAMMING)
    return {"size": size, "renderer": "Pillow"}, picture
