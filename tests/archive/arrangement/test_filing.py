from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.administration.filing_units import FilingRule
from archive.arrangement.filing import (
    CrossReference,
    Placement,
    completion_year,
    is_late,
    item_group,
    item_order,
    place,
    volume_title,
)
from archive.reference.case_facts import CaseFacts, Material
from archive.reference.organisations import UnknownOrganisationError, load_organisations
from archive.reference.service_items import load_catalogue
from archive.reference.vocabulary import OrgKind, Retention, Series

TABLE = load_organisations()
CATALOGUE = load_catalogue()
MOVE_IN = CATALOGUE.get("QR03", "2026-1")
HOME, AWAY = "150622020000", "150602010000"
WINDOWS = [org.code for org in TABLE if org.kind in (OrgKind.HALL, OrgKind.STATION)]
MOMENTS = st.datetimes(
    datetime(2025, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2027, 12, 31),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-11))]),
)


def case(
    receive: str = AWAY,
    domicile: str = HOME,
    at: str | datetime = "2026-11-04T15:00:00+08:00",
    **changes: Any,
) -> CaseFacts:
    stamp = at if isinstance(at, str) else at.isoformat()
    facts = {
        "spec": "case-submission/1",
        "case_no": "150602000000-20261103-000123",
        "item": {"code": "QR03", "version": "2026-1"},
        "channel": "WINDOW",
        "applicant": {"name": "云某某"},
        "subjects": [{"name": "云某某"}],
        "orgs": {"receive": receive, "accept": domicile, "domicile": domicile},
        "process": [
            {
                "node": "ISSUE",
                "org": receive,
                "actor_no": "060123",
                "actor": "张某",
                "at": stamp,
                "result": "AGREE",
            }
        ],
        "materials": [material(1, "居民户口簿", "SHARED_CERT").model_dump()],
    }
    return CaseFacts.model_validate(facts | changes)


def material(no: int, name: str, source: str, form: str | None = None) -> Material:
    return Material.model_validate(
        {"no": no, "type": name, "source": source, "form": form, "pages": 1}
    )


def test_a_case_of_anothers_resident_is_filed_where_received_and_found_from_home() -> None:
    assert place(case(), MOVE_IN, TABLE) == Placement(
        "J602", Series.QY, 2026, Retention.Y, AWAY, CrossReference("J622", Series.QR, HOME)
    )


def test_a_case_of_the_stations_own_resident_stays_in_its_home_series() -> None:
    assert place(case(receive=HOME), MOVE_IN, TABLE) == Placement(
        "J622", Series.QR, 2026, Retention.Y, HOME, None
    )


def test_a_hall_of_the_same_district_is_still_another_window() -> None:
    placed = place(case(receive="150622990000"), MOVE_IN, TABLE)
    assert (placed.fonds, placed.series, placed.filing_org) == ("J622", Series.QY, "150622990000")
    assert placed.cross_reference == CrossReference("J622", Series.QR, HOME)


def test_the_other_rule_files_at_home_and_refers_from_the_receiving_place() -> None:
    placed = place(case(), MOVE_IN, TABLE, FilingRule.DOMICILE)
    assert placed == Placement(
        "J622", Series.QR, 2026, Retention.Y, HOME, CrossReference("J602", Series.QY, AWAY)
    )


def test_an_item_of_two_series_is_found_in_both() -> None:
    placed = place(case(receive=HOME), CATALOGUE.get("ZX05", "2026-1"), TABLE)
    assert (placed.series, placed.cross_reference) == (
        Series.SW,
        CrossReference("J622", Series.QR, HOME),
    )


@given(
    st.sampled_from(WINDOWS),
    st.sampled_from(WINDOWS),
    st.sampled_from(list(CATALOGUE)),
    st.sampled_from(FilingRule),
)
def test_both_sides_always_find_a_citywide_case_and_no_home_case_is_in_the_citywide_series(
    receive: str, domicile: str, item: Any, rule: FilingRule
) -> None:
    placed = place(case(receive=receive, domicile=domicile), item, TABLE, rule)
    places = {(placed.fonds, placed.series)}
    if placed.cross_reference:
        places.add((placed.cross_reference.fonds, placed.cross_reference.series))
    assert (TABLE.fonds_of(domicile), item.series) in places
    assert ((TABLE.fonds_of(receive), Series.QY) in places) == (receive != domicile)
    assert placed.term is item.retention


