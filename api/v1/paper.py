"""纸质档案: what a station keeps on paper, and the scans that move and count it (R19)."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from api.http.paper_scans import ScanView, ScanWanted, SessionWanted, take
from api.http.tokens import Caller
from api.v1.idempotency import Key, answered, keep_answer
from api.v1.station import Station, StationApi
from archive.administration.policy import Act, Reader
from archive.database.engine import reading, writing
from archive.database.tables_paper import PaperSession, PaperStocktake
from archive.paper.access import Keeper
from archive.paper.listing import paper_rows, waiting_tasks
from archive.paper.places import find_place, level
from archive.paper.scans import open_session
from archive.paper.stocktakes import (
    close_stocktake,
    find_stocktake,
    open_stocktake,
    stocktake_number,
    tally,
)
from archive.reference.paper_terms import (
    PaperState,
    PlaceKind,
    ScanFlow,
    ScanVerdict,
    StocktakeState,
)

router = APIRouter(tags=["纸质档案"], prefix="/paper")
Number = Annotated[int, Path(ge=1, le=2**31, alias="id_", description="盘点单编号", examples=[1])]


class PaperView(BaseModel):
    """One item of paper and where it is by its last move."""

    model_config = ConfigDict(json_schema_extra={"description": "一件纸质档案及其所在。"})

    id: int = Field(description="纸质件编号")
    code: str = Field(description="档号，与电子册相同")
    case_no: str = Field(description="办件编号")
    pages: int = Field(description="登记时清点的页数")
    kind: str = Field(description="ORIGINAL 原件、COPY 复印件、PRINT 打印件")
    place: str = Field(description="库位，自库房至层；不在架为空")
    box: str = Field(description="盒号")
    state: str = Field(description="现状代码")
    state_label: str = Field(description="现状名称")
    org: str = Field(description="保管单位的机构代码")


class TaskView(BaseModel):
    """Paper of a volume that waits to be registered at the receiving station."""

    model_config = ConfigDict(json_schema_extra={"description": "一件待登记的纸质。"})

    code: str = Field(description="档号")
    case_no: str = Field(description="办件编号")
    pages: int = Field(description="办件所述的纸质页数")
    kind: str = Field(description="ORIGINAL 原件、COPY 复印件、PRINT 打印件")
    station: str = Field(description="登记单位（受理窗口所在单位）")


class PlaceView(BaseModel):
    """One place with what it can hold and what stands on it."""

    model_config = ConfigDict(json_schema_extra={"description": "一处库位及其占用。"})

    id: int = Field(description="库位编号")
    kind: str = Field(description="ROOM 库房、RACK 列架、BAY 节、SHELF 层")
    kind_label: str = Field(description="类别名称")
    name: str = Field(description="名称")
    width_mm: int = Field(description="可用宽度，毫米")
    used_mm: int = Field(description="已用宽度，毫米")
    boxes: int = Field(description="盒数")
    parts: int = Field(description="下一级的数目")


class SessionView(BaseModel):
    """A session of scanning; scans name it."""

    model_config = ConfigDict(json_schema_extra={"description": "一个扫描会话。"})

    session: str = Field(description="会话编号，随每次扫描给出")
    flow: str = Field(description="用途代码")
    flow_label: str = Field(description="用途名称")


class StocktakeWanted(BaseModel):
    """The place to be counted."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"description": "要盘点的库位。", "examples": [{"place": 1}]},
    )
    place: Annotated[int, Field(ge=1, le=2**31, description="库位编号")]


class StocktakeView(BaseModel):
    """A stocktake with its counts; `pending` becomes 缺 when it is closed."""

    model_config = ConfigDict(json_schema_extra={"description": "一次盘点及其计数。"})

    id: int = Field(description="盘点单编号")
    number: str = Field(description="盘点单号")
    state: str = Field(description="状态代码")
    state_label: str = Field(description="状态名称")
    expected: int = Field(description="应在件数，开始时冻结")
    expected_digest: str = Field(description="应在清单的 SHA-256，同日志所记")
    scans: int = Field(description="扫描次数")
    results: dict[str, int] = Field(description="应在的各件：结论代码到件数")
    pending: int = Field(description="待扫；关闭后为缺")
    strange: dict[str, int] = Field(description="不应在而扫到的：结论代码到件数")


