"""Identification and decoding of foreign files.

Files are identified by content, their pages counted, and blank pages found. This module runs in
the child of `ingest.reading.sandbox`, never in intake itself.
"""

import hashlib
import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime

import pypdfium2
from PIL import Image, ImageStat

from archive.inspection.subject import Look
from ingest.reading.legibility import unreadable
from ingest.reading.likeness import other_views, page_print
from ingest.reading.pdf_safety import examine_pdf

MAX_PIXELS, MAX_PAGES = 200_000_000, 1_000
_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"II+\x00", "image/tiff"),
    (b"MM\x00+", "image/tiff"),
)
_PILLOW = {"image/jpeg": "JPEG", "image/png": "PNG", "image/tiff": "TIFF"}
_FOREIGN = (
    b"PK",
    b"MZ",
    b"\x7fELF",
    b"GIF8",
    b"<html",
    b"<!DOCTYPE",
    b"#!",
    b"Rar!",
    b"7z\xbc\xaf",
)
_A4_SHORT_INCHES, _A6_SHORT_INCHES = 8.27, 4.13
"""Shorter sides of A4, and of A6, the size of a page of a register or of a booklet."""
_BLANK_SPREAD = 4.0
_WORKING_SIDE = 400
_OFD_TEXT = 8 << 20
MIN_DPI = 150
_CHANGED, _EXIF, _TAKEN = 0x0132, 0x8769, (0x9003, 0x9004)


def identify(data: bytes) -> str | None:
    """Return the media type by content, None for a type that the archive does not take."""
    for magic, media_type in _MAGIC:
        if data.startswith(magic):
            return media_type
    if b"%PDF-" in data[:1024]:
        return "application/pdf"
    if data.startswith(b"PK\x03\x04"):
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as opened:
                return "application/ofd" if "OFD.xml" in opened.namelist() else None
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error):
            return None
    return None


def examine(data: bytes) -> Look:
    """Return the report on a file, opened as what its content is.

    Every image is decoded, so that a truncated one is found. The failure of a parser is reported
    as a fault and never raised.
    """
    media_type = identify(data)
    if media_type is None:
        return Look(None)
    if _two_in_one(data, media_type):
        return Look(media_type, fault="FILE_UNSAFE", why="一个文件兼作两种格式")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if media_type == "application/ofd":
                return _ofd(data)
            return (
                examine_pdf(data, MAX_PAGES, blank, MIN_DPI * _A4_SHORT_INCHES)
                if media_type == "application/pdf"
                else _image(data, media_type)
            )
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Look(media_type, fault="FILE_UNSAFE", why="像素过多")
    except (
        OSError,
        ValueError,
        SyntaxError,
        TypeError,
        LookupError,
        Warning,
        ArithmeticError,
        EOFError,
        RuntimeError,
        AttributeError,
        AssertionError,
        struct.error,
        zlib.error,
        zipfile.BadZipFile,
        pypdfium2.PdfiumError,
    ):
        return Look(media_type, fault="GD-3-4")


def _two_in_one(data: bytes, media_type: str) -> bool:
    """Return whether another reader would take the file for another format (a polyglot)."""
    if media_type == "application/ofd":
        return b"%PDF-" in data[:1024]
    if media_type == "application/pdf" and data.startswith(_FOREIGN):
        return True
    if media_type != "application/pdf" and b"%PDF-" in data[:1024]:
        return True
    if b"PK\x05\x06" not in data[-65_600:]:
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as opened:
            return bool(opened.infolist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error):
        return False


