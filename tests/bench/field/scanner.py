"""What a scanner or a telephone makes of a sheet, and what happened to the sheet before.

Grain, moiré, shadows, yellowed paper, punched holes, staples, pencil; a sheet never lies quite
straight, and every capture of it is another.
"""

import io
from dataclasses import dataclass
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from tests.bench.field.sheets import dice


@dataclass(frozen=True)
class Scanner:
    """The device of a window: it makes all pages of a case alike."""

    skew: float
    grain: float
    moire: float
    shadow: float
    contrast: float
    quality: int
    grey: bool


def scanner(random: Random) -> Scanner:
    """A device, from good to worn."""
    return Scanner(
        random.uniform(0.2, 1.6),
        random.uniform(0.5, 7),
        random.choice((0, 0, 1.5, 4)),
        random.choice((0, 0, 20, 45)),
        random.uniform(0.85, 1.1),
        random.choice((60, 75, 85, 92)),
        random.random() < 0.3,
    )


def worn(sheet: Image.Image, random: Random) -> Image.Image:
    """The sheet after its life in a file: yellowed, punched, stapled, noted in pencil."""
    sheet = sheet.copy()
    draw = ImageDraw.Draw(sheet)
    width, height = sheet.size
    if random.random() < 0.35:
        for y in (height // 2 - 315, height // 2 + 315):
            draw.ellipse((45, y - 24, 93, y + 24), fill=(70, 68, 66))
    if random.random() < 0.3:
        x, y = random.randint(60, 120), random.randint(50, 120)
        draw.line((x, y, x + 78, y - random.randint(5, 30)), (110, 112, 118), 6)
        draw.line((x, y + 5, x + 78, y - 12), (200, 200, 200), 3)
    if random.random() < 0.3:
        x, y = random.randint(200, width - 500), random.randint(60, height - 150)
        for _ in range(random.randint(2, 5)):
            points = [(x + 14 * step, y + random.randint(-16, 16)) for step in range(12)]
            draw.line(points, (168, 168, 172), 3)
            x += 60
    if random.random() < 0.4:
        tint = Image.new(
            "RGB", sheet.size, (random.randint(238, 252), 244, random.randint(205, 238))
        )
        sheet = Image.blend(
            sheet,
            Image.composite(sheet, tint, sheet.convert("L").point(lambda v: 255 * (v < 128))),
            0.7,
        )
    return sheet


def capture(sheet: Image.Image, device: Scanner, seed: int) -> Image.Image:
    """One capture of a sheet: another place, another skew, another grain each time."""
    random, grain = dice(seed), np.random.default_rng(seed)
    width, height = sheet.size
    angle = random.uniform(-device.skew, device.skew)
    scale = random.uniform(0.992, 1.008)
    moved = sheet.rotate(
        angle,
        Image.Resampling.BICUBIC,
        translate=(random.randint(-14, 14), random.randint(-14, 14)),
        fillcolor=(252, 252, 252),
    )
    if abs(scale - 1) > 0.002:
        moved = moved.resize(
            (round(width * scale), round(height * scale)), Image.Resampling.BICUBIC
        )
    moved = moved.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 0.8)))
    moved = ImageEnhance.Contrast(moved).enhance(device.contrast)
    moved = ImageEnhance.Brightness(moved).enhance(random.uniform(0.93, 1.02))
    light = np.asarray(moved, dtype=np.float32)
    down, across = light.shape[:2]
    noise = grain.normal(0, device.grain, (down, across)).astype(np.float32)
    if device.moire:
        y, x = np.mgrid[0:down, 0:across].astype(np.float32)
        phase, turn = random.uniform(0, 6), random.uniform(0.2, 1.3)
        noise += device.moire * np.sin((x * np.cos(turn) + y * np.sin(turn)) / 2.3 + phase)
    if device.shadow:
        edge = np.exp(-np.arange(across, dtype=np.float32) / random.uniform(30, 120))
        noise -= device.shadow * (edge if random.random() < 0.5 else edge[::-1])[None, :]
    light = np.clip(light + noise[..., None], 0, 255).astype(np.uint8)
    page = Image.fromarray(light)
    return page.convert("L") if device.grey else page


def jpeg(page: Image.Image, quality: int, dpi: int = 200) -> bytes:
    """The page as a JPEG."""
    out = io.BytesIO()
    page.save(out, "JPEG", quality=quality, dpi=(dpi, dpi))
    return out.getvalue()


def encoded(page: Image.Image, device: Scanner, random: Random) -> tuple[str, bytes]:
    """The page as its device writes it: extension and bytes."""
    out = io.BytesIO()
    kind = random.random()
    if kind < 0.12:
        page.convert("L").save(out, "PNG", dpi=(200, 200))
        return "png", out.getvalue()
    if kind < 0.22:
        page.convert("L").point(lambda value: 255 * (value > 140)).convert("1").save(
            out, "TIFF", compression="group4", dpi=(200, 200)
        )
        return "tif", out.getvalue()
    if kind < 0.34:
        page.save(out, "PDF", resolution=200, quality=device.quality)
        return "pdf", out.getvalue()
    return "jpg", jpeg(page, device.quality)
