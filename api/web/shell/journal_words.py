"""The detail of a journal entry in words: keys, codes and units by their Chinese names."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from archive.administration.policy import capacities
from archive.reference import DATA
from archive.reference.findings import rules
from archive.reference.local_time import local_time
from archive.reference.vocabulary import LabelledEnum

_DIGEST = re.compile(r"[0-9a-f]{32,}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}.*")
_CODE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[A-Z]{3,}")
_OPEN = re.compile(r"\{[^}]*\}")
_BY_PEOPLE = frozenset({"reason", "note", "system", "station", "approval"})
"""What people wrote stands as they wrote it."""
_SHOWN, _SHORT = 6, 12
_EMPTY: tuple[object, ...] = (None, "", [], {})
_UNNAMED = "其他"
OrgName = Callable[[str], str]


@cache
def keys() -> Mapping[str, str]:
    """Return the Chinese name of each key of a detail."""
    words: dict[str, str] = json.loads((DATA / "journal_words.json").read_text("utf-8"))
    return words


@cache
def _labels() -> Mapping[str, str]:
    """Return the label of each code: of the vocabularies, of findings, of who uses a record."""
    labels: dict[str, str] = {}
    for kind in _kinds(LabelledEnum):
        for member in kind:
            labels.setdefault(member.value, member.label)
    for capacity in capacities().values():
        labels.setdefault(capacity.key, capacity.label)
        for scope in capacity.scopes:
            labels.setdefault(scope.key, scope.label)
    return labels | {code: _OPEN.sub("…", rule.message) for code, rule in rules().items()}


def _kinds(kind: type[LabelledEnum]) -> Iterator[type[LabelledEnum]]:
    for below in kind.__subclasses__():
        yield below
        yield from _kinds(below)


_SUBJECTS = {
    "accounts": "账号",
    "checks": "核对",
    "database": "数据库",
    "index": "检索索引",
    "journal": "审计日志",
    "notices": "通知",
    "pages": "打印件",
    "paper": "纸质登记",
    "paper-items": "纸质档案登记簿",
    "paper-loans": "纸质借阅登记簿",
    "people": "一人一档",
    "pool": "归集池",
    "pull": "提取",
    "search": "检索",
    "statistics": "统计",
    "store": "存储",
    "todo": "待办",
    "uses": "利用登记簿",
    "volumes": "册",
}


def subject_words(subject: str) -> str:
    """Return what an entry is about: numbers as they are, pages and lists by their names."""
    if _DIGEST.fullmatch(subject):
        return f"{subject[:_SHORT]}…"
    before, colon, after = subject.partition(":")
    if colon and before == "account":
        return f"账号 {after}"
    return _SUBJECTS.get(subject, subject)


def detail_words(detail: str, org: OrgName) -> str:
    """Write the detail of an entry in one line of words; `org` names a unit by its code."""
    return "，".join(_pairs(json.loads(detail), org))


def _pairs(detail: Mapping[str, Any], org: OrgName) -> Iterator[str]:
    for key, value in detail.items():
        if value not in _EMPTY:
            written = str(value) if key in _BY_PEOPLE else _value(value, org)
            yield f"{keys().get(key, _UNNAMED)} {written}"


def _value(value: object, org: OrgName) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, Mapping):
        return "（" + "，".join(_pairs(value, org)) + "）"
    if isinstance(value, list):
        shown = "、".join(_flat(entry, org) for entry in value[:_SHOWN])
        return shown if len(value) <= _SHOWN else f"{shown} 等 {len(value)} 项"
    return _text(value, org) if isinstance(value, str) else str(value)


def _flat(entry: object, org: OrgName) -> str:
    """Write an entry of a list; one that is a list itself without what it lacks."""
    if isinstance(entry, list):
        return " ".join(_value(part, org) for part in entry if part not in _EMPTY)
    return _value(entry, org)


def _text(text: str, org: OrgName) -> str:
    label = _labels().get(text)
    if label is not None:
        return label
    if _DIGEST.fullmatch(text):
        return f"{text[:_SHORT]}…"
    if _MOMENT.fullmatch(text):
        return local_time(datetime.fromisoformat(text))
    if "/" in text and ":" not in text:
        return _place(text)
    named = org(text)
    return _UNNAMED if named == text and _CODE.fullmatch(text) else named


def _place(key: str) -> str:
    """Write the key of an object by the beginning of its name; the folders are ours."""
    return f"{key.rpartition('/')[2][:_SHORT]}…"
