"""Pages that look scanned, encoded as windows deliver them.

They are Chinese text on tinted, noisy paper, a little askew, with a red stamp.
"""

import io
import math
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from random import Random

import numpy as np
import pylopdf_fonts_zh_cn
from PIL import ExifTags, Image, ImageDraw, ImageFont, TiffImagePlugin

_A4_INCHES = (8.27, 11.69)
_RED = (196, 38, 34)


@dataclass(frozen=True, slots=True)
class Page:
    """The content of a page: a heading, lines of text and the name on the stamp ("" for none)."""

    heading: str
    lines: tuple[str, ...]
    stamp: str


@cache
def _font(size: int, *, serif: bool) -> ImageFont.FreeTypeFont:
    path = pylopdf_fonts_zh_cn.serif_path() if serif else pylopdf_fonts_zh_cn.sans_path()
    return ImageFont.truetype(str(path), size)


@cache
def _paper(dpi: int) -> Image.Image:
    """Return tinted paper with grain and a dark edge, as a scanner sees an empty sheet.

    It is drawn once per process and resolution.
    """
    width, height = (round(side * dpi) for side in _A4_INCHES)
    grain = np.random.default_rng(dpi).normal(0, 2.2, (height, width)).astype(np.float32)
    shade = 246 - 3 * np.linspace(0, 1, width, dtype=np.float32)[None, :] + grain
    shade[:, :3] -= 60
    return Image.fromarray(np.clip(shade, 0, 255).astype(np.uint8), "L")


def _ink(page: Page, dpi: int, random: Random, *, serif: bool) -> Image.Image:
    """Return the writing as a mask, a little askew."""
    width, height = (round(side * dpi) for side in _A4_INCHES)
    mask = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(mask)
    title, body = _font(round(dpi * 0.26), serif=serif), _font(round(dpi * 0.165), serif=serif)
    draw.text((width / 2, dpi * 1.1), page.heading, fill=255, font=title, anchor="mm")
    draw.line((dpi, dpi * 1.45, width - dpi, dpi * 1.45), fill=200, width=max(1, dpi // 100))
    for row, line in enumerate(page.lines):
        draw.text((dpi, dpi * (1.8 + 0.36 * row)), line, fill=235, font=body)
    return mask.rotate(random.uniform(-0.7, 0.7), Image.Resampling.BILINEAR)


@cache
def _stamp(name: str, size: int) -> Image.Image:
    """Return a round red stamp with a star and a name along its rim, as a mask."""
    mask = Image.new("L", (size, size), 0)
    draw = ImageDraw.Draw(mask)
    draw.ellipse((4, 4, size - 4, size - 4), outline=210, width=max(3, size // 40))
    points = [
        (
            size / 2 + size * radius * math.sin(math.pi * turn / 5),
            size / 2 - size * radius * math.cos(math.pi * turn / 5),
        )
        for turn, radius in zip(range(10), (0.16, 0.065) * 5, strict=True)
    ]
    draw.polygon(points, fill=210)
    font = _font(size // 9, serif=True)
    for place, char in enumerate(name):
        angle = (place - (len(name) - 1) / 2) * min(0.42, 4.6 / max(1, len(name)))
        tile = Image.new("L", (size // 7, size // 7), 0)
        ImageDraw.Draw(tile).text((size / 14, size / 14), char, fill=210, font=font, anchor="mm")
        tile = tile.rotate(-math.degrees(angle), Image.Resampling.BILINEAR)
        at = (
            size / 2 + size * 0.385 * math.sin(angle) - size / 14,
            size / 2 - size * 0.385 * math.cos(angle) - size / 14,
        )
        mask.paste(tile, (round(at[0]), round(at[1])), tile)
    return mask


def gray(page: Page, dpi: int, random: Random) -> Image.Image:
    """Return a page in gray levels."""
    paper = _paper(dpi).copy()
    paper.paste(random.randint(20, 60), mask=_ink(page, dpi, random, serif=True))
    if page.stamp:
        stamp = _stamp(page.stamp, round(dpi * 1.65))
        paper.paste(
            110,
            (round(dpi * random.uniform(4.6, 5.4)), round(dpi * random.uniform(7.8, 8.8))),
            stamp,
        )
    return paper


def colour(page: Page, dpi: int, random: Random) -> Image.Image:
    """Return a page in colour, with warm paper and a red stamp."""
    shade = _paper(dpi)
    paper = Image.merge(
        "RGB",
        (
            shade,
            shade.point([max(0, level - 3) for level in range(256)]),
            shade.point([max(0, level - 12) for level in range(256)]),
        ),
    )
    paper.paste((28, 30, 44), mask=_ink(page, dpi, random, serif=random.random() < 0.5))
    if page.stamp:
        stamp = _stamp(page.stamp, round(dpi * 1.65)).rotate(random.uniform(-12, 12))
        paper.paste(
            _RED,
            (round(dpi * random.uniform(4.6, 5.4)), round(dpi * random.uniform(7.8, 8.8))),
            stamp,
        )
    return paper


def blank(dpi: int) -> Image.Image:
    """Return the back of a sheet: paper, grain and edge, and no writing."""
    return _paper(dpi).copy()


def jpeg(
    image: Image.Image, dpi: int, quality: int = 78, *, taken: datetime | None = None
) -> bytes:
    """Return a JPEG as scanners write it.

    With `taken` it has the time at which it was taken, as phones write it.
    """
    out, exif = io.BytesIO(), Image.Exif()
    if taken:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = (
            f"{taken:%Y:%m:%d %H:%M:%S}"
        )
    image.save(out, "JPEG", quality=quality, dpi=(dpi, dpi), **({"exif": exif} if taken else {}))
    return out.getvalue()


def png(image: Image.Image, dpi: int) -> bytes:
    """Return a PNG in 16 gray levels, as document cameras write it."""
    out = io.BytesIO()
    image.point([level // 17 * 17 for level in range(256)]).save(
        out, "PNG", dpi=(dpi, dpi), compress_level=3
    )
    return out.getvalue()


def g4_tiff(images: list[Image.Image], dpi: int) -> bytes:
    """Return a multi-page G4 TIFF, as high-volume scanners write it."""
    out = io.BytesIO()
    pages = [
        image.point([0 if level < 150 else 255 for level in range(256)]).convert(
            "1", dither=Image.Dither.NONE
        )
        for image in images
    ]
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[278] = pages[0].height  # RowsPerStrip: one strip a page
    pages[0].save(
        out,
        "TIFF",
        compression="group4",
        save_all=True,
        append_images=pages[1:],
        dpi=(dpi, dpi),
        tiffinfo=info,
    )
    return out.getvalue()
