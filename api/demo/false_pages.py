"""Pages that are false, poor or not of this case, and how each is planted (R31, R32).

`FALSE_PAGES` says under which code each must be found.
"""

import hashlib
import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from PIL import Image, ImageEnhance, ImageFilter

from api.demo import born_digital, scans
from api.demo.cases import DemoCase
from api.demo.people import invent
from archive.reference.organisations import Organisations
from archive.reference.service_items import missing_investigation
from archive.reference.vocabulary import Series, SourceKind

Plant = Callable[[DemoCase, Random, Organisations], bool]
_FULL = (
    "兹证明上述人员情况属实，材料齐全，特此出具本证明。",
    "以上内容经本人核对无误，如有虚假愿承担法律责任。",
)
_OWN = (
    "居民身份证",
    "居民户口簿",
    "结婚证",
    "出生医学证明",
    "居住证",
    "户口迁移证",
    "户口准迁证",
    "毕业证书",
    "残疾人证",
)
"""Certificates that name their holder and nobody else's case."""
_CHANGING = {Series.BG, Series.HF, Series.BL, Series.SY}


def add_scan(case: DemoCase, data: bytes) -> dict[str, Any]:
    """Add a last page to a scanned material, and return the material.

    A case without a scanned material gets one of this page.
    """
    materials = case.facts["materials"]
    if case.scanned:
        material: dict[str, Any] = case.scanned[0]
        material["pages"] += 1
        if material.get("paper"):
            material["paper"]["pages"] += 1
    else:
        material = {
            "no": len(materials) + 1,
            "type": "补充说明",
            "source": SourceKind.SCANNED_PROOF.value,
            "files": [],
            "pages": 1,
        }
        materials.append(material)
    path = f"materials/{material['no']:03d}-{len(material['files']) + 1}.jpg"
    material["files"] = [*material["files"], path]
    case.files[path] = data
    return material


def _full_page(random: Random) -> Image.Image:
    lines = tuple(f"{random.choice(_FULL)}序号{random.randint(10, 99)}" for _ in range(16))
    return scans.colour(scans.Page("证明", lines, "演示派出所"), 200, random)


def _spoiled(spoil: Callable[[Image.Image, Random], Image.Image]) -> Plant:
    def plant(case: DemoCase, random: Random, _: Organisations) -> bool:
        add_scan(case, scans.jpeg(spoil(_full_page(random), random), 200))
        return True

    return plant


def _darkened(page: Image.Image, random: Random) -> Image.Image:
    return ImageEnhance.Brightness(page).enhance(random.uniform(0.2, 0.38))


def _smeared(page: Image.Image, random: Random) -> Image.Image:
    return page.filter(ImageFilter.GaussianBlur(random.uniform(4, 7)))


