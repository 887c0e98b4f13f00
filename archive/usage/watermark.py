"""The watermark of an access (动态水印): who looks, when and why, as pixels of every image."""

from dataclasses import dataclass
from functools import lru_cache

import pylopdf_fonts_zh_cn
from PIL import Image, ImageDraw, ImageFont

from archive.administration.policy import Reader
from archive.reference.local_time import local_time
from archive.reference.organisations import Organisations
from archive.usage.looks import Look

_ANGLE, _GREY, _FAINT, _SMALLEST, _STRIPS = 24, (90, 90, 90), 76, 9, 12
Strip = tuple[int, int, Image.Image]
"""Where in its tile a strip lies, and the strip."""


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
    width, height, strips = _tile(mark, max(_SMALLEST, picture.width // 48))
    for top in range(-height // 2, marked.height, height // 2):
        for left in range(0, marked.width, width):
            for x, y, strip in strips:
                marked.paste(_GREY, (left + x, top + y), strip)
    return marked


@lru_cache(maxsize=64)
def _tile(mark: AccessMark, size: int) -> tuple[int, int, tuple[Strip, ...]]:
    """Draw the text once, aslant, and return the size of the tile and its strips as masks.

    A tile is mostly empty: strips as low as the text are pasted in a third of the time.
    """
    font = ImageFont.truetype(str(pylopdf_fonts_zh_cn.sans_path()), size)
    text = f"{mark.reader}\n{mark.look}"
    left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).textbbox(
        (0, 0), text, font=font, spacing=size // 2
    )
    tile = Image.new("L", (int(right - left) + size, int(bottom - top) + size * 2), 0)
    ImageDraw.Draw(tile).text(
        (size // 2 - left, size - top), text, font=font, fill=_FAINT, spacing=size // 2
    )
    turned = tile.rotate(_ANGLE, Image.Resampling.BICUBIC, expand=True)
    strips: list[Strip] = []
    step = max(1, turned.width // _STRIPS)
    for x in range(0, turned.width, step):
        strip = turned.crop((x, 0, min(x + step, turned.width), turned.height))
        if box := strip.getbbox():
            strips.append((x + box[0], box[1], strip.crop(box)))
    return turned.width, turned.height, tuple(strips)
