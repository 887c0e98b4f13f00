"""Splitting of a scanned stack, in the child of `ingest.reading.sandbox`.

Cover and separator sheets bear QR codes that name the case and material of the pages that
follow. `YICE/1 CASE <case number>` begins a case, `YICE/1 MATERIAL <number> <name>` a material
of it. The sheets themselves are not archived.
"""

import io
import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pikepdf
import pypdfium2
import zxingcpp
from PIL import Image

from archive.compile.frames import frames
from archive.compile.shown import shown_page
from archive.reference.compile_errors import CompileError
from ingest.reading.formats import identify
from ingest.reading.images import MAX_PAGES
from ingest.reading.tiff_pages import pages_of

_CASE = re.compile(r"YICE/1 CASE ([A-Za-z0-9][A-Za-z0-9_-]{0,63})")
_MATERIAL = re.compile(r"YICE/1 MATERIAL ([1-9][0-9]{0,2}) (\S.{0,190})")
_NUMBER = re.compile(r"(?<![0-9])[0-9]{12}-[0-9]{8}-[0-9]{6}(?![0-9])")
_READING_SIDE, _PDF_SCALE = 1_000, 110 / 72
_LENGTH = struct.Struct("<I")


_FAULTS = (
    CompileError,
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    LookupError,
    RuntimeError,
    EOFError,
    Warning,
    pypdfium2.PdfiumError,
)
"""What foreign bytes may raise while they are opened."""


@dataclass(slots=True)
class StackPiece:
    """The pages of one material.

    `pages` are indexes from 0, `data` is in the format of the stack.
    """

    case_no: str
    no: int
    type: str
    pages: list[int] = field(default_factory=list)
    data: bytes = field(default=b"", repr=False)


class StackError(Exception):
    """A stack cannot be split; carries the reason in our own wording.

    `bare` marks a stack without any sheet, which may be no stack.
    """

    def __init__(self, why: str, *, bare: bool = False) -> None:
        """Set the reason, and whether the stack has no sheet."""
        super().__init__(why)
        self.bare = bare


def split(data: bytes) -> tuple[str, list[StackPiece]]:
    """Return extension and materials of a stack, a multi-page TIFF or PDF.

    Raises StackError.
    """
    media_type = identify(data)
    if media_type not in {"image/tiff", "application/pdf"}:
        raise StackError("既不是 TIFF 也不是 PDF")
    tiff = media_type == "image/tiff"
    try:
        codes = list(_tiff_codes(data) if tiff else _pdf_codes(data))
        pieces = _grouped(codes)
        for piece in pieces:
            piece.data = pages_of(data, piece.pages) if tiff else _pdf_pages(data, piece.pages)
    except _FAULTS as error:
        raise StackError("文件无法打开或不完整") from error
    return ("tif" if tiff else "pdf"), pieces


def _grouped(codes: list[tuple[int, str]]) -> list[StackPiece]:
    pieces: list[StackPiece] = []
    case_no = ""
    for page, (place, code) in enumerate(codes):
        if cover := _CASE.fullmatch(code):
            case_no = cover[1]
        elif (sheet := _MATERIAL.fullmatch(code)) and case_no:
            pieces.append(StackPiece(case_no, int(sheet[1]), sheet[2]))
        elif not pieces or pieces[-1].case_no != case_no:
            raise StackError(
                f"第 {page + 1} 页之前没有封面和分隔页", bare=not any(text for _, text in codes)
            )
        else:
            pieces[-1].pages.append(place)
    if not pieces or any(not piece.pages for piece in pieces):
        raise StackError("分隔页之后没有页")
    if len({(piece.case_no, piece.no) for piece in pieces}) != len(pieces):
        raise StackError("同一材料出现两次")
    return pieces