def _keeper(station: StationApi, reader: Reader) -> Keeper:
    return Keeper(reader, station.runtime.organisations)


@router.get(
    "",
    summary="纸质档案目录",
    description=(
        "列出本单位及所属单位保管的纸质档案及其现在的位置，按编号排序，一次至多"
        " 1000 件；续取时以最后一件的 id 作 after。可只取一种现状。"
    ),
    response_description="纸质档案及其所在",
)
def items(
    reader: Caller,
    station: Station,
    after: Annotated[int, Query(ge=0, le=2**31, description="自此编号之后")] = 0,
    state: Annotated[PaperState | None, Query(description="只取此现状")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="至多件数")] = 100,
) -> list[PaperView]:
    """List the paper within reach."""
    with reading(station.runtime.engine) as session:
        rows = paper_rows(session, _keeper(station, reader), state=state, after=after, limit=limit)
    return [
        PaperView.model_validate({**row.public(), "state_label": row.state.label, "org": row.org})
        for row in rows
    ]


@router.get(
    "/tasks",
    summary="待登记的纸质",
    description=(
        "列出本单位及所属单位还没有登记的纸质：过渡期旗区受理、材料注明留存纸质的"
        "各册。已电子化的旗区不产生待登记。扫盒、再扫册的封面条码即登记入盒。"
    ),
    response_description="待登记的纸质",
)
def tasks(reader: Caller, station: Station) -> list[TaskView]:
    """List what waits to be registered."""
    with reading(station.runtime.engine) as session:
        rows = waiting_tasks(session, _keeper(station, reader))
    return [
        TaskView(
            code=row.code, case_no=row.case_no, pages=row.pages, kind=row.kind, station=row.station
        )
        for row in rows
    ]


@router.get(
    "/places",
    summary="库位的一级",
    description=(
        "列出一处库位的下一级及其占用；不给 parent 时列出各库房。库位逐级取，"
        "盒只放在层上。被拒时：404 NOT_HERE 为没有此库位或不归本单位。"
    ),
    response_description="下一级库位",
)
def places(
    reader: Caller,
    station: Station,
    parent: Annotated[int | None, Query(ge=1, le=2**31, description="上级库位编号")] = None,
) -> list[PlaceView]:
    """List one level of the tree of places."""
    with reading(station.runtime.engine) as session:
        rows = level(session, _keeper(station, reader), parent)
    return [
        PlaceView(
            id=row.place.id,
            kind=row.place.kind,
            kind_label=PlaceKind(row.place.kind).label,
            name=row.place.name,
            width_mm=row.place.width_mm,
            used_mm=row.used_mm,
            boxes=row.boxes,
            parts=row.parts,
        )
        for row in rows
    ]


@router.post(
    "/sessions",
    summary="开始扫描会话",
    description=(
        "开始一个扫描会话，用途：REGISTER 登记入盒、FILE 上架移动、LEND 借出、"
        "RETURN 归还、COUNT 盘点、SEND 交接发出、RECEIVE 交接接收。一人一个"
        "会话；两人同盘一处，各开一个。被拒时：404 NOT_HERE 为盘点单或交接单不归"
        "本单位；409 PAPER_VALUE 为缺盘点单或交接单。"
    ),
    response_description="会话编号",
    status_code=201,
)
def begin(wanted: SessionWanted, reader: Caller, station: Station, key: Key = None) -> SessionView:
    """Begin a session of scanning."""
    request = {"paper-session": wanted.model_dump(mode="json")}
    with writing(station.runtime.engine) as session:
        before = answered(session, reader, key, request)
        if before is not None:
            return SessionView.model_validate(before)
        view = _session_view(
            open_session(
                session,
                _keeper(station, reader),
                wanted.flow,
                stocktake_id=wanted.stocktake,
                handover_id=wanted.handover,
            )
        )
        keep_answer(session, reader, key, request, view.model_dump())
    return view


