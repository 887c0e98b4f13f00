from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from archive.access import scope_of
from archive.codes import ArchivalCode
from archive.vocabulary import Retention, Series
from search.documents import MAX_PAGE, Document, _numbered, volume_and_page
from tests.search.corpus import CITY, ORGANISATIONS, STATIONS, document

codes = st.builds(
    ArchivalCode,
    st.from_regex(r"[A-Z][0-9]{3}", fullmatch=True),
    st.sampled_from(Series),
    st.integers(1949, 2099),
    st.sampled_from([Retention.Y, Retention.D30, Retention.D10]),
    st.integers(1, 999_999),
)
documents = st.builds(
    lambda volume_id, page, code, day: document(volume_id, page, code=str(code), completed_on=day, year=code.year),
    st.integers(1, 2**34),
    st.integers(0, MAX_PAGE),
    codes,
    st.dates(date(1949, 1, 1), date(2099, 12, 31)),
)


@given(documents, documents)
def test_keys_sort_as_what_they_stand_for_and_fit_64_bits(one: Document, other: Document) -> None:
    def by_code(document: Document) -> tuple[object, ...]:
        code = ArchivalCode.parse(document.code)
        return (code.fonds, code.series.value, code.year, code.term.value, code.number, document.page)

    def by_date(document: Document) -> tuple[object, ...]:
        return (document.completed_on, document.volume_id, document.page)

    assert (one.code_key < other.code_key) == (by_code(one) < by_code(other))
    assert (one.date_key < other.date_key) == (by_date(one) < by_date(other))
    assert 0 <= max(one.code_key, one.date_key) < 2**64
    assert volume_and_page(one.date_key) == (one.volume_id, one.page)


def test_pages_without_text_have_no_document_and_those_past_the_last_number_are_joined() -> None:
    texts = ["甲", " \n", "乙"] + [f"{page}" for page in range(4, MAX_PAGE + 3)]
    numbered = _numbered(texts)
    assert numbered[:2] == [(1, "甲"), (3, "乙")]
    assert numbered[-1][0] == MAX_PAGE
    assert all(str(page) in numbered[-1][1] for page in (MAX_PAGE, MAX_PAGE + 1, MAX_PAGE + 2))


def test_a_citywide_case_is_in_the_scope_of_both_sides_and_all_above_them() -> None:
    scope = scope_of((STATIONS[0], STATIONS[2]), ORGANISATIONS)
    assert set(scope) == {STATIONS[0], STATIONS[2], "150602000000", "150622000000", CITY}
