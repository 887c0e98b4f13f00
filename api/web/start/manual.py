"""手册: the manual inside the product, the terms of the field, and a guided first day."""

from fastapi import APIRouter, Request, Response

from api.web.shell.manual import FIRST_DAY, concerns, picture, sections
from api.web.shell.page import LoggedIn, PageRoute, Web
from api.web.shell.served import HEADERS
from archive.administration.policy import acts_of
from archive.reference.errors import NotFoundError
from archive.reference.terms import terms

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/help")
def help_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw the first day of the user's role, and the terms."""
    return _drawn(request, web, user, None)


@router.get("/help/pictures/{name}")
def help_picture(user: LoggedIn, name: str) -> Response:  # noqa: ARG001 - only who is logged in
    """Return a picture of the manual."""
    data = picture(name)
    if data is None:
        raise _missing()
    return Response(data, media_type="image/png", headers=HEADERS)


@router.get("/help/{key}")
def help_section(request: Request, web: Web, user: LoggedIn, key: str) -> Response:
    """Draw one section of the manual."""
    if key not in sections():
        raise _missing()
    return _drawn(request, web, user, key)


def _drawn(request: Request, web: Web, user: LoggedIn, key: str | None) -> Response:
    acts = acts_of(user.reader.role)
    parts = list(sections().values())
    return web.page(
        request,
        user,
        "manual.html",
        own=[part for part in parts if concerns(part, acts)],
        others=[part for part in parts if not concerns(part, acts)],
        section=sections()[key] if key else None,
        first_day=FIRST_DAY.get(user.reader.role, ()),
        terms=terms(),
    )


def _missing() -> NotFoundError:
    return NotFoundError("手册中没有这一节。", "请从手册目录中选择。")
