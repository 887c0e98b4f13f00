"""What the 系统管理员 changes of the shipped tables, on both databases: versions are only added,
and every process reads on.
"""

import json
from typing import Any

import pytest
from sqlalchemy import Engine

from archive.administration.accounts import ForbiddenError
from archive.administration.configuration import (
    apply_changes,
    import_items,
    read_items,
    switch_digitised,
)
from archive.administration.policy import Reader, Role
from archive.database.engine import reading, writing
from archive.reference.errors import ConflictError
from archive.reference.organisations import load_organisations
from archive.reference.service_items import Catalogue, CatalogueError, load_catalogue

CITY, DISTRICT, STATION = "150600000000", "150602000000", "150602010000"
SYSTEM = Reader("sysadmin", Role.SYSTEM_ADMIN, CITY)


def later(**changed: Any) -> str:
    """A further version of the first item."""
    item = next(iter(load_catalogue()))
    return json.dumps([{**item.model_dump(mode="json"), "version": "2027-1", **changed}])


def test_a_further_version_says_what_it_changes_and_is_read_by_every_process(
    engine: Engine,
) -> None:
    local, elsewhere, organisations = load_catalogue(), load_catalogue(), load_organisations()
    text = later(
        retention="D30",
        materials=[{"name": "审批表", "sources": ["SYSTEM_FORM"], "condition": "有审批的"}],
    )
    (incoming,) = read_items(text, local)
    changes = {change.label: (change.before, change.after) for change in incoming.changes}
    assert changes["保管期限"] == ("永久", "30年")
    assert changes["材料 审批表"] == (
        "系统内生成的电子表单（必交）",
        "系统内生成的电子表单（有审批的）",
    )
    assert changes["材料 收件单"] == ("系统内生成的电子表单（必交）", "")
    with writing(engine) as session:
        assert import_items(session, SYSTEM, text, "档审〔2026〕3号", local) == 1
    with reading(engine) as session:
        for catalogue in (local, elsewhere):
            reached = apply_changes(session, 0, catalogue, organisations)
            assert catalogue.get("CS01", "2027-1").retention == "D30"
            assert (
                catalogue.get("CS01", "2026-1").retention == "Y"
            )  # cases that name it are held to it
            assert apply_changes(session, reached, catalogue, organisations) == reached
    with writing(engine) as session, pytest.raises(ConflictError):
        import_items(session, SYSTEM, text, "档审〔2026〕3号", local)  # nothing new in it
    with pytest.raises(ConflictError):
        read_items(later(retention="D10"), local)  # a version that is there says otherwise


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        "没有",
        '[{"code": "X"}]',
        '[{"code": "X", "version": "1", "series": "??", "retention": "Y"}]',
    ],
)
def test_what_is_no_list_of_items_is_refused_with_the_place(text: str) -> None:
    with pytest.raises(CatalogueError):
        read_items(text, Catalogue([]))


def test_a_district_switches_and_its_stations_follow(engine: Engine) -> None:
    organisations, elsewhere = load_organisations(), load_organisations()
    was = organisations.is_digitised(STATION)
    with writing(engine) as session:
        switch_digitised(
            session,
            SYSTEM,
            DISTRICT,
            digitised=not was,
            reason="东公〔2026〕5号",
            organisations=organisations,
        )
        apply_changes(session, 0, Catalogue([]), elsewhere)
        assert elsewhere.is_digitised(STATION) is not was
        apply_changes(session, 0, Catalogue([]), organisations)
        with pytest.raises(ConflictError):
            switch_digitised(
                session,
                SYSTEM,
                DISTRICT,
                digitised=not was,
                reason="再次",
                organisations=organisations,
            )
        with pytest.raises(ConflictError):
            switch_digitised(
                session, SYSTEM, STATION, digitised=was, reason="单独", organisations=organisations
            )


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SYSTEM_ADMIN])
def test_only_the_system_administrator_changes_tables(engine: Engine, role: Role) -> None:
    other = Reader("x", role, CITY)
    with writing(engine) as session:
        with pytest.raises(ForbiddenError):
            import_items(session, other, later(), "文号", load_catalogue())
        with pytest.raises(ForbiddenError):
            switch_digitised(
                session,
                other,
                DISTRICT,
                digitised=True,
                reason="依据",
                organisations=load_organisations(),
            )
