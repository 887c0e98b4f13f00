"""组卷: preview the numbers that cases would get, give exactly these, count what is open."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.http.compilations import ChoiceWanted, CompileWanted, NumberedCase
from api.http.tokens import Caller
from api.jobs.requested import start_making
from api.v1.idempotency import Key, answered, keep_answer
from api.v1.station import Station
from archive.administration.policy import Act
from archive.arrangement.selection import Proposal, number_chosen, preview
from archive.database.engine import database_now, reading, writing
from archive.finding_aids.period_counts import PeriodCount, period_counts
from archive.finding_aids.reach import reach_of
from archive.usage.reading_room import require

router = APIRouter(tags=["组卷"], prefix="/compilations")


class ProposedNumber(BaseModel):
    """The number that a case would get now; nothing is given by it."""

    model_config = ConfigDict(
        json_schema_extra={"description": "一件办件现在组卷将得到的档号；预览不赋号。"}
    )

    case_no: str = Field(description="办件编号")
    code: str = Field(description="将赋予的档号")
    late: bool = Field(description="补归：办结早于已编号的册")
    item: str = Field(description="事项编码")
    receive_org: str = Field(description="收件单位代码")
    filing_org: str = Field(description="立卷单位代码")
    completed_at: str = Field(description="办结时间")


class GivenNumbers(BaseModel):
    """The numbers that were given; their volumes are made from now on."""

    model_config = ConfigDict(
        json_schema_extra={"description": "已赋予的档号；各册随即开始组卷，进度见通知。"}
    )

    numbers: list[NumberedCase] = Field(description="办件编号和档号，按赋号次序")


class PeriodCountView(BaseModel):
    """How many cases of a month a unit has to file, and how many it has filed."""

    model_config = ConfigDict(
        json_schema_extra={"description": "一个立卷单位一个月的应归、已归和未归。"}
    )

    period: str = Field(description="办结月份 YYYY-MM")
    unit: str = Field(description="立卷单位代码")
    due: int = Field(description="应归")
    filed: int = Field(description="已归")
    checking: int = Field(description="未归：待核对")
    ready: int = Field(description="未归：待组卷")
    making: int = Field(description="未归：已赋号未成册")


@router.post(
    "/preview",
    summary="预览组卷将赋予的档号",
    description=(
        "列出所选办件现在组卷将得到的档号、次序和是否补归；不作任何更改，不占号。"
        "只写条件的，只列本单位立卷（或其上级）的。被拒时：409 NOT_READY 为所列"
        "办件不在待组卷之列；403 NOT_FILING 为其中有他单位立卷的。"
    ),
    response_description="将赋予的档号，按次序",
)
def preview_numbers(wanted: ChoiceWanted, reader: Caller, station: Station) -> list[ProposedNumber]:
    """Return the numbers that the chosen cases would get."""
    require(reader, Act.COMPILE)
    runtime = station.runtime
    with reading(runtime.engine) as session:
        rows = preview(
            session, reader, wanted.choice(), catalogue=runtime.catalogue, units=runtime.filing
        )
    return [_proposed(row) for row in rows]


def _proposed(row: Proposal) -> ProposedNumber:
    return ProposedNumber(**row.public())


@router.post(
    "",
    summary="照预览赋号并组卷",
    description=(
        "照预览赋予档号并开始组卷：赋号之后不可更改，也不可重用。请带 Idempotency-Key，"
        "答复丢失时以同一值重发。被拒时：409 PREVIEW_STALE 为预览之后情况有变，"
        "title 写明变化，未赋予任何档号，请重新预览；403 NOT_FILING 为其中有他单位"
        "立卷的；422 IDEMPOTENCY_KEY_REUSED 请为新的请求另取一个值。"
    ),
    response_description="已赋予的档号",
    status_code=201,
)
def compile_chosen(
    wanted: CompileWanted, reader: Caller, station: Station, key: Key = None
) -> GivenNumbers:
    """Give the chosen cases the numbers that were previewed, and start the workers."""
    require(reader, Act.COMPILE)
    runtime, request = station.runtime, {"compilation": wanted.model_dump(mode="json")}
    with writing(runtime.engine) as session:
        before = answered(session, reader, key, request)
        if before is not None:
            return GivenNumbers.model_validate(before)
        number_chosen(
            session,
            reader,
            wanted.choice.choice(),
            wanted.expected(),
            catalogue=runtime.catalogue,
            units=runtime.filing,
            at=database_now(session),
        )
        given = GivenNumbers(numbers=wanted.numbers)
        keep_answer(session, reader, key, request, given.model_dump())
    start_making(runtime)
    return given


@router.get(
    "/periods",
    summary="各月各立卷单位的应归、已归、未归",
    description="按办结月份和立卷单位列出一年的应归、已归和未归；只列本单位及下级立卷的。",
    response_description="各月各单位的件数",
)
def periods(
    reader: Caller,
    station: Station,
    year: Annotated[int, Query(ge=1990, le=2200, description="办结的年份")],
) -> list[PeriodCountView]:
    """List what is due, filed and open by month and filing unit."""
    require(reader, Act.COMPILE)
    runtime = station.runtime
    with reading(runtime.engine) as session:
        reach = reach_of(reader.org, runtime.organisations)
        rows = period_counts(session, reach, runtime.filing.rule, year=year)
    return [_counted(row) for row in rows]


def _counted(row: PeriodCount) -> PeriodCountView:
    return PeriodCountView(
        period=row.period,
        unit=row.unit,
        due=row.due,
        filed=row.filed,
        checking=row.checking,
        ready=row.ready,
        making=row.making,
    )
