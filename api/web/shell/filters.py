"""How values are written on a page: dates in Chinese form, labels of codes, sizes."""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from archive.administration.policy import Role
from archive.gathering.captures import Capture
from archive.gathering.cases import Gathering
from archive.reference.citizen_id import mask_name
from archive.reference.local_time import LOCAL_TIME
from archive.reference.vocabulary import (
    ApprovalLevel,
    Channel,
    IntakeOutcome,
    LabelledEnum,
    Mode,
    Node,
    OrgKind,
    Outcome,
    ProcessResult,
    Retention,
    Series,
    SignatureLevel,
    SourceKind,
    VolumeState,
)
from archive.usage.copy_orders import CopyStep

_LABELS: tuple[type[LabelledEnum], ...] = (
    Series,
    VolumeState,
    SourceKind,
    Retention,
    Node,
    ProcessResult,
    SignatureLevel,
    Outcome,
    IntakeOutcome,
    Channel,
    Mode,
    ApprovalLevel,
    OrgKind,
    Role,
    CopyStep,
    Capture,
    Gathering,
)
_KIB = 1024
ACTS: Mapping[str, str] = {
    "ACCESSION": "接收",
    "SUPPLEMENT": "接收补充",
    "QUARANTINE": "拒收隔离",
    "CONFIRM": "核对确认",
    "RESERVE": "赋予档号",
    "FREEZE": "赋予档号",
    "COMPILED": "组卷",
    "SIGNED": "签章",
    "PROVED": "证明",
    "STORED": "入库",
    "COMMITTED": "归档",
    "VOID": "作废档号",
    "ALARM": "告警",
    "EXPORT": "导出",
    "SEARCH": "检索",
    "VIEW": "查看",
    "VIEW_PAGES": "阅览页面",
    "VIEW_ORIGINAL": "对照原件",
    "FETCH_COPY": "取证明件",
    "ROTATE_KEYS": "更换密钥",
    "RESEAL": "重新加密",
    "REHASH": "重建号码索引",
    "FIND_INSIDE": "册内查找",
    "RECOGNISE": "文字识别",
    "CHECK_LOOK": "核对查看",
    "LOGIN": "登录",
    "LOGIN_LOCKED": "账号锁定",
    "PROPOSE_ACCOUNT": "提交账号",
    "APPROVE_ACCOUNT": "批准账号",
    "DISABLE_ACCOUNT": "停用账号",
    "SET_PASSWORD": "设置口令",
    "RETRY": "重试任务",
    "VERIFY_JOURNAL": "验证日志",
    "START_COMPILE": "发起组卷",
    "REQUEST_USE": "申请利用",
    "DECIDE_USE": "审批利用",
    "WITHDRAW_USE": "撤回申请",
    "END_USE": "收回授权",
    "VIEW_PLAIN": "查看明文",
    "ORDER_COPY": "申请证明件",
    "CERTIFY": "出具证明件",
    "DOWNLOAD_COPY": "取证明件",
    "EXPORT_LIST": "导出目录",
    "REFUSE_ACCOUNT": "不批准账号",
    "PROPOSE_CHANGE": "提交账号变更",
    "DECIDE_CHANGE": "审批账号变更",
    "IMPORT_ITEM": "导入事项版本",
    "SWITCH_ORGANISATION": "切换电子化状态",
    "PAGE_ORDER": "调整页序",
    "CAPTURE": "登记上传",
    "CAPTURE_FILE": "归入材料",
    "CAPTURE_RETURN": "退回文件",
    "CAPTURE_LOOK": "查看待归入",
    "QUARANTINE_RETURN": "退回隔离件",
    "FETCH": "取得材料",
    "PULL": "立即提取",
}
"""The acts of the journal in words; one that is not named here is shown as it is."""


def label(value: str | None, kind: str) -> str:
    """The Chinese label of a code of the vocabulary, as `"QY"|label("Series")`."""
    enum = next(one for one in _LABELS if one.__name__ == kind)
    return enum(value).label if value in set(enum) else (value or "")


def day(at: datetime | date | str | None) -> str:
    """2026年9月1日, on the clock of the place."""
    found = _local(at)
    return f"{found.year}年{found.month}月{found.day}日" if found else ""


def short_day(at: datetime | date | str | None) -> str:
    """2026-09-01."""
    found = _local(at)
    return found.strftime("%Y-%m-%d") if found else ""


def clock(at: datetime | str | None) -> str:
    """2026-09-01 16:42:07, the full time."""
    found = _local(at)
    return found.strftime("%Y-%m-%d %H:%M:%S") if found else ""


def _local(at: datetime | date | str | None) -> datetime | date | None:
    if isinstance(at, str):
        at = datetime.fromisoformat(at)
    return at.astimezone(LOCAL_TIME) if isinstance(at, datetime) else at


def size(count: int | None) -> str:
    """Bytes as people say them."""
    if count is None:
        return ""
    return f"{count / _KIB:,.0f} KB" if count < _KIB * _KIB else f"{count / _KIB / _KIB:,.1f} MB"


def thousands(count: int) -> str:
    """1,284."""
    return f"{count:,}"


def who(facts: Mapping[str, Any]) -> str:
    """Whom a case is about, masked: 王*明, or 王*明等3人."""
    # Read as it lies: the facts were parsed when they came, and a list shows many.
    subjects = facts["subjects"]
    first = mask_name(subjects[0]["name"])
    return f"{first}等{len(subjects)}人" if len(subjects) > 1 else first


FILTERS: dict[str, Callable[..., Any]] = {
    "label": label,
    "day": day,
    "short_day": short_day,
    "clock": clock,
    "size": size,
    "thousands": thousands,
    "who": who,
    "act": lambda act: ACTS.get(act, act),
    "usage": lambda detail: json.loads(detail).get("usage") or "",
}
