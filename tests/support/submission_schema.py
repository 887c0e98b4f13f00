"""The JSON Schema of `case.json`, made of the models that the reader uses.

`python -m tests.support.submission_schema` writes docs/submission.schema.json anew.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archive.reference import submission_terms, vocabulary
from archive.reference.case_facts import SPEC_1, CaseFacts, Material, SealUse
from archive.reference.vocabulary import LabelledEnum, Node

SCHEMA = Path(__file__).parents[2] / "docs" / "submission.schema.json"
_DAY = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]{1,9})?)?"
_OFFSET = "(Z|[+](0[0-9]|1[0-9]|2[0-3]):[0-5][0-9]|-(?!00:00)(0[0-9]|1[0-9]|2[0-3]):[0-5][0-9])"
_YEARS = "(?=19|20|21|2200)"
_PRINTABLE = "^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f]*$"
_FORMS: dict[Any, dict[str, str]] = {
    "date-time": {"pattern": f"^{_YEARS}{_DAY}T{_TIME}{_OFFSET}$"},
    "date": {"format": "date", "pattern": f"^{_DAY}$"},
}
_BOUNDS = {"ge": "minimum", "le": "maximum"}


def schema() -> dict[str, Any]:
    """The schema of both versions."""
    stated = _plain(CaseFacts.model_json_schema())
    for name, definition in stated["$defs"].items():
        if labels := _labels(name):
            definition["description"] = labels
    not_later = {
        "if": {"properties": {"spec": {"const": SPEC_1}}},
        "then": {
            "properties": {
                **dict.fromkeys(sorted(CaseFacts.later), False),
                "materials": _without(Material.later),
                "seal_uses": _without(SealUse.later),
                "process": {
                    "items": {"properties": {"node": {"not": {"const": Node.INVESTIGATE}}}}
                },
            }
        },
        "else": {
            "required": ["ending"],
            "properties": {"ending": {"not": {"const": None}}},
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "归档信息包 case.json（case-submission/1、case-submission/2）",
        **stated,
        **not_later,
    }


def _without(names: frozenset[str]) -> dict[str, Any]:
    return {"items": {"properties": dict.fromkeys(sorted(names), False)}}


def _plain(value: Any) -> Any:
    """A schema of pydantic in the words of JSON Schema, without titles and English texts."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    plain: dict[str, Any] = {
        _BOUNDS.get(str(key), str(key)): {
            name: _plain(item) for name, item in value["properties"].items()
        }
        if key == "properties"
        else _plain(item)
        for key, item in value.items()
        if key not in {"title", "description", "default"}
    }
    if plain.get("type") == "string":
        plain |= _FORMS.get(plain.pop("format", None), {})
        if "maxLength" in plain:
            plain.setdefault("pattern", _PRINTABLE)
    if "prefixItems" in plain:
        plain["items"] = False
    return plain


def _labels(name: str) -> str:
    """The values of an enum with their Chinese labels; nothing for what is no enum."""
    kind = getattr(submission_terms, name, None) or getattr(vocabulary, name, None)
    if not (isinstance(kind, type) and issubclass(kind, LabelledEnum)):
        return ""
    return "，".join(f"{member} {member.label}" for member in kind)


def written() -> str:
    """The text of the schema's file."""
    return json.dumps(schema(), ensure_ascii=False, indent=1) + "\n"


def texts() -> Iterator[str]:
    """The names of all fields that the schema knows."""
    for definition in (schema(), *schema()["$defs"].values()):
        yield from definition.get("properties", {})


if __name__ == "__main__":
    SCHEMA.write_text(written(), "utf-8")
