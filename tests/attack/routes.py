"""Every address of the station API and the desk, and a request to it.

From the schema and the pages themselves, so that a new one is attacked without being named.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.web.mount import _PAGES
from tests.support.station import Person, StationClient

_INSIDE = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class Route:
    """An operation: its parameters in the path, and those of its query that are numbers."""

    method: str
    path: str
    numbers: tuple[str, ...]
    in_path: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def at(self, values: Mapping[str, str]) -> str:
        """The path with these values in it; 1 where none is given."""
        return _INSIDE.sub(lambda match: values.get(match[1], "1"), self.path)


def desk_routes() -> list[Route]:
    """Every page and form of the desk."""
    routes = [route for pages in _PAGES for route in pages.router.routes]
    return [
        _desk_route(method, route)
        for route in routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods)
    ]


def _desk_route(method: str, route: APIRoute) -> Route:
    paths, queries = _parameters(route.dependant)
    numbers = {
        field.name for field in [*paths, *queries] if "int" in str(field.field_info.annotation)
    }
    return Route(method, route.path, tuple(sorted(numbers)), tuple(_INSIDE.findall(route.path)))


def _parameters(dependant: Dependant) -> tuple[list[Any], list[Any]]:
    paths, queries = list(dependant.path_params), list(dependant.query_params)
    for inner in dependant.dependencies:
        more_paths, more_queries = _parameters(inner)
        paths, queries = paths + more_paths, queries + more_queries
    return paths, queries


def api_routes(desk: StationClient) -> list[Route]:
    """Every operation of the station API, from its schema."""
    schema = desk.client.get("/openapi.json", headers=desk.token()).json()
    return [
        Route(
            method.upper(),
            path,
            tuple(
                entry["name"]
                for entry in operation.get("parameters", ())
                if "integer" in str(entry["schema"])
            ),
            tuple(_INSIDE.findall(path)),
        )
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    ]


def ask_page(
    person: Person, route: Route, values: Mapping[str, str], query: Mapping[str, str]
) -> httpx.Response:
    """What the desk answers a person; a form is sent with the token of the login."""
    address = route.at(values) + _query(query)
    if route.method == "GET":
        return person.ask(address)
    if route.method == "POST":
        return person.ask(address, reason="攻击", revision="1")
    return person.client.request(
        route.method,
        address,
        content=b"x" * 9,
        headers={"Cookie": person.cookie, "X-CSRF": person.csrf},
    )


def _query(query: Mapping[str, str]) -> str:
    return f"?{httpx.QueryParams(dict(query))}" if query else ""


def ask_api(
    desk: StationClient,
    headers: Mapping[str, str],
    route: Route,
    values: Mapping[str, str],
    query: Mapping[str, str],
) -> httpx.Response:
    """What the station API answers a client."""
    body: dict[str, Any] = {}
    if route.method == "PUT":
        body = {"content": b"x" * 9}
    elif route.path.endswith("/decision"):
        body = {"json": {"approve": False, "reason": "攻击"}}
    elif route.path.endswith("/copies"):
        body = {"json": {"name": values.get("name", "1")}}
    return desk.client.request(
        route.method, route.at(values) + _query(query), headers=dict(headers), **body
    )
