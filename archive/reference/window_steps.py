"""The steps of a case at the window: the nodes of its process, and its waits."""

from archive.reference.vocabulary import LabelledEnum


class Step(LabelledEnum):
    """Where a case stands: a node of its process, or what it waits for."""

    RECEIVE = "RECEIVE", "收件"
    TRANSFER = "TRANSFER", "流转"
    ACCEPT = "ACCEPT", "受理"
    INVESTIGATE = "INVESTIGATE", "调查"
    REVIEW = "REVIEW", "审核"
    APPROVE = "APPROVE", "审批"
    FEEDBACK = "FEEDBACK", "反馈"
    ISSUE = "ISSUE", "出件"
    CORRECTION = "CORRECTION", "待补正"
    SPECIAL = "SPECIAL", "特别程序"
    CLOSING = "CLOSING", "待办结"
    CLOSED = "CLOSED", "已办结待归档"
    AMENDING = "AMENDING", "归档退回待更正"
    ARCHIVED = "ARCHIVED", "归档已接收"


NODES = (
    Step.RECEIVE,
    Step.TRANSFER,
    Step.ACCEPT,
    Step.INVESTIGATE,
    Step.REVIEW,
    Step.APPROVE,
    Step.FEEDBACK,
    Step.ISSUE,
)
"""The steps that are nodes of the process, in their order; the others are waits."""
ENDED = frozenset({Step.CLOSED, Step.ARCHIVED})
"""Steps at which nothing is left for a person to do."""
