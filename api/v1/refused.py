"""隔离: refused packages of one's own organisation and those below it, sent back."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.http.refused_packages import ReasonWanted, RefusedView, refused_view
from api.http.tokens import Caller
from api.v1.station import Station
from archive.accession.deliveries import return_delivery
from archive.administration.policy import Act
from archive.database.engine import database_now, reading, writing
from archive.finding_aids.gathering_lists import refused_packages
from archive.finding_aids.reach import reach_of
from archive.usage.reading_room import require

router = APIRouter(tags=["送交"], prefix="/refused")
_SHOWN = 200


@router.get(
    "",
    summary="拒收隔离的归档信息包",
    description=(
        "列出本单位及下级送交、被拒收隔离的归档信息包，最近的在先，至多 200 个：每个"
        "的原因和下一步。returned 为 true 时列已退回的，带退回的理由。"
    ),
    response_description="隔离的包",
)
def refused(
    reader: Caller,
    station: Station,
    *,
    returned: Annotated[bool, Query(description="列已退回的")] = False,
) -> list[RefusedView]:
    """List the refused packages that the caller answers for."""
    require(reader, Act.FOLLOW)
    with reading(station.runtime.engine) as session:
        reach = reach_of(reader.org, station.runtime.organisations)
        rows = refused_packages(session, reach, _SHOWN, returned=returned)
    return [refused_view(row) for row in rows]


@router.post(
    "/{id_}/return",
    summary="退回一个隔离的包",
    description=(
        "把隔离的包退回送交单位，写明要更正什么；原包仍保留在隔离区，不再列为待处理。"
        "送交单位更正后作为新的送交重送。被拒时：404 NOT_FOUND 为没有这个隔离件或不归"
        "本单位；409 CONFLICT 为已退回。"
    ),
    response_description="已退回",
    status_code=204,
    response_class=Response,
)
def send_back(
    id_: Annotated[int, Path(ge=1, le=2**53, description="隔离件编号", examples=[12])],
    wanted: ReasonWanted,
    reader: Caller,
    station: Station,
) -> Response:
    """Mark a refused package as sent back, with the reason."""
    require(reader, Act.SUBMIT)
    with writing(station.runtime.engine) as session:
        return_delivery(
            session,
            reader,
            id_,
            reason=wanted.reason,
            organisations=station.runtime.organisations,
            at=database_now(session),
        )
    return Response(status_code=204)
