"""Faults planted into cases of the second city, each with the codes of which one must be found."""

import hashlib
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from PIL import Image, ImageEnhance, ImageFilter

from archive.reference.service_items import required_materials, snapshot
from tests.bench.field import scanner, sheets
from tests.bench.field.cases import CATALOGUE, FieldCase, id_number, text_pdf, words_of

Plant = Callable[[FieldCase, Random, FieldCase | None], bool]


def spoiled(spoil: Callable[[Image.Image, Random], Image.Image]) -> Plant:
    """A page that is spoiled in scanning."""

    def plant(case: FieldCase, random: Random, _: FieldCase | None) -> bool:
        look = sheets.style(random)
        lines = [words_of(random) * 5 for _ in range(6)]
        sheet = sheets.letter(look, "情况说明", lines, case.person, random.randint(0, 1 << 30))
        page = scanner.capture(sheet, scanner.scanner(random), random.randint(0, 1 << 30))
        case.add("情况说明", [("jpg", scanner.jpeg(spoil(page, random), 80))], 1, "SCANNED_PROOF")
        return True

    return plant


def _shifted(page: Image.Image, random: Random) -> Image.Image:
    moved = Image.new(page.mode, page.size, page.getpixel((page.width - 30, page.height - 30)))
    moved.paste(page, (-random.randint(330, 520), 0))
    return moved


def rescanned(case: FieldCase, random: Random, _: FieldCase | None) -> bool:
    """One sheet scanned again for another page, turned by any quarter."""
    if not case.captures:
        return False
    sheet, device = random.choice(case.captures)
    page = scanner.capture(sheet, device, random.randint(0, 1 << 30))
    page = page.rotate(90 * random.randint(0, 3), expand=True)
    case.add("补充证明", [("jpg", scanner.jpeg(page, 75))], 1, "SCANNED_PROOF")
    return True


def _picture(case: FieldCase) -> Image.Image | None:
    files = [data for path, data in case.files.items() if path.endswith(".jpg")]
    materials = [
        row
        for row in case.facts["materials"]
        if row["source"] == "SCANNED_PROOF" and row["type"] != "本人近期免冠照片"
    ]
    paths = [path for row in materials for path in row["files"] if path.endswith(".jpg")]
    return Image.open(io.BytesIO(case.files[paths[0]])) if files and paths else None


def reencoded(case: FieldCase, random: Random, _: FieldCase | None) -> bool:
    """A page of the case again: smaller, lighter, turned, compressed."""
    page = _picture(case)
    if page is None:
        return False
    case.add("补充证明", [("jpg", _again(page, random))], 1, "SCANNED_PROOF")
    return True


def _again(page: Image.Image, random: Random) -> bytes:
    scale = random.uniform(0.85, 1.1)
    page = page.resize(
        (round(page.width * scale), round(page.height * scale)), Image.Resampling.BICUBIC
    )
    page = ImageEnhance.Brightness(page).enhance(random.uniform(0.9, 1.08))
    return scanner.jpeg(page.rotate(90 * random.randint(0, 3), expand=True), 60)


def elsewhere(case: FieldCase, random: Random, other: FieldCase | None) -> bool:
    """A page of another case, encoded again and turned."""
    page = _picture(other) if other else None
    if page is None:
        return False
    case.add("补充证明", [("jpg", _again(page, random))], 1, "SCANNED_PROOF")
    return True


def _pages(change: int) -> Plant:
    def plant(case: FieldCase, _: Random, __: FieldCase | None) -> bool:
        material = next((row for row in case.facts["materials"] if row.get("files")), None)
        if material:
            material["pages"] += change
        return material is not None

    return plant


def _missing(case: FieldCase, _: Random, __: FieldCase | None) -> bool:
    listed = required_materials(
        snapshot(CATALOGUE.get(case.facts["item"]["code"], case.facts["item"]["version"]))
    )
    names = {row.name for row in listed}
    row = next(
        (row for row in case.facts["materials"] if row.get("files") and row["type"] in names), None
    )
    if row:
        case.facts["materials"].remove(row)
        for path in row["files"]:
            del case.files[path]
    return row is not None


def _blank(case: FieldCase, random: Random, _: FieldCase | None) -> bool:
    page = scanner.capture(Image.new("RGB", sheets.A4, (250, 250, 248)), scanner.scanner(random), 3)
    case.add("情况说明", [("jpg", scanner.jpeg(page, 80))], 1, "SCANNED_PROOF")
    return True