def _texts(image: Image.Image) -> list[str]:
    """Return the texts of the QR codes on a page."""
    grey = image.convert("L")
    grey = grey.reduce(max(1, min(grey.size) // _READING_SIDE))
    formats = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    return [str(barcode.text) for barcode in zxingcpp.read_barcodes(grey, formats=formats)]


def _code(image: Image.Image) -> str:
    """Return our code on a page, empty for a page without one, whatever other codes it bears."""
    return next((text for text in _texts(image) if text.startswith("YICE/1 ")), "")


def _hint(image: Image.Image) -> dict[str, Any] | None:
    """Return what the QR codes of a page say of the pages after it; None: they say nothing.

    A 收件单 of another system bears its case number, alone or within an address: it says which
    case the pages after it belong to, and is no sheet that may be dropped.
    """
    for text in _texts(image):
        if cover := _CASE.fullmatch(text):
            return {"case_no": cover[1], "sheet": True}
        if sheet := _MATERIAL.fullmatch(text):
            return {"no": int(sheet[1]), "type": sheet[2], "sheet": True}
        if number := _NUMBER.search(text):
            return {"case_no": number[0], "sheet": False}
    return None


def _tiff_codes(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield each page's place in the file, and its code."""
    return ((place, _code(picture)) for place, picture in _tiff_pictures(data))


def _pdf_codes(data: bytes) -> Iterator[tuple[int, str]]:
    return ((place, _code(picture)) for place, picture in _pdf_pictures(data))


def _tiff_pictures(data: bytes) -> Iterator[tuple[int, Image.Image]]:
    """Yield each page's place in the file, and its picture; thumbnails are no pages."""
    for number, frame in enumerate(frames(data, "image/tiff")):
        if number == MAX_PAGES:
            raise StackError("页数过多")
        place = frame.tags.index if frame.tags else number
        yield place, shown_page(frame, _READING_SIDE).picture


def _pdf_pictures(data: bytes) -> Iterator[tuple[int, Image.Image]]:
    with pypdfium2.PdfDocument(data) as opened:
        if len(opened) > MAX_PAGES:
            raise StackError("页数过多")
        for number in range(len(opened)):
            page = opened[number]
            scale = min(_PDF_SCALE, 3_000 / max(page.get_size()))
            yield number, page.render(scale=scale, grayscale=True).to_pil()
            page.close()


def _pdf_pages(data: bytes, pages: list[int]) -> bytes:
    """Return a PDF of the pages; their streams are copied, not decoded."""
    with pikepdf.open(io.BytesIO(data)) as source:
        pdf = pikepdf.new()
        pdf.pages.extend(source.pages[number] for number in pages)
        out = io.BytesIO()
        pdf.save(out, deterministic_id=True)
    return out.getvalue()


def answer(data: bytes) -> bytes:
    """Return the split stack as bytes: a JSON head after its length, then the pieces."""
    try:
        extension, pieces = split(data)
    except StackError as error:
        return _packed({"fault": str(error), "bare": error.bare}, [])
    rows = [
        {
            "case_no": piece.case_no,
            "no": piece.no,
            "type": piece.type,
            "pages": len(piece.pages),
            "size": len(piece.data),
        }
        for piece in pieces
    ]
    return _packed({"extension": extension, "pieces": rows}, [piece.data for piece in pieces])


def _packed(head: dict[str, Any], blobs: list[bytes]) -> bytes:
    text = json.dumps(head, ensure_ascii=False).encode()
    return _LENGTH.pack(len(text)) + text + b"".join(blobs)


def hints(data: bytes) -> bytes:
    """Return as JSON what the codes of the pages say, by page from 1; no file is a fault here."""
    media_type, pictures = identify(data), None
    if media_type == "application/pdf":
        pictures = _pdf_pictures(data)
    elif media_type in {"image/tiff", "image/jpeg", "image/png"}:
        shown = (shown_page(frame, _READING_SIDE) for frame in frames(data, media_type))
        pictures = ((0, page.picture) for page in shown)
    read: dict[int, dict[str, Any]] = {}
    try:
        for page, (_, picture) in enumerate(pictures or (), 1):
            if page > MAX_PAGES:
                break
            if hint := _hint(picture):
                read[page] = hint
    except (*_FAULTS, StackError):
        pass
    return json.dumps(read, ensure_ascii=False).encode()


def cut(order: bytes) -> bytes:
    """Return the runs of pages of a TIFF or PDF as files of their own, packed as a stack is.

    The order is a JSON head after its length, then the file; `runs` are first and last page from 1.
    """
    end = _LENGTH.size + _LENGTH.unpack_from(order)[0]
    runs, data = json.loads(order[_LENGTH.size : end])["runs"], order[end:]
    tiff = identify(data) == "image/tiff"
    try:
        places = [place for place, _ in (_tiff_pictures(data) if tiff else _pdf_pictures(data))]
        pages = [places[first - 1 : last] for first, last in runs]
        blobs = [pages_of(data, run) if tiff else _pdf_pages(data, run) for run in pages]
    except (*_FAULTS, StackError) as error:
        del error
        return _packed({"fault": "文件无法打开或不完整"}, [])
    rows = [{"pages": len(run), "size": len(blob)} for run, blob in zip(pages, blobs, strict=True)]
    return _packed({"extension": "tif" if tiff else "pdf", "pieces": rows}, blobs)
