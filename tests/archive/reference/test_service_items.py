import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.reference.service_items import (
    NOTICE,
    Catalogue,
    CatalogueError,
    ItemMaterial,
    ItemNotEnabledError,
    ServiceItem,
    UnknownItemError,
    due_materials,
    investigation_names,
    load_catalogue,
    missing_groups,
    required_materials,
    snapshot,
    snapshot_materials,
)
from archive.reference.submission_terms import Ending
from archive.reference.vocabulary import ApprovalLevel, Mode, Retention, Series, SourceKind
from tests.support.factories import enabled_items

CATALOGUE = load_catalogue()
ITEM = CATALOGUE.get("CS01", "2026-1")
GROUPS: dict[str, dict[str, object]] = {
    "事项名称": {"name": " "},
    "法规依据": {"legal_basis": ()},
    "办理流程及条件": {"approval_levels": ()},
    "申报材料": {"materials": ()},
}


def test_the_shipped_catalogue_has_107_items_of_which_102_are_shown_and_all_can_be_enabled() -> (
    None
):
    assert (len(CATALOGUE), len(CATALOGUE.demo_items), len(enabled_items(CATALOGUE))) == (
        107,
        102,
        107,
    )
    assert NOTICE == "重构、非官方清单，供演示"


def test_an_item_reads_as_it_was_written() -> None:
    assert ITEM.mode is Mode.CITYWIDE
    assert ITEM.approval_levels == (ApprovalLevel.STATION,)
    assert (ITEM.series, ITEM.retention, ITEM.limit_workdays, ITEM.demo) == (
        Series.CS,
        Retention.Y,
        0,
        True,
    )
    assert ITEM.materials[3] == ItemMaterial(
        name="出生医学证明", sources=(SourceKind.SHARED_CERT, SourceKind.SCANNED_PROOF)
    )


@given(st.sets(st.sampled_from(sorted(GROUPS))))
def test_an_item_that_lacks_a_mandatory_group_cannot_be_enabled_and_says_which(
    lacking: set[str],
) -> None:
    changes = {key: value for group in lacking for key, value in GROUPS[group].items()}
    item = ITEM.model_copy(update=changes)
    catalogue = Catalogue([item])
    assert set(missing_groups(item)) == lacking
    if not lacking:
        assert catalogue.enabled("CS01", "2026-1") is item
        return
    assert enabled_items(catalogue) == []
    with pytest.raises(ItemNotEnabledError) as fault:
        catalogue.enabled("CS01", "2026-1")
    assert all(group in fault.value.message for group in lacking)


def test_an_item_without_mode_lacks_its_procedure() -> None:
    bare = ServiceItem(code="X1", version="1", series=Series.BG, retention=Retention.Y)
    assert missing_groups(bare) == tuple(GROUPS)
    assert missing_groups(ITEM.model_copy(update={"mode": None})) == ("办理流程及条件",)


@given(st.sampled_from(list(CATALOGUE)))
def test_a_snapshot_survives_json_and_still_says_what_is_required(item: ServiceItem) -> None:
    taken = json.loads(json.dumps(snapshot(item), ensure_ascii=False))
    assert snapshot_materials(taken) == item.materials
    assert required_materials(taken) == tuple(
        material for material in item.materials if material.condition is None
    )
    assert {"收件单", "审批表"} <= {material.name for material in required_materials(taken)}


def test_a_conditional_material_is_not_required() -> None:
    assert "新增人口民族成份确认书" not in {
        material.name for material in required_materials(snapshot(ITEM))
    }


@given(st.sampled_from(list(CATALOGUE)), st.sampled_from([None, *Ending]))
def test_only_a_case_that_was_looked_into_owes_its_investigation(
    item: ServiceItem, ending: Ending | None
) -> None:
    taken = snapshot(item)
    listed = [material.name for material in required_materials(taken)]
    of_investigation = [
        name for name in listed if any(row.covers(name) for row in investigation_names())
    ]
    early = ending in {Ending.NOT_ACCEPTED, Ending.WITHDRAWN}
    assert [material.name for material in due_materials(taken, ending)] == [
        name for name in listed if not (early and name in of_investigation)
    ]


def test_a_version_beside_another_does_not_change_the_older_one() -> None:
    newer = ITEM.model_copy(update={"version": "2027-1", "materials": ITEM.materials[:2]})
    catalogue = Catalogue([ITEM, newer])
    assert catalogue.get("CS01", "2026-1") is ITEM
    assert catalogue.get("CS01", "2027-1") is newer


def test_unknown_items_and_versions_are_refused() -> None:
    for key in (("CS01", "2025-1"), ("ZZ01", "2026-1")):
        assert key not in CATALOGUE
        with pytest.raises(UnknownItemError):
            CATALOGUE.get(*key)


def test_a_catalogue_that_cannot_be_read_names_the_place(tmp_path: Path) -> None:
    path = tmp_path / "items.json"
    path.write_text(
        json.dumps([{"code": "X1", "version": "1", "series": "??", "retention": "Y"}]), "utf-8"
    )
    with pytest.raises(CatalogueError, match=r"0\.series"):
        load_catalogue(path)
    path.write_text("{", "utf-8")
    with pytest.raises(CatalogueError):
        load_catalogue(path)
    with pytest.raises(CatalogueError, match="重复"):
        Catalogue([ITEM, ITEM])
