"""Characters that mean the same in another place of Unicode.

A radical is drawn as the ideograph it is, and text layers of PDFs write one for the other: 王⽟⻢
is 王玉马. NFKC folds the Kangxi radicals (U+2F00 to U+2FD5) and two of those of the supplement
(U+2E80 to U+2EF3); for the others Unicode names the ideographs (EquivalentUnifiedIdeograph.txt,
UAX #44).
"""

import unicodedata

_RADICALS = (
    "⺁⺂⺃⺄⺅⺆⺇⺈⺉⺊⺋⺌⺍⺎⺏⺐⺑⺒⺓⺔⺕⺖⺗⺘⺙⺛⺜⺝⺞⺟⺠⺡⺢⺣⺤⺥⺦⺧⺨⺩⺪⺫⺬⺭⺮⺯⺰⺱⺲⺳⺴⺵⺶⺷⺸⺹"
    "⺺⺻⺼⺽⺾⺿⻀⻁⻂⻃⻄⻅⻆⻇⻈⻉⻊⻋⻌⻍⻎⻏⻐⻑⻒⻓⻔⻕⻖⻗⻘⻙⻚⻛⻜⻝⻞⻟⻠⻡⻢⻣⻤⻥⻦⻧⻨⻩⻪⻫⻬⻭⻮⻯⻰⻱⻲⻳"
)
_IDEOGRAPHS = (
    "厂乛乚乙亻冂𠘨刀刂卜㔾小小兀尣尢𡯂巳幺彑彐忄心扌攵旡日月歺母民氵氺灬爫爫丬牛犭王𤴔目示礻𥫗糹纟罓罒㓁冗𦉫羊𦍌𦍋耂"
    "肀聿肉𦥑艹艹艹虎衤覀西见角𧢲讠贝𧾷车辶辶辶邑钅長镸长门𨸏阝雨青韦页风飞食𩙿飠饣𩠐马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀龟"
)
RADICALS = str.maketrans(_RADICALS, _IDEOGRAPHS)
"""The radicals of the supplement and their ideographs, for `str.translate`."""


def unified(text: str) -> str:
    """Return a text in its usual characters: NFKC, and ideographs for radicals."""
    return unicodedata.normalize("NFKC", text).translate(RADICALS)