def _stranger(case: FieldCase, random: Random, _: FieldCase | None) -> bool:
    data = text_pdf(
        [
            [
                "居民身份证",
                f"姓名：{sheets.name(random)}",
                f"公民身份号码：{id_number(random, 1980)}",
            ]
        ]
    )
    material = case.add("居民身份证", [("pdf", data)], 1, "SHARED_CERT")
    material["source_ref"] = {
        "system": "电子证照库",
        "id": "1.2.156.9",
        "fetched_at": case.facts["process"][0]["at"],
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    return True


def _altered_certificate(case: FieldCase, _: Random, __: FieldCase | None) -> bool:
    row = next((row for row in case.facts["materials"] if row["source"] == "SHARED_CERT"), None)
    if row:
        case.files[row["files"][0]] += b"\n% changed"
    return row is not None


def _out_of_order(case: FieldCase, random: Random, _: FieldCase | None) -> bool:
    numbers = random.choice(((1, 3, 2), (2, 1, 3), (1, 2, 2)))
    data = text_pdf(
        [["情况说明", words_of(random), f"第 {number} 页 共 3 页"] for number in numbers]
    )
    case.add("情况说明", [("pdf", data)], 3, "ONLINE_APPLICATION")
    return True


def _dates(case: FieldCase, random: Random, _: FieldCase | None) -> bool:
    steps = case.facts["process"]
    at = random.randint(1, len(steps) - 1)
    steps[at]["at"] = (datetime.fromisoformat(steps[0]["at"]) - timedelta(days=2)).isoformat()
    return True


def _later(case: FieldCase, _: Random, __: FieldCase | None) -> bool:
    row = next((row for row in case.facts["materials"] if row.get("captured_at")), None)
    if row:
        row["captured_at"] = "2031-01-01T00:00:00+08:00"
    return row is not None


def _number(case: FieldCase, _: Random, __: FieldCase | None) -> bool:
    digit = case.number[-1]
    case.facts["applicant"]["id_number"] = case.number[:-1] + ("1" if digit != "1" else "2")
    return True


def _skipped(case: FieldCase, _: Random, __: FieldCase | None) -> bool:
    case.facts["process"] = [step for step in case.facts["process"] if step["node"] != "REVIEW"]
    return True


def _cut_short(case: FieldCase, random: Random, _: FieldCase | None) -> bool:
    page = scanner.capture(
        sheets.card_copy(sheets.style(random), case.person, case.number, 1),
        scanner.scanner(random),
        5,
    )
    data = scanner.jpeg(page, 80)
    case.add("情况说明", [("jpg", data[: len(data) * 2 // 3])], 1, "SCANNED_PROOF")
    return True


FAULTS: dict[str, tuple[tuple[str, ...], Plant]] = {
    "missing page": (("GD-2-7",), _pages(1)),
    "missing material": (("GD-2-9", "INVESTIGATION_MISSING"), _missing),
    "blank page": (("BLANK_PAGE",), _blank),
    "a stranger's certificate": (("CERT_TEXT",), _stranger),
    "altered certificate": (("GD-1-1",), _altered_certificate),
    "page scanned again": (("NEAR_COPY",), rescanned),
    "page encoded again": (("NEAR_COPY",), reencoded),
    "page of another case": (("SEEN_ELSEWHERE",), elsewhere),
    "low resolution": (
        ("LOW_RESOLUTION",),
        spoiled(lambda page, _: page.resize((827, 1169), Image.Resampling.BILINEAR)),
    ),
    "too dark": (
        ("TOO_DARK",),
        spoiled(lambda page, _: ImageEnhance.Brightness(page).enhance(0.3)),
    ),
    "blurred": (("BLURRED",), spoiled(lambda page, _: page.filter(ImageFilter.GaussianBlur(5)))),
    "cut off": (("CUT_OFF",), spoiled(_shifted)),
    "wrong order": (("PAGE_ORDER",), _out_of_order),
    "wrong dates": (("GD-2-5",), _dates),
    "captured in the future": (("GD-1-5",), _later),
    "wrong number": (("ID_INVALID",), _number),
    "skipped step": (("GD-2-5",), _skipped),
    "file cut short": (("GD-3-4",), _cut_short),
    "wrong digest": (("GD-1-14",), lambda *_: True),
}
"""Kind, the codes of which one must be found, and how it is planted."""
