"""Every finding asks for something that somebody can do, by source and kind of the material."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from archive.inspection.subject import Look, LookedFile, Subject
from archive.inspection.table import CHECKS, Phase, all_findings, inspect
from archive.reference.case_facts import CaseFacts
from archive.reference.findings import _ACTIONS, Finding, rules
from archive.reference.organisations import load_organisations
from archive.reference.service_items import load_catalogue, snapshot
from archive.reference.vocabulary import Actor, MaterialKind, Outcome, SourceKind
from tests.support.factories import sound_case

CATALOGUE, ORGANISATIONS = load_catalogue(), load_organisations()
ITEM = CATALOGUE.get("CS02", "2026-1")
COARSE = Look("image/jpeg", 1, pictures=("p",), coarse=(1,))


def findings_of(case: dict[str, Any], looks: dict[str, Look]) -> dict[str, Finding]:
    facts = CaseFacts.model_validate(case)
    files = tuple(
        LookedFile(material.no, path, f"{material.no:064x}", 1, looks.get(path))
        for material in facts.materials
        for path in material.files
        if path in looks
    )
    subject = Subject(
        facts, ITEM, snapshot(ITEM), ORGANISATIONS, files, datetime(2026, 11, 1, tzinfo=UTC)
    )
    return {row.code: row for row in all_findings(inspect(subject, Phase.GD))}


def with_material(looks: list[Look], **values: object) -> dict[str, Finding]:
    case = sound_case("150602010000-20260901-000001")
    files = [f"materials/{at}.jpg" for at, _ in enumerate(looks)]
    case["materials"][5] |= {"files": files, "pages": len(files)} | values
    return findings_of(case, dict(zip(files, looks, strict=True)))


def test_every_code_says_who_acts_on_it() -> None:

    assert set(json.loads(_ACTIONS.read_text("utf-8"))) == set(rules())


@pytest.mark.parametrize("code", rules())
def test_no_case_waits_for_what_nobody_can_act_on(code: str) -> None:
    rule = rules()[code]
    answers = [rule.answer, *(row.answer for row in rule.special)]
    for answer in answers:
        assert answer.action
        assert answer.outcome is Outcome.NOTE or answer.who is not Actor.NOBODY
    for row in rule.special:
        assert row.sources <= rule.sources
        assert row.sources or row.kinds


def test_what_a_check_says_of_materials_has_the_sources_that_it_can_be_about() -> None:
    codes = {code for check in CHECKS for code in check.codes}
    assert codes <= set(rules())
    for code in ("TOO_DARK", "BLURRED", "CUT_OFF", "NEAR_COPY", "SEEN_ELSEWHERE"):
        assert SourceKind.SHARED_CERT not in rules()[code].sources


@pytest.mark.parametrize(
    ("source", "name", "outcome"),
    [
        ("SHARED_CERT", "非婚生育说明", Outcome.NOTE),
        ("SCANNED_PROOF", "非婚生育说明", Outcome.CONFIRM),
        ("ONLINE_APPLICATION", "非婚生育说明", Outcome.CONFIRM),
        ("SCANNED_PROOF", "本人近期免冠照片", Outcome.NOTE),
    ],
)
def test_a_coarse_page_waits_only_where_it_can_be_captured_again(
    source: str, name: str, outcome: Outcome
) -> None:
    finding = with_material([COARSE], source=source, type=name)["LOW_RESOLUTION"]
    assert finding.outcome is outcome
    assert ("重" in finding.action) or outcome is Outcome.NOTE


def test_a_page_of_a_booklet_is_as_fine_with_half_the_pixels_of_a_sheet() -> None:
    assert "LOW_RESOLUTION" not in with_material([COARSE], type="居民户口簿")
    coarsest = replace(COARSE, coarsest=(1,))
    assert "LOW_RESOLUTION" in with_material([coarsest], type="居民户口簿")


def test_one_certificate_for_two_materials_is_noted_and_a_scan_of_it_waits() -> None:
    same = Look("image/jpeg", 1, pictures=("p",))
    case = sound_case("150602010000-20260901-000001")
    paths = [case["materials"][number]["files"][0] for number in (3, 4)]
    noted = findings_of(case, dict.fromkeys(paths, same))["DUPLICATE_SCAN"]
    assert noted.outcome is Outcome.NOTE
    for number in (3, 4):
        case["materials"][number]["source"] = "SCANNED_PROOF"
        waiting = findings_of(case, dict.fromkeys(paths, same))["DUPLICATE_SCAN"]
        assert waiting.outcome is Outcome.CONFIRM
        assert waiting.place == f"material {number + 1}"
        case["materials"][number]["source"] = "SHARED_CERT"


@pytest.mark.parametrize(
    ("name", "gap_waits"), [("居民户口簿", False), ("父亲护照", False), ("租赁合同", True)]
)
def test_of_a_booklet_only_the_pages_that_matter_are_copied(name: str, *, gap_waits: bool) -> None:
    def pages(*numbers: int) -> list[Look]:
        return [
            Look("application/pdf", 1, texts=((1, f"内容\n第 {number} 页"),)) for number in numbers
        ]

    assert ("PAGE_ORDER" in with_material(pages(1, 3), type=name)) == gap_waits
    assert "PAGE_ORDER" in with_material(pages(1, 3, 2), type=name)


def test_materials_are_of_the_kind_that_their_names_forms_and_files_say() -> None:
    case = sound_case("150602010000-20260901-000001")
    case["materials"][4]["type"] = "母亲居民户口簿"
    case["materials"][5]["type"] = "双方合影照片"
    facts = CaseFacts.model_validate(case)
    path = facts.materials[3].files[0]
    text = LookedFile(
        facts.materials[3].no, path, "", 1, Look("application/pdf", 1, texts=((1, "x"),))
    )
    subject = Subject(facts, ITEM, {}, ORGANISATIONS, (text,), datetime(2026, 11, 1, tzinfo=UTC))
    assert [subject.kind_of(material) for material in facts.materials[2:6]] == [
        MaterialKind.FORM,
        MaterialKind.DOCUMENT,
        MaterialKind.BOOKLET,
        MaterialKind.PHOTO,
    ]
