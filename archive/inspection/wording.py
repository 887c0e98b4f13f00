"""Checks of page texts against printed page numbers and the facts of the case (R31, R32).

Pure functions over text, whatever it was read by: the text layer of born-digital PDFs now,
and a recogniser's text of scans when there is one.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date

from archive.inspection.subject import Subject
from archive.reference import citizen_id
from archive.reference.case_facts import CaseFacts, Material
from archive.reference.characters import unified
from archive.reference.findings import Finding, finding
from archive.reference.local_time import LOCAL_TIME
from archive.reference.vocabulary import MaterialKind, Series, SourceKind

_NUMBER = r"([0-9]{1,4}|[一二三四五六七八九十百]{1,5})"
_OF_PAGES = re.compile(rf"第\s*{_NUMBER}\s*页(?:\s*[,，/／、(（]?\s*共\s*{_NUMBER}\s*页)?")
_LATIN = re.compile(r"\bpage\s*([0-9]{1,4})\s*(?:of|/)\s*([0-9]{1,4})\b", re.IGNORECASE)
_DIGITS = {char: at for at, char in enumerate("〇一二三四五六七八九")}
_HOLDER = re.compile(
    r"(?<![\u3400-\u9fff])(?:持证人|持有人|本人|申请人|申报人|被登记人)?\s*姓\s*名\s*[::]?\s*"
    r"([^\s,,。;;、::()/|]{2,20})"
)
_NEXT_LABEL = re.compile(
    "性别|民族|出生|公民身份|身份证|证件|住址|地址|关系|与户主|曾用名|籍贯|年龄|电话"
)
_SHORTEST_NAME = 2
_NUMBER_LIKE = re.compile(r"(?<![0-9A-Za-z])[0-9]{17}[0-9Xx](?![0-9A-Za-z])")
_UNSHOWN = frozenset("■□�?*〓")
_OF_OTHERS = re.compile(
    "父|母|双方|一方|亲|配偶|户主|家属|随迁|收养|监护|死亡|集体|机构|单位|营业|信用|办学|协管|产权|"
    "不动产|房|住所|地址|租赁|合同|投靠|拟落户|关系|原户|批准|部门"
)
"""Materials of such names may name only people who are not of the case."""
_GAP, _LATE = "页号不连续，疑有缺页", "首页页号不是 1，疑有缺页"
_MAY_DIFFER = frozenset({Series.BG, Series.HF, Series.BL, Series.SY})


def page_number(text: str) -> tuple[int, int | None] | None:
    """Return the page number that a page bears, and of how many.

    Returns None when it bears none or several that differ, as a list of contents does.
    """
    text = unified(text)
    numbers: set[tuple[int, int | None]] = {
        (_value(match[1]), _value(match[2]) if match[2] else None)
        for match in _OF_PAGES.finditer(text)
    }
    numbers |= {(int(match[1]), int(match[2])) for match in _LATIN.finditer(text)}
    sure = {number for number in numbers if number[1] is not None} or numbers
    return next(iter(sure)) if len(sure) == 1 and next(iter(sure))[0] > 0 else None


def _value(text: str) -> int:
    """Return a number in digits or in Chinese up to 999."""
    if text.isdigit():
        return int(text)
    value, digit = 0, 0
    for char in text:
        if char in _DIGITS:
            digit = _DIGITS[char]
        else:
            value, digit = value + (digit or 1) * (10 if char == "十" else 100), 0
    return value + digit


def order_faults(texts: Mapping[int, str], pages: int) -> Iterator[tuple[int, str]]:
    """Yield page and reason for pages that are out of order, doubled or missing.

    They are found by the numbers that the pages bear. `texts` are by page, of one material of
    `pages` pages. A material may hold several documents, each beginning with 1; pages without a
    number lie between.
    """
    before: tuple[int, int, int | None] | None = None
    for page in sorted(texts):
        borne = page_number(texts[page])
        if borne is None:
            continue
        number, total = borne
        if before and number != 1:
            gap, step = page - before[0], number - before[1]
            if step <= 0:
                yield page, "页号重复" if step == 0 else "页序颠倒"
            elif step > gap:
                yield page, _GAP
        elif before is None and number > page:
            yield page, _LATE
        if before and number == 1:
            yield from _unfinished(*before, until=page - 1)
        before = (page, number, total)
    if before:
        yield from _unfinished(*before, until=pages)


def _unfinished(
    page: int, number: int, total: int | None, *, until: int
) -> Iterator[tuple[int, str]]:
    """Yield a fault when a document ends before or after its printed total."""
    if total is not None and (number > total or number + (until - page) < total):
        yield page, "页数与所印总页数不符"


def pages_are_in_order(subject: Subject) -> Iterator[Finding]:
    """Check that printed page numbers count up without a gap (R32, DA/T 31-2017 10.5.3).

    Of a booklet only the pages that matter are copied: a gap in it is none.
    """
    for material in subject.facts.materials:
        if not subject.complete(material):
            continue
        pages = sum(look.pages for _, look, _ in subject.numbered(material))
        excerpt = subject.kind_of(material) is MaterialKind.BOOKLET
        for page, why in order_faults(_texts(subject, material), pages):
            if excerpt and why in {_GAP, _LATE}:
                continue
            yield finding(
                "PAGE_ORDER", f"material {material.no}", material=material.no, page=page, why=why
            )


def certificates_agree(subject: Subject) -> Iterator[Finding]:
    """Check that a certificate or an application names a person of the case (R31).

    Findings repeat nothing of the text.
    """
    today = subject.now.astimezone(LOCAL_TIME).date()
    changing = subject.item is not None and subject.item.series in _MAY_DIFFER
    for material in subject.facts.materials:
        if material.source not in {
            SourceKind.SHARED_CERT,
            SourceKind.ONLINE_APPLICATION,
        } or _of_another(material):
            continue
        text = "\n".join(_texts(subject, material).values())
        for what in disagreement(text, subject.facts, today, changing=changing):
            yield finding("CERT_TEXT", f"material {material.no}", material=material.no, what=what)


def disagreement(text: str, facts: CaseFacts, today: date, *, changing: bool) -> tuple[str, ...]:
    """Return what of a text names nobody of the case: 姓名, 公民身份号码.

    `changing` says that the case itself changes name or number, so one of them may be the former.
    """
    known_numbers, known_names = _known(facts)
    names, numbers = people_in(text, today)
    wrong_number = bool(numbers and known_numbers) and not numbers & known_numbers
    wrong_name = bool(names) and not any(
        _same(name, other) for name in names for other in known_names
    )
    if changing and not (wrong_number and (wrong_name or not names)):
        return ()
    return (*(["姓名"] if wrong_name else []), *(["公民身份号码"] if wrong_number else []))


def people_in(text: str, today: date) -> tuple[set[str], set[str]]:
    """Return the names and the valid ID numbers of holders that a text states."""
    text = unified(text)
    numbers = {number.upper() for number in _NUMBER_LIKE.findall(text)}
    numbers = {number for number in numbers if citizen_id.check(number, today) is None}
    names = {_NEXT_LABEL.split(text)[0] for text in _HOLDER.findall(text)}
    return {name for name in names if len(name) >= _SHORTEST_NAME}, numbers


def _known(facts: CaseFacts) -> tuple[set[str], set[str]]:
    """Return numbers and names of the case: its persons, and all values of its forms."""
    persons = (facts.applicant, *facts.subjects)
    stated = [
        unified(str(value))
        for material in facts.materials
        for value in (material.data or {}).values()
        if value
    ]
    numbers = {person.id_number for person in persons if person.id_number}
    numbers |= (
        {number.upper() for value in stated for number in _NUMBER_LIKE.findall(value)}
        if numbers
        else set()
    )
    return numbers, {unified(person.name) for person in persons} | {
        value.strip() for value in stated
    }


def _same(printed: str, name: str) -> bool:
    """Return whether two names are equal.

    A character that the printing system could not show matches any.
    """
    shown, other = (re.sub(r"[\s·•‧・∙.]", "", value) for value in (printed, name))
    return len(shown) == len(other) and all(
        a == b or a in _UNSHOWN or unicodedata.category(a) == "Co"
        for a, b in zip(shown, other, strict=True)
    )


def _of_another(material: Material) -> bool:
    """Return whether a material may name only people who are not of the case."""
    return _OF_OTHERS.search(material.type) is not None


def _texts(subject: Subject, material: Material) -> dict[int, str]:
    """Return the text of a material's pages, counted through its files."""
    return {
        before + page: text
        for _, look, before in subject.numbered(material)
        for page, text in look.texts
    }
