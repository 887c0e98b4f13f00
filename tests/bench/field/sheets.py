"""Sheets of paper before any scanner: forms, letters, household registers, cards, photographs.

A sheet is drawn at 200 dpi. Its printed part depends on the kind of the form and its house style,
its handwriting on the person; two sheets of one form differ in what is written and nothing else.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw, ImageFont

DPI = 200
A4 = (1654, 2339)
_FOLDERS = (
    *filter(None, os.environ.get("YICE_BENCH_FONTS", "").split(os.pathsep)),
    "/usr/share/fonts",
)
_PRINTED = (
    "uming.ttc",
    "wqy-zenhei.ttc",
    "wqy-microhei.ttc",
    "NotoSerifCJK-Regular.ttc",
    "NotoSansCJK-Regular.ttc",
    "NotoSerifCJK-Bold.ttc",
)
_WRITTEN = ("ukai.ttc", "NotoSerifCJK-Regular.ttc")
_HAN = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定"
    "行学法所民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些"
    "然前外天政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公"
    "无系军很情者最立代想已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将"
)
SURNAMES = "乌格阿布苏巴奇包白康云郝刘薛贾侯曹武折杭高"
GIVEN = "日其根娜仁托雅苏和格勒图朝鲁海霞建军丽平志强秀英永胜桂兰文博"


def dice(seed: object) -> Random:
    """The dice of a seed: the same city each time."""
    return Random(str(seed))


@dataclass(frozen=True)
class Style:
    """The house style of an office: fonts and sizes of its print."""

    font: str
    size: int
    gap: float
    margin: int


@cache
def _fonts() -> dict[str, Path]:
    return {
        path.name: path
        for folder in _FOLDERS
        for path in sorted(Path(folder).rglob("*.tt*"))
        if path.name in {*_PRINTED, *_WRITTEN}
    }


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    fonts = _fonts()
    if not fonts:
        raise SystemExit("no Chinese fonts: apt-get install fonts-noto-cjk fonts-arphic-ukai")
    return ImageFont.truetype(str(fonts.get(name) or next(iter(fonts.values()))), size)


def style(random: Random) -> Style:
    """The style of an office."""
    return Style(
        random.choice([name for name in _PRINTED if name in _fonts()] or _PRINTED),
        random.choice((28, 30, 33, 36)),
        random.uniform(1.5, 2.1),
        random.randint(170, 260),
    )


def words(random: Random, length: int) -> str:
    """So many characters of no meaning."""
    return "".join(random.choice(_HAN) for _ in range(length))


def name(random: Random) -> str:
    """A name of the region."""
    return random.choice(SURNAMES) + "".join(random.sample(GIVEN, random.randint(1, 3)))


def _write(page: Image.Image, at: tuple[float, float], text: str, size: int, seed: int) -> None:
    """Write by hand: each character turns, wanders and changes its size a little."""
    random, (x, y) = dice(seed), at
    ink = random.choice(((25, 30, 90), (20, 20, 25), (40, 40, 46)))
    font_name = next((font for font in _WRITTEN if font in _fonts()), _WRITTEN[0])
    slant = random.uniform(-0.06, 0.06)
    for place, char in enumerate(text):
        own = max(14, round(size * random.uniform(0.9, 1.12)))
        glyph = Image.new("L", (own * 2, own * 2))
        ImageDraw.Draw(glyph).text(
            (own * 0.5, own * 0.4), char, 255, _font(font_name, own), stroke_width=own > 40
        )
        glyph = glyph.rotate(random.uniform(-9, 9), Image.Resampling.BICUBIC)
        spot = (
            round(x + random.uniform(-2, 2) - own * 0.5),
            round(y + random.uniform(-4, 4) - own * 0.4 + slant * place * size),
        )
        page.paste(ink, spot, glyph)
        x += own * (0.62 if char.isascii() else 0.98) + random.uniform(-1, 2)


def _stamp(page: Image.Image, at: tuple[int, int], text: str, random: Random) -> None:
    """Set a red round stamp over what is there, turned as hands turn it."""
    size = random.randint(300, 340)
    layer = Image.new("L", (size, size))
    draw = ImageDraw.Draw(layer)
    draw.ellipse((6, 6, size - 6, size - 6), outline=random.randint(170, 230), width=8)
    draw.text((size // 2, size // 2 - 40), "★", 200, _font("uming.ttc", 70), anchor="mm")
    draw.text((size // 2, size // 2 + 50), text[:9], 200, _font("uming.ttc", 30), anchor="mm")
    layer = layer.rotate(random.uniform(-25, 25), Image.Resampling.BICUBIC)
    page.paste((200, 30, 35), at, layer)


def letter(
    look: Style, title: str, lines: Sequence[str], signer: str, seed: int, office: str = ""
) -> Image.Image:
    """A letter or proof: printed paragraphs, signed and dated by hand, stamped by an office."""
    page, random = Image.new("RGB", A4, (255, 255, 255)), dice(seed)
    draw, y = ImageDraw.Draw(page), float(look.margin)
    draw.text((A4[0] // 2, y), title, (10, 10, 10), _font(look.font, look.size + 22), anchor="ma")
    y += 150
    width = (A4[0] - 2 * look.margin) // look.size
    for paragraph in lines:
        text = "　　" + paragraph
        for start in range(0, len(text), width):
            draw.text(
                (look.margin, y),
                text[start : start + width],
                (15, 15, 15),
                _font(look.font, look.size),
            )
            y += look.size * look.gap
    y = min(y + 90, A4[1] - 420)
    x = random.randint(850, 1000)
    draw.text((x - 190, y), "签名：", (15, 15, 15), _font(look.font, look.size))
    _write(page, (x - 80, y - 8), signer, 52, seed + 1)
    _write(
        page,
        (x - 120, y + 120),
        f"2026年{random.randint(1, 9)}月{random.randint(1, 28)}日",
        40,
        seed + 2,
    )
    if office:
        _stamp(page, (x - 150, round(y) - 60), office, random)
    return page


def form(look: Style, title: str, rows: Sequence[tuple[str, str]], seed: int) -> Image.Image:
    """A printed form with a grid, filled in by hand; a box is ticked."""
    page, random = Image.new("RGB", A4, (255, 255, 255)), dice(seed)
    draw, y = ImageDraw.Draw(page), look.margin
    draw.text((A4[0] // 2, y), title, (10, 10, 10), _font(look.font, look.size + 18), anchor="ma")
    y += 140
    height, split = 92, look.margin + 330
    for label, value in rows:
        draw.rectangle(
            (look.margin, y, A4[0] - look.margin, y + height), outline=(20, 20, 20), width=3
        )
        draw.line((split, y, split, y + height), (20, 20, 20), 3)
        draw.text((look.margin + 24, y + 26), label, (15, 15, 15), _font(look.font, look.size))
        _write(page, (split + 30, y + 20), value[:24], 46, random.randint(0, 1 << 30))
        y += height
    for option in ("首次办理", "补办", "其他"):
        draw.rectangle(
            (look.margin, y + 40, look.margin + 34, y + 74), outline=(20, 20, 20), width=3
        )
        draw.text((look.margin + 60, y + 38), option, (15, 15, 15), _font(look.font, look.size))
        if option == "首次办理":
            _write(page, (look.margin + 2, y + 26), "√", 40, seed)
        y += 70
    return page


_CARD = (
    ("姓名", "与户主关系"), ("曾用名", "性别"), ("出生地", "民族"), ("籍贯", "出生日期"),
    ("本市其他住址", "宗教信仰"), ("公民身份号码", "身高"), ("文化程度", "婚姻状况"),
    ("服务处所", "职业"), ("何时由何地迁来本市", "何时由何地迁来本址"),
)  # fmt: skip


def register_page(
    look: Style, values: dict[str, str], household: str, number: int, seed: int
) -> Image.Image:
    """A page 常住人口登记卡 of a household register: all of a household alike but the values.

    The values are typed by a printer at the station, a hair off its lines.
    """
    width, height = 1240, 874
    page, random = Image.new("RGB", (width, height), (250, 247, 238)), dice(seed)
    draw = ImageDraw.Draw(page)
    draw.text((width // 2, 40), "常住人口登记卡", (30, 60, 40), _font(look.font, 44), anchor="ma")
    draw.text((90, 105), f"户号 {household}", (30, 60, 40), _font(look.font, 24))
    draw.text((width - 90, 105), f"第 {number} 页", (30, 60, 40), _font(look.font, 24), anchor="ra")
    dx, dy = random.randint(-4, 4), random.randint(-4, 4)
    for row, pair in enumerate(_CARD):
        y = 150 + row * 62
        for column, label in enumerate(pair):
            x = 80 + column * 560
            draw.rectangle((x, y, x + 530, y + 62), outline=(60, 90, 70), width=2)
            draw.text((x + 12, y + 18), label, (30, 60, 40), _font(look.font, 24))
            draw.text(
                (x + 250 + dx, y + 16 + dy),
                values.get(label, ""),
                (20, 20, 20),
                _font("uming.ttc", 28),
            )
    draw.text((140, height - 110), "承办人签章：", (30, 60, 40), _font(look.font, 24))
    draw.text((720, height - 110), "登记日期：2019年4月8日", (30, 60, 40), _font(look.font, 24))
    _stamp(page, (330, height - 330), "户口专用", dice(household))
    return page


def portrait(seed: int) -> Image.Image:
    """A photograph for a document: 358 × 441 pixels, as its standard says.

    All sit alike before a plain wall; faces, hair and clothes are each person's own.
    """
    random = dice(seed)
    picture = Image.new("RGB", (358, 441), (240, 244, 250))
    draw = ImageDraw.Draw(picture)
    skin = (random.randint(200, 235), random.randint(160, 190), random.randint(130, 160))
    wide, chin, broad = random.randint(66, 84), random.randint(300, 335), random.randint(120, 150)
    cloth = tuple(random.randint(20, 120) for _ in range(3))
    draw.ellipse((179 - broad, random.randint(290, 325), 179 + broad, 620), fill=cloth)
    draw.ellipse((179 - wide, 90, 179 + wide, chin), fill=skin)
    hair, brow = random.randint(4, 18), random.randint(150, 200)
    dark = random.randint(15, 70)
    draw.pieslice(
        (179 - wide - hair, 84 - hair, 179 + wide + hair, 2 * brow - 84),
        180,
        360,
        fill=(dark, dark - 5, dark - 8),
    )
    if random.random() < 0.4:  # long hair
        for left in (179 - wide - hair, 179 + wide - 14):
            draw.rectangle((left, brow, left + hair + 14, chin), fill=(dark, dark - 5, dark - 8))
    apart, level = random.randint(22, 34), brow + random.randint(16, 30)
    for x in (179 - apart, 179 + apart):
        draw.ellipse((x - 11, level, x + 11, level + random.randint(10, 16)), fill=(30, 25, 25))
        if seed % 3 == 0:  # glasses
            draw.ellipse((x - 19, level - 10, x + 19, level + 24), outline=(40, 40, 44), width=3)
    mouth = level + random.randint(52, 70)
    draw.arc((150, mouth - 30, 208, mouth + 14), 20, 160, fill=(150, 60, 60), width=5)
    return picture


def card_copy(look: Style, person: str, number: str, seed: int) -> Image.Image:
    """A copy of an identity card's two sides on one sheet."""
    page = Image.new("RGB", A4, (255, 255, 255))
    draw = ImageDraw.Draw(page)
    random = dice(seed)
    left, top = random.randint(420, 500), random.randint(420, 560)
    for side in (0, 1):
        y = top + side * 620
        draw.rounded_rectangle(
            (left, y, left + 674, y + 425), 24, fill=(226, 236, 240), outline=(60, 60, 60)
        )
        if side:
            for row, text in enumerate(
                ("中华人民共和国", "居民身份证", f"签发机关 {words(random, 4)}公安局")
            ):
                draw.text((left + 90, y + 60 + row * 110), text, (20, 20, 20), _font(look.font, 40))
        else:
            lines = (f"姓名  {person}", "性别  男  民族  蒙古", f"住址  {words(random, 9)}", number)
            for row, text in enumerate(lines):
                draw.text((left + 40, y + 50 + row * 90), text, (20, 20, 20), _font(look.font, 30))
            page.paste(portrait(seed).resize((190, 234)), (left + 450, y + 60))
    return page
