"""Every code of the table is raised by a package or by a second delivery of one; a code that
nothing raises is a promise that nobody keeps.
"""

import copy
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archive.reference.findings import rules
from archive.reference.organisations import load_organisations
from archive.reference.service_items import load_catalogue
from archive.reference.vocabulary import Outcome
from ingest.intake.submission import inspect_submission
from ingest.package.bag import read_bag
from tests.resources import bags, documents, images, pdf_kinds
from tests.support.factories import HOME, OTHER, make_bag, page, sound_case
from tests.support.window_cases import signature, window_case

CATALOGUE, ORGANISATIONS = load_catalogue(), load_organisations()
NOW = datetime(2026, 11, 1, tzinfo=UTC)
Case, Files = dict[str, Any], dict[str, bytes]
Change = Callable[[Case, Files], object]
ELSEWHERE = {"CASE_CONFLICT", "SEEN_ELSEWHERE", "MATCHES_ELSEWHERE"}
"""Raised beside what the archive already holds: tests of accession, `test_seen_elsewhere`."""
ELSEWHERE |= {"AFTER_DEATH", "TWO_HOUSEHOLDS", "TWO_MOVES"}
"""Raised by two cases of one person: `test_across_cases`."""
ELSEWHERE |= {"EVENT_INVALID", "APPLICATION_INVALID", "STACK_INVALID", "VIRUS", "VIRUS_SCAN_DOWN"}
"""Raised before there is a package, `sources/test_sources`, and by the scanner beside intake,
`test_virus`.
"""
ELSEWHERE |= {"PAGE_DIFFERS"}
"""Raised by a finished volume beside its originals: `archive/compile/test_compared`."""
ELSEWHERE |= {"OVERDUE_PROVISIONAL"}
"""Raised by a calendar that lacks a year: `archive/inspection/test_checks`."""
ELSEWHERE |= {"SUPPLEMENT_UNKNOWN", "SUPPLEMENT_MISMATCH", "SUPPLEMENT_VOID", "CORRECTED"}
"""Raised by a second delivery: tests of versions."""
ELSEWHERE |= {
    "CAPTURE_UNREADABLE",
    "CAPTURE_UNPLACED",
    "CAPTURE_BY_PACKAGE",
    "CAPTURE_NOT_CLOSED",
    "CAPTURE_UNKNOWN_CASE",
    "CAPTURE_INCOMPLETE",
}
"""Raised by a file that a window sends, `api/test_uploads`."""

LAST = "materials/006.jpg"


def _event(node: str, **values: str) -> Change:
    return lambda case, _: next(event for event in case["process"] if event["node"] == node).update(
        values
    )


def _facts(part: str, value: object) -> Change:
    return lambda case, _: case.update({part: value})


def _material(number: int, **values: object) -> Change:
    return lambda case, _: case["materials"][number].update(values)


def _file(data: Callable[[], bytes]) -> Change:
    return lambda _, files: files.update({LAST: data()})


def _named(name: str, data: Callable[[], bytes]) -> Change:
    def change(case: Case, files: Files) -> None:
        case["materials"][5]["files"] = [name]
        files[name] = data()

    return change


def _pages_of(data: Callable[[], bytes], pages: int, **values: object) -> Change:
    def change(case: Case, files: Files) -> None:
        _named("materials/x.pdf", data)(case, files)
        case["materials"][5].update(pages=pages, **values)

    return change


def _item(code: str, receive: str) -> Change:
    return lambda case, _: (case["item"].update(code=code), case["orgs"].update(receive=receive))


def _person(**values: str) -> Change:
    return lambda case, _: case["applicant"].update(values)


def _home_by_one(case: Case, _: Files) -> None:
    case["orgs"]["receive"] = HOME
    for event in case["process"]:
        event |= {"org": HOME, "actor_no": "1"}
    case["process"] = [
        event for event in case["process"] if event["node"] not in {"TRANSFER", "FEEDBACK"}
    ]


def _window(part: str, change: Change) -> Change:
    """The case as one of version 2, and a fault in a part of it."""

    def changed(case: Case, files: Files) -> None:
        case.update(window_case(case["case_no"], receive=OTHER))
        change(case, files)
        if part != "signatures":
            case["signatures"] = [signature(case)]

    return changed


