"""The chunks of a PNG, read without decoding (W3C PNG, third edition)."""

import struct
import zlib
from dataclasses import dataclass

from archive.reference.compile_errors import UnreadableError, UnsupportedError

_SRGB_GAMMA = (0.40, 0.51)
"""What display gammas of about 2.2 write; nobody sees the difference."""
_GAMMA = 1 / 2.2
_NOT_HDR = {1, 6, 13, 14}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


@dataclass(frozen=True, slots=True)
class PngChunks:
    """The header of a PNG and the chunks that say how its samples are meant.

    `sound` is the file without the chunks that are `damaged` and not needed.
    """

    width: int
    height: int
    bits: int
    kind: int
    interlaced: bool
    bodies: dict[str, bytes]
    sound: bytes
    damaged: frozenset[str]

    @property
    def channels(self) -> int:
        """Return the number of samples of a pixel."""
        return _CHANNELS[self.kind]

    @property
    def key(self) -> tuple[int, ...]:
        """Return the samples of the colour that is transparent, empty without one (tRNS)."""
        text = self.bodies.get("tRNS", b"")
        if self.kind not in (0, 2) or len(text) < 2 * self.channels:
            return ()
        return struct.unpack_from(f">{self.channels}H", text)

    @property
    def gamma(self) -> float:
        """Return the gamma that the samples were made for; 1/2.2 where nothing else is said."""
        stated = self.bodies.get("gAMA", b"")
        if len(stated) != 4 or {"iCCP", "sRGB", "cICP"} & self.bodies.keys():  # noqa: PLR2004
            return _GAMMA
        gamma = int.from_bytes(stated) / 100_000
        return gamma if gamma and not _SRGB_GAMMA[0] <= gamma <= _SRGB_GAMMA[1] else _GAMMA

    @property
    def lit(self) -> bool:
        """Return whether the samples were made for another gamma than that of screens."""
        return self.gamma != _GAMMA

    @property
    def rows(self) -> int:
        """Return the length of the unpacked rows in bytes, for a picture without interlacing."""
        return self.height * (1 + (self.width * self.channels * self.bits + 7) // 8)


def read_chunks(data: bytes) -> PngChunks:
    """Return the chunks of a PNG; of an animation those of its still picture.

    A chunk that the picture does not need is left out where its checksum is wrong, as every
    decoder does. Raises UnreadableError for a picture that is damaged or cut off, UnsupportedError
    for colours beyond those of paper (cICP).
    """
    parts: dict[str, list[bytes]] = {}
    damaged: set[str] = set()
    sound = data
    at = 8
    while "IEND" not in parts:
        (length,) = struct.unpack_from(">I", data, at)
        name = data[at + 4 : at + 8].decode("latin-1")
        body = data[at + 8 : at + 8 + length]
        (stated,) = struct.unpack_from(">I", data, at + 8 + length)
        if stated == zlib.crc32(data[at + 4 : at + 8 + length]):
            parts.setdefault(name, []).append(body)
        elif data[at + 4] & 0x20:
            damaged.add(name)
            at_end = len(data) - at - 12 - length
            sound = sound[: len(sound) - at_end - 12 - length] + data[at + 12 + length :]
        else:
            raise UnreadableError("PNG 图像的数据已损坏（校验和不符）。")
        at += 12 + length
    bodies = {
        name: b"".join(texts) if name == "IDAT" else texts[0] for name, texts in parts.items()
    }
    width, height, bits, kind, _, _, interlace = struct.unpack(">IIBBBBB", bodies["IHDR"])
    if kind not in _CHANNELS:
        raise UnreadableError("PNG 图像的颜色类型无效。")
    if len(bodies.get("cICP", b"")) == 4 and bodies["cICP"][1] not in _NOT_HDR:  # noqa: PLR2004
        raise UnsupportedError("PNG 图像的颜色为高动态范围（cICP），不能如实显示在纸面上。")
    return PngChunks(width, height, bits, kind, bool(interlace), bodies, sound, frozenset(damaged))
