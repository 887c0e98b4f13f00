"""Placing of captured pages, as the station API and the forms of the desk state it."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from api.http.uploads import CaptureView, view
from api.jobs.requested import request_submitting
from api.runtime.bootstrap import Runtime
from archive.administration.policy import Reader
from archive.database.engine import database_now, writing
from archive.gathering.captures import Capture
from archive.gathering.places import Place
from archive.gathering.placing import take_back
from ingest.captures.placing import Leaf, place_pages, set_pages_aside

MOST_PAGES = 500
_Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
_PAGE: JsonDict = {"id": "4f1d2c3b4a5968778695a4b3c2d1e0ff", "page": 1}


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PageWanted(_Sent):
    """One page of a captured file."""

    model_config = ConfigDict(
        json_schema_extra={"description": "一个扫描文件的一页。", "examples": [_PAGE]}
    )
    id: _Id = Field(description="上传编号")
    page: int = Field(ge=1, le=5000, description="页，自 1 起")


class PagesWanted(_Sent):
    """Pages that only say what follows them, and are placed nowhere."""

    model_config = ConfigDict(
        json_schema_extra={
            "description": "只作封面、不归入的页，例如扫描的收件单。",
            "examples": [{"pages": [_PAGE]}],
        }
    )
    pages: list[PageWanted] = Field(
        min_length=1, max_length=MOST_PAGES, description="各页，按扫描次序"
    )

    def leaves(self) -> list[Leaf]:
        """Return what the acts take."""
        return [Leaf(page.id, page.page) for page in self.pages]


class PlacingWanted(PagesWanted):
    """Pages, and the material of the case that they belong to, in this order."""

    model_config = ConfigDict(
        json_schema_extra={
            "description": "所选各页按次序组成哪一办件的哪一份材料。",
            "examples": [
                {
                    "pages": [_PAGE],
                    "case_no": "150602010000-20260901-000001",
                    "no": 6,
                    "type": "非婚生育说明",
                    "wait": False,
                }
            ],
        }
    )
    case_no: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")] = Field(
        description="办件编号"
    )
    no: int = Field(ge=1, le=999, description="材料序号")
    type: Annotated[
        str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", min_length=1, max_length=200)
    ] = Field(description="材料名称")
    wait: bool = Field(default=False, description="编号无误、尚未办结：等待办结")


def place_wanted(runtime: Runtime, reader: Reader, wanted: PlacingWanted) -> list[CaptureView]:
    """Place the pages; start the submission of a case that is whole by it."""
    rows = place_pages(
        runtime.engine,
        runtime.store,
        reader,
        wanted.leaves(),
        Place(wanted.case_no, wanted.no, wanted.type),
        runtime.organisations,
        wait=wanted.wait,
        now=datetime.now(UTC),
    )
    if any(row.state == Capture.PLACED for row in rows):
        request_submitting(runtime)
    return [view(runtime, row) for row in rows]


def cover_wanted(runtime: Runtime, reader: Reader, wanted: PagesWanted) -> list[CaptureView]:
    """Set the pages aside."""
    rows = set_pages_aside(
        runtime.engine,
        runtime.store,
        reader,
        wanted.leaves(),
        runtime.organisations,
        now=datetime.now(UTC),
    )
    return [view(runtime, row) for row in rows]


def take_file_back(runtime: Runtime, reader: Reader, id_: str) -> list[CaptureView]:
    """Take back where a file was placed, with the others of its material."""
    with writing(runtime.engine) as session:
        rows = take_back(session, reader, id_, runtime.organisations, at=database_now(session))
    return [view(runtime, row) for row in rows]
