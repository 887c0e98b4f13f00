"""Page images: drawn once, kept on disk by the digest of the volume, and drawn ahead.

What is kept is the bare image, which never leaves this module: every image that is sent bears the
watermark of the look that it is sent for, drawn onto it each time. An untouched original is a
foreign file, so it is drawn by a child process with limits (`ingest.reading.sandbox`).
"""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import TypeVar
from uuid import uuid4

import pypdfium2
from PIL import Image

from archive.compile.pdfium import PDFIUM_LOCK
from archive.reference.errors import NotFoundError
from archive.usage.watermark import AccessMark, stamped
from ingest.reading.sandbox import Limits, draw_page, overlay_pages

MIN_WIDTH, MAX_WIDTH = 200, 2000
_TALLEST = 16_000  # in pixels; WebP ends at 16,383, and a page may be a strip
WIDTH, SMALL = 1240, 210  # A4 at 150 dpi, and for a strip of pages
_AHEAD, _OPEN = 2, 4
_LIMITS = Limits(wall_seconds=40.0)  # a person waits
Result = TypeVar("Result")


class NoSuchPageError(NotFoundError):
    """The volume has no page of this number."""

    code = "NO_SUCH_PAGE"


class PageImages:
    """The cache of one data folder; its files may be deleted at any time."""

    def __init__(self, folder: Path) -> None:
        """Open nothing yet."""
        self._folder = folder
        self._open: OrderedDict[str, pypdfium2.PdfDocument] = OrderedDict()
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="pages-ahead")
        self._drawing = Lock()

    def volume_page(
        self,
        sha256: str,
        page: int,
        load: Callable[[], bytes],
        *,
        mark: AccessMark,
        width: int = WIDTH,
    ) -> Image.Image:
        """Return page `page` (from 1) of the volume of this digest with the mark of a look.

        `load` gives the verified bytes of the volume. Raises NoSuchPageError. At the width of the
        desk the next pages are drawn before they are asked for.
        """
        if width != WIDTH:
            return stamped(self._draw(sha256, page, load, width), mark)
        bare = self._page(sha256, page, load)
        for following in range(page + 1, page + 1 + _AHEAD):
            if not self._path(sha256, following).exists():
                self._ahead.submit(self._draw_ahead, sha256, following, load)
        return stamped(bare, mark)

    def _page(self, sha256: str, page: int, load: Callable[[], bytes]) -> Image.Image:
        path = self._path(sha256, page)
        if path.exists():
            return Image.open(BytesIO(path.read_bytes()))
        with self._drawing:
            if path.exists():
                return Image.open(BytesIO(path.read_bytes()))
            picture = self._draw(sha256, page, load, WIDTH)
            _keep(path, as_jpeg(picture))
            return picture

    def _draw_ahead(self, sha256: str, page: int, load: Callable[[], bytes]) -> None:
        # Past the last page, or the store is away: a request for that page gets the error.
        try:
            self._page(sha256, page, load)
        except Exception:  # noqa: BLE001 - drawn ahead: nothing waits for it
            return

    def _draw(self, sha256: str, page: int, load: Callable[[], bytes], width: int) -> Image.Image:
        with PDFIUM_LOCK:
            document = self._document(sha256, load)
            if not 1 <= page <= len(document):
                raise NoSuchPageError("本册没有这一页。", "请对照册的页数。")
            sheet = document[page - 1]
            picture: Image.Image = sheet.render(
                scale=min(width / sheet.get_width(), _TALLEST / sheet.get_height())
            ).to_pil()
            sheet.close()
        return picture.convert("RGB")

    def with_volume(
        self, sha256: str, load: Callable[[], bytes], act: Callable[[pypdfium2.PdfDocument], Result]
    ) -> Result:
        """Return what `act` finds in the volume of this digest.

        No other thread uses pdfium meanwhile; the document stays open for the next page.
        """
        with PDFIUM_LOCK:
            return act(self._document(sha256, load))

    def _document(self, sha256: str, load: Callable[[], bytes]) -> pypdfium2.PdfDocument:
        document = self._open.pop(sha256, None)
        if document is None:
            document = pypdfium2.PdfDocument(load())
            document.init_forms()  # the seal on the cover is a form field
        self._open[sha256] = document
        if len(self._open) > _OPEN:
            self._open.popitem(last=False)[1].close()
        return document

    def original_page(
        self,
        sha256: str,
        page: int,
        load: Callable[[], bytes],
        *,
        mark: AccessMark,
        small: bool = False,
    ) -> Image.Image:
        """Return page `page` (from 1) of an untouched original with the mark of a look.

        Raises NotFoundError for what cannot be shown.
        """
        bare = self._bare_original(sha256, page, load, small=small)
        return stamped(Image.open(BytesIO(bare)), mark)

    def kept_picture(self, picture: bytes, *, mark: AccessMark) -> Image.Image:
        """Return a picture of pages that the store holds, with the mark of a look."""
        return stamped(Image.open(BytesIO(picture)), mark)

    def pair(
        self,
        pages: tuple[tuple[str, int], tuple[str, int]],
        load: Callable[[str], bytes],
        *,
        mark: AccessMark,
    ) -> Image.Image:
        """Return two pages of originals side by side, marked where they differ.

        `pages` are digest and page (from 1) of each. Raises NotFoundError for what cannot be shown.
        """
        (first, page), (second, other) = pages
        path = self._path(f"p{first}-{second}-{page}", other)
        if path.exists():
            bare = path.read_bytes()
        else:
            image = overlay_pages(load(first), page, load(second), other)
            if image is None:
                raise NotFoundError("这两页无法并排显示。", "请在下方逐页查看。")
            bare = _keep(path, image)
        return stamped(Image.open(BytesIO(bare)), mark)

    def _bare_original(
        self, sha256: str, page: int, load: Callable[[], bytes], *, small: bool
    ) -> bytes:
        path = self._path(f"{'s' if small else 'o'}{sha256}", page)
        if path.exists():
            return path.read_bytes()
        image = draw_page(load(), page, SMALL if small else WIDTH, _LIMITS)
        if image is None:
            raise NotFoundError("此原件无法在网页中显示。", "请导出归档包后用专用软件查看。")
        return _keep(path, image)

    def _path(self, name: str, page: int) -> Path:
        return self._folder / name[:3] / f"{name}-{page}.bare"


def as_jpeg(picture: Image.Image) -> bytes:
    """Return an image for the desk: JPEG is written ten times as fast as WebP."""
    out = BytesIO()
    picture.save(out, "JPEG", quality=82)
    return out.getvalue()


def as_webp(picture: Image.Image) -> bytes:
    """Return an image for the station API."""
    out = BytesIO()
    picture.save(out, "WEBP", quality=80, method=2)
    return out.getvalue()


def _keep(path: Path, image: bytes) -> bytes:
    """Write an image to a new file and move it, so that nobody reads half of it."""
    # Pages show people: no other account of this machine may read them.
    path.parent.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.parent.mkdir(exist_ok=True, mode=0o700)
    fresh = path.with_suffix(f".{uuid4().hex[:8]}")
    fresh.write_bytes(image)
    fresh.replace(path)
    return image
