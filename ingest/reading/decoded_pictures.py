"""Pictures of scans by Pillow, for the proof of pages; runs inside the sandbox only."""

from io import BytesIO
from itertools import islice

from PIL import Image, ImageOps, ImageSequence

from archive.compile.page_comparison import grid_of
from ingest.reading.picture_answers import ORDER, Row, packed

_CREDIBLE = (0.25, 4.0)


def answer(order: bytes) -> bytes:
    """Return the pages that were ordered as one answer; empty for what can't be decoded."""
    first, count = ORDER.unpack_from(order)
    try:
        return packed(_pages(order[ORDER.size :], first, count))
    except Exception:  # noqa: BLE001 - whatever a foreign file does to a decoder, it has no picture
        return b""


def _pages(data: bytes, first: int, count: int) -> list[Row | None]:
    with Image.open(BytesIO(data), formats=["JPEG", "PNG", "TIFF"]) as image:
        # The JPEG of a phone has previews as further frames; only a TIFF has pages.
        frames = ImageSequence.Iterator(image) if image.format == "TIFF" else iter([image])
        return [_page(frame) for frame in islice(frames, first - 1, first - 1 + count)]


def _page(frame: Image.Image) -> Row:
    ratio = _pixel_shape(frame)
    upright = ImageOps.exif_transpose(frame)
    if _lies_across(frame):
        ratio = 1 / ratio
    size = (upright.width * ratio, float(upright.height))
    return {"size": size, "renderer": "Pillow"}, _averaged(_on_white(upright))


def _pixel_shape(image: Image.Image) -> float:
    """Return how much wider than high a pixel is, as the file states."""
    dpi = image.info.get("dpi") or image.info.get("resolution") or ()
    if image.info.get("jfif_unit") == 0:
        dpi = image.info.get("jfif_density", ())
    try:
        across, down = (float(value) for value in dpi)
        ratio = down / across
    except (TypeError, ValueError, ZeroDivisionError):
        return 1.0
    return ratio if _CREDIBLE[0] <= ratio <= _CREDIBLE[1] else 1.0


def _lies_across(image: Image.Image) -> bool:
    return image.getexif().get(0x0112, 1) in (5, 6, 7, 8)


def _on_white(image: Image.Image) -> Image.Image:
    """Return the picture in gray or RGB, what is transparent on white."""
    if image.mode.startswith("I;16"):
        return image.point(lambda value: value / 256).convert("L")
    if image.mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in image.info:
        full = image.convert("RGBA")
        sheet = Image.new("RGBA", full.size, (255, 255, 255, 255))
        sheet.alpha_composite(full)
        return sheet.convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _averaged(picture: Image.Image) -> Image.Image:
    return picture.resize(grid_of(*picture.size), Image.Resampling.BOX)
