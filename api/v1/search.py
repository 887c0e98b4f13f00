"""`POST /search`: the query travels in the body.

Addresses are logged on the way, and a query may name a person.
"""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from api.http.daily import limits_of
from api.http.search import count_each_number, doubts_of, journal_search, look_up, public, query_of
from api.http.tokens import Caller
from api.v1.station import Access, Station, counted
from archive.administration.daily_use import Shown
from archive.administration.policy import Act
from archive.database.engine import reading
from archive.paper.listing import paper_lines
from archive.usage.reading_room import require
from search.index import Sort

router = APIRouter(tags=["检索"])
_EXAMPLE: JsonDict = {
    "query": "姓名:王 日期:2026-09",
    "sort": "newest",
    "limit": 20,
    "facets": ["series", "year"],
}
Facet = Literal["series", "district", "receive_org", "domicile_org", "item", "sources", "year"]


class Question(BaseModel):
    """A query in the language of the search, with order, page and facets.

    Names, 档号, case numbers, ID numbers, free text, fields, Boolean words.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"description": "检索式及其排序、页长和分面。", "examples": [_EXAMPLE]},
    )
    query: str = Field(
        max_length=300, description="检索式：姓名、档号、办件编号、号码、全文、字段、布尔词"
    )
    sort: Sort = Field(default=Sort.RELEVANCE, description="排序")
    limit: int = Field(default=20, ge=1, le=50, description="每页命中数")
    after: str | None = Field(default=None, max_length=64, description="上一页给出的 next")
    facets: list[Facet] = Field(default=[], max_length=8, description="需要计数的分面")


class Answer(BaseModel):
    """Hits, masked; `total` and facets count only what the caller may see.

    `next` null: no more.
    """

    model_config = ConfigDict(
        json_schema_extra={"description": "脱敏的命中；总数和分面只统计可见的册。"}
    )

    total: int = Field(description="可见的命中总数")
    hits: list[dict[str, Any]] = Field(description="命中，脱敏；paper 为其纸质现在的位置")
    facets: dict[str, list[dict[str, Any]]] = Field(description="各分面的取值和计数")
    next: str | None = Field(description="下一页的标记；空表示没有了")
    doubts: list[str] = Field(description="所输号码的疑点，如校验码不符；不复述号码")


@router.post(
    "/search",
    summary="检索本单位可见的册",
    description=(
        "检索本单位及下级收件、受理、保管的册以及户籍地在本单位的册：姓名、档号、"
        "办件编号、公民身份号码、电话、全文、字段和布尔词均可。检索词放在请求正"
        "文，不进地址。命中均已脱敏，总数和分面只统计可见的册。把答复的 next 填"
        "入下一次请求的 after 即得下一页，next 为空表示没有了。每次检索记入审计"
        "日志，只记结果，不记检索词。被拒时：422 BAD_QUERY 请更正检索式；"
        "422 BAD_CURSOR 请从第一页重新检索；429 DAILY_LIMIT 为该账号当日查阅或号"
        "码检索已达上限，请联系安全保密管理员；503 NO_INDEX 为索引尚未建立，请稍后再试。"
    ),
    response_description="一页命中（脱敏）、总数和分面计数",
)
def search(asked: Question, reader: Caller, station: Station, access: Access) -> Answer:
    """Return the hits that the caller may see; the database decides on each.

    That is what the caller's organisation received, accepted, keeps or supervises.
    """
    require(reader, Act.SEARCH)
    tree = query_of(asked.query, station.words, reader)
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
    with reading(station.runtime.engine) as session:
        lines = paper_lines(session, {hit["code"] for hit in answer["hits"]})
    for hit in answer["hits"]:
        del hit["volume_id"]
        hit["paper"] = lines.get(hit["code"], [])
    with counted(station, reader, Shown.LOOKS) as session:
        limits = limits_of(station.runtime.settings, reader)
        count_each_number(session, reader, tree, limits)
        journal_search(session, reader, access, results)
    return Answer.model_validate({**answer, "doubts": doubts_of(tree)})