_EVIDENCE = {
    "system": "s",
    "id": "1",
    "fetched_at": "2026-09-01T09:00:00+08:00",
    "sha256": "f" * 64,
}
RAISED_BY_FACTS_AND_FILES: dict[str, Change] = {
    "GD-1-1": _material(4, source_ref=_EVIDENCE),
    "SCHEMA": _facts("surprise", 1),
    "EXTRA_FILE": lambda _, files: files.update({"materials/x.jpg": b"x"}),
    "FILE_MISSING": lambda _, files: files.update({LAST: b""}),
    "ITEM_UNKNOWN": _item("XX99", OTHER),
    "ORG_UNKNOWN": _event("ACCEPT", org="110105000000"),
    "MODE_VIOLATION": _item("BL01", OTHER),
    "SUPPLEMENT": _facts("supplement", value=True),
    "GD-2-5": lambda case, _: case["process"].pop(2),
    "SAME_PERSON": _event("APPROVE", actor_no="1"),
    "SAME_PERSON_HOME": _home_by_one,
    "SAME_UNIT": _event("APPROVE", org=OTHER),
    "ORG_MISMATCH": _event("RECEIVE", org=HOME),
    "APPROVAL_LEVEL": _event("APPROVE", level="CITY"),
    "ID_INVALID": _person(id_number="150602199001010017"),
    "PERSON_AGE": _person(id_number="150602190001010014"),
    "GD-2-9": _material(5, type="其他"),
    "FORM_NOT_SYSTEM": lambda case, files: (
        case["materials"][0].update(
            form=None, data=None, source="SCANNED_PROOF", files=["materials/001.jpg"]
        ),
        files.update({"materials/001.jpg": page(1)}),
    ),
    "FORM_FACTS": _material(2, data={"申报人": "别某"}),
    "FORM_FACTS_SHOWN": _material(2, data={"联系电话": "13900000000"}),
    "GD-2-7": _material(5, pages=2),
    "GD-3-4": _file(images.cut_jpeg),
    "ENCRYPTED": _named("materials/x.pdf", documents.locked_pdf),
    "FORMAT_UNKNOWN": _named("materials/x.exe", lambda: b"MZ"),
    "BLANK_PAGE": _file(images.blank_jpeg),
    "BLANK_NOT_BLANK": _material(5, blank_pages=[1]),
    "LOW_RESOLUTION": _file(images.coarse_jpeg),
    "TOO_DARK": _file(images.dark_jpeg),
    "BLURRED": _file(images.blurred_jpeg),
    "CUT_OFF": _file(images.cut_off_jpeg),
    "NEAR_COPY": lambda case, files: (
        case["materials"][5].update(files=[LAST, "materials/007.jpg"], pages=2),
        files.update({LAST: images.written_jpeg(), "materials/007.jpg": images.copied_jpeg()}),
    ),
    "PAGE_ORDER": _pages_of(documents.misnumbered_pdf, 2),
    "CERT_TEXT": _pages_of(documents.foreign_pdf, 1, source="ONLINE_APPLICATION"),
    "NO_EVIDENCE": _material(4, source_ref=None),
    "EVIDENCE_PARTIAL": lambda case, files: (
        case["materials"][4].update(files=["materials/005.jpg", "materials/y.jpg"], pages=2),
        case["materials"][4].update(
            source_ref={**_EVIDENCE, "sha256": hashlib.sha256(page(5)).hexdigest()}
        ),
        files.update({"materials/y.jpg": page(77)}),
    ),
    "CERT_SIGNATURE": _material(4, source_ref={**_EVIDENCE, "signature": "BROKEN"}),
    "SIGNATURE_INVALID": _window("signatures", _person(phone="13900000000")),
    "SIGNATURE_MISSING": _window("signatures", _facts("signatures", [])),
    "IDENTITY_MISSING": _window("identity_checks", _facts("identity_checks", [])),
    "IDENTITY_MISMATCH": _window(
        "identity_checks", lambda case, _: case["identity_checks"][0].update(result="MISMATCH")
    ),
    "SEAL_OWNER": _window("seal_uses", lambda case, _: case["seal_uses"][0].update(form="OTHER")),
    "SEAL_GRANT": _window("seal_uses", lambda case, _: case["seal_uses"][0].update(grant_ref="")),
    "CLOCK_DIFFERS": _window("clocks", lambda case, _: case["clocks"][0].update(budget=9)),
    "NO_GRANT": _facts("grant", None),
    "GRANT_INVALID": lambda case, _: case["grant"].update(item="QC04"),
    "OVERDUE": _facts("due_on", "2026-08-31"),
    "SEAL_EARLY": _facts(
        "seal_uses", [{"seal_owner": HOME, "caller": OTHER, "at": "2026-09-01T09:00:00+08:00"}]
    ),
    "GD-1-5": _material(5, captured_at="2027-01-01T00:00:00+08:00"),
    "GD-1-6": _person(name="测\ue000"),
    "GLYPH_MISSING": _person(name="测\U0002ebf0"),
    "FORMAT_MISMATCH": _named("materials/x.png", images.jpeg),
    "DUPLICATE_SCAN": _file(lambda: page(5)),
    "SOURCE_UNUSUAL": _material(4, source="SCANNED_PROOF"),
    "INVESTIGATION_MISSING": _item("HF01", OTHER),
    "OFD_NO_RENDITION": _named("materials/x.ofd", documents.ofd),
    "OFD_INVALID": _named("materials/x.ofd", documents.lost_ofd),
    "OFD_PAGES": lambda case, files: (
        case["materials"][5].update(files=["materials/x.ofd", LAST]),
        files.update({"materials/x.ofd": documents.ofd(2), LAST: page(6)}),
    ),
    "FILE_UNSAFE": _named("materials/x.pdf", documents.script_pdf),
    "PDF_XFA": _named("materials/x.pdf", documents.xfa_pdf),
    "IMAGE_EXTRA": _named("materials/x.png", images.animated_png),
    "PAGE_SHRUNK": _file(images.receipt_jpeg),
    "IMAGE_DAMAGED": _file(images.damaged_jpeg),
    "PDF_ATTACHMENT": _named("materials/x.pdf", documents.attachment_pdf),
    "PDF_PORTFOLIO": _named("materials/x.pdf", pdf_kinds.portfolio),
    "PDF_UNDRAWN": _named(
        "materials/x.pdf", lambda: pdf_kinds.annotated("Stamp", (72, 300, 200, 400))
    ),
    "PDF_REMARK": _named(
        "materials/x.pdf",
        lambda: pdf_kinds.annotated("Text", (72, 300, 92, 320), Contents="请补正"),
    ),
    "FONT_MISSING": _named("materials/x.pdf", lambda: pdf_kinds.lettered("FZSecretHand")),
    "PAGES_LOST": _named("materials/x.pdf", lambda: pdf_kinds.numbered_glyphs("户口", table=False)),
}

