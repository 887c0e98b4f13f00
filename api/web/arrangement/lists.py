"""The lists of 核对: what waits, what was returned, what another unit checks."""

from api.web.shell.listing import Column, Shape

CASES = Shape(
    (
        Column("办件", "case"),
        Column("收件 → 户籍地", "receive"),
        Column("发现"),
        Column("在谁手上"),
        Column("办结", "completed"),
    ),
    day="办结",
    station="收件或户籍地",
    usual="completed",
    what="件",
)
RETURNED = Shape(
    (Column("办件", "case"), Column("理由"), Column("退回", "at")),
    name="returned",
    day="退回",
    station="单位",
    what="件",
)
ELSEWHERE = Shape(
    (Column("办件", "case"), Column("立卷单位"), Column("办结时间", "completed")),
    name="elsewhere",
    day="办结",
    station="收件或户籍地",
    usual="completed",
    what="件",
)
READY = Shape(
    (
        Column("勾选本页", tick=True),
        Column("办结", "completed"),
        Column("办件", "case"),
        Column("收件 → 户籍地", "receive"),
        Column("将赋予的档号", "series"),
    ),
    usual="completed",
    what="件",
)
READY_ELSEWHERE = Shape(
    (Column("办件", "case"), Column("立卷单位", "filer"), Column("办结时间", "completed")),
    name="elsewhere",
    usual="completed",
    what="件",
)
