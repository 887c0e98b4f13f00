from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import QueryError
from search.query import MAX_LENGTH, parse
from search.tree import (
    Among,
    And,
    Beginning,
    BlindLookup,
    Completed,
    Everything,
    Exact,
    Lookup,
    Name,
    Node,
    Not,
    Number,
    Or,
    Text,
    leaves,
    resolve,
)
from tests.support.corpus import WORDS

ID = "150602199001010016"


def tree(typed: str) -> Node:
    return parse(typed, WORDS)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", Everything()),
        ("　 ", Everything()),
        ("王", Text("王")),
        ("王小明 出生", And((Text("王小明"), Text("出生")))),
        ("王小明　出生", And((Text("王小明"), Text("出生")))),
        ("王小明 AND 出生", And((Text("王小明"), Text("出生")))),
        ("王 OR 李 AND 出生", Or((Text("王"), And((Text("李"), Text("出生")))))),
        ("(王 OR 李) 出生", And((Or((Text("王"), Text("李"))), Text("出生")))),
        ("（王|李）＆出生", And((Or((Text("王"), Text("李"))), Text("出生")))),
        ("王 NOT 作废", And((Text("王"), Not(Text("作废"))))),
        ("王 -作废", And((Text("王"), Not(Text("作废"))))),
        ("NOT NOT 王", Text("王")),
        ("NOT (王 OR 李)", Not(Or((Text("王"), Text("李"))))),
        ("王小明AND出生OR死亡", Or((And((Text("王小明"), Text("出生"))), Text("死亡")))),
        ("王小明 ＡＮＤ 出生", And((Text("王小明"), Text("出生")))),
        ("and or not", And((Text("and"), Text("or"), Text("not")))),
        ('"东胜区 AND 交通"', Text("东胜区and交通")),
        ("“东胜区 交通”", Text("东胜区交通")),
        ("「東勝區」", Text("东胜区")),
        ("ＡＢ１２", Text("ab12")),
        ("𠮷", Text("𠮷")),
        ("2026-09-01 10:00", And((Text("2026-09-01"), Text("10:00")))),
        ("姓名:王", Name("王")),
        ("姓名： 王小明", Name("王小明")),
        ('name:"王 小明"', Name("王小明")),
        ("J602-ZY·HJ·QR·2026·Y-000123", Beginning(Number.CODE, "j602-zyhjqr2026y-000123")),
        ("ｊ602－ZY・HJ", Beginning(Number.CODE, "j602-zyhj")),
        ("档号:J602", Beginning(Number.CODE, "j602")),
        ("150602010000-20260901-000001", Beginning(Number.CASE, "150602010000-20260901-000001")),
        (f"办件:{ID}", Beginning(Number.CASE, ID)),
        ("卷目:迁入", Among(Exact.SERIES, frozenset({"QR"}))),
        ("卷目:qy", Among(Exact.SERIES, frozenset({"QY"}))),
        ("来源:扫描", Among(Exact.SOURCE, frozenset({"SCANNED_PROOF"}))),
        ("旗区:东胜", Among(Exact.DISTRICT, frozenset({"150602000000", "150602990000"}))),
        ("年度:２０２６", Among(Exact.YEAR, frozenset({"2026"}))),
        ("收件:150602010000", Among(Exact.RECEIVE, frozenset({"150602010000"}))),
        (
            "单位:没有这个所",
            Or((Among(Exact.RECEIVE, frozenset()), Among(Exact.DOMICILE, frozenset()))),
        ),
        ("日期:2026", Completed(date(2026, 1, 1), date(2026, 12, 31))),
        ("日期:2026-12", Completed(date(2026, 12, 1), date(2026, 12, 31))),
        ("日期:2024年2月", Completed(date(2024, 2, 1), date(2024, 2, 29))),
        ("日期:2026-01-05..2026-03", Completed(date(2026, 1, 5), date(2026, 3, 31))),
        ("日期:2026-01-05..", Completed(date(2026, 1, 5), date.max)),
        ("日期:2026-02-30", Among(Exact.YEAR, frozenset())),
        (ID, BlindLookup(Lookup.ID_NUMBER, ID)),
        (
            "１５０６０２１９９００１０１００１ｘ",
            BlindLookup(Lookup.ID_NUMBER, "15060219900101001X"),
        ),
        ("150602********0016", BlindLookup(Lookup.ID_ENDS, "1506020016")),
        ("1506020016", Or((Text("1506020016"), BlindLookup(Lookup.ID_ENDS, "1506020016")))),
        ("证件:1506020016", BlindLookup(Lookup.ID_ENDS, "1506020016")),
        ("13800000000", BlindLookup(Lookup.PHONE, "13800000000")),
        (f"王小明{ID}出生", And((Text("王小明"), BlindLookup(Lookup.ID_NUMBER, ID), Text("出生")))),
        (f'"王小明 {ID}"', And((Text("王小明"), BlindLookup(Lookup.ID_NUMBER, ID)))),
        ('"王小明', Text("王小明")),
        ("((王", Text("王")),
        ("王) 李", And((Text("王"), Text("李")))),
        ("AND OR NOT", Everything()),
    ],
)
def test_what_people_type_is_understood(typed: str, expected: Node) -> None:
    assert tree(typed) == expected


@given(
    st.text(
        '王小AND OR NOT()（）"“”「」:：姓名档号-|& \t13800000000150602199001010016*',
        max_size=MAX_LENGTH,
    )
)
def test_nothing_that_is_typed_breaks_the_parser_and_no_number_stays_in_its_text(
    typed: str,
) -> None:
    try:
        parsed = tree(typed)
    except QueryError:
        return
    for leaf, _ in leaves(parsed):
        if isinstance(leaf, Text | Name):
            assert ID not in leaf.value


def test_a_number_that_is_looked_up_is_not_in_the_words_of_the_tree() -> None:
    assert ID not in repr(tree(f"王 {ID}"))


@pytest.mark.parametrize("typed", ["王" * (MAX_LENGTH + 1), "王 " * 40, "(" * 40 + "王"])
def test_a_query_beyond_its_bounds_is_refused_without_repeating_it(typed: str) -> None:
    with pytest.raises(QueryError) as refused:
        tree(typed)
    assert "王" not in str(refused.value)


def test_every_look_up_of_a_tree_is_resolved() -> None:
    resolved = resolve(tree(f"NOT (王 OR {ID}) 13800000000"), lambda _: [7])
    assert not any(isinstance(leaf, BlindLookup) for leaf, _ in leaves(resolved))
