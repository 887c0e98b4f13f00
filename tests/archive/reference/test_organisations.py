from pathlib import Path

import pytest

from archive.reference.organisations import (
    NOTICE,
    Organisation,
    Organisations,
    OrganisationTableError,
    UnknownOrganisationError,
    load_organisations,
)
from archive.reference.vocabulary import OrgKind

TABLE = load_organisations()


def test_the_shipped_table_has_one_city_nine_districts_and_67_stations() -> None:
    counts = {kind: len(TABLE.of_kind(kind)) for kind in OrgKind}
    assert counts == {OrgKind.CITY: 1, OrgKind.DISTRICT: 9, OrgKind.HALL: 9, OrgKind.STATION: 67}
    assert len(TABLE) == 86
    assert NOTICE == "演示数据"


def test_every_organisation_belongs_to_the_fonds_of_its_district() -> None:
    assert (
        TABLE.fonds_of("150602010000")
        == TABLE.fonds_of("150602990000")
        == TABLE.fonds_of("150602000000")
        == "J602"
    )
    assert TABLE.fonds_of("150600000000") == "J600"
    assert all(TABLE.district_of(org.code).code[:6] == org.code[:6] for org in TABLE)
    assert len({TABLE.fonds_of(org.code) for org in TABLE}) == 10


def test_a_district_decides_whether_its_stations_still_keep_paper() -> None:
    assert TABLE.is_digitised("150602010000")
    assert not TABLE.is_digitised("150623990000")


def test_children_are_the_organisations_directly_below() -> None:
    assert len(TABLE.children("150600000000")) == 9
    assert {org.kind for org in TABLE.children("150602000000")} == {OrgKind.HALL, OrgKind.STATION}
    assert TABLE.children("150602010000") == ()


def test_a_code_from_outside_the_city_is_refused_by_its_code() -> None:
    assert "110105010000" not in TABLE
    for ask in (TABLE.get, TABLE.district_of, TABLE.fonds_of, TABLE.is_digitised, TABLE.children):
        with pytest.raises(UnknownOrganisationError) as fault:
            ask("110105010000")
        assert fault.value.code == "UNKNOWN_ORGANISATION"


@pytest.mark.parametrize(
    "rows",
    [
        [("1", OrgKind.CITY, None, "J600"), ("1", OrgKind.CITY, None, "J600")],
        [("1", OrgKind.DISTRICT, "9", "J600")],
        [("1", OrgKind.CITY, None, None)],
        [("1", OrgKind.STATION, "2", None), ("2", OrgKind.STATION, "1", None)],
        [("1", OrgKind.STATION, None, None)],
    ],
)
def test_a_table_that_contradicts_itself_is_refused(
    rows: list[tuple[str, OrgKind, str | None, str | None]],
) -> None:
    with pytest.raises(OrganisationTableError):
        Organisations(
            Organisation(code, code, kind, parent, fonds, digitised=True)
            for code, kind, parent, fonds in rows
        )


def test_a_file_with_an_unknown_kind_or_without_a_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "organisations.csv"
    for text in (
        "code,name,kind,parent,fonds_no,digitised\n1,一,OFFICE,,J600,1\n",
        "code,name\n1,一\n",
    ):
        path.write_text(text, "utf-8")
        with pytest.raises(OrganisationTableError):
            load_organisations(path)
