"""运行状态: the state of all parts of the installation.

Each dependency, the index, the disk, the preservation of the holdings, queues with their workers,
and the recurring duties.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from api.jobs.renewal import horizon, look_ahead
from api.monitoring.health import readiness
from api.monitoring.status import (
    DISK_FLOOR,
    DutyStatus,
    SystemStatus,
    disk_free,
    index_behind,
    queues,
    system_status,
    tsa_answers,
)
from api.runtime.bootstrap import Runtime
from api.web.shell.filters import clock
from api.web.shell.page import LoggedIn, PageRoute, Web
from archive.administration.policy import Act
from archive.database.engine import reading
from archive.preservation.renewal import Outlook
from archive.reference.worktime import MissingHolidays

router = APIRouter(route_class=PageRoute, include_in_schema=False, prefix="/system")
_NAMES = {"database": "数据库", "store": "对象存储", "broker": "消息服务"}
_DUTIES = {
    "reconcile": "重发与清理",
    "pull": "来源提取",
    "period": "定期组卷",
    "timestamp": "补时间戳",
    "renew": "时间戳续期",
    "replicate": "副本复制",
    "scrub": "固定性检查",
    "anchor": "日志锚定",
    "remind": "到期提醒",
    "window": "窗口期限与归档",
}
_DAY, _LAG = 86400, 1000
OK, WAIT, BAD = "ok", "wait", "bad"


@dataclass(frozen=True, slots=True)
class Light:
    """One line of the page: name, tone (ok, wait, bad), state and detail in words."""

    name: str
    tone: str
    state: str
    detail: str


@router.get("/status")
def status_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Ask for the state of everything now; what does not answer is shown as such."""
    user.require(Act.OPERATE)
    runtime = web.runtime
    with reading(runtime.engine) as session:
        now = system_status(session)
    lights = [
        *_dependencies(runtime),
        *_keeping(now),
        _renewal(look_ahead(runtime, horizon(runtime))),
        _holidays(now.holidays),
    ]
    duties = [_duty(duty) for duty in now.duties]
    return web.page(
        request, user, "status.html", lights=lights, duties=duties, queues=queues(runtime)
    )


def _dependencies(runtime: Runtime) -> Iterator[Light]:
    for name, state in readiness(runtime).items():
        well = state.state == "ok"
        yield Light(
            _NAMES[name],
            OK if well else BAD,
            "正常" if well else "不通",
            f"{state.ms:.0f} 毫秒" if well else state.error or "",
        )
    url = runtime.settings.tsa_url
    if not url:
        yield Light("时间戳服务", WAIT, "未配置", "使用演示印章时由本机演示服务代替")
    else:
        answers = tsa_answers(url)
        yield Light(
            "时间戳服务",
            OK if answers else BAD,
            "正常" if answers else "不通",
            "" if answers else "归档不受影响，时间戳待补",
        )
    behind = index_behind(runtime)
    if behind is None:
        yield Light("检索索引", WAIT, "尚未建立", "请运行 yice reindex 或 yice index follow")
    else:
        yield Light(
            "检索索引",
            OK if behind < _LAG else WAIT,
            "已跟进" if not behind else "跟进中",
            f"待跟进 {behind} 条",
        )
    free = disk_free(runtime)
    yield Light(
        "磁盘",
        OK if free > DISK_FLOOR else BAD,
        "正常" if free > DISK_FLOOR else "将满",
        f"剩余 {free / 1e9:,.1f} GB",
    )


def _keeping(now: SystemStatus) -> Iterator[Light]:
    if now.scrub_age is None:
        yield Light("固定性检查", WAIT, "从未检查", "")
    else:
        fresh = now.scrub_age < 2 * _DAY
        yield Light(
            "固定性检查",
            OK if fresh else BAD,
            "正常" if fresh else "已停",
            f"最近 {clock(now.scrubbed_at)}",
        )
    yield Light(
        "已隔离的册",
        BAD if now.faulty else OK,
        str(now.faulty),
        "请运行 yice scrub，再运行 yice verify --all" if now.faulty else "",
    )
    anchored = (
        f"最近 {clock(now.anchored_at)}，此后 {now.since_anchor} 条"
        if now.anchored_at
        else f"{now.since_anchor} 条待锚定"
    )
    yield Light(
        "日志锚定",
        OK if now.anchored_at else WAIT,
        "正常" if now.anchored_at else "从未锚定",
        anchored,
    )
    yield Light(
        "待补时间戳",
        WAIT if now.owed else OK,
        str(now.owed),
        "时间戳服务恢复后自动补为新版本" if now.owed else "",
    )
    yield Light("暂存残留", WAIT if now.orphans else OK, str(now.orphans), "")


def _renewal(ahead: Outlook) -> Light:
    until = f"最早到期 {clock(ahead.first_end)}" if ahead.first_end else "尚无时间戳"
    return Light(
        "待续期的时间戳",
        WAIT if ahead.due else OK,
        str(ahead.due),
        f"{until}；由“时间戳续期”自动续为新版本" if ahead.due else until,
    )


def _holidays(missing: MissingHolidays | None) -> Light:
    """Say whether promised days can be counted for sure."""
    if missing is None:
        return Light("放假安排", OK, "已录入", "")
    consequence = "，此前推算的期限只作备注" if missing.begun else ""
    return Light(
        "放假安排",
        BAD if missing.begun else WAIT,
        f"{missing.year} 年尚未录入",
        f"国务院办公厅公布后，请录入 holidays.json 或更新本系统，再重启服务{consequence}",
    )


def _duty(duty: DutyStatus) -> Light:
    name = _DUTIES[duty.name]
    if duty.failures:
        return Light(
            name, BAD, "失败", f"{duty.error_code}，已连续 {duty.failures} 次，稍后自动重试"
        )
    if duty.age is None:
        return Light(name, WAIT, "从未执行", "")
    ago = (
        f"{duty.age / 60:.0f} 分钟前完成" if duty.age < _DAY else f"{duty.age / _DAY:.0f} 天前完成"
    )
    return Light(name, WAIT if duty.overdue else OK, "已过期" if duty.overdue else "正常", ago)
