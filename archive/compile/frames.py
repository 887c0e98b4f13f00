"""The pages of an image file, each with its samples as a correct decoder reads them.

Pillow decodes. Where it is known to read samples wrongly, they are set right or the file is
refused: 16 and 32 bits, WhiteIsZero, transparent colours of 16 bits, alpha multiplied in
beforehand. Intake and compiling both read files here, so that the first knows what the second
will say.
"""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image, ImageFile, UnidentifiedImageError

from archive.compile import samples
from archive.compile.jpeg_marks import JpegMarks, read_marks
from archive.compile.png_chunks import PngChunks, read_chunks
from archive.compile.resolution import exif_of, stated_dpi
from archive.compile.samples import Samples
from archive.compile.tiff_tags import TiffTags, read_directories
from archive.reference.compile_errors import (
    CompileError,
    TooLargeError,
    UnreadableError,
    UnsupportedError,
)

MAX_PIXELS = 150_000_000  # A3 at 900 dpi
_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/tiff": "TIFF"}
_ORIENTATION = 0x0112
_EXIF_IN_PNG = ("eXIf", "zTXt", "tEXt", "iTXt")


@dataclass(slots=True)
class Frame:
    """A page of an image file.

    `size` is in pixels as stored, `dpi` along the same axes. `orientation` (EXIF, 1 to 8) is how
    the stored picture is turned; `tags` are those of a TIFF.
    """

    data: bytes
    image: ImageFile.ImageFile
    size: tuple[int, int]
    dpi: tuple[float, float]
    orientation: int = 1
    jpeg: JpegMarks | None = None
    png: PngChunks | None = None
    tags: TiffTags | None = None
    _samples: Samples | None = field(default=None, repr=False)

    @property
    def icc(self) -> bytes | None:
        """Return the colour profile of the page, if it has any."""
        icc = self.tags.values.get(34675) if self.tags else self.image.info.get("icc_profile")
        return icc if isinstance(icc, bytes) else None

    def samples(self, least: int | None = None) -> Samples:
        """Return the decoded samples, upright or turned as `Samples.orientation` says.

        A JPEG may be decoded smaller, its shorter side no less than `least` pixels.
        """
        if self._samples is None:
            with refused_by_decoder():
                self._samples = self._decoded(least)
        return self._samples

    def _decoded(self, least: int | None) -> Samples:
        if self.jpeg:
            return samples.of_jpeg(self.image, self.jpeg, self.orientation, least)
        if self.png:
            return samples.of_png(self.image, self.png, self.orientation)
        if self.tags:
            return samples.of_tiff(self.image, self.tags)
        raise TypeError


@contextmanager
def refused_by_decoder() -> Iterator[None]:
    """Turn what decoders raise over foreign bytes into errors of our own."""
    try:
        with warnings.catch_warnings():
            # The pixel limit is checked by ourselves, not by Pillow's warning.
            warnings.simplefilter("ignore")
            yield
    except CompileError:
        raise
    except Image.DecompressionBombError as error:
        raise TooLargeError("图像的像素数超过上限。") from error
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        struct.error,
        zlib.error,
        KeyError,
        IndexError,
        EOFError,
        TypeError,
        ArithmeticError,
        AttributeError,
    ) as error:
        raise UnreadableError("图像文件已损坏或不完整。") from error


def frames(data: bytes, media_type: str) -> Iterator[Frame]:
    """Yield the pages of a JPEG, PNG or TIFF; each is to be used before the next is asked for.

    Thumbnails and masks within a TIFF, previews and animation are no pages. Raises CompileError.
    """
    wanted = _FORMATS.get(media_type)
    if wanted is None:
        raise UnsupportedError("这种文件格式不能直接编入册内。")
    if wanted == "TIFF":
        yield from _tiff(data)
        return
    with refused_by_decoder():
        frame = _jpeg(data) if wanted == "JPEG" else _png(data)
    yield frame


def _opened(data: bytes, wanted: str) -> ImageFile.ImageFile:
    image = Image.open(BytesIO(data), formats=[wanted])
    _refuse_bomb(image.size)
    return image


def _refuse_bomb(size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise TooLargeError("图像的像素数超过上限。")


def _jpeg(data: bytes) -> Frame:
    marks = read_marks(data)
    image = _opened(data, "JPEG")
    exif = exif_of(image)
    return Frame(
        data,
        image,
        image.size,
        stated_dpi(image.info, exif),
        _turn(exif.get(_ORIENTATION, 1)),
        jpeg=marks,
    )


def _png(data: bytes) -> Frame:
    chunks = read_chunks(data)
    image = _opened(chunks.sound, "PNG")
    # Asked for EXIF, Pillow decodes the whole picture to reach what may follow it; few have any.
    exif = exif_of(image) if any(name in chunks.bodies for name in _EXIF_IN_PNG) else {}
    return Frame(
        data,
        image,
        image.size,
        stated_dpi(image.info, {}),
        _turn(exif.get(_ORIENTATION, 1)),
        png=chunks,
    )


def _tiff(data: bytes) -> Iterator[Frame]:
    with refused_by_decoder():
        pages = read_directories(data)
        try:
            image = _opened(data, "TIFF")
        except (UnidentifiedImageError, SyntaxError) as error:
            raise pages[0].unsupported() from error
    for tags in pages:
        with refused_by_decoder():
            frame = _tiff_page(data, image, tags)
        yield frame


def _tiff_page(data: bytes, image: ImageFile.ImageFile, tags: TiffTags) -> Frame:
    try:
        image.seek(tags.index)
    except SyntaxError as error:
        raise tags.unsupported() from error
    _refuse_bomb(image.size)
    turn = _turn(tags.number(_ORIENTATION, 1))
    return Frame(data, image, tags.size, stated_dpi({}, tags.values), turn, tags=tags)


def _turn(stated: object) -> int:
    return stated if isinstance(stated, int) and 1 <= stated <= 8 else 1  # noqa: PLR2004
