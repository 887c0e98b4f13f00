import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from archive.compile.metadata import NAMESPACE, read_metadata, write_metadata
from archive.database.tables_volumes import Volume
from archive.reference.case_facts import CaseFacts
from archive.reference.organisations import load_organisations
from archive.reference.service_items import load_catalogue, snapshot
from tests.support.factories import HOME, OTHER, sound_case

CATALOGUE, ORGANISATIONS = load_catalogue(), load_organisations()
FACTS = CaseFacts.model_validate(sound_case("150622020000-20260901-000001", receive=OTHER))


def volume(**more: Any) -> Volume:
    return Volume(
        code="J622-ZY·HJ·QY·2026·Y-000001",
        fonds="J622",
        series="QY",
        year=2026,
        term="Y",
        number=1,
        filing_org=OTHER,
        late=False,
        completed_at=datetime(2026, 9, 1, tzinfo=UTC),
        **more,
    )


def written(title: str, contents: list[dict[str, Any]], of: Volume) -> bytes:
    taken = snapshot(CATALOGUE.get("CS02", "2026-1"))
    return write_metadata(of, 1, title, FACTS, taken, contents, 12, ORGANISATIONS)


def row(no: int, title: str) -> dict[str, Any]:
    return {
        "no": no,
        "code": f"c-{no:03d}",
        "title": title,
        "source": "SCANNED_PROOF",
        "page": no + 2,
        "pages": 1,
    }


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")),
        max_size=5,
    )
)
def test_contents_and_cross_reference_are_read_back_as_they_were_written(titles: list[str]) -> None:
    contents = [row(no, title or "件") for no, title in enumerate(titles, 1)]
    read = read_metadata(
        written("题名", contents, volume(cross_fonds="J602", cross_series="CS", cross_org=HOME))
    )
    assert read == {
        "contents": contents,
        "cross_reference": {"fonds": "J602", "series": "CS", "org": HOME},
        "pages": 12,
        "filing_org": OTHER,
        "late": False,
    }


def test_a_volume_without_cross_reference_reads_as_none_of_it() -> None:
    assert read_metadata(written("题名", [], volume()))["cross_reference"] == {
        "fonds": None,
        "series": None,
        "org": None,
    }


def test_a_character_that_xml_cannot_hold_is_written_as_its_code_point() -> None:
    data = written("甲\x07𠮷", [row(1, "<乙>&")], volume())
    root = ET.fromstring(data)  # noqa: S314 - our own
    assert root.findtext("v:title", "", {"v": NAMESPACE}) == "甲[U+0007]𠮷"
    assert read_metadata(data)["contents"][0]["title"] == "<乙>&"


def test_every_element_with_text_says_its_chinese_term() -> None:
    root = ET.fromstring(written("题名", [row(1, "件")], volume()))  # noqa: S314 - our own
    assert all(
        element.get("label") for element in root.iter() if element.text and element.text.strip()
    )
    assert root.findtext("v:service_item/v:name", "", {"v": NAMESPACE})