def _ofd(data: bytes) -> Look:
    """Return the report on an OFD file (GB/T 33190-2016).

    An OFD is kept as it is and never rendered; its zip must be one that a reader can open safely.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        members = opened.infolist()
        if any(member.flag_bits & 1 for member in members):
            return Look("application/ofd", fault="ENCRYPTED")
        if len(members) > 20_000 or sum(member.file_size for member in members) > max(  # noqa: PLR2004
            64 << 20, 200 * len(data)
        ):
            return Look("application/ofd", fault="FILE_UNSAFE", why="压缩比异常")
        for member in members:
            text = b""
            with opened.open(member) as source:
                if member.filename.lower().endswith(".xml"):
                    text = source.read(_OFD_TEXT)
                while source.read(1 << 20):  # to the end, where the checksum is compared
                    pass
            if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
                return Look("application/ofd", fault="FILE_UNSAFE", why="XML 含有实体声明")
    return Look("application/ofd")


def _image(data: bytes, media_type: str) -> Look:
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    if _cut_off(data, media_type):
        return Look(media_type, fault="GD-3-4")
    empty: list[int] = []
    coarse: list[int] = []
    coarsest: list[int] = []
    pictures: list[str] = []
    prints: list[tuple[int, str]] = []
    views: list[tuple[int, str]] = []
    unclear: list[tuple[int, str]] = []
    taken: list[tuple[int, str]] = []
    pages = 0
    with Image.open(io.BytesIO(data), formats=[_PILLOW[media_type]]) as image:
        for width, height, frame in _frames(image, media_type):
            pages += 1
            if pages > MAX_PAGES:
                return Look(media_type, fault="FILE_UNSAFE", why="页数过多")
            if min(width, height) < MIN_DPI * _A4_SHORT_INCHES:
                coarse.append(pages)
            if min(width, height) < MIN_DPI * _A6_SHORT_INCHES:
                coarsest.append(pages)
            if at := _taken_at(image):
                taken.append((pages, at))
            if blank(frame):
                empty.append(pages)
            else:
                pictures.append(_picture(frame))
                prints.append((pages, f"{page_print(frame):0128x}"))
                views.append((pages, other_views(frame)))
                unclear += [(pages, code) for code in unreadable(frame)]
    return Look(
        media_type,
        pages,
        tuple(empty),
        tuple(coarse),
        pictures=tuple(pictures),
        prints=tuple(prints),
        unclear=tuple(unclear),
        taken=tuple(taken),
        views=tuple(views),
        coarsest=tuple(coarsest),
    )


def _taken_at(image: Image.Image) -> str | None:
    """Return the latest time that camera, scanner or editor wrote into a page, as ISO text.

    Returns None without one, and for metadata that cannot be read, which refuses nothing.
    """
    try:
        tags = image.getexif()
        stated = [tags.get(_CHANGED), *(tags.get_ifd(_EXIF).get(tag) for tag in _TAKEN)]
        times = [
            datetime.strptime(str(value).strip("\0 "), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - it has no zone
            for value in stated
            if value
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


def _cut_off(data: bytes, media_type: str) -> bool:
    """Return whether the end of the file is missing.

    The decoder reports nothing when only the last bytes of a page are missing.
    """
    if media_type == "image/jpeg":
        # A preview in the metadata has an end of its own; the last scan must have one too.
        return data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")
    return media_type == "image/png" and b"IEND\xaeB`\x82" not in data


def _frames(image: Image.Image, media_type: str) -> Iterator[tuple[int, int, Image.Image]]:
    """Yield each page with its true size and a small grey picture of it.

    A JPEG is decoded small, which still reads every bit of its data.
    """
    # The JPEG of a phone has previews as further frames; only a TIFF has pages.
    for number in range(
        min(getattr(image, "n_frames", 1), MAX_PAGES + 1) if media_type == "image/tiff" else 1
    ):
        image.seek(number)
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise Image.DecompressionBombError
        if media_type == "image/jpeg":
            image.draft("L" if image.mode != "CMYK" else None, (_WORKING_SIDE, _WORKING_SIDE))
        image.load()
        yield width, height, _small(image)


def _small(image: Image.Image) -> Image.Image:
    # 16 bit grey would be clipped to white.
    grey = (
        image.point(lambda value: value / 256).convert("L")
        if image.mode.startswith("I;16")
        else image.convert("L")
    )
    return grey.reduce(max(1, min(grey.size) // _WORKING_SIDE))


def _picture(small: Image.Image) -> str:
    return hashlib.sha256(repr(small.size).encode() + small.tobytes()).hexdigest()[:32]


def blank(small: Image.Image) -> bool:
    """Return whether the inner nine tenths of a small grey page carry no writing.

    The edges are left out because scanner edges are dark on empty pages too.
    """
    width, height = small.size
    inner = small.crop((width // 20, height // 20, width - width // 20, height - height // 20))
    # Paper tint and noise spread little around their mean; a single line of writing does not.
    threshold = ImageStat.Stat(inner).mean[0] - 40
    ink = inner.point([255 if value < threshold else 0 for value in range(256)])
    return (
        ImageStat.Stat(inner).stddev[0] < _BLANK_SPREAD
        and ImageStat.Stat(ink).mean[0] / 255 < 0.0005  # noqa: PLR2004
    )
