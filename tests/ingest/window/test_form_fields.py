"""The fields of forms are data: what fits is kept, what does not is said at its field."""

from datetime import date

import pytest

from archive.reference.vocabulary import Series
from ingest.window.form_fields import FieldKind, faulty, fields_of
from ingest.window.known import FACTS
from ingest.window.refusals import Refusal
from ingest.window.terms import WindowAct
from tests.support.window import Play, id_number

TODAY = date(2026, 3, 2)


@pytest.mark.parametrize("series", list(Series))
def test_every_kind_of_business_has_the_fields_that_a_query_fills(series: Series) -> None:
    labels = [field.label for field in fields_of(series)]
    assert set(FACTS) <= set(labels)
    assert len(labels) == len(set(labels))


def test_every_choice_has_something_to_choose() -> None:
    fields = {field.label: field for series in Series for field in fields_of(series)}
    assert all(bool(row.choices) == (row.kind is FieldKind.CHOICE) for row in fields.values())


@pytest.mark.parametrize(
    ("label", "text", "why"),
    [
        ("出生日期", "2026-02-30", "不是日期"),
        ("出生日期", "二月三日", "不是日期"),
        ("出生日期", "2026-03-03", "晚于今天"),
        ("性别", "未知", "只能是男、女"),
        ("母亲公民身份号码", id_number(1)[:-1] + "0", "校验码不符"),
        ("母亲公民身份号码", "150602", "不是18位"),
    ],
)
def test_a_value_that_does_not_fit_is_told_without_being_quoted(
    label: str, text: str, why: str
) -> None:
    fault = faulty(Series.CS, {label: text}, TODAY)
    assert fault is not None
    assert fault[0].label == label
    assert why in fault[1]
    assert text not in fault[1]


@pytest.mark.parametrize("text", ["x", "1.5", "一", "1234567", "-1"])
def test_a_number_is_digits(text: str) -> None:
    fault = faulty(Series.QR, {"随迁人数": text}, TODAY)
    assert fault is not None
    assert fault[1] == "不是数字"


def test_what_fits_is_empty_or_is_named_by_nobody_passes() -> None:
    data = {
        "出生日期": "2026-03-02",
        "性别": "女",
        "母亲公民身份号码": id_number(1),
        "民族": "",
        "申请理由": "随便写",
    }
    assert faulty(Series.CS, data, TODAY) is None


def test_a_form_is_filled_in_by_fields_and_a_fault_names_its_field() -> None:
    play = Play()
    form = next(row for row in play.state.papers.values() if row.stated["form"] == "APPROVAL")
    wrong = play.answer(WindowAct.FILL_FORM, play.clerk, {"no": form.no, "data": {"性别": "未知"}})
    assert isinstance(wrong, Refusal)
    assert (wrong.code, wrong.field) == ("FORM_FIELD", "性别")
    play.do(
        WindowAct.FILL_FORM,
        play.clerk,
        {"no": form.no, "data": {"性别": "女", "民族": "", "申请理由": "出生"}},
    )
    assert play.state.papers[form.no].stated["data"] == {"性别": "女", "申请理由": "出生"}
    play.do(WindowAct.FILL_FORM, play.clerk, {"no": form.no, "data": {"性别": ""}})
    assert play.state.papers[form.no].stated["data"]["性别"] == ""
