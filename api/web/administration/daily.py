"""当日查阅: what each account was shown on a day, for the security administrator."""

from datetime import date

from fastapi import APIRouter, Request, Response

from api.web.shell.page import LoggedIn, PageRoute, Web
from archive.administration.account_lists import accounts_by_login
from archive.administration.daily_use import today, uses_of_day
from archive.administration.policy import Act
from archive.database.engine import reading

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/system/daily")
def daily_page(request: Request, web: Web, user: LoggedIn, day: str = "") -> Response:
    """Draw the counts beside the limits, refused accounts first."""
    user.require(Act.APPROVE_ACCOUNT)
    with reading(web.runtime.engine) as session:
        try:
            chosen = date.fromisoformat(day) if day else today(session)
        except ValueError:
            chosen = today(session)
        rows = uses_of_day(session, chosen)
        accounts = accounts_by_login(session, [row.account for row in rows])
    settings = web.runtime.settings
    return web.page(
        request, user, "daily.html", rows=rows, accounts=accounts, day=chosen, settings=settings
    )
