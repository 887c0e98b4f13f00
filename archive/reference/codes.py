"""档号: the code of a volume or an item, and the storage prefix of a volume version.

DA/T 13-2022, standards.md §2.2.
"""

import re
from dataclasses import dataclass, replace

from archive.reference.errors import ArchiveError
from archive.reference.vocabulary import Retention, Series

CATEGORY = "ZY·HJ"
MAX_NUMBER = 999_999
MAX_ITEM = 999
MAX_YEAR = 9999
_FONDS = re.compile(r"[A-Z][0-9]{3}")
_GRAMMAR = re.compile(
    rf"(?P<fonds>[A-Z][0-9]{{3}})-{CATEGORY}·(?P<series>[A-Z]{{2}})·(?P<year>[0-9]{{4}})"
    r"·(?P<term>Y|D30|D10)-(?P<number>[0-9]{6})(?:-(?P<item>[0-9]{3}))?"
)


class CodeFaultError(ArchiveError):
    """A 档号 that the grammar or the vocabulary does not know."""

    code = "BAD_ARCHIVAL_CODE"


class NumbersExhaustedError(ArchiveError):
    """All numbers of a series and year, or all items of a volume, are taken."""

    code = "NUMBERS_EXHAUSTED"


@dataclass(frozen=True, slots=True)
class ArchivalCode:
    """The code of a volume, or of an item in it; numbers count from 1.

    `{fonds}-ZY·HJ·{series}·{year}·{term}-{number}` of a volume, with `-{item}` appended of an item.
    Raises CodeFaultError for a part out of its range.
    """

    fonds: str
    series: Series
    year: int
    term: Retention
    number: int
    item: int | None = None

    def __post_init__(self) -> None:
        in_range = (
            _FONDS.fullmatch(self.fonds) is not None
            and self.series in set(Series)
            and self.term in set(Retention)
            and 1 <= self.year <= MAX_YEAR
            and 1 <= self.number <= MAX_NUMBER
            and (self.item is None or 1 <= self.item <= MAX_ITEM)
        )
        if not in_range:
            raise CodeFaultError(
                "档号的组成部分超出允许范围。", "请核对全宗号、卷目、年度、保管期限、册号和件号。"
            )

    def __str__(self) -> str:
        item = "" if self.item is None else f"-{self.item:03d}"
        return (
            f"{self.fonds}-{CATEGORY}·{self.series.value}·{self.year:04d}"
            f"·{self.term.value}-{self.number:06d}{item}"
        )

    @classmethod
    def parse(cls, text: str) -> "ArchivalCode":
        """Return the code that a text states; raises CodeFaultError when it states none."""
        match = _GRAMMAR.fullmatch(text)
        if match is None or match["series"] not in set(Series):
            raise CodeFaultError(
                "档号格式不正确。",
                "档号形如 J602-ZY·HJ·QR·2026·Y-000123 或 J602-ZY·HJ·QR·2026·Y-000123-004。",
            )
        item = match["item"]
        return cls(
            match["fonds"],
            Series(match["series"]),
            int(match["year"]),
            Retention(match["term"]),
            int(match["number"]),
            None if item is None else int(item),
        )

    def next(self) -> "ArchivalCode":
        """Return the code of the following volume, or of the following item for an item's code.

        Raises NumbersExhaustedError after the last.
        """
        if self.item is not None:
            return self.with_item(self.item + 1)
        if self.number >= MAX_NUMBER:
            raise NumbersExhaustedError("本卷目本年度的册号已用完。", "请报档案管理员另设卷目。")
        return replace(self, number=self.number + 1)

    def with_item(self, item: int) -> "ArchivalCode":
        """Return the code of the `item`-th item in this volume, from 1.

        Raises NumbersExhaustedError past 999.
        """
        if item > MAX_ITEM:
            raise NumbersExhaustedError("册内件号已超过999。", "请核对该办件的材料是否重复。")
        return replace(self, item=item)

    @property
    def volume(self) -> "ArchivalCode":
        """Return the code of the volume itself."""
        return replace(self, item=None)


def parse(text: str) -> ArchivalCode:
    """Return the 档号 that a text states; raises CodeFaultError."""
    return ArchivalCode.parse(text)


def storage_prefix(code: ArchivalCode, version: int) -> str:
    """Return the folder of a volume version, such as `volumes/J602/QR/2026/Y-000123/v1`.

    It is ASCII, without a closing slash, and the same for every item of a volume. Versions count
    from 1.
    """
    if version < 1:
        raise CodeFaultError("册的版本号应从1开始。", "请核对版本号。")
    return (
        f"volumes/{code.fonds}/{code.series.value}/{code.year:04d}"
        f"/{code.term.value}-{code.number:06d}/v{version}"
    )
