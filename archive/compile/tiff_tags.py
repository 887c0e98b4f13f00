"""The directories of a TIFF, read without decoding (TIFF 6.0, BigTIFF)."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

from PIL import TiffImagePlugin

from archive.reference.compile_errors import TooLargeError, UnreadableError, UnsupportedError

MAX_FRAMES = 2_000
_BIG, _REDUCED, _MASK = 43, 1, 4
_PHOTOMETRICS = {
    0: "WhiteIsZero",
    1: "BlackIsZero",
    2: "RGB",
    3: "Palette",
    4: "Mask",
    5: "CMYK",
    6: "YCbCr",
    8: "CIELab",
    9: "ICCLab",
    10: "ITULab",
    32803: "CFA",
    32844: "LogL",
    32845: "LogLuv",
}
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, YCBCR = 0, 1, 2, 6
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
_FORMS = {SIGNED: "有符号整数", FLOAT: "浮点数", 4: "未定义的样本", 5: "复数", 6: "复数"}
OLD_JPEG, JPEG = 6, 7
_RAW = 1
_READ = (
    *(254, 255, 256, 257, 258, 259, 262, 266, 273, 274, 278, 279, 282, 283, 284, 296),
    *(320, 324, 325, 338, 339, 347, 34675),
)
"""Tags that are looked at; the others stay unread, for they may be large."""


@dataclass(frozen=True, slots=True)
class TiffTags:
    """A directory of a TIFF; `index` is its place among the `total` of the file, from 0."""

    index: int
    total: int
    values: Any
    big_endian: bool

    def number(self, tag: int, default: int) -> int:
        """Return the first number of a tag."""
        value = self.values.get(tag, default)
        try:
            return int(value[0] if isinstance(value, tuple) else value)
        except (TypeError, ValueError, IndexError, ZeroDivisionError):
            return default

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Return the numbers of a tag, empty without it."""
        value = self.values.get(tag, ())
        return tuple(int(number) for number in (value if isinstance(value, tuple) else (value,)))

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height as stored."""
        return self.number(256, 0), self.number(257, 0)

    @property
    def bits(self) -> tuple[int, ...]:
        """Return the bits of each sample."""
        return self.numbers(258) or (1,)

    @property
    def form(self) -> int:
        """Return the form of the samples: UNSIGNED, SIGNED, FLOAT or another."""
        return self.number(339, UNSIGNED)

    @property
    def photometric(self) -> int:
        """Return what the samples mean; BLACK_IS_ZERO where a file forgets to say it."""
        return self.number(262, BLACK_IS_ZERO)

    @property
    def compression(self) -> int:
        """Return the coding of the strips or tiles."""
        return self.number(259, _RAW)

    @property
    def coded(self) -> bool:
        """Return whether the samples are compressed."""
        return self.compression != _RAW

    @property
    def extra(self) -> tuple[int, ...]:
        """Return the meaning of the samples behind the colour (1 and 2 are alpha)."""
        return self.numbers(338)

    @property
    def planes(self) -> bool:
        """Return whether each sample lies in a plane of its own."""
        return self.number(284, 1) == 2 and len(self.bits) > 1  # noqa: PLR2004

    def unsupported(self) -> UnsupportedError:
        """Return the error that names this coding in words."""
        kind = _PHOTOMETRICS.get(self.photometric, str(self.photometric))
        form = f"，{_FORMS[self.form]}" if self.form in _FORMS else ""
        return UnsupportedError(
            f"TIFF 图像的编码不受支持（{kind}，每样本 {max(self.bits)} 位{form}，"
            f"压缩方式 {self.compression}）。",
            "请另存为每样本 8 位的灰度或 RGB 图像（TIFF、PNG 或 JPEG）后再提交。",
        )


def read_directories(data: bytes) -> list[TiffTags]:
    """Return the directories of a TIFF that are pages, in their order.

    A reduced picture of another page (NewSubfileType 1, SubfileType 2) and a mask are none,
    unless nothing else is in the file. Raises UnreadableError for directories that cannot be read
    or go in a circle, and TooLargeError for too many.
    """
    source = BytesIO(data)
    head = source.read(8)
    if head[2:4].strip(b"\0") == bytes([_BIG]):
        head += source.read(8)
    directory = TiffImagePlugin.ImageFileDirectory_v2(head)
    places, tables = [directory.next], list[dict[int, Any]]()
    while places[-1]:
        source.seek(places[-1])
        current = TiffImagePlugin.ImageFileDirectory_v2(head)
        current.load(source)
        if not _whole(data, head, places[-1]):
            raise UnreadableError("TIFF 文件不完整：页面目录在文件末尾之后。")
        values = {tag: current[tag] for tag in _READ if tag in current}
        tables.append(values)
        if len(tables) > MAX_FRAMES:
            raise TooLargeError("图像文件的页数超过上限。")
        if current.next in places:
            break
        places.append(current.next)
    directories = [
        TiffTags(index, len(tables), values, data.startswith(b"MM"))
        for index, values in enumerate(tables)
    ]
    if not directories:
        raise UnreadableError("TIFF 文件没有任何页面。")
    if any(0 in tags.size for tags in directories):
        raise UnreadableError("TIFF 文件的页面没有写明宽和高。")
    return [tags for tags in directories if not _secondary(tags, directories)] or directories


def _whole(data: bytes, head: bytes, at: int) -> bool:
    """Return whether all entries of a directory are within the file."""
    counter, entry = (8, 20) if len(head) > 8 else (2, 12)  # noqa: PLR2004 - BigTIFF
    order: Literal["big", "little"] = "big" if head.startswith(b"MM") else "little"
    count = int.from_bytes(data[at : at + counter], order)
    return count > 0 and at + counter + entry * count <= len(data)


def _secondary(tags: TiffTags, directories: list[TiffTags]) -> bool:
    kind = tags.number(254, 0)
    if kind & _MASK:
        return True
    reduced = kind & _REDUCED or tags.number(255, 1) == 2  # noqa: PLR2004
    return bool(reduced) and any(
        other.size[0] > tags.size[0] and other.size[1] > tags.size[1] for other in directories
    )
