"""schemathesis over the OpenAPI: whatever is sent, no 5xx, and every answer keeps the schema.

It sends as a station, as the city, and without a token.
"""

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import booleans
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from archive.administration.policy import Role
from tests.support.station import CITY, HOME, MOVE, StationClient

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
BOUNDED = settings(
    max_examples=int(os.environ.get("YICE_SCHEMA_EXAMPLES", "10")),
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize(
    "caller",
    [(Role.STATION_CLIENT, HOME), (Role.CITY_SUPERVISOR, CITY), None],
    ids=["station", "city", "nobody"],
)
def test_any_request_is_answered_as_the_schema_says(
    desk: StationClient, caller: tuple[Role, str] | None
) -> None:
    headers = desk.token(*caller) if caller else {}
    schema = schemathesis.openapi.from_asgi("/openapi.json", desk.client.app, headers=desk.token())
    tried = 0
    for operation in (result.ok() for result in schema.get_all_operations()):

        @BOUNDED
        @given(case=operation.as_strategy(), real=booleans())
        def check(case: Any, real: bool) -> None:
            if real and "name" in case.path_parameters:
                case.path_parameters["name"] = (
                    MOVE  # beside names that nobody has, one that is there
                )
            case.call_and_validate(headers=headers, checks=CHECKS)

        check()
        tried += 1
    assert tried == sum(
        len(methods)
        for methods in desk.client.get("/openapi.json", headers=desk.token())
        .json()["paths"]
        .values()
    )
