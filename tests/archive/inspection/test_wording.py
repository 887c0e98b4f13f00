"""What pages say: their own numbers, and whom a certificate names."""

from datetime import date

import pytest

from archive.inspection.wording import disagreement, order_faults, page_number
from archive.reference.case_facts import CaseFacts
from archive.reference.citizen_id import check_digit
from tests.support.factories import sound_case

FACTS = CaseFacts.model_validate(sound_case("150602010000-20260901-000001"))
TODAY = date(2026, 11, 1)
OWN, FOREIGN = "150602199001010016", "15060219910101001" + check_digit("15060219910101001")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("正文\n第 2 页 共 3 页", (2, 3)),
        ("第２页／共３页", (2, 3)),
        ("第十二页，共二十页", (12, 20)),
        ("居住证明（第2页）", (2, None)),
        ("Page 4 of 11", (4, 11)),
        ("第 1 页 共 1 页\n见附件第 3 页", (1, 1)),
        ("目录 第1页 第2页 第3页", None),
        ("第二条 户口登记", None),
        ("", None),
    ],
)
def test_a_page_number_is_read_as_offices_print_it(
    text: str, number: tuple[int, int | None] | None
) -> None:
    assert page_number(text) == number


def numbered(*numbers: tuple[int, int] | int | None) -> dict[int, str]:
    return {
        page: ""
        if number is None
        else f"第 {number} 页"
        if isinstance(number, int)
        else f"第 {number[0]} 页 共 {number[1]} 页"
        for page, number in enumerate(numbers, 1)
    }


@pytest.mark.parametrize(
    ("numbers", "faults"),
    [
        ((1, 2, 3), []),
        (((1, 3), (2, 3), (3, 3)), []),
        ((None, 2, 3), []),
        ((1, None, 3), []),
        (((1, 1), (1, 1)), []),
        ((1, 2, 1, 2), []),
        (((1, 2), None, (1, 1)), []),
        ((None, None), []),
        ((1, 3, 2), [(2, "页号不连续，疑有缺页"), (3, "页序颠倒")]),
        ((1, 2, 2), [(3, "页号重复")]),
        (((1, 3), (3, 3)), [(2, "页号不连续，疑有缺页")]),
        ((2, 3), [(1, "首页页号不是 1，疑有缺页")]),
        (((1, 3), (2, 3)), [(2, "页数与所印总页数不符")]),
        (((1, 3), (1, 1)), [(1, "页数与所印总页数不符")]),
        (((1, 2), (2, 2), (1, 3), (2, 3)), [(4, "页数与所印总页数不符")]),
    ],
)
def test_pages_out_of_order_twice_or_missing_are_told_by_their_numbers(
    numbers: tuple[tuple[int, int] | int | None, ...], faults: list[tuple[int, str]]
) -> None:
    assert list(order_faults(numbered(*numbers), len(numbers))) == faults


@pytest.mark.parametrize(
    ("text", "changing", "wrong"),
    [
        (f"姓名：测某\n公民身份号码：{OWN}", False, ()),
        (f"姓名 测某 性别 男 公民身份号码 {OWN}", False, ()),
        ("姓名测某性别男", False, ()),
        ("姓　名：测 某", False, ()),
        (f"户主姓名：别某\n姓名：测某 {OWN}\n{FOREIGN}", False, ()),
        ("姓名：■某", False, ()),
        ("公民身份号码：150602********0027", False, ()),
        ("登记序号 150602199101010017000", False, ()),
        ("没有可比对的内容", False, ()),
        (f"姓名：别某\n公民身份号码：{FOREIGN}", False, ("姓名", "公民身份号码")),
        (f"姓名：别某\n公民身份号码：{OWN}", False, ("姓名",)),
        (f"姓名：测某\n公民身份号码：{FOREIGN}", False, ("公民身份号码",)),
        (f"姓名：别某\n公民身份号码：{OWN}", True, ()),
        (f"姓名：测某\n公民身份号码：{FOREIGN}", True, ()),
        (f"姓名：别某\n公民身份号码：{FOREIGN}", True, ("姓名", "公民身份号码")),
    ],
)
def test_a_certificate_that_names_nobody_of_the_case_is_told_and_what_cannot_be_compared_is_not(
    text: str,
    changing: bool,
    wrong: tuple[str, ...],
) -> None:
    assert disagreement(text, FACTS, TODAY, changing=changing) == wrong


def test_a_name_in_radicals_or_with_another_dot_is_the_same_name() -> None:
    case = sound_case("150602010000-20260901-000001")
    case["applicant"] |= {"name": "马玉龙·买买提"}
    facts = CaseFacts.model_validate(case)
    text = f"姓名：⻢⽟⻰•买买提\n公民身份号码：{OWN}"
    assert disagreement(text, facts, TODAY, changing=False) == ()


def test_who_stands_in_a_form_of_the_case_belongs_to_it() -> None:
    case = sound_case("150602010000-20260901-000001")
    case["materials"][0]["data"] = {"被投靠人": "别某", "被投靠人号码": FOREIGN}
    text = f"姓名：别某\n公民身份号码：{FOREIGN}"
    assert disagreement(text, CaseFacts.model_validate(case), TODAY, changing=False) == ()
