"""Identification and decoding of foreign files.

Files are identified by content, their pages counted, and blank pages found. This module runs in
the child of `ingest.reading.sandbox`, never in intake itself.
"""

import io
import struct
import warnings
import zipfile
import zlib
from dataclasses import replace

import pypdfium2
from PIL import Image

from archive.inspection.subject import EMPTY, Look
from ingest.reading.foreign_formats import foreign_format
from ingest.reading.images import A4_SHORT_INCHES, MAX_PAGES, MIN_DPI, examine_image
from ingest.reading.legibility import blank
from ingest.reading.ofd import examine_ofd
from ingest.reading.pdf_safety import examine_pdf

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"II+\x00", "image/tiff"),
    (b"MM\x00+", "image/tiff"),
)
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
        return Look(None, why=foreign_format(data) if data else EMPTY)
    if _two_in_one(data, media_type):
        return Look(media_type, fault="FILE_UNSAFE", why="一个文件兼作两种格式")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            documents = {"application/ofd": examine_ofd, "application/pdf": _pdf}
            if media_type in documents:
                return documents[media_type](data)
            return examine_image(data, media_type)
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


def _pdf(data: bytes) -> Look:
    """Return the report on a PDF with the state of its signatures."""
    look = examine_pdf(data, MAX_PAGES, blank, MIN_DPI * A4_SHORT_INCHES)
    if look.fault or b"/ByteRange" not in data:
        return look
    from ingest.reading.signatures import state_of  # noqa: PLC0415 - half a second, for few files

    return replace(look, signature=str(state_of(data)))