def _moved_out(page: Image.Image, random: Random) -> Image.Image:
    """Return the page as if the sheet had lain askew on the glass.

    The left or the right of all lines, or the lower half with a line cut through, is not on the
    picture.
    """
    line = round(200 * (1.8 + 0.36 * random.randint(3, 10) + 0.13))
    by = random.choice(
        [(-random.randint(300, 500), 0), (random.randint(700, 900), 0), (0, page.height - line)]
    )
    moved = Image.new(page.mode, page.size, page.getpixel((page.width // 2, 20)))
    moved.paste(page, by)
    return moved


def _encoded_again(case: DemoCase, random: Random, _: Organisations) -> bool:
    path = next((name for name in case.files if name.endswith((".jpg", ".png"))), None)
    if path is None:
        return False
    with Image.open(io.BytesIO(case.files[path])) as image:
        scale = random.uniform(0.82, 0.95)
        smaller = image.convert("L").resize(
            (round(image.width * scale), round(image.height * scale))
        )
    add_scan(case, scans.jpeg(ImageEnhance.Brightness(smaller).enhance(0.93), 180, 55))
    return True


def _same_again(case: DemoCase, _: Random, __: Organisations) -> bool:
    path = next((name for name in case.files if name.endswith(".jpg")), None)
    if path is None:
        return False
    add_scan(case, case.files[path])
    return True


def _called_blank(case: DemoCase, random: Random, _: Organisations) -> bool:
    material = add_scan(case, scans.jpeg(_full_page(random), 200))
    material["blank_pages"] = [material["pages"]]
    return True


def _certificate_of(*, name: bool, number: bool) -> Plant:
    """Return a plant of a certificate that has another person's name, number or both."""

    def plant(case: DemoCase, random: Random, _: Organisations) -> bool:
        material = next(
            (
                row
                for row in case.facts["materials"]
                if row["source"] == "SHARED_CERT" and row["type"] in _OWN
            ),
            None,
        )
        if material is None or (case.item.series in _CHANGING and not (name and number)):
            return False
        other = invent(random)
        lines = (
            f"姓名：{other.name if name else case.person.name}",
            f"公民身份号码：{other.id_number if number else case.person.id_number}",
            f"证明种类：{material['type']}",
        )
        certificate = born_digital.with_fonts(
            json.dumps(
                {"heading": material["type"], "lines": lines, "issuer": "共享证照库"},
                ensure_ascii=False,
            )
        )
        case.files[material["files"][0]] = certificate
        material["source_ref"]["sha256"] = hashlib.sha256(certificate).hexdigest()
        return other.name != case.person.name

    return plant


def _pages_out_of_order(case: DemoCase, random: Random, _: Organisations) -> bool:
    numbers, total = random.choice(
        [((1, 3, 2), 3), ((1, 3), 3), ((1, 2, 2), 3), ((2, 3), 3), ((1, 2), 4)]
    )
    materials = case.facts["materials"]
    no = len(materials) + 1
    path = f"materials/{no:03d}.pdf"
    materials.append(
        {
            "no": no,
            "type": "补充说明",
            "source": "ONLINE_APPLICATION",
            "files": [path],
            "pages": len(numbers),
        }
    )
    case.files[path] = born_digital.numbered(
        "补充说明", ("本说明共若干页，由申请人在线提交。",), numbers, total
    )
    return True


def _taken_later(case: DemoCase, random: Random, _: Organisations) -> bool:
    closed = max(datetime.fromisoformat(event["at"]) for event in case.facts["process"])
    add_scan(
        case,
        scans.jpeg(_full_page(random), 200, taken=closed + timedelta(days=random.randint(3, 30))),
    )
    return True


def _scanned_long_before(case: DemoCase, random: Random, _: Organisations) -> bool:
    material = next(
        (row for row in case.facts["materials"] if row["source"] == "SCANNED_PROOF"), None
    )
    if material is None:
        return False
    received = datetime.fromisoformat(case.facts["process"][0]["at"])
    material["captured_at"] = (received - timedelta(days=random.randint(40, 400))).isoformat()
    return True


def _without_investigation(case: DemoCase, _: Random, __: Organisations) -> bool:
    materials = case.facts["materials"]
    required = {material.name for material in case.item.materials}
    added = [
        material
        for material in materials
        if material["type"] not in required
        and not missing_investigation(case.item, [row["type"] for row in materials])
    ]
    dropped = [
        material
        for material in added
        if missing_investigation(
            case.item, [other["type"] for other in materials if other is not material]
        )
    ]
    for material in dropped:
        materials.remove(material)
        for path in material.get("files", ()):
            del case.files[path]
    return bool(dropped)


FALSE_PAGES: dict[str, tuple[str, Plant]] = {
    "too-dark": ("TOO_DARK", _spoiled(_darkened)),
    "blurred": ("BLURRED", _spoiled(_smeared)),
    "cut-off": ("CUT_OFF", _spoiled(_moved_out)),
    "near-copy": ("NEAR_COPY", _encoded_again),
    "same-image": ("DUPLICATE_SCAN", _same_again),
    "not-blank": ("BLANK_NOT_BLANK", _called_blank),
    "foreign-certificate": ("CERT_TEXT", _certificate_of(name=True, number=True)),
    "wrong-name": ("CERT_TEXT", _certificate_of(name=True, number=False)),
    "wrong-number": ("CERT_TEXT", _certificate_of(name=False, number=True)),
    "page-order": ("PAGE_ORDER", _pages_out_of_order),
    "taken-later": ("GD-1-5", _taken_later),
    "scanned-before": ("GD-1-5", _scanned_long_before),
    "no-investigation": ("INVESTIGATION_MISSING", _without_investigation),
}
"""Code under which a kind must be found, and how it is planted. A person must check each."""
