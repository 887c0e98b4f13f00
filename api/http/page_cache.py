"""Page images: drawn once from a volume, kept on disk by the volume's digest, and the next pages drawn before they are asked for.

An untouched original is a foreign file, so it is drawn by a child process with limits (`ingest.reading.sandbox`).
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
Given = TypeVar("Given")


class PageImages:
    """The cache of one data folder. What lies in it may be thrown away at any time."""

    def __init__(self, folder: Path) -> None:
        """Nothing is opened yet."""
        self._folder = folder
        self._open: OrderedDict[str, pypdfium2.PdfDocument] = OrderedDict()
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="pages-ahead")
        self._drawing = Lock()

    def volume_page(self, sha256: str, page: int, load: Callable[[], bytes]) -> bytes:
        """Page `page` (from 1) of the volume of this digest as WebP; `load` gives its verified bytes. Raises NotFoundError."""
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
            return _kept(path, self._draw(sha256, page, load))

    def _draw_ahead(self, sha256: str, page: int, load: Callable[[], bytes]) -> None:
        # Past the last page, or the store is away: whoever asks for that page is told.
        try:
            self._page(sha256, page, load)
        except Exception:  # noqa: BLE001 - a favour, not an answer
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
        self, sha256: str, load: Callable[[], bytes], act: Callable[[pypdfium2.PdfDocument], Given]
    ) -> Given:
        """What an act finds in the volume of this digest, alone with pdfium; the document stays open for the next page."""
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
        """Page `page` (from 1) of an untouched original as WebP. Raises NotFoundError for what can't be shown."""
        path = self._path(f"{'s' if small else 'o'}{sha256}", page)
        if path.exists():
            return path.read_bytes()
        image = draw_page(load(), page, SMALL if small else WIDTH, _LIMITS)
        if image is None:
            raise NotFoundError("此原件无法在网页中显示。", "请导出归档包后用专用软件查看。")
        return _kept(path, image)

    def _path(self, name: str, page: int) -> Path:
        return self._folder / name[:3] / f"{name}-{page}.webp"


def _kept(path: Path, image: bytes) -> bytes:
    """Written beside and moved, so that nobody reads half an image."""
    # Pages show people: nobody else on this machine reads them.
    path.parent.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.parent.mkdir(exist_ok=True, mode=0o700)
    fresh = path.with_suffix(f".{uuid4().hex[:8]}")
    fresh.write_bytes(image)
    fresh.replace(path)
    return image
