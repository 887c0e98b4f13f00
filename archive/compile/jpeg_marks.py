"""What the markers of a JPEG say, read without decoding (ITU-T T.81 Annex B)."""

import re
from dataclasses import dataclass, replace

from archive.reference.compile_errors import UnreadableError, UnsupportedError

HUFFMAN = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive with Huffman codes: the codings that PDF knows."""
_CODINGS = {0xC3: "无损", 0xC9: "算术", 0xCA: "算术", 0xF7: "JPEG-LS "}
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_LONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length
_START, _END, _SCAN, _APP_0, _APP_14 = 0xD8, 0xD9, 0xDA, 0xE0, 0xEE
_ADOBE_TRANSFORM = 11
_NEXT = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
_COMPONENTS = (1, 3, 4)
_RESAVE = "请另存为普通的 JPEG（基线，每样本 8 位）后再提交。"


@dataclass(frozen=True, slots=True)
class JpegMarks:
    """The first frame of a JPEG, and where the picture ends.

    `coding` is the marker of the frame, `ids` the names of its components, `adobe` the colour
    transform of an Adobe marker, None without one. `end` is the offset behind the end marker.
    """

    coding: int
    height: int
    ids: bytes
    jfif: bool
    adobe: int | None
    end: int

    @property
    def components(self) -> int:
        """Return the number of colour components: 1, 3 or 4."""
        return len(self.ids)

    @property
    def plain(self) -> bool:
        """Return whether a PDF may hold the bytes as they are (ISO 32000-1 7.4.8)."""
        return len(self._votes) < 2  # noqa: PLR2004

    @property
    def transformed(self) -> bool:
        """Return whether three components are YCbCr and not RGB, where all markers agree."""
        return self._votes != {False}

    @property
    def _votes(self) -> set[bool]:
        """Return what each marker says about YCbCr; viewers believe different ones of them."""
        if self.components != 3:  # noqa: PLR2004
            return set()
        # Other transforms of Adobe than 0 and 1 are meant for four components.
        adobe = {0: {False}, 1: {True}, None: set[bool]()}.get(self.adobe, {False, True})
        named = {False} if self.ids == b"RGB" else set[bool]()
        return adobe | named | ({True} if self.jfif else set())


def read_marks(data: bytes) -> JpegMarks:
    """Return what the markers say, up to the end marker of the picture.

    Raises UnreadableError for a file that is cut off, and UnsupportedError for one that no
    reader of ours decodes.
    """
    try:
        return _read(data)
    except IndexError as error:
        raise UnreadableError("JPEG 图像不完整：缺少结束标记，文件被截断。") from error


def _read(data: bytes) -> JpegMarks:
    at, jfif, adobe = 2, False, None
    frame: JpegMarks | None = None
    while True:
        at, marker = _marker(data, at)
        if marker == _END and frame is not None:
            return replace(frame, jfif=jfif, adobe=adobe, end=at)
        if marker in (_START, _END):
            raise IndexError  # another picture begins before this one ended
        if marker in _LONE:
            continue
        body = _body(data, at)
        if marker in _FRAMES and frame is None:
            frame = _frame(marker, body)
        jfif = jfif or (marker == _APP_0 and body.startswith(b"JFIF\0"))
        if marker == _APP_14 and body.startswith(b"Adobe") and len(body) > _ADOBE_TRANSFORM:
            adobe = body[_ADOBE_TRANSFORM]
        at += len(body) + 2
        if marker == _SCAN:
            at = _scan_end(data, at)


def _body(data: bytes, at: int) -> bytes:
    """Return what a marker carries; its length stands before and counts itself."""
    length = data[at] << 8 | data[at + 1]
    body = data[at + 2 : at + length]
    if length < 2 or len(body) != length - 2:  # noqa: PLR2004
        raise IndexError
    return body


def _scan_end(data: bytes, at: int) -> int:
    match = _NEXT.search(data, at)
    if match is None:
        raise IndexError
    return match.start()


def _marker(data: bytes, at: int) -> tuple[int, int]:
    """Return the offset behind the next marker, and the marker; stray bytes are passed over."""
    match = _NEXT.search(data, at) if data[at] != 0xFF else None  # noqa: PLR2004
    if match:
        at = match.start()
    while data[at + 1] == 0xFF:  # noqa: PLR2004 - fill bytes
        at += 1
    return at + 2, data[at + 1]


def _frame(marker: int, body: bytes) -> JpegMarks:
    count = body[5]
    if count not in _COMPONENTS:
        raise UnsupportedError(f"JPEG 图像有 {count} 个颜色通道，不受支持。", _RESAVE)
    height = int.from_bytes(body[1:3])
    if body[0] != 8 or marker not in HUFFMAN:  # noqa: PLR2004
        name = _CODINGS.get(marker, f"SOF{marker - 0xC0}")
        raise UnsupportedError(
            f"JPEG 图像的编码不受支持（{name}编码，每样本 {body[0]} 位）。", _RESAVE
        )
    if not height:
        raise UnsupportedError("JPEG 图像的高度没有写在文件头里（DNL），不受支持。", _RESAVE)
    ids = bytes(body[6 + 3 * index] for index in range(count))
    return JpegMarks(marker, height, ids, jfif=False, adobe=None, end=0)
