"""The terms of the window: nodes, acts, ends, clocks, lamps, and why an act is refused."""

from archive.reference.vocabulary import LabelledEnum


class WindowAct(LabelledEnum):
    """What somebody does with a case at the window."""

    OPEN = "OPEN", "开办"
    ADD_MATERIAL = "ADD_MATERIAL", "收取材料"
    FILL_FORM = "FILL_FORM", "填写表单"
    IDENTIFY = "IDENTIFY", "人证核验"
    SIGN = "SIGN", "申报人签名"
    RECEIVE = "RECEIVE", "收件"
    TRANSFER = "TRANSFER", "流转"
    ACCEPT = "ACCEPT", "受理"
    REFUSE_ACCEPT = "REFUSE_ACCEPT", "不予受理"
    CORRECT = "CORRECT", "退回补正"
    RESUBMIT = "RESUBMIT", "补正送齐"
    INVESTIGATE = "INVESTIGATE", "调查办结"
    SHOW = "SHOW", "已看"
    TICK = "TICK", "勾核"
    REVIEW = "REVIEW", "审核"
    STEP_BACK = "STEP_BACK", "退回上一环节"
    APPROVE = "APPROVE", "批准"
    REFUSE_APPROVE = "REFUSE_APPROVE", "不予批准"
    FEEDBACK = "FEEDBACK", "反馈"
    ISSUE = "ISSUE", "出件"
    RATE = "RATE", "好差评"
    WITHDRAW = "WITHDRAW", "申报人撤回"
    EXTEND = "EXTEND", "延长期限"
    BEGIN_SPECIAL = "BEGIN_SPECIAL", "进入特别程序"
    END_SPECIAL = "END_SPECIAL", "特别程序结束"
    URGE = "URGE", "催办"
    SUPERVISE = "SUPERVISE", "督办"
    ANSWER = "ANSWER", "答复督办"
    MIGRATE = "MIGRATE", "改用新流程"
    CLOSE = "CLOSE", "办结"
    ARCHIVE_REFUSED = "ARCHIVE_REFUSED", "归档退回"
    ARCHIVE_TOOK = "ARCHIVE_TOOK", "归档接收"


SYSTEM_ACTS = frozenset({WindowAct.ARCHIVE_REFUSED, WindowAct.ARCHIVE_TOOK})
"""What the archive answers; nobody does them."""
DECIDING = frozenset(
    {
        WindowAct.ACCEPT,
        WindowAct.REFUSE_ACCEPT,
        WindowAct.CORRECT,
        WindowAct.INVESTIGATE,
        WindowAct.REVIEW,
        WindowAct.STEP_BACK,
        WindowAct.APPROVE,
        WindowAct.REFUSE_APPROVE,
        WindowAct.EXTEND,
        WindowAct.BEGIN_SPECIAL,
        WindowAct.END_SPECIAL,
    }
)
"""Acts that decide: nobody does them on a case of the own household."""
APART = frozenset({WindowAct.REVIEW, WindowAct.TICK, WindowAct.APPROVE, WindowAct.REFUSE_APPROVE})
"""Acts of review and approval: not by a person who took in material of the case."""
ASIDE = frozenset(
    {
        WindowAct.SHOW,
        WindowAct.TICK,
        WindowAct.URGE,
        WindowAct.SUPERVISE,
        WindowAct.ANSWER,
        WindowAct.RATE,
    }
)
"""Acts that change nothing which another act stands on: no page is stale by them."""


class Side(LabelledEnum):
    """Whose act it is, by the organisation's place in the case."""

    RECEIVER = "RECEIVER", "收件单位"
    HOME = "HOME", "户籍地单位"
    LEVEL = "LEVEL", "本级审批单位"
    PARTY = "PARTY", "收件单位、户籍地单位及其上级"
    ABOVE = "ABOVE", "收件单位、户籍地单位的上级"
    CITY = "CITY", "市公安局"


class QueryOutcome(LabelledEnum):
    """What a query of the population system came to."""

    KNOWN = "KNOWN", "人口信息在册"
    MOVED_OUT = "MOVED_OUT", "人口信息已迁出"
    DEAD = "DEAD", "人口信息已注销（死亡）"
    UNKNOWN = "UNKNOWN", "人口信息中查无此人"
    SILENT = "SILENT", "未查询：人口信息管理系统没有应答"
    LIMITED = "LIMITED", "未查询：今日查询已达上限"
    NOT_ASKED = "NOT_ASKED", "未查询：没有接入人口信息管理系统"


UNASKED = frozenset({QueryOutcome.SILENT, QueryOutcome.LIMITED, QueryOutcome.NOT_ASKED})
"""Outcomes of a person about whom nothing was learnt; the clerk goes on by hand."""


class Lamp(LabelledEnum):
    """How a clock stands."""

    NORMAL = "NORMAL", "正常"
    YELLOW = "YELLOW", "临期"
    RED = "RED", "超期"
    PROVISIONAL = "PROVISIONAL", "期限待定"
    STOPPED = "STOPPED", "停计"
    ENDED = "ENDED", "已结"