RAISED_BY_THE_BAG: dict[str, Callable[[Files], Files]] = {
    "BAG_INVALID": lambda files: {
        name: data for name, data in files.items() if name != "bagit.txt"
    },
    "BAG_UNSAFE": lambda files: {**files, "fetch.txt": b""},
    "GD-1-14": lambda files: {**files, "data/case.json": files["data/case.json"] + b" "},
    "BAG_UNPROVEN": lambda files: {**files, "notes.txt": b"x"},
    "BAG_SYSTEM_FILES": lambda files: {**files, "data/.DS_Store": b"x"},
    "BAG_DIGEST_UNKNOWN": lambda files: {**files, "manifest-whirlpool.txt": b"x"},
    "NAME_PRIVATE": lambda files: bags.resealed({**files, "data/\ue000": b"x"}),
}


def inspected(folder: Path) -> dict[str, Outcome]:
    submission = inspect_submission(read_bag(folder), CATALOGUE, ORGANISATIONS, now=NOW)
    return {row.code: row.outcome for row in submission.findings}


@pytest.mark.parametrize("code", RAISED_BY_FACTS_AND_FILES)
def test_a_package_with_this_fault_is_found_under_this_code(tmp_path: Path, code: str) -> None:
    case, files = (
        copy.deepcopy(sound_case("150622020000-20260901-000001", receive=OTHER)),
        dict[str, bytes](),
    )
    assert inspected(make_bag(tmp_path / "sound", case=case)) == {}
    RAISED_BY_FACTS_AND_FILES[code](case, files)
    assert (
        inspected(make_bag(tmp_path / "bag", case=case, files=files))[code] is rules()[code].outcome
    )


@pytest.mark.parametrize("code", RAISED_BY_THE_BAG)
def test_a_bag_with_this_fault_is_found_under_this_code(tmp_path: Path, code: str) -> None:
    files = RAISED_BY_THE_BAG[code](bags.sound_members(tmp_path))
    assert inspected(bags.folder_of(tmp_path / "bag", files))[code] is rules()[code].outcome


def test_every_code_of_the_table_is_raised_and_says_what_to_do() -> None:
    assert {*RAISED_BY_FACTS_AND_FILES, *RAISED_BY_THE_BAG, *ELSEWHERE} == set(rules())
    assert all(
        rule.message.endswith("。") and rule.action.endswith("。") and rule.source
        for rule in rules().values()
    )
