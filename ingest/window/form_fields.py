"""The fields of our forms, as data: what each takes, and what is wrong with a value.

A field that the data does not name is a line of text, as a form may need one.
"""

import json
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from archive.reference import citizen_id
from archive.reference.vocabulary import LabelledEnum, Series

_DATA = Path(__file__).with_name("data") / "form_fields.json"
_LONGEST = 6
"""Of the digits of a number."""


class FieldKind(LabelledEnum):
    """What a field takes."""

    TEXT = "TEXT", "文字"
    DATE = "DATE", "日期"
    CHOICE = "CHOICE", "选项"
    NUMBER = "NUMBER", "数字"
    ID_NUMBER = "ID_NUMBER", "公民身份号码"


class FormField(BaseModel):
    """A field; `series` are the kinds of business that have it, none for all."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    label: str
    kind: FieldKind
    choices: tuple[str, ...] = ()
    series: frozenset[Series] = frozenset()


@cache
def _fields() -> tuple[FormField, ...]:
    return tuple(map(FormField.model_validate, json.loads(_DATA.read_text("utf-8"))))


def fields_of(series: Series) -> tuple[FormField, ...]:
    """Return the fields of the forms of a kind of business, in their order."""
    return tuple(row for row in _fields() if not row.series or series in row.series)


def faulty(series: Series, data: Mapping[str, object], today: date) -> tuple[FormField, str] | None:
    """Return the first field whose value does not fit, and why; an empty one says nothing."""
    for field in fields_of(series):
        text = str(data.get(field.label) or "").strip()
        why = _fault(field, text, today) if text else ""
        if why:
            return field, why
    return None


def _fault(field: FormField, text: str, today: date) -> str:
    """Return what is wrong with a value; it is not quoted."""
    match field.kind:
        case FieldKind.DATE:
            return _date_fault(text, today)
        case FieldKind.CHOICE:
            return "" if text in field.choices else f"只能是{'、'.join(field.choices)}"
        case FieldKind.NUMBER:
            plain = text.isascii() and text.isdecimal() and len(text) <= _LONGEST
            return "" if plain else "不是数字"
        case FieldKind.ID_NUMBER:
            fault = citizen_id.check(text, today)
            return fault.label if fault else ""
        case FieldKind.TEXT:
            return ""


def _date_fault(text: str, today: date) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return "不是日期，请按 2026-03-02 的样子填写"
    return "晚于今天" if day > today else ""
