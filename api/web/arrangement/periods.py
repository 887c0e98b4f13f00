"""The calendar of 定期组卷: by month and filing unit, what is due, filed and still open."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.web.shell.page import LoggedIn, PageRoute, User, Web, WebApp
from api.web.shell.scope import reach_of
from api.web.shell.spreadsheets import as_csv
from archive.administration.policy import Act
from archive.arrangement.periods import days
from archive.database.engine import reading
from archive.finding_aids.period_counts import PeriodCount, by_period, period_counts
from archive.reference.local_time import LOCAL_TIME

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Year = Annotated[int | None, Query(ge=1990, le=2200)]
Period = Annotated[str, Query(pattern=r"^([0-9]{4}-(0[1-9]|1[0-2]))?$")]


@router.get("/compile/periods")
def periods_page(
    request: Request,
    web: Web,
    user: LoggedIn,
    year: Year = None,
    period: Period = "",
    format: Annotated[str, Query(max_length=8)] = "",  # noqa: A002 - as every list names it
) -> Response:
    """Draw the months of a year, and of one of them each unit; the newest month when none."""
    user.require(Act.COMPILE)
    year = int(period[:4]) if period else year or datetime.now(LOCAL_TIME).year
    counts = _counts(web, user, year)
    months = by_period(counts)
    period = period or (months[-1].period if months else "")
    if format == "csv":
        return _csv(web, counts)
    return web.page(
        request,
        user,
        "compile_periods.html",
        year=year,
        period=period,
        months=months,
        units=[row for row in counts if row.period == period],
        schedule=_schedule(),
        now_period=datetime.now(UTC).astimezone(LOCAL_TIME).strftime("%Y-%m"),
    )


@router.get("/compile/periods/strip")
def periods_strip(request: Request, web: Web, user: LoggedIn, period: Period = "") -> Response:
    """Draw the months alone, for the page that chooses: it need not wait for their counts."""
    user.require(Act.COMPILE)
    year = int(period[:4]) if period else datetime.now(LOCAL_TIME).year
    months = by_period(_counts(web, user, year))
    return web.page(
        request,
        user,
        "compile_strip.html",
        year=year,
        period=period,
        months=months,
        schedule=_schedule(),
        place="/compile",
    )


def _counts(web: WebApp, user: User, year: int) -> list[PeriodCount]:
    """Return the counts of a year, as of the last minute: many thousand rows are counted."""

    def make() -> list[PeriodCount]:
        with reading(web.runtime.engine) as session:
            return period_counts(session, reach_of(web, user), web.runtime.filing.rule, year=year)

    return web.recent.get(("periods", user.reader.org, year), make)


def _schedule() -> str:
    """Return in words on which day of the next month a month is compiled by itself."""
    table = days()
    citywide, others = table.get("QY", table["default"]), table["default"]
    if citywide == others:
        return f"每月{others}日自动组上月"
    return f"每月自动组上月：全域通办卷{citywide}日，其余卷目{others}日"


def _csv(web: WebApp, counts: list[PeriodCount]) -> Response:
    rows = [
        (
            row.period,
            web.org(row.unit),
            row.due,
            row.filed,
            row.open,
            row.checking,
            row.ready,
            row.making,
        )
        for row in counts
    ]
    heading = ("办结月份", "立卷单位", "应归", "已归", "未归", "待核对", "待组卷", "已赋号未成册")
    return as_csv("定期组卷", heading, rows)
