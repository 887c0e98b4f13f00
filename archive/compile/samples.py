"""Samples of a picture as a correct decoder reads them, also where Pillow is wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImagePalette

from archive.compile.jpeg_marks import JpegMarks
from archive.compile.png_chunks import PngChunks
from archive.compile.tiff_tags import FLOAT, SIGNED, WHITE_IS_ZERO, TiffTags
from archive.reference.compile_errors import UnsupportedError

_ALPHA = {"LA": "L", "PA": "RGB", "RGBA": "RGB"}
_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
_PLAIN = {"1", "L", "RGB", "CMYK", "LAB", "I;16"}
_INVERTED_CMYK = "CMYK;I"
_DEEP = 16
_CODINGS = {1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000}
"""Compressions of TIFF that our libtiff decodes."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Decoded samples of a page, what is transparent laid on white.

    `colour` is of mode 1, L, I;16 (native order), P, RGB, CMYK or LAB. `orientation` (EXIF) is how
    it is still to be turned.
    """

    colour: Image.Image
    orientation: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height of the samples."""
        return self.colour.size


def of_jpeg(
    image: ImageFile.ImageFile, marks: JpegMarks, orientation: int, least: int | None
) -> Samples:
    """Return the samples of a JPEG; decoded smaller where `least` pixels are enough."""
    if image.mode == "CMYK" and marks.adobe is None:
        # Pillow takes every CMYK for Adobe's, which is inverted; other makers write it plain.
        _read_as(image, lambda mode: "CMYK" if mode == _INVERTED_CMYK else mode)
    if least is not None:
        image.draft(None, (least, least))
    image.load()
    return Samples(image if image.mode in _PLAIN else image.convert("RGB"), orientation)


def _read_as(image: ImageFile.ImageFile, other: Callable[[str], str]) -> None:
    """Let Pillow read the samples in another raw mode than it would."""
    image.tile = [
        tile._replace(args=(other(str(tile.args[0])), *tile.args[1:]))
        if isinstance(tile.args, tuple)
        else tile._replace(args=other(str(tile.args)))
        for tile in image.tile
    ]


def of_png(image: ImageFile.ImageFile, chunks: PngChunks, orientation: int) -> Samples:
    """Return the samples of a PNG, laid on white by its alpha or transparent colour."""
    image.load()
    keyed = _keyed(image, chunks) if chunks.key else None
    if chunks.kind != 3:  # noqa: PLR2004
        image.info.pop("transparency", None)  # it is in `keyed`, exactly
    palette = chunks.kind == 3 and "tRNS" in chunks.bodies  # noqa: PLR2004
    colour = _opaque(image.convert("RGBA") if palette else image)
    if keyed is not None:
        colour = _on_white(colour, keyed)
    return Samples(_lit(colour, chunks.gamma) if chunks.lit else colour, orientation)


