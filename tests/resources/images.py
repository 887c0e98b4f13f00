"""Scans as windows send them, sound and broken; what each is stands in README.md."""

import io
import struct
import zlib
from random import Random

from PIL import Image, ImageCms, ImageDraw, ImageEnhance, ImageFilter

from api.demo import scans

A4 = (1654, 2339)


def picture(text: str = "page", *, mode: str = "RGB", size: tuple[int, int] = A4) -> Image.Image:
    """A page with writing on it."""
    image = Image.new("L", size, 245)
    draw = ImageDraw.Draw(image)
    for line in range(12):
        draw.text(
            (size[0] // 8, size[1] // 12 * line + 40),
            f"{text} {line}",
            fill=20,
            font_size=max(10, size[0] // 28),
        )
    return image.convert(mode)


def jpeg(text: str = "page", *, mode: str = "RGB", icc: bytes | None = None) -> bytes:
    """A sound JPEG of a page at 200 dpi."""
    return saved(picture(text, mode=mode), "JPEG", quality=80, icc_profile=icc)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """An image as a file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def blank_jpeg() -> bytes:
    """An empty page."""
    return saved(Image.new("RGB", A4, (250, 248, 240)), "JPEG", quality=80)


def coarse_jpeg() -> bytes:
    """A page at 72 dpi."""
    return saved(picture(size=(595, 842)), "JPEG")


def cut_jpeg() -> bytes:
    """The second half is missing."""
    whole = jpeg()
    return whole[: len(whole) // 2]


def endless_jpeg() -> bytes:
    """Only the end marker is missing."""
    return jpeg()[:-2]


def endless_jpeg_with_preview() -> bytes:
    """Only the end marker is missing, and a preview in the metadata brings one of its own."""
    exif = Image.Exif()
    exif[0x0131] = "scanner"
    preview = saved(picture(size=(160, 226)), "JPEG")
    return saved(picture(), "JPEG", exif=exif.tobytes() + preview)[:-2]


def cut_png() -> bytes:
    """The second half is missing."""
    whole = saved(picture(), "PNG")
    return whole[: len(whole) // 2]


def cut_tiff() -> bytes:
    """Its directory names strips beyond the end."""
    whole = tiff("a")
    return whole[: len(whole) - 2000]


def tiff(*texts: str) -> bytes:
    """A G4 TIFF with a page for each text."""
    pages = [picture(text, mode="1") for text in texts]
    return saved(pages[0], "TIFF", compression="group4", save_all=True, append_images=pages[1:])


def many_frames_tiff(count: int = 1_200, size: tuple[int, int] = (1, 1)) -> bytes:
    """A page repeated by its directory alone: more pages than a case can have, in few bytes."""
    width, height = size
    start = 8 + width * height + width * height % 2
    fields = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (278, height),
        (279, width * height),
    ]
    out = bytearray(b"II*\x00" + struct.pack("<I", start) + b"\x80" * (start - 8))
    for number in range(count):
        out += struct.pack("<H", len(fields)) + b"".join(
            struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields
        )
        out += struct.pack("<I", 0 if number == count - 1 else len(out) + 4)
    return bytes(out)


def looped_tiff() -> bytes:
    """The directory that follows the last is the first."""
    whole = bytearray(many_frames_tiff(3))
    whole[-4:] = whole[4:8]
    return bytes(whole)


def bomb_png(side: int = 40_000) -> bytes:
    """1.6 thousand million pixels in a few hundred kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = zlib.compress(bytes(side // 8 + 1) * 2_000, 9)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


def text_bomb_png() -> bytes:
    """A sound picture with a compressed comment of 300 MB."""
    whole = saved(picture(), "PNG")
    data = b"Comment\x00\x00" + zlib.compress(bytes(300 << 20), 9)
    chunk = (
        struct.pack(">I", len(data))
        + b"zTXt"
        + data
        + struct.pack(">I", zlib.crc32(b"zTXt" + data))
    )
    return whole[:33] + chunk + whole[33:]


def broken_icc_jpeg() -> bytes:
    """A sound picture with a profile that is none."""
    return jpeg("icc", icc=b"\x00\x00\x01\x00garbage" * 20)


def cmyk_jpeg() -> bytes:
    """Four colours, as a print shop scans."""
    return jpeg("cmyk", mode="CMYK")


def deep_png() -> bytes:
    """16 bit grey."""
    return saved(
        picture("deep").convert("I").point(lambda value: value * 256).convert("I;16"), "PNG"
    )


def deep_blank_png() -> bytes:
    """16 bit grey, nothing on it."""
    return saved(Image.new("I;16", A4, 60_000), "PNG")


def profiled_jpeg() -> bytes:
    """A sound picture with a sound profile."""
    return jpeg("srgb", icc=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


def phone_jpeg() -> bytes:
    """A phone's multi-picture JPEG: one page, and a preview that is none."""
    return saved(
        picture("phone"), "MPO", save_all=True, append_images=[picture("phone", size=(400, 560))]
    )


def written(seed: int = 1) -> Image.Image:
    """A page full of Chinese writing, as a window's scanner sees it."""
    lines = tuple(
        f"兹证明上述人员情况属实，材料齐全，特此出具本证明。{row:02d}" for row in range(16)
    )
    return scans.colour(scans.Page("证明", lines, "演示派出所"), 200, Random(seed))


def written_jpeg() -> bytes:
    """That page, sound."""
    return scans.jpeg(written(), 200)


def copied_jpeg() -> bytes:
    """The same page made smaller, darker and grey."""
    page = written().convert("L").resize((1500, 2121))
    return scans.jpeg(ImageEnhance.Brightness(page).enhance(0.9), 180, 60)


def dark_jpeg() -> bytes:
    """The same page, the lamp almost out."""
    return scans.jpeg(ImageEnhance.Brightness(written()).enhance(0.3), 200)


def blurred_jpeg() -> bytes:
    """The same page, out of focus."""
    return scans.jpeg(written().filter(ImageFilter.GaussianBlur(5)), 200)


def cut_off_jpeg() -> bytes:
    """The same page, its left fifth beside the glass."""
    page = written()
    moved = Image.new("RGB", page.size, page.getpixel((page.width // 2, 20)))
    moved.paste(page, (-350, 0))
    return scans.jpeg(moved, 200)


def receipt_jpeg() -> bytes:
    """A till receipt: far longer than a page of a volume."""
    return saved(picture(size=(1300, 12_000)), "JPEG", dpi=(200, 200))


def animated_png() -> bytes:
    """An animation of a page."""
    return saved(picture(), "PNG", save_all=True, append_images=[picture("other")])


def broken_in_the_middle(data: bytes) -> bytes:
    """A file with some bytes of its middle third changed."""
    changed, random = bytearray(data), Random(3)
    for _ in range(20):
        changed[len(data) // 3 + random.randrange(len(data) // 3)] ^= 0x5A
    return bytes(changed)


def damaged_jpeg() -> bytes:
    """Broken in the middle, whole at the end."""
    return broken_in_the_middle(jpeg())
