"""The terms of `case-submission/2`: ends, clocks, ways back, identity, trust."""

from archive.reference.vocabulary import LabelledEnum


class Ending(LabelledEnum):
    """How a case ended; each end is archived, and none is called by the name of another."""

    ISSUED = "ISSUED", "办结出件"
    NOT_ACCEPTED = "NOT_ACCEPTED", "不予受理"
    NOT_APPROVED = "NOT_APPROVED", "不予批准"
    WITHDRAWN = "WITHDRAWN", "申请人撤回"


class ClockKind(LabelledEnum):
    """What a clock measures."""

    PROMISE = "PROMISE", "承诺办结"
    FEEDBACK = "FEEDBACK", "结果反馈"
    SUPERVISION = "SUPERVISION", "督办答复"


class ClockUnit(LabelledEnum):
    """What the budget of a clock counts."""

    WORKING_DAY = "WORKING_DAY", "工作日"
    DAY = "DAY", "自然日"


class SpanReason(LabelledEnum):
    """Why a clock stands still."""

    CORRECTION = "CORRECTION", "补正"
    EXTENSION = "EXTENSION", "延长"
    STATUTORY = "STATUTORY", "听证、鉴定等法定时间"
    INVESTIGATION = "INVESTIGATION", "调查"


class Rung(LabelledEnum):
    """A lamp that was lit before or after the day on which a clock runs out."""

    YELLOW = "YELLOW", "黄灯（临期）"
    RED = "RED", "红灯（超期）"


class ReturnKind(LabelledEnum):
    """The two ways back and the three ends without a result."""

    STEP_BACK = "STEP_BACK", "退回上一环节"
    CORRECTION = "CORRECTION", "退回补正（一次性告知）"
    NOT_ACCEPTED = "NOT_ACCEPTED", "不予受理"
    NOT_APPROVED = "NOT_APPROVED", "不予批准"
    WITHDRAWN = "WITHDRAWN", "申请人撤回"


ENDING_OF = {
    ReturnKind.NOT_ACCEPTED: Ending.NOT_ACCEPTED,
    ReturnKind.NOT_APPROVED: Ending.NOT_APPROVED,
    ReturnKind.WITHDRAWN: Ending.WITHDRAWN,
}
"""The ways back that end a case, and the end that each is."""


class PartyRole(LabelledEnum):
    """Who stands at the window: the applicant, or somebody who acts for the applicant."""

    APPLICANT = "APPLICANT", "申请人"
    AGENT = "AGENT", "代办人"


class IdentityResult(LabelledEnum):
    """What the comparison of a person with the certificate gave (R29)."""

    MATCH = "MATCH", "人证一致"
    MISMATCH = "MISMATCH", "人证不一致"
    NO_DEVICE = "NO_DEVICE", "无设备，人工核验"


class Trust(LabelledEnum):
    """How a material is vouched for (国办函〔2016〕108号)."""

    A = "A", "签发单位提供"
    B = "B", "窗口核验原件"
    C = "C", "申请人上传，须交验原件"
    D = "D", "申请人承诺"


class RatingChannel(LabelledEnum):
    """Where the applicant rated the service (好差评)."""

    WINDOW = "WINDOW", "窗口评价器"
    ONLINE = "ONLINE", "互联网"
    SMS = "SMS", "短信"
    PHONE = "PHONE", "电话"
