"""The OpenAPI that station developers read says everything in Chinese."""

import re
from collections.abc import Iterator
from typing import Any

from tests.support.station import StationClient

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_PROVIDED_BY_FASTAPI = {"HTTPValidationError", "ValidationError"}


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return each operation of the station API with its method and path."""
    for path, methods in schema["paths"].items():
        if path.startswith("/api/v1/"):
            for method, operation in methods.items():
                yield f"{method} {path}", operation


def test_every_operation_has_a_chinese_summary_and_description(desk: StationClient) -> None:
    schema = desk.client.get("/openapi.json", headers=desk.token()).json()
    tried = 0
    for name, operation in operations(schema):
        for text in (operation.get("summary", ""), operation.get("description", "")):
            assert _CHINESE.search(text), name
        assert operation["summary"] != operation["description"], name
        for status, response in operation["responses"].items():
            assert _CHINESE.search(response["description"]), (name, status)
        tried += 1
    assert tried > 20


def test_descriptions_of_schemas_and_fields_are_chinese(desk: StationClient) -> None:
    schema = desk.client.get("/openapi.json", headers=desk.token()).json()
    for name, model in schema["components"]["schemas"].items():
        if name in _PROVIDED_BY_FASTAPI:
            continue
        if "properties" in model:
            assert _CHINESE.search(model.get("description", "")), name
            for field, described in model["properties"].items():
                assert _CHINESE.search(described.get("description", "")), (name, field)
        elif "description" in model:
            assert _CHINESE.search(model["description"]), name