def test_the_year_is_that_of_the_local_clock() -> None:
    assert completion_year(case(at="2026-12-31T15:59:59Z").completed_at) == 2026
    assert completion_year(case(at="2026-12-31T16:00:00Z").completed_at) == 2027


def test_an_unknown_organisation_is_refused() -> None:
    with pytest.raises(UnknownOrganisationError):
        place(case(receive="110105010000"), MOVE_IN, TABLE)


def completion_order(facts: CaseFacts) -> tuple[datetime, str]:
    """The key by which the database orders a series (R21): its moments are in UTC."""
    return facts.completed_at.astimezone(UTC), facts.case_no


@given(st.lists(st.tuples(MOMENTS, st.sampled_from(["A1", "A2", "A3"]))))
def test_cases_sort_by_completion_whatever_offset_they_were_written_with(
    moments: list[tuple[datetime, str]],
) -> None:
    cases = sorted((case(at=at, case_no=no) for at, no in moments), key=completion_order)
    assert [(filed.completed_at, filed.case_no) for filed in cases] == sorted(moments)


@given(MOMENTS, MOMENTS)
def test_late_is_what_was_completed_before_the_last_numbered_case(
    first: datetime, other: datetime
) -> None:
    key, last = completion_order(case(at=first)), completion_order(case(at=other))
    assert is_late(key, last) == (first < other)
    assert not is_late(key, None)
    assert not is_late(key, key)


ORDERED = [
    material(9, "审批表", "SYSTEM_FORM", "APPROVAL"),
    material(8, "常住人口登记表", "SYSTEM_FORM", "REGISTER"),
    material(7, "收件单", "SYSTEM_FORM", "RECEIPT"),
    material(6, "申请书", "SYSTEM_FORM", "OTHER"),
    material(5, "申请人居民身份证", "SHARED_CERT"),
    material(4, "亲属关系证明", "SCANNED_PROOF"),
    material(3, "不动产权证书", "ONLINE_APPLICATION"),
    material(2, "比对与走访调查材料", "SCANNED_PROOF"),
    material(1, "告知记录", "SYSTEM_FORM", "OTHER"),
]


@given(st.permutations(ORDERED))
def test_items_lie_conclusions_first_and_process_last_whatever_order_they_came_in(
    shuffled: list[Material],
) -> None:
    assert list(item_order(shuffled, CATALOGUE.get("CS01", "2026-1"))) == ORDERED


def test_within_a_group_the_catalogue_decides_then_the_number() -> None:
    unlisted = [material(1, "其他证照", "SHARED_CERT"), material(2, "另一证照", "SHARED_CERT")]
    wedding, household = (
        material(3, "结婚证", "SHARED_CERT"),
        material(4, "父或母居民户口簿", "SHARED_CERT"),
    )
    assert item_order(
        [*reversed(unlisted), wedding, household], CATALOGUE.get("CS01", "2026-1")
    ) == (household, wedding, *unlisted)


def test_a_scan_under_the_name_of_a_system_form_stays_a_scan() -> None:
    assert item_group(material(1, "审批表", "SCANNED_PROOF")) == 4


def test_every_material_of_the_catalogue_has_a_group_from_each_of_its_sources() -> None:
    for item in CATALOGUE:
        for wanted in item.materials:
            for source in wanted.sources:
                assert 1 <= item_group(material(1, wanted.name, source)) <= 7


def test_the_title_names_person_item_both_places_and_the_case() -> None:
    names = TABLE.get(AWAY).name, TABLE.get(HOME).name
    assert (
        volume_title(case(), MOVE_IN, TABLE)
        == f"云某某{MOVE_IN.name}（{names[0]}受理，{names[1]}办理，150602000000-20261103-000123）"
    )
    family = case(subjects=[{"name": "云某某"}, {"name": "云某"}, {"name": "云某明"}])
    assert volume_title(family, MOVE_IN, TABLE).startswith("云某某等3人")
