"""Pages of image files as a correct decoder shows them.

No code takes part that makes or draws a PDF. Intake judges these pictures, and the proof of a
page compares the volume with them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

from archive.compile.colour import fit_for_pdfa
from archive.compile.frames import Frame, frames

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_COMPONENTS = {"1": 1, "L": 1, "P": 3, "RGB": 3, "CMYK": 4, "LAB": 3}
_ACROSS = 5
"""Orientations from here on stand on their side."""


@dataclass(frozen=True, slots=True)
class ShownPage:
    """A page as it is seen.

    `picture` is upright, of mode L or RGB (sRGB), what is transparent laid on white. It may be
    smaller than `size`, the page's own pixels, upright too. `dpi` is across and down.
    """

    picture: Image.Image
    size: tuple[int, int]
    dpi: tuple[float, float]


def shown_pages(data: bytes, media_type: str, least: int | None = None) -> Iterator[ShownPage]:
    """Yield the pages of a JPEG, PNG or TIFF as a correct decoder shows them.

    Pictures may be smaller than stored, their shorter side no less than `least` pixels. Raises
    CompileError for what cannot be read whole.
    """
    for frame in frames(data, media_type):
        yield shown_page(frame, least)


def shown_page(frame: Frame, least: int | None = None) -> ShownPage:
    """Return a page as it is seen; see `shown_pages`."""
    samples = frame.samples(least)
    colour = _eight_bits(samples.colour)
    factor = max(1, min(colour.size) // least) if least else 1
    if factor > 1:
        # Colours between those of a palette, and greys, exist only in a mode that has them.
        modes = {"P": "RGB", "1": "L"}
        colour = colour.convert(modes.get(colour.mode, colour.mode)).reduce(factor)
    picture = in_srgb(colour, frame.icc)
    if samples.orientation in _TURNS:  # not by its value: that of a mirror is 0
        picture = picture.transpose(_TURNS[samples.orientation])
    across = frame.orientation >= _ACROSS
    return ShownPage(
        picture,
        frame.size[::-1] if across else frame.size,
        frame.dpi[::-1] if across else frame.dpi,
    )


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode != "I;16":
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def in_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Return a picture as L or RGB (sRGB), through its profile where it has a fitting one."""
    if image.mode == "P":
        image = image.convert("RGB")
    if image.mode == "LAB":
        return _through(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    if icc and image.mode != "1" and fit_for_pdfa(icc, _COMPONENTS[image.mode]):
        try:
            return _through(image, ImageCms.ImageCmsProfile(BytesIO(icc)))
        except ImageCms.PyCMSError:
            pass  # a profile that no colour engine understands is passed over, as viewers do
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _through(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    if converted is None:
        raise ImageCms.PyCMSError
    return converted
