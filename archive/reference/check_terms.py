"""The terms of checking (核对): the acts of a person, and the reasons of a return."""

from archive.reference.vocabulary import LabelledEnum


class CheckKind(LabelledEnum):
    """What a person did with a case that waits."""

    CONFIRM = "CONFIRM", "确认"
    RETURN = "RETURN", "退回补正"
    ASK = "ASK", "转请"
    REMARK = "REMARK", "备注"
    REPLACE = "REPLACE", "换页"


class ReturnReason(LabelledEnum):
    """A ready reason for which a case is returned to its sender."""

    FORM_DIFFERS = "FORM_DIFFERS", "表单与证件不一致，请核对后重出表单"
    PAGE_LACKING = "PAGE_LACKING", "缺页或漏扫，请补扫"
    ILLEGIBLE = "ILLEGIBLE", "看不清，请以 300 dpi 重扫"
    CUT_OFF = "CUT_OFF", "内容被裁切，请整页重扫"
    WRONG_PAPER = "WRONG_PAPER", "材料不是本办件的，请换成本办件的材料"
    MATERIAL_LACKING = "MATERIAL_LACKING", "缺少应交的材料，请补交"
    SIGNATURE_LACKING = "SIGNATURE_LACKING", "缺少签名或印章，请补签、补章后重扫"
    OTHER = "OTHER", "其他，见补充说明"


class Desk(LabelledEnum):
    """Whose cases a list of waiting cases shows."""

    ALL = "", "全部"
    MINE = "mine", "我的"
    UNIT = "unit", "本单位"
