"""统计: 归档率 by unit and month, and figures of use; they name no person."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.http.tokens import Caller
from api.v1.station import Station
from archive.administration.policy import Act
from archive.database.engine import reading
from archive.finding_aids.figures import following
from archive.finding_aids.filing_rates import filing_rates, month_span
from archive.finding_aids.reach import reach_of
from archive.finding_aids.use_figures import use_figures
from archive.reference.local_time import LOCAL_TIME
from archive.usage.reading_room import require
from archive.usage.requests import organisations_below

router = APIRouter(tags=["统计"], prefix="/statistics")
Month = Annotated[str, Query(pattern=r"^([0-9]{4}-[0-9]{2})?$", description="月份 YYYY-MM")]


class RateView(BaseModel):
    """The rate of one unit in one month."""

    model_config = ConfigDict(json_schema_extra={"description": "一个立卷单位一个月的归档率。"})

    period: str = Field(description="办结月份 YYYY-MM")
    unit: str = Field(description="立卷单位代码")
    closed: int = Field(description="办结已接收的件数")
    archived: int = Field(description="其中已归档的件数")
    percent: float = Field(description="归档率，%")


class UseView(BaseModel):
    """Figures of use of what the caller's unit keeps."""

    model_config = ConfigDict(json_schema_extra={"description": "本单位保管档案的利用数字。"})

    requests: int = Field(description="申请数")
    refused: int = Field(description="不批准数")
    visits: int = Field(description="利用人次，同一人同一日计一次")
    volumes: int = Field(description="利用卷次")
    copies: int = Field(description="复制证明份数")
    pages: int = Field(description="复制页数")


class StatisticsView(BaseModel):
    """Rates and figures of use in a span of months."""

    model_config = ConfigDict(json_schema_extra={"description": "起止月份内的归档率和利用数字。"})

    rates: list[RateView] = Field(description="归档率")
    use: UseView = Field(description="利用")


@router.get(
    "",
    summary="归档率和利用数字",
    description=(
        "本单位及下级立卷的归档率（按单位和月份）和本单位保管档案的利用数字。不写起止月份"
        "为本年。被拒时：422 BAD_SPAN 为起止月份有误，title 写明。"
    ),
    response_description="统计数字",
)
def statistics(
    reader: Caller, station: Station, since: Month = "", until: Month = ""
) -> StatisticsView:
    """Return rates and figures of use."""
    require(reader, Act.VIEW)
    today = datetime.now(LOCAL_TIME).date()
    span = month_span(since, until, today)
    runtime = station.runtime
    with reading(runtime.engine) as session:
        reach = reach_of(reader.org, runtime.organisations)
        rates = filing_rates(session, reach, runtime.filing.rule, span, today)
        keepers = organisations_below(reader, runtime.organisations)
        end = following(span.until) if span.until else None
        use = use_figures(session, keepers, span.since, end)
    return StatisticsView(
        rates=[RateView(**rate.public()) for rate in rates],
        use=UseView(
            requests=use.requests,
            refused=use.refused,
            visits=use.visits,
            volumes=use.volumes,
            copies=use.copies,
            pages=use.pages,
        ),
    )
