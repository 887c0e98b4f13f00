"""What an image file is, page by page, by the functions that will place it in a volume.

Runs in the child of `ingest.reading.sandbox`.
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass, field
from datetime import datetime

from PIL import Image

from archive.compile.frames import Frame, frames
from archive.compile.scans import placement, shrunk_to
from archive.compile.shown import ShownPage, shown_page
from archive.inspection.subject import Look
from archive.reference.compile_errors import (
    CompileError,
    TooLargeError,
    UnsupportedError,
)
from ingest.reading.complaints import (
    fax_is_damaged,
    jpeg_is_damaged,
    jpegs_in_tiff,
    tiff_complaints,
)
from ingest.reading.legibility import blank, unreadable
from ingest.reading.likeness import other_views, page_print

MAX_PAGES = 1_000
MIN_DPI, A4_SHORT_INCHES = 150, 8.27
_A6_SHORT_INCHES = 4.13
"""The shorter side of a page of a register or of a booklet."""
_WORKING_SIDE = 400
_SMALLEST_SCALE = 0.45
"""A page larger than A2 is hard to read on the A4 of a volume."""
_CHANGED, _EXIF, _TAKEN = 0x0132, 0x8769, (0x9003, 0x9004)


@dataclass(slots=True)
class _Pages:
    """What is gathered about the pages of a file."""

    count: int = 0
    blank: list[int] = field(default_factory=list)
    coarse: list[int] = field(default_factory=list)
    coarsest: list[int] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    prints: list[tuple[int, str]] = field(default_factory=list)
    views: list[tuple[int, str]] = field(default_factory=list)
    unclear: list[tuple[int, str]] = field(default_factory=list)
    taken: list[tuple[int, str]] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)

    def add(self, frame: Frame) -> None:
        """Add a page; raises CompileError for one that no volume can show."""
        self.count += 1
        placed = placement(frame)
        shown = shown_page(frame, _WORKING_SIDE)
        if min(shown.size) < MIN_DPI * A4_SHORT_INCHES:
            self.coarse.append(self.count)
        if min(shown.size) < MIN_DPI * _A6_SHORT_INCHES:
            self.coarsest.append(self.count)
        if at := _taken_at(frame.image):
            self.taken.append((self.count, at))
        if shrunk_to(placed) < _SMALLEST_SCALE:
            self.flags.add("PAGE_SHRUNK")
        small = _grey(shown)
        if blank(small):
            self.blank.append(self.count)
            return
        self.pictures.append(_digest(small))
        self.prints.append((self.count, f"{page_print(small):0128x}"))
        self.views.append((self.count, other_views(small)))
        self.unclear += [(self.count, code) for code in unreadable(small)]


def examine_image(data: bytes, media_type: str) -> Look:
    """Return the report on a JPEG, PNG or TIFF.

    Every page is decoded and placed as compiling will place it: what cannot become a page of a
    volume is refused now, in words that say what it is.
    """
    pages, directories = _Pages(), 1
    try:
        with tiff_complaints() as complaints:
            for frame in frames(data, media_type):
                if pages.count == MAX_PAGES:
                    return Look(media_type, fault="FILE_UNSAFE", why="页数过多")
                pages.add(frame)
                directories = frame.tags.total if frame.tags else 1
                if complaints or _damaged(frame):
                    pages.flags.add("IMAGE_DAMAGED")
                if frame.png and "acTL" in frame.png.bodies:
                    pages.flags.add("IMAGE_EXTRA")
        if directories > pages.count:
            pages.flags.add("IMAGE_EXTRA")
    except TooLargeError:
        return Look(media_type, fault="FILE_UNSAFE", why="像素或页数过多")
    except UnsupportedError as error:
        known_way = error.action == UnsupportedError.default_action
        why = error.message if known_way else f"{error.message}{error.action}"
        return Look(media_type, fault="FORMAT_UNKNOWN", why=why)
    except CompileError as error:
        return Look(media_type, fault="GD-3-4", why=error.message)
    return Look(
        media_type,
        pages.count,
        tuple(pages.blank),
        tuple(pages.coarse),
        pictures=tuple(pages.pictures),
        prints=tuple(pages.prints),
        views=tuple(pages.views),
        coarsest=tuple(pages.coarsest),
        flags=tuple(sorted(pages.flags)),
        unclear=tuple(pages.unclear),
        taken=tuple(pages.taken),
    )


def _damaged(frame: Frame) -> bool:
    """Return whether a decoder complains of the samples of a page, or a checksum is wrong."""
    if frame.jpeg:
        return jpeg_is_damaged(frame.data[: frame.jpeg.end])
    if frame.png:
        return bool(frame.png.damaged)
    if frame.tags is None:
        return False
    return fax_is_damaged(frame.data, frame.tags) or any(
        jpeg_is_damaged(stream) for stream in jpegs_in_tiff(frame.data, frame.tags)
    )


def _grey(shown: ShownPage) -> Image.Image:
    """Return the small grey picture of a page, in its true shape."""
    grey = shown.picture.convert("L")
    across, down = shown.dpi
    if max(across, down) < 1.02 * min(across, down):
        return grey
    finest = max(across, down)
    size = (round(grey.width * finest / across), round(grey.height * finest / down))
    return grey.resize(size, Image.Resampling.BILINEAR)


def _taken_at(image: Image.Image) -> str | None:
    """Return the latest time that camera, scanner or editor wrote into a page, as ISO text.

    Returns None without one, and for metadata that cannot be read, which refuses nothing.
    """
    try:
        tags = image.getexif()
        stated = [tags.get(_CHANGED), *(tags.get_ifd(_EXIF).get(tag) for tag in _TAKEN)]
        times = [
            datetime.strptime(day, "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - it has no zone
            for day in (str(value).strip("\0 ") for value in stated if value)
        ]
    except (
        ValueError,
        TypeError,
        LookupError,
        SyntaxError,
        OSError,
        EOFError,
        AttributeError,
        OverflowError,
        struct.error,
        zlib.error,
    ):
        return None
    return max(times).isoformat() if times else None


def _digest(small: Image.Image) -> str:
    return hashlib.sha256(repr(small.size).encode() + small.tobytes()).hexdigest()[:32]
