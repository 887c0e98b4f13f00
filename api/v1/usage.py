"""利用申请: ask, follow, decide."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from api.http.tokens import Caller
from api.http.use_requests import Decided, UseWanted, application_of
from api.v1.idempotency import Key, answered, keep_answer
from api.v1.station import Station
from archive.administration.policy import Act, Reader, capacities
from archive.database.engine import reading, writing
from archive.database.tables_usage import UsageRequest
from archive.reference.errors import NotFoundError
from archive.usage.reading_room import require
from archive.usage.requests import (
    RequestState,
    decide_request,
    find_request,
    may_read,
    number_of,
    request_use,
    requests_to_decide,
)

router = APIRouter(tags=["利用"])
Number = Annotated[str, Path(pattern=r"^LY[0-9]{4}-[0-9]{6,12}$", examples=["LY2026-000001"])]


class UseView(BaseModel):
    """A request; GRANTED is a grant until `ends_at`, then it has ended by itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "description": "利用申请；state 为 GRANTED 时可利用，至 ends_at 自行终止。"
        }
    )

    number: str = Field(description="利用单号")
    code: str = Field(description="档号")
    capacity: str = Field(description="利用主体")
    scope: str = Field(description="利用范围")
    state: str = Field(description="状态代码")
    state_label: str = Field(description="状态名称")
    created_at: str = Field(description="申请时间")
    decided_at: str | None = Field(description="审批时间")
    ends_at: str | None = Field(description="有效期至")


class ScopeView(BaseModel):
    """An extent of use: the acts, and the fields shown in plain (null: all)."""

    model_config = ConfigDict(
        json_schema_extra={"description": "利用范围：允许的操作，和给出明文的字段。"}
    )

    key: str = Field(description="范围代码")
    label: str = Field(description="范围名称")
    acts: list[str] = Field(description="允许的操作")
    fields: list[str] | None = Field(description="给出明文的字段；null 为全部")


class CapacityView(BaseModel):
    """As whom one may ask: one of the sets of papers must be complete."""

    model_config = ConfigDict(
        json_schema_extra={"description": "利用主体：须备齐其中一组依据材料。"}
    )

    key: str = Field(description="主体代码")
    label: str = Field(description="主体名称")
    papers: list[list[str]] = Field(description="依据材料，各组任选其一")
    scopes: list[ScopeView] = Field(description="可申请的范围")
    source: str = Field(description="规定出处")
    visitor: bool = Field(description="是否有利用人到场；有则申请时写明 visitor")


@router.get(
    "/capacities",
    summary="利用主体、依据材料和范围",
    description=(
        "列出利用申请须遵循的利用主体表：每种主体可用的依据材料（须备齐其中一组）、"
        "可申请的范围，以及每种范围允许的操作和给出明文的字段（null 为全部字段）。"
        "提交申请前请据此填写 capacity、scope 和 papers。"
    ),
    response_description="利用主体表",
)
def table(reader: Caller) -> list[CapacityView]:
    """Return the table that requests must follow."""
    require(reader, Act.REQUEST_USE)
    return [
        CapacityView(
            key=capacity.key,
            label=capacity.label,
            papers=[list(papers) for papers in capacity.papers],
            scopes=[
                ScopeView(
                    key=scope.key,
                    label=scope.label,
                    acts=sorted(scope.acts),
                    fields=None if scope.fields is None else sorted(scope.fields),
                )
                for scope in capacity.scopes
            ],
            source=capacity.source,
            visitor=capacity.visitor,
        )
        for capacity in capacities().values()
    ]


