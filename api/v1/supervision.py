"""监督: lists within the reach of the supervising organisation; without personal data."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlalchemy.orm import Session

from api.http.tokens import Caller
from api.v1.station import Access, Station
from archive.administration.policy import Act, Reader
from archive.audit.acts import JournalAct
from archive.database.engine import writing
from archive.finding_aids import supervision
from archive.usage.reading_room import Purpose, note_look, require

router = APIRouter(tags=["监督"], prefix="/supervision")
After = Annotated[int, Query(ge=0, le=2**53, description="上一页给出的 next")]
Limit = Annotated[int, Query(ge=1, le=200)]


class ActRow(BaseModel):
    """One node of one case."""

    case_no: str
    code: str | None
    item: str
    node: str
    node_label: str
    org: str
    at: str


class CaseRow(BaseModel):
    """One case."""

    case_no: str
    code: str | None
    item: str
    receive_org: str
    accept_org: str
    domicile_org: str
    completed_at: str


class ActPage(BaseModel):
    """A page; `next` null: no more."""

    rows: list[ActRow]
    next: int | None


class CasePage(BaseModel):
    """A page; `next` null: no more."""

    rows: list[CaseRow]
    next: int | None


@router.get("/responsibility", summary="按警号列出经办的全部办件（终身责任）")
def responsibility(
    actor_no: Annotated[
        str, Query(pattern=r"^[A-Za-z0-9]{1,20}$", description="警号", examples=["060101"])
    ],
    reader: Caller,
    station: Station,
    access: Access,
    after: After = 0,
    limit: Limit = 100,
) -> ActPage:
    """Received, accepted, reviewed or approved; also after the officer left."""
    require(reader, Act.SUPERVISE)
    with writing(station.runtime.engine) as session:
        rows = supervision.responsibility(
            session, reader, actor_no, station.runtime.organisations, after, limit
        )
        _note(session, reader, "RESPONSIBILITY", access.purpose, rows=len(rows), actor_no=actor_no)
    return ActPage(
        rows=[ActRow(**{key: value for key, value in row.items() if key != "id"}) for row in rows],
        next=_next(rows, limit),
    )


@router.get("/overdue", summary="超期办结的办件")
def overdue(
    reader: Caller, station: Station, access: Access, after: After = 0, limit: Limit = 100
) -> CasePage:
    """Finished after the promised day."""
    require(reader, Act.SUPERVISE)
    with writing(station.runtime.engine) as session:
        rows = supervision.overdue(session, reader, station.runtime.organisations, after, limit)
        _note(session, reader, "OVERDUE", access.purpose, rows=len(rows))
    return CasePage(
        rows=[CaseRow(**{key: value for key, value in row.items() if key != "id"}) for row in rows],
        next=_next(rows, limit),
    )


@router.get("/citywide", summary="全域通办的办件（收件、户籍两地上级均可见）")
def citywide(
    reader: Caller, station: Station, access: Access, after: After = 0, limit: Limit = 100
) -> CasePage:
    """Received elsewhere than at the domicile."""
    require(reader, Act.SUPERVISE)
    with writing(station.runtime.engine) as session:
        rows = supervision.citywide(session, reader, station.runtime.organisations, after, limit)
        _note(session, reader, "CITYWIDE", access.purpose, rows=len(rows))
    return CasePage(
        rows=[CaseRow(**{key: value for key, value in row.items() if key != "id"}) for row in rows],
        next=_next(rows, limit),
    )


def _note(session: Session, reader: Reader, what: str, purpose: Purpose, **shown: object) -> None:
    note_look(session, reader, JournalAct.SUPERVISE, what, purpose, **shown)


def _next(rows: object, limit: int) -> int | None:
    listed = list(rows) if isinstance(rows, list) else []
    return listed[-1]["id"] if len(listed) == limit else None
