"""The OCR engine, in a child process of its own (`ingest.reading.sandbox`).

It takes one page of a foreign file and returns the lines of its text.
"""

import json
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from itertools import islice
from typing import Any

import numpy as np
import pypdfium2
from PIL import Image

from archive.compile.frames import frames
from archive.compile.shown import shown_page
from ingest.reading.formats import identify

ENGINE = "rapidocr-onnxruntime"
_MAX_PIXELS = 150_000_000
_DPI, _SURE, _WHOLE = 200, 0.5, 10_000
_TEXT_ENOUGH = 8  # characters of a PDF page by which it is born digital


def answer(data: bytes) -> bytes:
    """Return one recognised page as JSON; an unreadable page gives a `fault`.

    The data is the page number (4 bytes, little-endian), then the file.
    """
    try:
        picture, whole = _picture(data[4:], int.from_bytes(data[:4], "little"))
    except Exception:  # noqa: BLE001 - a foreign file: whatever a parser says
        return json.dumps({"fault": "unreadable"}).encode()
    width, height = picture.size if picture else (0, 0)
    lines = _lines(picture) if picture else []
    result = {
        "whole": whole,
        "width": width,
        "height": height,
        "engine": ENGINE,
        "version": _version(),
        "lines": lines,
    }
    return json.dumps(result, ensure_ascii=False).encode()


def _picture(data: bytes, page: int) -> tuple[Image.Image | None, bool]:
    """Return the page upright, and whether it is a rendered PDF page (and not a picture).

    The picture is None for a page that carries its text. Raises whatever its parser raises.
    """
    if b"%PDF-" in data[:1024]:
        sheet = pypdfium2.PdfDocument(data)[page - 1]
        if len(sheet.get_textpage().get_text_range().strip()) >= _TEXT_ENOUGH:
            return None, True
        scale = min(_DPI / 72, (_MAX_PIXELS / (sheet.get_width() * sheet.get_height())) ** 0.5)
        return sheet.render(scale=scale).to_pil().convert("RGB"), True
    frame = next(islice(frames(data, identify(data) or ""), page - 1, None))
    return shown_page(frame).picture.convert("RGB"), False


def _lines(picture: Image.Image) -> list[tuple[str, float, list[int]]]:
    regions, _ = _engine()(np.asarray(picture)[:, :, ::-1], use_cls=False)  # BGR, as OpenCV has it
    width, height = picture.size
    return [
        (
            str(text),
            round(float(sure), 4),
            [
                round(min(max(float(value) / side, 0), 1) * _WHOLE)
                for x, y in corners
                for value, side in ((x, width), (y, height))
            ],
        )
        for corners, text, sure in regions or ()
        if str(text).strip() and float(sure) >= _SURE
    ]


def load() -> Callable[[bytes], bytes]:
    """Load engine and models, while files may still be opened, and return `answer`."""
    _engine()
    _version()
    return answer


@cache
def _engine() -> Any:  # noqa: ANN401 - the engine ships no types
    import cv2  # noqa: PLC0415 - the child's alone
    from rapidocr_onnxruntime import RapidOCR  # noqa: PLC0415 - as above

    cv2.setNumThreads(1)
    return RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)


@cache
def _version() -> str:
    return version(ENGINE)
