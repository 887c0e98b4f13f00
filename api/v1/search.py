"""`POST /search`: what is typed travels in the body, for addresses are logged on the way and it may name a person."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from api.http.search import look_up, public
from api.http.tokens import Caller
from api.v1.station import Access, Station, counted
from archive.administration.daily_use import Shown
from archive.administration.policy import Act
from archive.audit.acts import JournalAct
from archive.database.engine import reading
from archive.usage.reading_room import note_look, require
from search.index import Sort
from search.query import parse

router = APIRouter(tags=["检索"])
_EXAMPLE: JsonDict = {
    "query": "姓名:王 日期:2026-09",
    "sort": "newest",
    "limit": 20,
    "facets": ["series", "year"],
}
Facet = Literal["series", "district", "receive_org", "domicile_org", "item", "sources", "year"]


class Question(BaseModel):
    """A question in the language of the search: names, 档号, case numbers, ID numbers, free text, fields, Boolean words."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})
    query: str = Field(max_length=300)
    sort: Sort = Sort.RELEVANCE
    limit: int = Field(default=20, ge=1, le=50)
    after: str | None = Field(default=None, max_length=64, description="上一页给出的 next")
    facets: list[Facet] = Field(default=[], max_length=8)


class Answer(BaseModel):
    """Hits, masked; `total` and facets count only what the caller may see. `next` null: no more."""

    total: int
    hits: list[dict[str, Any]]
    facets: dict[str, list[dict[str, Any]]]
    next: str | None


@router.post("/search", summary="检索本单位可见的册")
def search(asked: Question, reader: Caller, station: Station, access: Access) -> Answer:
    """Only what the caller's organisation received, accepted, keeps or stands above; the database has the last word on every hit."""
    require(reader, Act.SEARCH)
    tree = parse(asked.query, station.words)
    with reading(station.runtime.engine) as session:
        facets = tuple(dict.fromkeys(asked.facets))
        results = look_up(
            session,
            station.search.search,
            tree,
            reader,
            station.reference,
            sort=asked.sort,
            limit=asked.limit,
            after=asked.after,
            facets=facets,
        )
    answer = public(results)
    for hit in answer["hits"]:
        del hit["volume_id"]
    with counted(station, reader, Shown.LOOKS) as session:
        # What was typed may name a person, so only what came of it is kept.
        codes = sorted({hit.code for hit in results.hits})
        note_look(
            session,
            reader,
            JournalAct.SEARCH,
            "index",
            access.purpose,
            operator=access.operator,
            total=answer["total"],
            shown=codes,
        )
    return Answer.model_validate(answer)
