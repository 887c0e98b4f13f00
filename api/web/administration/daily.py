"""当日查阅: what each account was shown on a day, for who answers for its security."""

from datetime import date

from fastapi import APIRouter, Request, Response
from sqlalchemy import select

from api.web.shell.page import At, PageRoute, Seated
from archive.administration.daily_use import today, uses_of_day
from archive.administration.policy import Act
from archive.database.engine import reading
from archive.database.tables_administration import Account

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/system/daily")
def daily_page(request: Request, desk: At, seat: Seated, day: str = "") -> Response:
    """Counts beside the limits; those who were refused first."""
    seat.require(Act.APPROVE_ACCOUNT)
    with reading(desk.runtime.engine) as session:
        try:
            chosen = date.fromisoformat(day) if day else today(session)
        except ValueError:
            chosen = today(session)
        rows = uses_of_day(session, chosen)
        found = session.scalars(
            select(Account).where(Account.login.in_([one.account for one in rows]))
        )
        accounts = {one.login: one for one in found}
    settings = desk.runtime.settings
    return desk.page(
        request, seat, "daily.html", rows=rows, accounts=accounts, day=chosen, settings=settings
    )
