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

_HANDLER = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p
)
_DECODERS = (b"Fax", b"JPEGLib")
"""Parts of libtiff whose warnings are about samples; others warn of tags that they do not know."""
_PADDING = 8
_STRAY = re.compile(r"(\d+) extraneous bytes before marker 0xd9")


def jpeg_is_damaged(data: bytes) -> bool:
    """Return whether libjpeg complains of a JPEG that it decodes nevertheless.

    Some bytes between the picture and its end marker are how some scanners fill up.
    """
    try:
        simplejpeg.decode_jpeg(data, "GRAY", min_height=1, min_width=1, strict=True)
    except ValueError as error:
        stray = _STRAY.search(str(error))
        return not (stray and int(stray[1]) <= _PADDING)
    return False


@contextmanager
def tiff_complaints() -> Iterator[list[str]]:
    """Collect what libtiff says of damaged samples, as the parts of it that say so."""
    complaints: list[str] = []

    def warn(_: int, module: bytes | None, __: bytes, ___: int) -> None:
        if module and module.startswith(_DECODERS):
            complaints.append(module.decode("latin-1"))

    def fail(_: int, module: bytes | None, __: bytes, ___: int) -> None:
        complaints.append((module or b"").decode("latin-1"))

    library = _libtiff()
    handlers = {"TIFFSetWarningHandlerExt": _HANDLER(warn), "TIFFSetErrorHandlerExt": _HANDLER(fail)}
    before = {}
    for name, handler in handlers.items():
        setter = getattr(library, name)
        setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
        before[name] = setter(ctypes.cast(handler, ctypes.c_void_p))
    try:
        yield complaints
    finally:
        for name, handler in before.items():
            getattr(library, name)(handler)


@cache
def _libtiff() -> ctypes.CDLL:
    """Return the libtiff that Pillow has loaded, of its wheel or of the machine."""
    Image.init()
    for line in Path("/proc/self/maps").read_text("utf-8").splitlines():
        path = "/" + line.partition("/")[2]
        if Path(path).name.startswith("libtiff"):
            return ctypes.CDLL(path)
    raise OSError("Pillow has no libtiff of its own")
