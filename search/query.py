"""What people type, parsed once for every engine into a small tree.

    王小明 出生医学证明            both, each as an exact part of the text
    "东胜区 交通派出所"            one phrase; spaces do not count
    王 AND (出生 OR 迁入) NOT 作废  Boolean; | and - do the same
    姓名:王  档号:J602-ZY·HJ·QR  办件:1506…-000123  事项:出生  旗区:东胜
    单位:交通  收件:  户籍:  卷目:迁入  来源:扫描  年度:2026
    日期:2026-09  日期:2026-01-01..2026-03-31

ID and telephone numbers, also as first six and last four, become a `BlindLookup`: the index does
not hold them, the database answers.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import Series, SourceKind
from search.analysis import GAP, fold
from search.errors import QueryError
from search.tree import (
    Among,
    And,
    Beginning,
    BlindLookup,
    Completed,
    Everything,
    Exact,
    Lookup,
    Name,
    Node,
    Not,
    Number,
    Or,
    Text,
)
from search.typed import joined_numbers

MAX_LENGTH, MAX_TERMS, MAX_DEPTH = 300, 32, 16


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    prefix: str = ""


_DIGIT = "[0-9０-９]"
_ID = rf"{_DIGIT}{{17}}[0-9０-９XxＸｘ]"
_SECRET = re.compile(
    rf"(?<!{_DIGIT})(?:(?P<id>{_ID}|{_DIGIT}{{15}})"
    rf"|(?P<ends>{_DIGIT}{{6}}[*＊…]+{_DIGIT}{{3}}[0-9０-９XxＸｘ])"
    rf"|(?P<phone>[1１]{_DIGIT}{{10}}))(?!{_DIGIT})"
)
_ENDS_PLAIN = re.compile(r"[1-8][0-9]{8}[0-9x]")
_CODE = re.compile(r"[a-z][0-9]{3}(?:-.*)?")
_CASE = re.compile(r"[0-9]{12}-[0-9]{8}-[0-9]*")
_QUOTES = {"“": "”", "”": "”", "「": "」", "『": "』", '"': '"', "＂": "＂"}
_LEXEME = re.compile(
    r"(?P<space>\s+)|(?P<open>[(（])|(?P<close>[)）])|(?P<or>[|｜])|(?P<and>[&＆])"
    r"|(?P<not>(?<![^\s(（])[-－!！](?=\S))"
    r"|(?P<quote>[“”「『\"＂])|(?P<word>[^\s()（）|｜&＆“”「『\"＂]+)"
)
_GLUED = re.compile(
    r"(?<=[\u3400-\u9fff\U00020000-\U000323af])(AND|OR|NOT)(?=[\u3400-\u9fff\U00020000-\U000323af])"
)
_OPERATORS = {"AND": "and", "OR": "or", "NOT": "not"}
_PREFIX = re.compile(r"(?P<prefix>[^\s:：]{1,6})[:：](?P<rest>.*)", re.DOTALL)
_PREFIXES = {
    **dict.fromkeys(("姓名", "name"), "name"),
    **dict.fromkeys(("证件", "证件号", "身份证", "身份证号", "id"), "id"),
    **dict.fromkeys(("电话", "手机", "phone"), "phone"),
    **dict.fromkeys(("档号", "code"), "code"),
    **dict.fromkeys(("办件", "办件编号", "case"), "case"),
    **dict.fromkeys(("事项", "item"), "item"),
    **dict.fromkeys(("旗区", "区县"), "district"),
    **dict.fromkeys(("单位", "派出所", "station"), "station"),
    **dict.fromkeys(("收件", "收件单位"), "receive"),
    **dict.fromkeys(("户籍", "户籍地"), "domicile"),
    **dict.fromkeys(("卷目", "series"), "series"),
    **dict.fromkeys(("来源", "source"), "source"),
    **dict.fromkeys(("年度", "year"), "year"),
    **dict.fromkeys(("日期", "办结", "date"), "date"),
    **dict.fromkeys(("全宗", "fonds"), "fonds"),
}
_DAY = re.compile(r"(\d{4})(?:-?(\d{1,2}))?(?:-?(\d{1,2}))?")


@dataclass(frozen=True, slots=True)
class Words:
    """The names that stand for codes in a query: those of organisations and items."""

    organisations: Organisations
    catalogue: Catalogue


def parse(typed: str, words: Words) -> Node:
    """Return the tree of what was typed.

    Never fails for its syntax: an open quote or bracket ends with the line. Raises QueryError for
    its size.
    """
    if len(typed) > MAX_LENGTH:
        raise QueryError(f"检索式超过{MAX_LENGTH}个字符。", "请缩短后重试。")
    tokens = list(_tokens(joined_numbers(typed)))
    if sum(token.kind == "word" for token in tokens) > MAX_TERMS:
        raise QueryError(f"检索词超过{MAX_TERMS}个。", "请减少检索词后重试。")
    parts = []
    parser = _Parser(tokens, words)
    while parser.place < len(tokens):
        parts.append(parser.either(0))
        parser.place += 1  # a closing bracket that nothing opened
    node = _joined(And, [part for part in parts if part is not None])
    return Everything() if node is None else node


def _tokens(typed: str) -> Iterator[_Token]:
    """Yield the lexemes.

    Inside quotes everything is text, and a field's name may stand before a quote.
    """
    place, prefix = 0, ""
    while place < len(typed):
        lexeme = _LEXEME.match(typed, place)
        if lexeme is None or lexeme.lastgroup is None:
            break
        kind, place = lexeme.lastgroup, lexeme.end()
        if kind == "quote":
            closing = _QUOTES[lexeme[0]]
            end = next(
                (at for at in range(place, len(typed)) if typed[at] in {closing, '"'}), len(typed)
            )
            yield _Token("word", typed[place:end], prefix or "quoted")
            place, prefix = end + 1, ""
        elif kind == "word":
            for token in _words(lexeme[0]):
                if token.kind == "word" and token.prefix and not token.text:
                    prefix = token.prefix
                else:
                    yield (
                        replace(token, prefix=token.prefix or prefix)
                        if token.kind == "word"
                        else token
                    )
                    prefix = ""
        elif kind != "space":
            yield _Token(kind, lexeme[0])


def _words(lexeme: str) -> Iterator[_Token]:
    for part in _GLUED.split(lexeme):
        operator = _OPERATORS.get(fold(part).upper() if part.isupper() else part)
        field = _PREFIX.fullmatch(part)
        prefix = _PREFIXES.get(fold(field["prefix"])) if field else None
        if operator:
            yield _Token(operator, part)
        elif field and prefix:
            yield _Token("word", field["rest"], prefix)
        elif part:
            yield _Token("word", part)


class _Parser:
    """A parser by recursive descent.

    OR binds least, AND may be left out, NOT stands before one operand.
    """

    def __init__(self, tokens: list[_Token], words: Words) -> None:
        self.tokens = tokens
        self.words = words
        self.place = 0

    def _next(self) -> str:
        return self.tokens[self.place].kind if self.place < len(self.tokens) else "end"

    def either(self, depth: int) -> Node | None:
        if depth > MAX_DEPTH:
            raise QueryError(f"检索式括号超过{MAX_DEPTH}层。", "请减少括号层数。")
        parts = [self._all(depth)]
        while self._next() == "or":
            self.place += 1
            parts.append(self._all(depth))
        return _joined(Or, [part for part in parts if part is not None])

    def _all(self, depth: int) -> Node | None:
        parts: list[Node | None] = []
        while self._next() not in {"or", "close", "end"}:
            if self._next() == "and":
                self.place += 1
            else:
                parts.append(self._operand(depth))
        return _joined(And, [part for part in parts if part is not None])

    def _operand(self, depth: int) -> Node | None:
        denied = False
        while self._next() == "not":
            denied = not denied
            self.place += 1
        kind = self._next()
        operand: Node | None = None
        if kind == "open":
            self.place += 1
            operand = self.either(depth + 1)
            self.place += self._next() == "close"
        elif kind == "word":
            operand = _leaf(self.tokens[self.place], self.words)
            self.place += 1
        return Not(operand) if denied and operand is not None else operand


def _joined(kind: type[And] | type[Or], parts: list[Node]) -> Node | None:
    return None if not parts else parts[0] if len(parts) == 1 else kind(tuple(parts))


def _leaf(token: _Token, words: Words) -> Node | None:
    """Return the node of one word.

    The numbers that must not be looked for as text are taken out of it first.
    """
    parts: list[Node] = []
    rest = 0
    # A case number may look like an ID number; with its prefix it is taken for what it is.
    for match in _SECRET.finditer(token.text) if token.prefix not in {"code", "case"} else ():
        parts += _plain(token.text[rest : match.start()], token.prefix, words)
        parts.append(_secret(match))
        rest = match.end()
    parts += _plain(token.text[rest:], token.prefix, words)
    return _joined(And, parts)


def _secret(match: re.Match[str]) -> BlindLookup:
    value = fold(match[0]).upper()
    if match["phone"]:
        return BlindLookup(Lookup.PHONE, value)
    return (
        BlindLookup(Lookup.ID_ENDS, value[:6] + value[-4:])
        if match["ends"]
        else BlindLookup(Lookup.ID_NUMBER, value)
    )


def _plain(typed: str, prefix: str, words: Words) -> list[Node]:
    value = fold(typed.replace(GAP, ""))
    if not value:
        return []
    if prefix not in {"", "quoted"}:
        return [_in_field(prefix, value, words)]
    if prefix == "" and _CODE.fullmatch(value) and "-" in value:
        return [_code(value)]
    if prefix == "" and _CASE.fullmatch(value):
        return [Beginning(Number.CASE, value)]
    if prefix == "" and _ENDS_PLAIN.fullmatch(value):
        return [Or((Text(value), BlindLookup(Lookup.ID_ENDS, value.upper())))]
    return [Text(value)]


def _code(value: str) -> Beginning:
    """Return the beginning of a 档号, which may be written with `.` as on the bar code.

    Its dots are folded away (`search.analysis.fold`).
    """
    return Beginning(Number.CODE, value.replace(".", ""))


def _in_field(prefix: str, value: str, words: Words) -> Node:  # noqa: PLR0911 - one line a field
    if prefix == "name":
        return Name(value)
    if prefix in {"id", "phone"}:
        return BlindLookup(
            Lookup.PHONE
            if prefix == "phone"
            else Lookup.ID_ENDS
            if len(value) == 10  # noqa: PLR2004 - six and four
            else Lookup.ID_NUMBER,
            value.upper(),
        )
    if prefix == "code":
        return _code(value)
    if prefix == "case":
        return Beginning(Number.CASE, value)
    if prefix == "date":
        return _days(value)
    if prefix == "station":
        codes = _org_codes(value, words)
        return Or((Among(Exact.RECEIVE, codes), Among(Exact.DOMICILE, codes)))
    return _AMONG[prefix](value, words)


def _days(value: str) -> Node:
    """Return the days that a value names.

    It is `2026`, `2026-09`, `2026-09-01` or two of them with `..` between; what is no day finds
    nothing.
    """
    first, dots, last = value.partition("..")
    start, end = _span(first), _span(last if dots else first)
    if (first and start is None) or (last and end is None):
        return Among(Exact.YEAR, frozenset())
    return Completed(start[0] if start else date.min, end[1] if end else date.max)


def _span(value: str) -> tuple[date, date] | None:
    match = _DAY.fullmatch(
        value.replace("年", "-").replace("月", "-").replace("日", "").rstrip("-")
    )
    if match is None:
        return None
    year, month, day = (int(part) if part else None for part in match.groups())
    try:
        start = date(year or 0, month or 1, day or 1)
        if day:
            return start, start
        after = date(start.year + (month in {None, 12}), 1 if month is None else month % 12 + 1, 1)
    except ValueError:
        return None
    return start, after - timedelta(days=1)


def _org_codes(value: str, words: Words) -> frozenset[str]:
    return frozenset(
        organisation.code
        for organisation in words.organisations
        if value == organisation.code or value in fold(organisation.name)
    )


def _named(pairs: Iterable[tuple[str, str]], value: str) -> frozenset[str]:
    """Return the codes that are the value, or whose label holds it."""
    return frozenset(code for code, label in pairs if value == fold(code) or value in fold(label))


_AMONG: dict[str, Callable[[str, Words], Among]] = {
    "item": lambda value, words: Among(
        Exact.ITEM, _named(((item.code, item.name) for item in words.catalogue), value)
    ),
    "district": lambda value, words: Among(Exact.DISTRICT, _org_codes(value, words)),
    "receive": lambda value, words: Among(Exact.RECEIVE, _org_codes(value, words)),
    "domicile": lambda value, words: Among(Exact.DOMICILE, _org_codes(value, words)),
    "series": lambda value, _: Among(
        Exact.SERIES, _named(((str(series), series.label) for series in Series), value)
    ),
    "source": lambda value, _: Among(
        Exact.SOURCE, _named(((str(source), source.label) for source in SourceKind), value)
    ),
    "year": lambda value, _: Among(Exact.YEAR, frozenset({value})),
    "fonds": lambda value, _: Among(Exact.FONDS, frozenset({value.upper()})),
}
