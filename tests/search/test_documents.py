from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from archive.administration.policy import scope_of
from archive.reference.codes import ArchivalCode
from archive.reference.vocabulary import Retention, Series
from search.documents import Document
from tests.support.corpus import CITY, ORGANISATIONS, STATIONS, document

codes = st.builds(
    ArchivalCode,
    st.from_regex(r"[A-Z][0-9]{3}", fullmatch=True),
    st.sampled_from(Series),
    st.integers(1949, 2099),
    st.sampled_from([Retention.Y, Retention.D30, Retention.D10]),
    st.integers(1, 999_999),
)
documents = st.builds(
    lambda volume_id, code, day: document(
        volume_id, code=str(code), completed_on=day, year=code.year
    ),
    st.integers(1, 2**34),
    codes,
    st.dates(date(1949, 1, 1), date(2099, 12, 31)),
)


@given(documents, documents)
def test_keys_sort_as_what_they_stand_for_and_fit_64_bits(first: Document, other: Document) -> None:
    def by_code(document: Document) -> tuple[object, ...]:
        code = ArchivalCode.parse(document.code)
        return (code.fonds, code.series.value, code.year, code.term.value, code.number)

    def by_date(document: Document) -> tuple[object, ...]:
        return (document.completed_on, document.volume_id)

    assert (first.code_key < other.code_key) == (by_code(first) < by_code(other))
    assert (first.date_key < other.date_key) == (by_date(first) < by_date(other))
    assert 0 <= max(first.code_key, first.date_key) < 2**64


def test_a_citywide_case_is_in_the_scope_of_both_sides_and_all_above_them() -> None:
    scope = scope_of((STATIONS[0], STATIONS[2]), ORGANISATIONS)
    assert set(scope) == {STATIONS[0], STATIONS[2], "150602000000", "150622000000", CITY}
