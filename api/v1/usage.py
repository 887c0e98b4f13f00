"""利用申请: ask, follow, decide."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from sqlalchemy.orm import Session

from api.http.tokens import Caller
from api.v1.idempotency import Key, answered, keep_answer
from api.v1.station import Station
from archive.administration.policy import Act, Reader, capacities
from archive.database.engine import reading, writing
from archive.database.tables_usage import UsageRequest
from archive.reference.errors import NotFoundError
from archive.usage.reading_room import read_code, require
from archive.usage.requests import (
    MAX_DAYS,
    RequestState,
    Wanted,
    decide_request,
    find_request,
    may_read,
    number_of,
    request_use,
    requests_to_decide,
)

router = APIRouter(tags=["利用"])
Number = Annotated[str, Path(pattern=r"^LY[0-9]{4}-[0-9]{6,12}$", examples=["LY2026-000001"])]
_WORDS = r"^[^\x00-\x1f\x7f]*$"
_EXAMPLE: JsonDict = {
    "code": "J602-ZY.HJ.CS.2026.Y-000001",
    "capacity": "POLICE",
    "scope": "CASE",
    "purpose": "办理出生登记核对材料",
    "basis": "东公户核〔2026〕12号",
    "papers": ["办理业务的依据"],
    "days": 3,
}


class UseWanted(BaseModel):
    """What is asked for. `capacity`, `scope` and `papers` as `GET /capacities` lists them."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})
    code: str = Field(min_length=1, max_length=64, pattern=r"^[A-Z0-9.·-]+$", description="档号")
    capacity: str = Field(max_length=16, pattern=r"^[A-Z_]+$")
    scope: str = Field(max_length=16, pattern=r"^[A-Z_]+$")
    purpose: str = Field(
        min_length=2, max_length=200, pattern=_WORDS, description="事由；请勿写入号码和姓名"
    )
    basis: str = Field(min_length=2, max_length=100, pattern=_WORDS, description="依据文书号")
    papers: list[Annotated[str, Field(max_length=40, pattern=_WORDS)]] = Field(max_length=12)
    days: int = Field(default=3, ge=1, le=MAX_DAYS)


class UseView(BaseModel):
    """A request; GRANTED is a grant until `ends_at`, then it has ended by itself."""

    number: str
    code: str
    capacity: str
    scope: str
    state: str
    state_label: str
    created_at: str
    decided_at: str | None
    ends_at: str | None


class Decided(BaseModel):
    """The decision, with its reason."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"approve": True, "reason": "材料齐全"}]}
    )
    approve: bool
    reason: str = Field(min_length=2, max_length=200, pattern=_WORDS)


class ScopeView(BaseModel):
    """An extent of use: which acts, which fields in plain (null: all)."""

    key: str
    label: str
    acts: list[str]
    fields: list[str] | None


class CapacityView(BaseModel):
    """As whom one may ask: one of the sets of papers has to be there whole."""

    key: str
    label: str
    papers: list[list[str]]
    scopes: list[ScopeView]
    source: str


@router.get("/capacities", summary="利用主体、依据材料和范围")
def table(reader: Caller) -> list[CapacityView]:
    """The table that requests are held to."""
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
        )
        for capacity in capacities().values()
    ]


@router.post("/usage-requests", summary="提交利用申请", status_code=201)
def ask(wanted: UseWanted, reader: Caller, station: Station, key: Key = None) -> UseView:
    """Whether the volume exists is not said; its keeper decides."""
    require(reader, Act.REQUEST_USE)
    request = wanted.model_dump()
    with writing(station.runtime.engine) as session:
        before = answered(session, reader, key, {"usage": request})
        if before is not None:
            return UseView.model_validate(before)
        row = request_use(
            session,
            reader,
            Wanted(**{**request, "code": read_code(wanted.code), "papers": tuple(wanted.papers)}),
            station.runtime.organisations,
        )
        view = _view(row)
        keep_answer(session, reader, key, {"usage": request}, view.model_dump())
    return view


@router.get("/usage-requests", summary="待我审批的利用申请")
def waiting(reader: Caller, station: Station) -> list[UseView]:
    """Oldest first, 100 at most."""
    require(reader, Act.DECIDE_USE)
    with reading(station.runtime.engine) as session:
        return [
            _view(request)
            for request in requests_to_decide(session, reader, station.runtime.organisations)
        ]


@router.get("/usage-requests/{number}", summary="查询利用申请")
def follow(number: Number, reader: Caller, station: Station) -> UseView:
    """For who asked, and for who may decide."""
    require(reader, Act.REQUEST_USE)
    with reading(station.runtime.engine) as session:
        return _view(_readable(session, station, reader, number))


@router.post("/usage-requests/{number}/decision", summary="审批利用申请")
def decision(number: Number, decided: Decided, reader: Caller, station: Station) -> UseView:
    """By the keeping side, never by who asked."""
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
