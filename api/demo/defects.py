"""Faults planted into sound cases, each with the code under which it must be found."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from PIL import Image

from api.demo import born_digital, pairs, scans
from api.demo.cases import DemoCase, stated_lines
from api.demo.false_pages import FALSE_PAGES, add_scan
from api.demo.people import with_wrong_check_digit
from archive.reference.organisations import Organisations
from archive.reference.vocabulary import IntakeOutcome, Mode, OrgKind


@dataclass(frozen=True, slots=True)
class Defect:
    """A kind of fault.

    `outcome` and `code` are what the package must get. `plant` changes the case, and returns False
    when the case can't bear the fault.
    """

    kind: str
    outcome: IntakeOutcome
    code: str
    plant: Callable[[DemoCase, Random, Organisations], bool]


def _missing_material(case: DemoCase, _: Random, __: Organisations) -> bool:
    required = {material.name for material in case.item.materials if material.condition is None}
    dropped = next(
        (
            material
            for material in reversed(case.facts["materials"])
            if material["type"] in required and material.get("files")
        ),
        None,
    )
    if dropped is None:
        return False
    case.facts["materials"].remove(dropped)
    for path in dropped["files"]:
        del case.files[path]
    return True


def _missing_page(case: DemoCase, _: Random, __: Organisations) -> bool:
    material = _with_files(case)
    if material is None:
        return False
    material["pages"] += 1
    return True


def _with_files(case: DemoCase) -> dict[str, Any] | None:
    return next(
        (material for material in reversed(case.facts["materials"]) if material.get("files")), None
    )


def _blank_page(case: DemoCase, _: Random, __: Organisations) -> bool:
    add_scan(case, scans.jpeg(scans.blank(200), 200))
    return True


def _broken_image(case: DemoCase, random: Random, _: Organisations) -> bool:
    page = scans.jpeg(
        scans.colour(scans.Page("证明", ("扫描途中断电，文件不完整。",) * 9, ""), 200, random), 200
    )
    add_scan(case, page[: len(page) * 3 // 5])
    return True


def _wrong_check_digit(case: DemoCase, _: Random, __: Organisations) -> bool:
    case.facts["applicant"]["id_number"] = with_wrong_check_digit(
        case.facts["applicant"]["id_number"]
    )
    return True


def _received_elsewhere(case: DemoCase, random: Random, organisations: Organisations) -> bool:
    """Let a window elsewhere receive an item of 原籍办, through all steps of 全域通办."""
    if case.item.mode is not Mode.HOME_ONLY:
        return False
    home = case.facts["orgs"]["domicile"]
    window = random.choice(
        [station for station in organisations.of_kind(OrgKind.STATION) if station.code != home]
    )
    case.facts["orgs"]["receive"] = window.code
    case.facts["grant"] = {
        "grantor": home,
        "grantee": window.code,
        "item": case.item.code,
        "valid_until": "2027-12-31",
    }
    events = case.facts["process"]
    clerk = {
        "org": window.code,
        "actor_no": f"{window.code[2:8]}07",
        "actor": f"演警{window.code[6:8]}07",
    }
    events[0] |= clerk
    events[-1] |= clerk
    feedback = (
        events[-2]
        | {"node": "FEEDBACK", "opinion": "办理结果已反馈受理地"}
        | {key: events[1][key] for key in ("org", "actor_no", "actor")}
    )
    feedback.pop("level", None)
    case.facts["process"] = [
        events[0],
        events[0] | {"node": "TRANSFER", "opinion": "流转"},
        *events[1:-1],
        feedback,
        events[-1],
    ]
    return True


def _in_the_manifest(_: DemoCase, __: Random, ___: Organisations) -> bool:
    return True  # the bag's writer bends a digest, see build


def _locked_pdf(case: DemoCase, _: Random, __: Organisations) -> bool:
    path = next((name for name in case.files if name.endswith(".pdf")), None)
    if path is None:
        return False
    case.files[path] = born_digital.locked(
        born_digital.without_fonts("证照", ("需要口令才能打开",))
    )
    for material in case.facts["materials"]:
        if path in material.get("files", ()) and material.get("source_ref"):
            material["source_ref"].pop("sha256")
    return True


def _skipped_step(case: DemoCase, _: Random, __: Organisations) -> bool:
    case.facts["process"] = [event for event in case.facts["process"] if event["node"] != "REVIEW"]
    return True


def _same_person(case: DemoCase, _: Random, __: Organisations) -> bool:
    if case.facts["orgs"]["receive"] == case.facts["orgs"]["domicile"]:
        return False  # at home one person may do both, and it is noted
    receiver = case.facts["process"][0]
    for event in case.facts["process"]:
        if event["node"] == "APPROVE":
            event |= {"actor_no": receiver["actor_no"], "actor": receiver["actor"]}
    return True


def _extra_file(case: DemoCase, _: Random, __: Organisations) -> bool:
    case.files["materials/scan-list.txt"] = b"left behind by a scanning program"
    return True


def _low_resolution(case: DemoCase, random: Random, _: Organisations) -> bool:
    # Of one wording the coarse pages of two cases would be copies of each other.
    lines = stated_lines(random, case, "证明", 12)
    page = scans.colour(scans.Page("证明", lines, ""), 200, random)
    add_scan(case, scans.jpeg(page.resize((827, 1169), Image.Resampling.BILINEAR), 100))
    return True


def _false_evidence(case: DemoCase, _: Random, __: Organisations) -> bool:
    material = next((row for row in case.facts["materials"] if row.get("source_ref")), None)
    if material is None:
        return False
    material["source_ref"]["sha256"] = f"{int(material['source_ref']['sha256'], 16) ^ 1:064x}"
    return True


def _scanned_form(case: DemoCase, random: Random, _: Organisations) -> bool:
    material = next(row for row in case.facts["materials"] if row.get("form") == "APPROVAL")
    path = f"materials/{material['no']:03d}-1.jpg"
    page = scans.Page(
        "审批表",
        ("同意", f"姓名：{case.person.name}", "以纸质表单扫描代替系统表单。"),
        "演示派出所",
    )
    for key in ("form", "data"):
        del material[key]
    material |= {"source": "SCANNED_PROOF", "files": [path], "pages": 1}
    case.files[path] = scans.jpeg(scans.colour(page, 200, random), 200)
    return True


_REFUSED, _CONFIRM = IntakeOutcome.REFUSED, IntakeOutcome.CONFIRM
CONFLICT = "conflict"
DEFECTS = (
    Defect("received-elsewhere", _REFUSED, "MODE_VIOLATION", _received_elsewhere),
    Defect("blank-page", _CONFIRM, "BLANK_PAGE", _blank_page),
    Defect("missing-material", _REFUSED, "GD-2-9", _missing_material),
    Defect("missing-page", _REFUSED, "GD-2-7", _missing_page),
    Defect("wrong-digest", _REFUSED, "GD-1-14", _in_the_manifest),
    Defect("broken-image", _REFUSED, "GD-3-4", _broken_image),
    Defect("wrong-check-digit", _REFUSED, "ID_INVALID", _wrong_check_digit),
    Defect(CONFLICT, _REFUSED, "CASE_CONFLICT", _in_the_manifest),
    Defect("locked-pdf", _REFUSED, "ENCRYPTED", _locked_pdf),
    Defect("skipped-step", _REFUSED, "GD-2-5", _skipped_step),
    Defect("same-person", _REFUSED, "SAME_PERSON", _same_person),
    Defect("extra-file", _REFUSED, "EXTRA_FILE", _extra_file),
    Defect("low-resolution", _CONFIRM, "LOW_RESOLUTION", _low_resolution),
    Defect("false-evidence", _REFUSED, "GD-1-1", _false_evidence),
    Defect("scanned-form", _REFUSED, "FORM_NOT_SYSTEM", _scanned_form),
    Defect("two-moves", _CONFIRM, "TWO_MOVES", pairs.two_moves),
    Defect("two-households", _CONFIRM, "TWO_HOUSEHOLDS", pairs.two_households),
    Defect("after-death", _CONFIRM, "AFTER_DEATH", pairs.after_death),
    Defect("too-old", _CONFIRM, "PERSON_AGE", pairs.too_old),
    Defect("born-after", _CONFIRM, "GD-1-5", pairs.born_after),
    *(Defect(kind, _CONFIRM, code, plant) for kind, (code, plant) in FALSE_PAGES.items()),
)
"""All defects in the order in which they are planted.

The issue's eight come first, so that a small city has all of them; the one that needs an item of
原籍办 stands where such an item comes.
"""
