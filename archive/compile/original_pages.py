"""What the proof of a page needs of its original, as a second program draws it.

Originals are foreign files, so whoever draws them does it in the sandbox
(`ingest.reading.second_drawing`) and is handed to the worker as a function.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from archive.compile.page_comparison import Box


@dataclass(frozen=True, slots=True)
class Undrawn:
    """A field or annotation without an appearance: the volume shows it as we drew it.

    `box` is in pixels of the picture. With `ink` something must be seen there that the second
    program did not draw; `text` must be found in the text of the page.
    """

    box: Box
    ink: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class OriginalPage:
    """A page of an original.

    `picture` is RGB and upright, `size` its width and height in points, or in any unit for a
    scan. `scale` is the pixels a point of a PDF; None for a scan, which fills the grid.
    `substituted` says that a font of the page is not embedded; then `text` is its text. `closer`
    says that it was drawn anew since it differed.
    """

    picture: Image.Image
    size: tuple[float, float]
    renderer: str
    scale: float | None = None
    undrawn: tuple[Undrawn, ...] = ()
    substituted: bool = False
    text: str = ""
    closer: bool = False


class DrawOriginals(Protocol):
    """Draws the pages of originals, file by file."""

    def __call__(
        self, data: bytes, media_type: str, pages: int, *, closer: bool = False
    ) -> Iterator[OriginalPage | None]:
        """Yield the first so many pages of a file of a media type; None for one that it can't.

        `closer` asks for the dearer drawing that decides whether a page really differs.
        """
