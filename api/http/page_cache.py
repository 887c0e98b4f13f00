"""Page images: drawn once, kept on disk by the digest of the volume, and drawn ahead.

An untouched original is a foreign file, so it is drawn by a child process with limits
(`ingest.reading.sandbox`).
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

from archive.compile.pdfium import PDFIUM_LOCK
from archive.reference.errors import NotFoundError
from ingest.reading.sandbox import Limits, draw_page

WIDTH, SMALL = 1240, 210  # A4 at 150 dpi, and for a strip of pages
_AHEAD, _OPEN = 2, 4
_LIMITS = Limits(wall_seconds=40.0)  # a person waits
Result = TypeVar("Result")


class PageImages:
    """The cache of one data folder; its files may be deleted at any time."""

    def __init__(self, folder: Path) -> None:
        """Open nothing yet."""
        self._folder = folder
        self._open: OrderedDict[str, pypdfium2.PdfDocument] = OrderedDict()
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="pages-ahead")
        self._drawing = Lock()

    def volume_page(self, sha256: str, page: int, load: Callable[[], bytes]) -> bytes:
        """Return page `page` (from 1) of the volume of this digest as WebP.

        `load` gives the verified bytes of the volume. Raises NotFoundError. The next pages are
        drawn before they are asked for.
        """
        image = self._page(sha256, page, load)
        for following in range(page + 1, page + 1 + _AHEAD):
            if not self._path(sha256, following).exists():
                self._ahead.submit(self._draw_ahead, sha256, following, load)
        return image

    def _page(self, sha256: str, page: int, load: Callable[[], bytes]) -> bytes:
        path = self._path(sha256, page)
        if path.exists():
            return path.read_bytes()
        with self._drawing:
            if path.exists():
                return path.read_bytes()
            return _keep(path, self._draw(sha256, page, load))

    def _draw_ahead(self, sha256: str, page: int, load: Callable[[], bytes]) -> None:
        # Past the last page, or the store is away: a request for that page gets the error.
        try:
            self._page(sha256, page, load)
        except Exception:  # noqa: BLE001 - drawn ahead: nothing waits for it
            return

    def _draw(self, sha256: str, page: int, load: Callable[[], bytes]) -> bytes:
        with PDFIUM_LOCK:
            document = self._document(sha256, load)
            if not 1 <= page <= len(document):
                raise NotFoundError("本册没有这一页。", "请核对页号。")
            sheet = document[page - 1]
            picture = sheet.render(scale=WIDTH / sheet.get_width()).to_pil().convert("RGB")
            sheet.close()
        out = BytesIO()
        picture.save(out, "WEBP", quality=78, method=1)
        return out.getvalue()

    def with_volume(
        self, sha256: str, load: Callable[[], bytes], act: Callable[[pypdfium2.PdfDocument], Result]
    ) -> Result:
        """Return what `act` finds in the volume of this digest.

        No other thread uses pdfium meanwhile; the document stays open for the next page.
        """
        with PDFIUM_LOCK:
            return act(self._document(sha256, load))

    def _document(self, sha256: str, load: Callable[[], bytes]) -> pypdfium2.PdfDocument:
        document = self._open.pop(sha256, None) or pypdfium2.PdfDocument(load())
        self._open[sha256] = document
        if len(self._open) > _OPEN:
            self._open.popitem(last=False)[1].close()
        return document

    def original_page(
        self, sha256: str, page: int, load: Callable[[], bytes], *, small: bool = False
    ) -> bytes:
        """Return page `page` (from 1) of an untouched original as WebP.

        Raises NotFoundError for what cannot be shown.
        """
        path = self._path(f"{'s' if small else 'o'}{sha256}", page)
        if path.exists():
            return path.read_bytes()
        image = draw_page(load(), page, SMALL if small else WIDTH, _LIMITS)
        if image is None:
            raise NotFoundError("此原件无法在网页中显示。", "请导出归档包后用专用软件查看。")
        return _keep(path, image)

    def _path(self, name: str, page: int) -> Path:
        return self._folder / name[:3] / f"{name}-{page}.webp"


def _keep(path: Path, image: bytes) -> bytes:
    """Write an image to a new file and move it, so that nobody reads half of it."""
    # Pages show people: no other account of this machine may read them.
    path.parent.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.parent.mkdir(exist_ok=True, mode=0o700)
    fresh = path.with_suffix(f".{uuid4().hex[:8]}")
    fresh.write_bytes(image)
    fresh.replace(path)
    return image
