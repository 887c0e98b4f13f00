"""Invented people: names, also with rare characters, and numbers of the right shape.

Any likeness is chance.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from archive.reference.citizen_id import check_digit

_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕云苏白包额奇"
)
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰慧宇佳琪梓涵浩然雨欣子轩诗语晨曦"
_MONGOLIAN = (
    "巴特尔",
    "其其格",
    "乌云娜",
    "苏日娜",
    "阿拉坦",
    "娜仁花",
    "哈斯额尔敦",
    "萨仁高娃",
    "宝音图",
    "格日勒",
)
_RARE = ("𬭎", "㛃", "𫖯", "𬱖", "喆", "堃", "犇", "䶮", "𠅤")
"""Characters that exchange systems often lose: CJK extensions A, B, E and F, and doubled ones."""
_PREFIXES = (
    "150602",
    "150603",
    "150621",
    "150622",
    "150623",
    "150624",
    "150625",
    "150626",
    "150627",
    "152701",
    "152722",
    "150104",
    "610802",
)


@dataclass(frozen=True, slots=True)
class Invented:
    """A person who does not exist."""

    name: str
    id_number: str
    phone: str
    rare: bool


def invent(random: Random, *, youngest: int = 18, oldest: int = 80) -> Invented:
    """Return an invented person between two ages (years, on 2026-01-01).

    One name in ten holds a rare character, one in eight of the others is Mongolian.
    """
    rare = random.random() < 0.1
    if rare:
        name = random.choice(_SURNAMES) + random.choice(_RARE)
    elif random.random() < 0.125:
        name = random.choice(_MONGOLIAN)
    else:
        name = random.choice(_SURNAMES) + "".join(random.sample(_GIVEN, random.choice((1, 2, 2))))
    born = date(2026, 1, 1) - timedelta(days=random.randint(youngest * 366, oldest * 365))
    first17 = f"{random.choice(_PREFIXES)}{born:%Y%m%d}{random.randint(1, 399):03d}"
    return Invented(
        name, first17 + check_digit(first17), f"138{random.randint(0, 99_999_999):08d}", rare
    )


def with_wrong_check_digit(number: str) -> str:
    """Return the same number with another last character, like a typing error."""
    return number[:-1] + ("0" if number[-1] != "0" else "1")
