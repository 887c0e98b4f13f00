"""A search to be saved, as the station API and the desk state it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.http.use_requests import WORDS
from archive.database.tables_desk import SavedSearch
from archive.usage.saved_searches import LONGEST_NAME
from search.index import Sort


class SearchToSave(BaseModel):
    """A query, its order, and the name under which it is saved."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "description": "要保存的检索：名称、检索式和排序。",
            "examples": [{"name": "本月迁入", "query": "卷目:迁入 日期:2026-09", "sort": "newest"}],
        },
    )
    name: str = Field(min_length=1, max_length=LONGEST_NAME, pattern=WORDS, description="名称")
    query: str = Field(min_length=1, max_length=300, pattern=WORDS, description="检索式")
    sort: Sort = Field(default=Sort.RELEVANCE, description="排序")


def public(row: SavedSearch) -> dict[str, Any]:
    """Return a saved search as its owner reads it."""
    return {
        "id": row.id,
        "name": row.name,
        "query": row.query,
        "sort": row.sort,
        "created_at": row.created_at.isoformat(),
    }