def _session_view(row: PaperSession) -> SessionView:
    return SessionView(session=row.id, flow=row.flow, flow_label=ScanFlow(row.flow).label)


@router.post(
    "/scans",
    summary="一次扫描",
    description=(
        "送出一次扫描，得到恰好一个结论。同一 (session, seq) 重送得到同一答复，"
        "不会再办一次；断网时请按次序留存，恢复后依次送出。不能办理的扫描也有结论"
        " REFUSED 和原因，什么都不会移动。被拒时：409 PAPER_GAP 为序号缺号或已用于"
        "另一条码；404 NOT_HERE 为会话不存在或不是本账号的。"
    ),
    response_description="这一次扫描的结论",
)
def scan(wanted: ScanWanted, reader: Caller, station: Station) -> ScanView:
    """Take one scan, idempotent on (session, seq)."""
    return take(station.runtime.engine, _keeper(station, reader), wanted)


@router.post(
    "/stocktakes",
    summary="开始盘点",
    description=(
        "开始盘点一处库位：应在清单即时冻结，其摘要记入审计日志。一处同时只有一个"
        "盘点。被拒时：404 NOT_HERE 为库位不归本单位；409 PAPER_STATE 为此处或其"
        "上下级正在盘点。"
    ),
    response_description="盘点及其计数",
    status_code=201,
)
def open_count(
    wanted: StocktakeWanted, reader: Caller, station: Station, key: Key = None
) -> StocktakeView:
    """Freeze what a place should hold."""
    keeper = _keeper(station, reader)
    request = {"stocktake": wanted.model_dump()}
    with writing(station.runtime.engine) as session:
        before = answered(session, reader, key, request)
        if before is not None:
            return StocktakeView.model_validate(before)
        place = find_place(session, keeper, wanted.place, Act.KEEP_PAPER)
        view = _stocktake_view(session, open_stocktake(session, keeper, place))
        keep_answer(session, reader, key, request, view.model_dump())
    return view


@router.get(
    "/stocktakes/{id_}",
    summary="盘点的计数",
    description=(
        "查看一次盘点现在的计数：应在 = 各结论之和 + 待扫。被拒时：404 NOT_HERE"
        " 为没有此盘点单或不归本单位。"
    ),
    response_description="盘点及其计数",
)
def show_count(id_: Number, reader: Caller, station: Station) -> StocktakeView:
    """Return the counts of a stocktake."""
    with reading(station.runtime.engine) as session:
        keeper = _keeper(station, reader)
        return _stocktake_view(session, find_stocktake(session, keeper, id_, Act.VIEW_PAPER))


@router.post(
    "/stocktakes/{id_}/close",
    summary="关闭盘点",
    description=(
        "关闭一次盘点，只一次：没有扫到的成为缺、在借或移动过，结果的摘要记入审计"
        "日志。被拒时：404 NOT_HERE 为没有此盘点单或不归本单位；409 PAPER_CLOSED"
        " 为已关闭。"
    ),
    response_description="盘点及其计数",
)
def close_count(id_: Number, reader: Caller, station: Station) -> StocktakeView:
    """Close a stocktake, once."""
    keeper = _keeper(station, reader)
    with writing(station.runtime.engine) as session:
        stocktake = find_stocktake(session, keeper, id_, Act.KEEP_PAPER)
        close_stocktake(session, keeper, stocktake)
        return _stocktake_view(session, stocktake)


def _stocktake_view(session: Session, stocktake: PaperStocktake) -> StocktakeView:
    counts = tally(session, stocktake)
    return StocktakeView(
        id=stocktake.id,
        number=stocktake_number(stocktake),
        state=stocktake.state,
        state_label=StocktakeState(stocktake.state).label,
        expected=counts.expected,
        expected_digest=stocktake.expected_digest,
        scans=counts.scans,
        results={str(key): count for key, count in counts.results.items()},
        pending=counts.pending,
        strange={str(ScanVerdict(key)): count for key, count in counts.strange.items()},
    )