@router.post(
    "/usage-requests",
    summary="提交利用申请",
    description=(
        "申请利用一册。是否有这一册不予答复，由保管单位审批，不得审批自己的申请。"
        "请带 Idempotency-Key，答复丢失时以同一值重发。提交后以利用单号查询；批"
        "准后在 Yice-Usage 中注明。被拒时：422 PAPERS_MISSING 请补齐材料后重新"
        "申请；422 BAD_USAGE_REQUEST 请对照利用主体表选择主体和范围；"
        "422 BAD_ARCHIVAL_CODE 请核对档号；422 BAD_VISITOR 请核对利用人的证件；"
        "422 IDEMPOTENCY_KEY_REUSED 请另取一"
        "个值。"
    ),
    response_description="已提交的申请",
    status_code=201,
)
def ask(wanted: UseWanted, reader: Caller, station: Station, key: Key = None) -> UseView:
    """Enter a request; the keeper decides. Whether the volume exists is not said."""
    require(reader, Act.REQUEST_USE)
    request = wanted.model_dump()
    with writing(station.runtime.engine) as session:
        before = answered(session, reader, key, {"usage": request})
        if before is not None:
            return UseView.model_validate(before)
        row = request_use(session, reader, application_of(wanted), station.runtime.organisations)
        view = _view(row)
        keep_answer(session, reader, key, {"usage": request}, view.model_dump())
    return view


@router.get(
    "/usage-requests",
    summary="待我审批的利用申请",
    description=(
        "列出本账号可以审批的利用申请，先到先列，至多 100 件。只有保管单位的所"
        "领导和上级监督可以审批。被拒时：403 ROLE 为该角色不能审批。"
    ),
    response_description="待审批的申请",
)
def waiting(reader: Caller, station: Station) -> list[UseView]:
    """List the requests that the caller may decide, oldest first, 100 at most."""
    require(reader, Act.DECIDE_USE)
    with reading(station.runtime.engine) as session:
        return [
            _view(request)
            for request in requests_to_decide(session, reader, station.runtime.organisations)
        ]


@router.get(
    "/usage-requests/{number}",
    summary="查询利用申请",
    description=(
        "查询一件利用申请，申请人和可以审批的人均可查询。state 为 GRANTED 时即"
        "可利用，到 ends_at 自行终止。被拒时：404 NOT_FOUND 为没有这份申请或无"
        "权查看，请核对利用单号。"
    ),
    response_description="申请的现状",
)
def follow(number: Number, reader: Caller, station: Station) -> UseView:
    """Return a request to its author, and to those who may decide it."""
    require(reader, Act.REQUEST_USE)
    with reading(station.runtime.engine) as session:
        return _view(_readable(session, station, reader, number))


@router.post(
    "/usage-requests/{number}/decision",
    summary="审批利用申请",
    description=(
        "批准或不予批准一件利用申请，并写明理由。由保管单位的所领导或上级监督审"
        "批。被拒时：403 ROLE、FORBIDDEN 为无权审批，或申请是自己提交的，请由他人审批；"
        "404 NOT_FOUND 请核对利用单号；409 CONFLICT 为已有结论，或没有此档号的"
        "册（请以“查无此档”为由不予批准）。"
    ),
    response_description="审批后的申请",
)
def decision(number: Number, decided: Decided, reader: Caller, station: Station) -> UseView:
    """Decide a request, on the keeping side; never one's own."""
    require(reader, Act.DECIDE_USE)
    with writing(station.runtime.engine) as session:
        return _view(
            decide_request(
                session,
                reader,
                number,
                approve=decided.approve,
                reason=decided.reason,
                organisations=station.runtime.organisations,
            )
        )


def _readable(session: Session, station: Station, reader: Reader, number: str) -> UsageRequest:
    row = find_request(session, number)
    if not may_read(reader, row, station.runtime.organisations, session):
        raise NotFoundError("没有这份利用申请，或您无权查看。", "请核对利用单号。")
    return row


def _view(row: UsageRequest) -> UseView:
    return UseView(
        number=number_of(row),
        code=row.code,
        capacity=row.capacity,
        scope=row.scope,
        state=row.state,
        state_label=RequestState(row.state).label,
        created_at=row.created_at.isoformat(),
        decided_at=row.decided_at.isoformat() if row.decided_at else None,
        ends_at=row.ends_at.isoformat() if row.ends_at else None,
    )