def _keyed(image: Image.Image, chunks: PngChunks) -> Image.Image:
    """Return the alpha of a PNG of which one colour is transparent (tRNS)."""
    key = np.array(chunks.key)
    if chunks.bits < 8:  # noqa: PLR2004
        key = key * (255 // ((1 << chunks.bits) - 1))
    samples = np.asarray(image.convert("L") if image.mode == "1" else image)
    if chunks.bits == _DEEP and chunks.kind == 2:  # noqa: PLR2004
        samples = samples.astype(np.uint16) << 8 | _low_bytes(chunks)
    clear = (samples == key).all(axis=2) if samples.ndim == 3 else samples == key  # noqa: PLR2004
    return Image.fromarray(np.where(clear, 0, 255).astype(np.uint8))


def _low_bytes(chunks: PngChunks) -> NDArray[np.uint8]:
    """Return the lower halves of the samples of a PNG of 16-bit colour.

    Pillow keeps the upper ones; told that the bytes lie the other way round, it keeps these.
    """
    with Image.open(BytesIO(chunks.sound), formats=["PNG"]) as image:
        _read_as(image, lambda _: "RGB;16L")
        image.load()
        return np.asarray(image)


def _lit(image: Image.Image, gamma: float) -> Image.Image:
    """Return a picture made for another gamma as it looks on a screen of 2.2."""
    power = 1 / (2.2 * gamma)
    if image.mode == "I;16":
        image = _eight_bits(image)
    if image.mode == "1":
        return image
    if image.mode == "P":
        image = image.convert("RGB")
    curve = [round(255 * (value / 255) ** power) for value in range(256)]
    return image.point(curve * len(image.getbands()))


def of_tiff(image: ImageFile.ImageFile, tags: TiffTags) -> Samples:
    """Return the samples of a page of a TIFF, upright: Pillow turns them while it decodes.

    Raises UnsupportedError for codings that Pillow reads wrongly.
    """
    _set_right(image, tags)
    image.load()
    return Samples(_opaque(image, tags))


def _opaque(image: Image.Image, tags: TiffTags | None = None) -> Image.Image:
    """Return a decoded picture in a plain mode, laid on white by its own alpha."""
    if image.mode in _PREMULTIPLIED:
        image = image.convert(_PREMULTIPLIED[image.mode])
    if image.mode in _ALPHA:
        return _on_white(image.convert(_ALPHA[image.mode]), image.getchannel("A"))
    if image.mode.startswith(("I", "F")):
        return _scaled(image, tags)
    return image if image.mode in _PLAIN or image.mode == "P" else image.convert("RGB")


def _on_white(colour: Image.Image, alpha: Image.Image) -> Image.Image:
    """Return a picture of which nothing shines through any more.

    It is laid on white at its full size: laid by a soft mask, fine strokes come out too light
    where a viewer scales picture and mask each on its own.
    """
    if colour.mode == "I;16":
        share = np.asarray(alpha, dtype=np.uint32)
        laid = (np.asarray(colour) * share + 65535 * (255 - share)) // 255
        return Image.fromarray(laid.astype(np.uint16))
    if colour.mode == "1":
        colour = colour.convert("L")
    return Image.composite(colour, Image.new(colour.mode, colour.size, "white"), alpha)


def _scaled(image: Image.Image, tags: TiffTags | None) -> Image.Image:
    """Return grey of 12, 16 or 32 bits as 16 bits, white at their top.

    The depth of 32 bits is what the values fill: 1 for fractions, 8, 16 or all bits.
    """
    samples = np.asarray(image)
    bits, form = (max(tags.bits), tags.form) if tags else (_DEEP, 1)
    if tags and bits == 32 and form not in (SIGNED, FLOAT):  # noqa: PLR2004
        samples = samples.view(np.uint32)
    least, most = float(samples.min()), float(samples.max())
    if not (np.isfinite(least) and np.isfinite(most)) or least < 0:
        raise UnsupportedError("TIFF 图像的灰度值含负数或非数值，不能如实显示。")
    top = _top(most, bits, form)
    if top == 65535:  # noqa: PLR2004
        grey = samples.astype(np.uint16)
    else:
        grey = np.rint(samples * (65535 / top)).astype(np.uint16)
    if tags and tags.photometric == WHITE_IS_ZERO:
        grey = 65535 - grey
    return Image.fromarray(grey)


def _top(most: float, bits: int, form: int) -> float:
    """Return the value that means white."""
    if bits <= _DEEP and form not in (SIGNED, FLOAT):
        return float((1 << bits) - 1)
    ladder = (1.0, 255.0, 65535.0) if form == FLOAT else (255.0, 32767.0, 65535.0)
    for step in ladder:
        if most <= step and (bits > _DEEP or step != 65535.0):  # noqa: PLR2004
            return step
    if form == FLOAT:
        raise UnsupportedError("TIFF 图像的浮点灰度值超出范围，不能如实显示。")
    return float((1 << (bits - (form == SIGNED))) - 1)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return 16-bit grey as 8 bits."""
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def _set_right(image: ImageFile.ImageFile, tags: TiffTags) -> None:
    """Tell Pillow, before it decodes, what it overlooks in the directory of a page."""
    bits = max(tags.bits)
    if tags.compression not in _CODINGS or (bits > _DEEP and tags.big_endian and tags.coded):
        raise tags.unsupported()
    if tags.planes and bits == _DEEP and not tags.coded:
        if image.mode not in ("RGB", "RGBA"):
            raise tags.unsupported()
        suffix = ";16B" if tags.big_endian else ";16L"
        _read_as(image, lambda mode: mode + suffix)
    if image.mode == "P" and (colours := tags.numbers(320)) and max(colours) < 256:  # noqa: PLR2004
        # Written with 8 bits instead of 16; Pillow would show it black.
        third = len(colours) // 3
        image.palette = ImagePalette.raw(
            "RGB", bytes(colours[at + third * band] for at in range(third) for band in range(3))
        )
