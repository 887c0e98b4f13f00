"""保存的检索: the searches that an account saved, in requests' bodies and answers alone."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.saved_searches import SearchToSave, public
from api.http.tokens import Caller
from api.v1.idempotency import Key, answered, keep_answer
from api.v1.station import Station
from archive.database.engine import reading, writing
from archive.usage import saved_searches as saved

router = APIRouter(tags=["检索"], prefix="/saved-searches")


class SavedView(BaseModel):
    """A saved search of the caller's own."""

    model_config = ConfigDict(json_schema_extra={"description": "一项保存的检索，只有本账号可见。"})

    id: int = Field(description="编号")
    name: str = Field(description="名称")
    query: str = Field(description="检索式")
    sort: str = Field(description="排序")
    created_at: str = Field(description="保存时间")


class SavedNumber(BaseModel):
    """The number of what was saved."""

    model_config = ConfigDict(json_schema_extra={"description": "已保存的检索的编号。"})

    id: int = Field(description="编号")


@router.get(
    "",
    summary="保存的检索",
    description="列出本账号保存的检索，新的在前；他人的不可见。",
    response_description="保存的检索",
)
def list_saved(reader: Caller, station: Station) -> list[SavedView]:
    """List the caller's own saved searches."""
    with reading(station.runtime.engine) as session:
        return [SavedView(**public(row)) for row in saved.saved_searches(session, reader)]


@router.post(
    "",
    summary="保存检索",
    description=(
        "以一个名称保存检索式；同名的以新的代替。名称和检索式加密保存，审计日志只记编号。"
        "被拒时：409 CONFLICT 为已满50项，请先删除不再用的。"
    ),
    response_description="编号",
    status_code=201,
)
def save(wanted: SearchToSave, reader: Caller, station: Station, key: Key = None) -> SavedNumber:
    """Save a search of the caller's own."""
    request = {"act": "save_search", **wanted.model_dump()}
    with writing(station.runtime.engine) as session:
        before: dict[str, Any] | None = answered(session, reader, key, request)
        if before is not None:
            return SavedNumber(**before)
        row = saved.save_search(session, reader, **wanted.model_dump())
        answer = SavedNumber(id=row.id)
        keep_answer(session, reader, key, request, answer.model_dump())
    return answer


@router.delete(
    "/{id_}",
    summary="删除保存的检索",
    description="删除本账号保存的一项检索。被拒时：404 NOT_FOUND 为没有这一项，请核对编号。",
    response_description="已删除",
    status_code=204,
    response_class=Response,
)
def drop(id_: Annotated[int, Path(ge=1, le=2**53)], reader: Caller, station: Station) -> Response:
    """Delete a saved search of the caller's own."""
    with writing(station.runtime.engine) as session:
        saved.drop_search(session, reader, id_)
    return Response(status_code=204)
