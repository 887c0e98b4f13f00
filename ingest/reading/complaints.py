"""What decoders complain of while they go on: evidence that a picture is damaged (R32).

libjpeg and libtiff show what they can of a damaged picture, and Pillow passes over what they
say of it. Runs in the child of `ingest.reading.sandbox`.
"""

import ctypes
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import simplejpeg
from PIL import Image

from archive.compile.tiff_tags import JPEG, OLD_JPEG, TiffTags

_HANDLER = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p
)
_SET_HANDLER = "TIFFSetErrorHandlerExt"
_MOVE = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ssize_t)
_SEEK = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int)
_CLOSE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
_SIZE = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)
_GROUP_3 = (2, 3)
_PADDING = 8
_STRAY = re.compile(r"(\d+) extraneous bytes before marker 0xd9")


def jpeg_is_damaged(data: bytes) -> bool:
    """Return whether libjpeg complains of a JPEG that it decodes nevertheless.

    A few bytes between the picture and its end marker are how some scanners fill up.
    """
    try:
        simplejpeg.decode_jpeg(data, "GRAY", min_height=1, min_width=1, strict=True)
    except ValueError as error:
        if "decompress" in str(error).lower() or "colorspace" in str(error).lower():
            return False  # a kind that this reader does not know; Pillow has decoded it
        stray = _STRAY.search(str(error))
        return not (stray and int(stray[1]) <= _PADDING)
    return False


def jpegs_in_tiff(data: bytes, tags: TiffTags) -> Iterator[bytes]:
    """Yield the JPEG streams of a page of a TIFF, each with the tables that it needs."""
    if tags.compression not in (JPEG, OLD_JPEG):
        return
    tables = tags.values.get(347, b"")
    starts, lengths = (
        tags.numbers(offsets) or tags.numbers(tiles) for offsets, tiles in ((273, 324), (279, 325))
    )
    for start, length in zip(starts, lengths, strict=False):
        stream = data[start : start + length]
        if stream.startswith(b"\xff\xd8"):
            yield tables[:-2] + stream[2:] if tables else stream


@contextmanager
def tiff_complaints() -> Iterator[list[str]]:
    """Collect the parts of libtiff that report faults in the samples of a picture."""
    complaints: list[str] = []

    def fault(_: int, module: bytes | None, __: bytes, ___: int) -> None:
        complaints.append((module or b"").decode("latin-1"))

    set_handler, handler = getattr(_libtiff(), _SET_HANDLER), _HANDLER(fault)
    before = set_handler(ctypes.cast(handler, ctypes.c_void_p))
    try:
        yield complaints
    finally:
        set_handler(before)


def fax_is_damaged(data: bytes, tags: TiffTags) -> bool:
    """Return whether a line of a page in Group 3 is longer or shorter than the page.

    libtiff warns of it and paints the line as far as it came, and Pillow silences all warnings: so
    the page is decoded once more, by libtiff alone.
    """
    if tags.number(259, 1) not in _GROUP_3:
        return False
    library, warnings = _libtiff(), []
    warned = _HANDLER(lambda *_: warnings.append(True))
    printing = library.TIFFSetWarningHandler(None)
    earlier = library.TIFFSetWarningHandlerExt(ctypes.cast(warned, ctypes.c_void_p))
    memory = _Memory(data)
    try:
        with tiff_complaints() as complaints:
            tiff = library.TIFFClientOpen(b"page", b"r", None, *memory.acts)
            if not tiff:
                return True
            try:
                if library.TIFFSetDirectory(tiff, tags.index):
                    room = ctypes.create_string_buffer(max(1, library.TIFFStripSize(tiff)))
                    for strip in range(library.TIFFNumberOfStrips(tiff)):
                        library.TIFFReadEncodedStrip(tiff, strip, room, len(room))
            finally:
                library.TIFFClose(tiff)
        return bool(warnings or complaints)
    finally:
        library.TIFFSetWarningHandlerExt(earlier)
        library.TIFFSetWarningHandler(printing)


class _Memory:
    """A file in memory as libtiff reads it; `acts` are what `TIFFClientOpen` asks for."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0
        self.acts = (
            _MOVE(self._read),
            _MOVE(lambda *_: 0),
            _SEEK(self._seek),
            _CLOSE(lambda _: 0),
            _SIZE(lambda _: len(data)),
            ctypes.c_void_p(),
            ctypes.c_void_p(),
        )

    def _read(self, _: int, room: int, length: int) -> int:
        part = self._data[self._at : self._at + length]
        ctypes.memmove(room, part, len(part))
        self._at += len(part)
        return len(part)

    def _seek(self, _: int, offset: int, whence: int) -> int:
        self._at = offset + (0, self._at, len(self._data))[whence]
        return self._at


@cache
def _libtiff() -> ctypes.CDLL:
    """Return the libtiff that Pillow has loaded, of its wheel or of the machine."""
    Image.init()
    for line in Path("/proc/self/maps").read_text("utf-8").splitlines():
        path = "/" + line.partition("/")[2]
        if Path(path).name.startswith("libtiff"):
            library = ctypes.CDLL(path)
            for name in (_SET_HANDLER, "TIFFSetWarningHandlerExt", "TIFFSetWarningHandler"):
                set_handler = getattr(library, name)
                set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
            library.TIFFClientOpen.restype = ctypes.c_void_p
            library.TIFFClientOpen.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p]
            library.TIFFClientOpen.argtypes += [_MOVE, _MOVE, _SEEK, _CLOSE, _SIZE]
            library.TIFFClientOpen.argtypes += [ctypes.c_void_p, ctypes.c_void_p]
            library.TIFFStripSize.restype = library.TIFFReadEncodedStrip.restype = ctypes.c_ssize_t
            library.TIFFSetDirectory.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
            library.TIFFReadEncodedStrip.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
            library.TIFFReadEncodedStrip.argtypes += [ctypes.c_void_p, ctypes.c_ssize_t]
            for name in ("TIFFStripSize", "TIFFNumberOfStrips", "TIFFClose"):
                getattr(library, name).argtypes = [ctypes.c_void_p]
            return library
    raise OSError("Pillow has not loaded libtiff")
