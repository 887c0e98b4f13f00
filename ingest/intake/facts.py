"""Reading of case.json to the last digit, and what is wrong with it in words.

A finding names the field and the right form. The value may be personal and is not repeated.
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from archive.reference.case_blocks import (
    CaseReturn,
    Clock,
    ClockAlert,
    ClockSpan,
    FlowRef,
    IdentityCheck,
    Rating,
    Signature,
)
from archive.reference.case_facts import (
    CaseFacts,
    CaseGrant,
    CaseOrgs,
    ItemRef,
    Material,
    PaperRef,
    Person,
    ProcessEvent,
    SealUse,
    SourceRef,
)
from archive.reference.case_rules import faults_of
from archive.reference.exact_json import (
    RepeatedKeyError,
    WrittenNumber,
    as_digits,
    as_numbers,
    read_exact,
)
from archive.reference.findings import Finding, finding
from ingest.package.bag import Bag

_PARTS = (CaseOrgs, CaseGrant, ItemRef, PaperRef, Person, ProcessEvent, SealUse, SourceRef)
_LATER = (CaseReturn, Clock, ClockAlert, ClockSpan, FlowRef, IdentityCheck, Rating, Signature)
_FIELDS = frozenset(
    field.alias or name
    for model in (CaseFacts, Material, *_PARTS, *_LATER)
    for name, field in model.model_fields.items()
)
_MAX_FACTS, _MOST_FINDINGS = 8 << 20, 20
_OURS = frozenset({"moment", "day", "year"})
_FORM_DATA = "须为文字、数字、true、false 或 null，不得嵌套"
_UNREADABLE_WHY: dict[type[Exception], str] = {
    UnicodeDecodeError: "须为 UTF-8 编码",
    RepeatedKeyError: "同一对象内有重复的字段",
    RecursionError: "嵌套过深",
    ValueError: "不是有效的 JSON",
}
_UNREADABLE = tuple(_UNREADABLE_WHY)
_WORDS = {
    "missing": "缺少该字段",
    "extra_forbidden": "没有这个字段",
    "literal_error": "不在允许的取值之内",
    "enum": "不在允许的取值之内",
    "string_type": "须为文字",
    "int_type": "须为整数",
    "int_parsing": "须为整数",
    "int_from_float": "须为整数",
    "float_type": "须为数字",
    "finite_number": "须为数字",
    "bool_type": "须为 true 或 false",
    "bool_parsing": "须为 true 或 false",
    "model_type": "须为对象",
    "model_attributes_type": "须为对象",
    "dict_type": "须为对象",
    "tuple_type": "须为数组",
    "string_pattern_mismatch": "格式有误",
    "string_too_short": "不得为空",
    "string_too_long": "过长",
    "string_unicode": "含有不成字的编码",
    "too_short": "不得为空",
    "too_long": "项数过多",
    "greater_than_equal": "数值过小",
    "less_than_equal": "数值过大",
    "value_error": "含有控制字符",
}


def read_facts(bag: Bag) -> tuple[CaseFacts | None, list[Finding]]:
    """Return the facts of a package, or None and why they cannot be understood.

    Raises PackageChangedError when case.json is no longer the one that was inspected.
    """
    case = bag.payload.get("case.json")
    if case is None or case.size > _MAX_FACTS:
        return None, [_unreadable("文件过大" if case else "缺少 case.json")]
    try:
        facts = _parsed(case.read().decode("utf-8-sig"))
    except ValidationError as error:
        return None, _schema(error)
    except _UNREADABLE as error:
        why = next(why for kind, why in _UNREADABLE_WHY.items() if isinstance(error, kind))
        return None, [_unreadable(why)]
    faults = [_fault(place, words) for place, words in faults_of(facts)]
    return (None if faults else facts), faults[:_MOST_FINDINGS]


def _parsed(text: str) -> CaseFacts:
    stated = _typed(read_exact(text))
    # An escape may stand for half a character, which no other program could store.
    json.dumps(stated, ensure_ascii=False).encode()
    return CaseFacts.model_validate(stated)


def _unreadable(why: str) -> Finding:
    return finding("SCHEMA", "case.json", why=why)


def _typed(stated: Any) -> Any:  # noqa: ANN401 - JSON holds anything
    """Return case.json with its numbers as numbers, and those of forms as their digits."""
    if not isinstance(stated, dict) or not isinstance(stated.get("materials"), list):
        return as_numbers(stated)
    materials = [
        {
            key: _digits(value) if key == "data" else as_numbers(value)
            for key, value in material.items()
        }
        if isinstance(material, dict)
        else as_numbers(material)
        for material in stated["materials"]
    ]
    return as_numbers({**stated, "materials": []}) | {"materials": materials}


def _digits(data: Any) -> Any:  # noqa: ANN401 - as above
    if not isinstance(data, Mapping):
        return as_numbers(data)
    return {
        key: as_digits(value) if isinstance(value, WrittenNumber) else value
        for key, value in data.items()
    }


def _schema(error: ValidationError) -> list[Finding]:
    """Return a finding for each field that is wrong, at most twenty."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    findings = dict.fromkeys(_fault(place, words) for place, words in map(_described, details))
    return list(findings)[:_MOST_FINDINGS]


def _fault(place: str, words: str) -> Finding:
    return finding("SCHEMA", f"case.json:{place}", why=f"{_shown(place)}{words}")


def _described(detail: ErrorDetails) -> tuple[str, str]:
    """Return the place of a fault and what is right there."""
    kind, loc = detail["type"], detail["loc"]
    if "data" in loc and loc.index("data") + 1 < len(loc):
        # One fault for each type that a value of a form may have, and the key may be personal.
        return _place(loc[: loc.index("data") + 1]), _FORM_DATA
    return _place(loc), detail["msg"] if kind in _OURS else _WORDS.get(kind, "格式有误")


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(_known_part(part) for part in loc)


def _shown(place: str) -> str:
    """Return the place with counted places in brackets, from 1: 第 2 项."""
    parts = [f"第 {int(part) + 1} 项" if part.isdigit() else part for part in place.split(".")]
    return f"{' '.join(parts)} " if place else ""


def _known_part(part: int | str) -> str:
    # A key that the package invented may hold a name or a number; only the names of our own
    # fields are repeated.
    return str(part) if isinstance(part, int) or part in _FIELDS else "（未知字段）"
