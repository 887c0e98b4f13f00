"""The names of fonts that a foreign PDF does not bring along.

Ours takes the place of those whose letters are known by their names; others are told.
"""

import re

_SUBSET = re.compile(r"^[A-Z]{6}\+")
_STYLE = re.compile(r"[\s\-_,.#]|bold|italic|oblique|regular|roman|light|medium|psmt|mt$|ps$")
_BY_PREFIX = (
    *("helvetica", "arial", "times", "courier", "symbol", "zapfdingbats", "nimbus", "liberation"),
    *("dejavu", "calibri", "cambria", "verdana", "tahoma", "georgia", "trebuchet", "consolas"),
    *("simsun", "nsimsun", "simhei", "simkai", "simfang", "kaiti", "fangsong", "microsoftyahei"),
    *("msyh", "stsong", "stheiti", "stkaiti", "stfangsong", "stxihei", "stzhongsong", "dengxian"),
    *("mingliu", "pmingliu", "msung", "mhei", "songti", "heiti", "youyuan", "lisu"),
    *("adobesong", "adobeheiti", "adobekaiti", "adobefangsong", "notosans", "notoserif"),
    *("sourcehansans", "sourcehanserif", "fzsong", "fzhei", "fzkai", "fzfang", "fzxiaobiaosong"),
    *("wenquanyi", "arialunicodems", "sstsong"),
    *("宋体", "新宋体", "黑体", "楷体", "仿宋", "微软雅黑", "华文", "方正", "等线", "隶书", "幼圆"),
    *("汉仪", "思源", "细明体", "新细明体"),
)
_LONGEST = 40


def font_name(raw: bytes) -> str:
    """Return the name of a font as people write it; old systems name theirs in GBK."""
    for coding in ("utf-8", "gb18030"):
        try:
            name = raw.decode(coding)
        except UnicodeDecodeError:
            continue
        name = _SUBSET.sub("", name)
        return "".join(char for char in name if char.isprintable())[:_LONGEST] or "（无名）"
    return "（无名）"


def is_known(name: str) -> bool:
    """Return whether the letters of a font of this name are those that ours draws for it."""
    plain = _STYLE.sub("", _SUBSET.sub("", name).lower())
    return plain.startswith(_BY_PREFIX)
