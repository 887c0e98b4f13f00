from hypothesis import given
from hypothesis import strategies as st

from search.analysis import fold
from search.snippets import WIDTH, hide_names, snippet
from tests.support.corpus import ALPHABET


def test_the_snippet_is_around_the_first_term_and_marks_every_one() -> None:
    result = snippet("前" * 200 + "東勝區" + "后" * 50 + "东胜区" + "尾" * 200, ("东胜区",), ())
    assert [result.text[start:end] for start, end in result.marks] == ["東勝區", "东胜区"]
    assert len(result.text) <= WIDTH


def test_names_are_hidden_in_any_script_and_across_line_ends() -> None:
    assert hide_names("钟小明、鍾小明、钟\n小明", ("钟小明",)) == "钟*明、鍾*明、钟\n*明"


def test_a_longer_name_is_hidden_whole_though_a_shorter_one_is_in_it() -> None:
    assert hide_names("王小明", ("小明", "王小明")) == "王**"


@given(
    st.text(ALPHABET, max_size=300),
    st.lists(st.text(ALPHABET, min_size=1, max_size=4).map(fold).filter(bool), max_size=3),
)
def test_marks_lie_in_order_within_what_is_shown(text: str, terms: list[str]) -> None:
    result = snippet(text, terms, ())
    ends = [place for pair in result.marks for place in pair]
    assert ends == sorted(set(ends))
    assert all(0 <= place <= len(result.text) for place in ends)
    if any(term in fold(text) for term in terms):
        assert result.marks
