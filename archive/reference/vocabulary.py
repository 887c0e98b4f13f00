"""The terms of the field as enums: English in code and data, Chinese labels for people."""

from enum import StrEnum
from typing import Self


class LabelledEnum(StrEnum):
    """A string enum whose members carry the Chinese label that people see."""

    label: str

    def __new__(cls, value: str, label: str = "") -> Self:
        """Return a member made of its stored value and its Chinese label."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member


class SourceKind(LabelledEnum):
    """Where a material comes from (R17)."""

    SHARED_CERT = "SHARED_CERT", "共享调取的证照"
    SCANNED_PROOF = "SCANNED_PROOF", "扫描录入的证明"
    ONLINE_APPLICATION = "ONLINE_APPLICATION", "互联网申报材料"
    SYSTEM_FORM = "SYSTEM_FORM", "系统内生成的电子表单"


class Channel(LabelledEnum):
    """The channel by which the applicant applied (R39)."""

    WINDOW = "WINDOW", "窗口"
    ONLINE = "ONLINE", "互联网"


class Node(LabelledEnum):
    """A node of the process, in the order of a citywide case (R8).

    INVESTIGATE is of version 2 of a submission, and only where something is to be looked into.
    """

    RECEIVE = "RECEIVE", "收件"
    TRANSFER = "TRANSFER", "流转"
    ACCEPT = "ACCEPT", "受理"
    INVESTIGATE = "INVESTIGATE", "调查"
    REVIEW = "REVIEW", "审核"
    APPROVE = "APPROVE", "审批"
    FEEDBACK = "FEEDBACK", "反馈"
    ISSUE = "ISSUE", "出件"


class ProcessResult(LabelledEnum):
    """The conclusion at a node (R13)."""

    AGREE = "AGREE", "同意"
    REFUSE = "REFUSE", "不同意"
    RETURN = "RETURN", "退回补正"


class ApprovalLevel(LabelledEnum):
    """The level that approves: station, district or city (R26, R27)."""

    STATION = "STATION", "派出所"
    DISTRICT = "DISTRICT", "旗区公安（分）局"
    CITY = "CITY", "市公安局"


class FormKind(LabelledEnum):
    """The forms that the archive renders itself (R9)."""

    RECEIPT = "RECEIPT", "收件单"
    APPROVAL = "APPROVAL", "审批表"
    REGISTER = "REGISTER", "常住人口登记表"
    OTHER = "OTHER", "电子表单"


class Mode(LabelledEnum):
    """Whether another station may receive the case (R4, R5, R6)."""

    HOME_ONLY = "HOME_ONLY", "原籍办"
    CITYWIDE = "CITYWIDE", "全域通办"


class OrgKind(LabelledEnum):
    """The kind of an organisation."""

    CITY = "CITY", "市局"
    DISTRICT = "DISTRICT", "旗区局"
    HALL = "HALL", "户政大厅"
    STATION = "STATION", "派出所"


class Series(LabelledEnum):
    """卷目, the series in which a volume is filed (R20, R22)."""

    CS = "CS", "出生"
    SW = "SW", "死亡"
    QR = "QR", "迁入"
    QC = "QC", "迁出"
    ZX = "ZX", "注销"
    HF = "HF", "恢复"
    BG = "BG", "变更更正"
    LF = "LF", "立户分户"
    SY = "SY", "收养入籍"
    BL = "BL", "补录"
    JT = "JT", "集体户"
    BZ = "BZ", "簿证证明"
    QY = "QY", "全域通办"


class Retention(LabelledEnum):
    """保管期限 by the codes of DA/T 13."""

    Y = "Y", "永久"
    D30 = "D30", "30年"
    D10 = "D10", "10年"


class InvestigationKind(LabelledEnum):
    """The kinds of investigation of MPS §9 (R15)."""

    COMPARISON = "COMPARISON", "人像指纹比对材料"
    VISIT = "VISIT", "走访调查材料"


class VolumeState(LabelledEnum):
    """The state of one version of a volume.

    `archive.reference.lifecycle` holds the allowed transitions.
    """

    COLLECTING = "COLLECTING", "归集中"
    FROZEN = "FROZEN", "已赋号"
    COMPILED = "COMPILED", "已组卷"
    SIGNED = "SIGNED", "已签章"
    PROVED = "PROVED", "已证明"
    STORED = "STORED", "已入库待确认"
    COMMITTED = "COMMITTED", "已归档"
    QUARANTINED = "QUARANTINED", "已隔离"
    FAILED = "FAILED", "失败待重试"
    VOID = "VOID", "作废"


class Outcome(LabelledEnum):
    """The effect of a finding on a submission."""

    REFUSE = "REFUSE", "拒收"
    CONFIRM = "CONFIRM", "待核对"
    NOTE = "NOTE", "备注"


class Actor(LabelledEnum):
    """Who can act on a finding; of what nobody can act on, NOBODY, and no case waits for it."""

    WINDOW = "WINDOW", "收件窗口"
    APPLICANT = "APPLICANT", "申报人（经收件窗口）"
    SYSTEM = "SYSTEM", "来源系统"
    ISSUER = "ISSUER", "证照签发单位"
    HOME_STATION = "HOME_STATION", "户籍地派出所"
    STATION_HEAD = "STATION_HEAD", "所领导"
    ARCHIVIST = "ARCHIVIST", "档案员"
    SECURITY = "SECURITY", "安全保密管理员"
    OPERATOR = "OPERATOR", "运行人员"
    NOBODY = "NOBODY", "无须处理"


class MaterialKind(LabelledEnum):
    """What a material is, for what can be done about it.

    A page of paper can be scanned again, a photograph has the pixels that it has, of a booklet
    only the pages that matter are copied, a document has its text, a form its data.
    """

    PAPER = "PAPER", "纸质页面的图像"
    PHOTO = "PHOTO", "照片"
    BOOKLET = "BOOKLET", "簿册（户口簿、护照等）"
    DOCUMENT = "DOCUMENT", "版式文件"
    FORM = "FORM", "电子表单"


class IntakeOutcome(LabelledEnum):
    """The outcome of one delivered package."""

    ACCEPTED = "ACCEPTED", "已接收"
    DUPLICATE = "DUPLICATE", "重复送达"
    CONFIRM = "CONFIRM", "待核对"
    REFUSED = "REFUSED", "拒收隔离"


class ForeignSignature(LabelledEnum):
    """The result of checking the signature of a fetched document (R17, R31)."""

    VALID = "VALID", "签名有效"
    UNTRUSTED = "UNTRUSTED", "签名完好，签名者未列入信任"
    BROKEN = "BROKEN", "签名后被改动"
    NONE = "NONE", "没有签名"
    UNREADABLE = "UNREADABLE", "签名无法读取"


class Fixity(LabelledEnum):
    """The result of reading an object again."""

    MATCH = "MATCH", "相符"
    CHANGED = "CHANGED", "已改变"
    MISSING = "MISSING", "缺失"
    UNREADABLE = "UNREADABLE", "无法读取"


class SignatureLevel(LabelledEnum):
    """The PAdES level reached (ETSI EN 319 142-1)."""

    B_B = "B-B", "基本签名"
    B_T = "B-T", "带时间戳"
    B_LTA = "B-LTA", "长期验证"


class CaseState(LabelledEnum):
    """The state of a case and of its revisions; a case reads as its newest usable revision."""

    ACCEPTED = "ACCEPTED", "已接收"
    CONFIRM = "CONFIRM", "待核对"
    RETURNED = "RETURNED", "退回补正"
    SUPERSEDED = "SUPERSEDED", "已被后一次送达取代"
    VOID = "VOID", "作废"


NOT_ACCEPTED = frozenset({CaseState.CONFIRM, CaseState.RETURNED})
"""States of a revision that somebody has still to see to: a later one replaces it."""


class StoreRole(LabelledEnum):
    """Which store is read: the first, or the second with the replicas."""

    FIRST = "first", "主存储"
    SECOND = "second", "副本存储"


class JobKind(LabelledEnum):
    """The kind of a job.

    COMPILE, TIMESTAMP and RENEW each carry a version to COMMITTED; COPY makes a certified copy, OCR
    reads a scanned page, PULL asks the sources or hands in what they brought.
    """

    COMPILE = "compile", "组卷"
    TIMESTAMP = "timestamp", "补时间戳"
    RENEW = "renew", "时间戳续期"
    COPY = "copy", "制作证明件"
    OCR = "ocr", "文字识别"
    PULL = "pull", "提取"


class JobState(LabelledEnum):
    """The state of a job; a failed one may wait again."""

    WAITING = "WAITING", "等待"
    DONE = "DONE", "完成"
    FAILED = "FAILED", "失败"


class DutyState(LabelledEnum):
    """How the last turn of a duty stands; NEVER when none was taken."""

    RUNNING = "RUNNING", "进行中"
    DONE = "DONE", "完成"
    FAILED = "FAILED", "失败"
    NEVER = "NEVER", "从未执行"


class VersionOrigin(LabelledEnum):
    """What a version is made from.

    CASE is a revision of the case; TIMESTAMP and RENEWAL are the version before it.
    """

    CASE = "CASE", "案件材料"
    TIMESTAMP = "TIMESTAMP", "补时间戳"
    RENEWAL = "RENEWAL", "时间戳续期"


KIND_OF = {
    VersionOrigin.CASE: JobKind.COMPILE,
    VersionOrigin.TIMESTAMP: JobKind.TIMESTAMP,
    VersionOrigin.RENEWAL: JobKind.RENEW,
}
"""The kind of job that makes a version of each origin."""


class ArrivalOutcome(LabelledEnum):
    """The outcome of one fetch from a source; REFUSED is kept in quarantine."""

    TAKEN = "TAKEN", "取得"
    DUPLICATE = "DUPLICATE", "已有"
    REFUSED = "REFUSED", "退回"


class SourceHealth(LabelledEnum):
    """The health of a source; NEW before its first round."""

    NEW = "NEW", "尚未提取"
    OK = "OK", "正常"
    DOWN = "DOWN", "异常"


class UploadState(LabelledEnum):
    """How far a package is that a station sends piece by piece."""

    RECEIVING = "RECEIVING", "接收中"
    DONE = "DONE", "完成"
    FAILED = "FAILED", "失败"


class PageVerdict(LabelledEnum):
    """How a page of a volume stands to its original, drawn by a second program (I11).

    SUBSTITUTED: a font is not embedded, so that the text is compared and not its strokes.
    """

    SAME = "SAME", "与原件相符"
    SUBSTITUTED = "SUBSTITUTED", "字体未嵌入，文字相符"
    DIFFERS = "DIFFERS", "与原件不符"
    NOT_DRAWN = "NOT_DRAWN", "原件无法比对"
    CONFIRMED = "CONFIRMED", "经人工核对"


class LoginKind(LabelledEnum):
    """How somebody is logged in: a person in a browser, or a client by token."""

    WEB = "WEB", "网页"
    TOKEN = "TOKEN", "接口令牌"
