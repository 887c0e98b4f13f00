"""The lists of the 归集池: files, cases that gather, refused packages, cases to correct."""

from api.web.shell.listing import Column, Shape

FILES = Shape(
    (Column("文件"), Column("情况与处理", "state"), Column("采集", "captured")),
    name="files",
    day="采集",
    station="采集单位",
    usual="-state",
    what="个",
)
CASES = Shape(
    (
        Column("办件", "case"),
        Column("已到"),
        Column("缺件", "missing"),
        Column("自", "since"),
    ),
    name="cases",
    day="归集",
    station="单位",
    what="件",
)
_PACKAGE = (Column("办件或信息包"), Column("送交单位", "sender"))
REFUSED = Shape(
    (*_PACKAGE, Column("拒收的原因"), Column("收到", "received"), Column("退回")),
    name="refused",
    day="收到",
    station="送交单位",
    usual="-received",
    what="件",
)
RETURNED = Shape(
    (*_PACKAGE, Column("收到", "received"), Column("退回", "returned"), Column("理由")),
    name="returned",
    day="收到",
    station="送交单位",
    usual="-received",
    what="件",
)
CORRECTED = Shape(
    (Column("办件", "case"), Column("理由"), Column("退回", "at")),
    name="corrected",
    day="退回",
    station="单位",
    what="件",
)
