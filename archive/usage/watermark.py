"""The watermark of an access (动态水印): who looks, when and why, as pixels of every image."""

from dataclasses import dataclass
from functools import lru_cache

import pylopdf_fonts_zh_cn
from PIL import Image, ImageDraw, ImageFont

from archive.administration.policy import Reader
from archive.reference.local_time import local_time
from archive.reference.organisations import Organisations
from archive.usage.looks import Look

_ANGLE, _GREY, _FAINT, _SMALLEST = 24, (90, 90, 90), 92, 9


@dataclass(frozen=True, slots=True)
class AccessMark:
    """The text of a watermark, in two lines: the reader; time, purpose and grant."""

    reader: str
    look: str


def access_mark(
    look: Look, reader: Reader, organisations: Organisations, *, name: str = ""
) -> AccessMark:
    """Return the mark of a look: place, name if known, login, and police number if stated."""
    who = (organisations.get(reader.org).name, name, reader.account, look.operator)
    why = (local_time(look.at), look.purpose.label, look.usage)
    return AccessMark(*(" ".join(part for part in parts if part) for parts in (who, why)))


def stamped(picture: Image.Image, mark: AccessMark) -> Image.Image:
    """Return a picture with the mark all over it, so that no part of it is without one."""
    marked = picture.convert("RGB")
    if marked is picture:
        marked = picture.copy()
    tile = _tile(mark, max(_SMALLEST, picture.width // 48))
    for row, top in enumerate(range(-tile.height // 2, marked.height, tile.height)):
        for left in range(-(row % 2) * tile.width // 2, marked.width, tile.width):
            marked.paste(_GREY, (left, top), tile)
    return marked


@lru_cache(maxsize=64)
def _tile(mark: AccessMark, size: int) -> Image.Image:
    """Draw the text once, aslant, as a mask: a page of it is laid out in a few milliseconds."""
    font = ImageFont.truetype(str(pylopdf_fonts_zh_cn.sans_path()), size)
    text = f"{mark.reader}\n{mark.look}"
    left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).textbbox(
        (0, 0), text, font=font, spacing=size // 2
    )
    tile = Image.new("L", (int(right - left) + size, int(bottom - top) + size * 2), 0)
    ImageDraw.Draw(tile).text(
        (size // 2 - left, size - top), text, font=font, fill=_FAINT, spacing=size // 2
    )
    return tile.rotate(_ANGLE, Image.Resampling.BICUBIC, expand=True)
