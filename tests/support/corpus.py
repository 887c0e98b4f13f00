"""Invented volumes and pages for the tests of search, and what people might type."""

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from archive.administration.policy import scope_of
from archive.reference.organisations import load_organisations
from archive.reference.service_items import load_catalogue
from search import tree as ask
from search.analysis import fold
from search.documents import Document
from search.query import Words

ORGANISATIONS = load_organisations()
CITY = "150600000000"
STATIONS = ("150602010000", "150602020000", "150622020000")
WORDS = Words(ORGANISATIONS, load_catalogue())
SERIES = ("CS", "QR", "QY")
# Few characters, so that parts of words meet often; Han, digits, Latin, width, both scripts, beyond
# the BMP, two-letter folds, spaces.
ALPHABET = "王小东東区區户12１a Ａ𠮷-·㈱é\n"


def document(volume_id: int, *pages: str, head: str = "正文", **other: Any) -> Document:
    """One volume with these pages; what is not said follows from its id."""
    station = other.pop("station", STATIONS[volume_id % len(STATIONS)])
    series = other.pop("series", SERIES[volume_id % len(SERIES)])
    fields: dict[str, Any] = {
        "volume_id": volume_id,
        "version": 1,
        "code": f"J602-ZY·HJ·{series}·2026·Y-{volume_id:06d}",
        "case_no": f"{station}-20260901-{volume_id:06d}",
        "item": f"{series}0{volume_id % 3}",
        "series": series,
        "fonds": "J602",
        "year": 2026,
        "receive_org": station,
        "domicile_org": STATIONS[0],
        "district": ORGANISATIONS.district_of(station).code,
        "sources": ("SCANNED_PROOF", "SYSTEM_FORM") if volume_id % 2 else ("SYSTEM_FORM",),
        "completed_on": date(2026, 1, 1) + timedelta(days=volume_id * 7 % 200),
        "names": ("测某",),
        "title": "测某出生登记",
        "head": head,
        "pages": tuple(enumerate(pages, 1)),
        "scope": scope_of((station,), ORGANISATIONS),
    }
    return Document(**{**fields, **other})


texts = st.text(ALPHABET, max_size=14)
parts = st.text(ALPHABET, min_size=1, max_size=5).map(fold).filter(bool)


@st.composite
def volumes(draw: st.DrawFn, first: int = 1, least: int = 1) -> dict[int, Document]:
    """Some volumes with pages."""
    documents = {}
    for volume_id in range(first, first + draw(st.integers(least, 6))):
        names = tuple(
            draw(st.lists(texts.filter(lambda text: bool(fold(text))), min_size=1, max_size=2))
        )
        station = draw(st.sampled_from(STATIONS))
        day = date(2026, 1, 1) + timedelta(days=draw(st.integers(0, 3)))
        pages = draw(st.lists(texts, max_size=3))
        documents[volume_id] = document(
            volume_id, *pages, head=draw(texts), names=names, station=station, completed_on=day
        )
    return documents


leaf: st.SearchStrategy[ask.Node] = st.one_of(
    st.just(ask.Everything()),
    parts.map(ask.Text),
    parts.map(ask.Text),
    parts.map(ask.Name),
    st.sampled_from(["j602", "j602-zyhjcs", "j602-zyhjqr2026y-000001", "x"]).map(
        lambda prefix: ask.Beginning(ask.Number.CODE, prefix)
    ),
    st.sampled_from(["1506", "150602010000-2026", "9"]).map(
        lambda prefix: ask.Beginning(ask.Number.CASE, prefix)
    ),
    st.frozensets(st.sampled_from(SERIES)).map(lambda codes: ask.Among(ask.Exact.SERIES, codes)),
    st.frozensets(st.sampled_from(STATIONS)).map(lambda codes: ask.Among(ask.Exact.RECEIVE, codes)),
    st.frozensets(st.sampled_from(["SCANNED_PROOF", "ONLINE_APPLICATION"])).map(
        lambda codes: ask.Among(ask.Exact.SOURCE, codes)
    ),
    st.integers(0, 4).map(
        lambda days: ask.Completed(date(2026, 1, 1), date(2026, 1, 1) + timedelta(days=days))
    ),
    st.frozensets(st.integers(1, 7), max_size=3).map(ask.Volumes),
    st.just(ask.BlindLookup(ask.Lookup.ID_NUMBER, "150602199001010016")),
)
nodes: st.SearchStrategy[ask.Node] = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda some: ask.And(tuple(some))),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: ask.Or(tuple(some))),
        inner.map(ask.Not),
    ),
    max_leaves=6,
)
scopes = st.frozensets(st.sampled_from([*STATIONS, CITY, "150602000000"]), max_size=2) | st.just(
    frozenset({CITY})
)
