"""The measured case: 14 pages, as in the plan's measurements; six sheets of ours, four JPEG, a G4
TIFF of two pages, a PNG and a PDF.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from api.demo import born_digital, scans
from archive.reference.citizen_id import check_digit
from archive.reference.local_time import LOCAL_TIME

PAGES = 15
_HOME = "150602010000"
_FIRST = datetime(2026, 1, 5, 9, tzinfo=LOCAL_TIME)


@dataclass(frozen=True, slots=True)
class Original:
    """One file of the case: its material's name and source, its path and bytes, and its pages."""

    material: str
    source: str
    path: str
    data: bytes
    pages: int


@cache
def originals() -> tuple[Original, ...]:
    """The files that all measured cases share; each case makes its first JPEG its own."""
    random = Random(1)

    def page(name: str) -> scans.Page:
        return scans.Page(
            name,
            tuple(f"第{row}行：演示材料，非真实内容，仅供测量之用。" for row in range(16)),
            "演示派出所",
        )

    colour = [
        scans.jpeg(scans.colour(page(f"彩色扫描{index}"), 200, random), 200) for index in range(3)
    ]
    gray = scans.jpeg(scans.gray(page("灰度扫描"), 300, random), 300)
    tiff = scans.g4_tiff(
        [scans.gray(page(f"黑白扫描{index}"), 300, random) for index in range(2)], 300
    )
    png = scans.png(scans.gray(page("文档相机"), 200, random), 200)
    lines = [f"第{row}项：演示" for row in range(12)]
    pdf = born_digital.with_fonts(
        json.dumps(
            {"heading": "居民身份证", "lines": lines, "issuer": "共享证照库"}, ensure_ascii=False
        )
    )
    # All as shared certificates: of scans, the same page in every case would be a finding.
    scanned, shared = "SHARED_CERT", "SHARED_CERT"
    return (
        Original("双方居民户口簿", scanned, "materials/003-1.jpg", colour[0], 1),
        Original("双方居民户口簿", scanned, "materials/003-2.jpg", colour[1], 1),
        Original("双方居民户口簿", scanned, "materials/003-3.jpg", colour[2], 1),
        Original("居民身份证", shared, "materials/004.pdf", pdf, 1),
        Original("结婚证", scanned, "materials/005.jpg", gray, 1),
        Original("投靠说明", scanned, "materials/006.tif", tiff, 2),
        Original("住所照片", scanned, "materials/007.png", png, 1),
    )


def _id_number(number: int) -> str:
    """A sound number for each case, for nobody has a thousand cases: the day of birth and the
    sequence count up.
    """
    born, sequence = date(1970, 1, 1) + timedelta(days=number % 10_000), number // 10_000
    first = f"150602{born:%Y%m%d}{sequence:03d}"
    return first + check_digit(first)


def marked(jpeg: bytes, text: str) -> bytes:
    """The same picture with a comment segment, so that each case has bytes of its own."""
    comment = text.encode("ascii")
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]


def case_files(number: int) -> tuple[Original, ...]:
    """The files of case `number`."""
    first, *others = originals()
    return (
        Original(
            first.material,
            first.source,
            first.path,
            marked(first.data, f"case {number}"),
            first.pages,
        ),
        *others,
    )


def write_bag(folder: Path, number: int) -> Path:
    """Write case `number` as a bag."""
    files = case_files(number)
    payload = {f"data/{original.path}": original.data for original in files} | {
        "data/case.json": json.dumps(_facts(number, files), ensure_ascii=False).encode()
    }
    tags = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "manifest-sha256.txt": _manifest(payload),
    }
    tags["tagmanifest-sha256.txt"] = _manifest(tags)
    bag = folder / f"{number:06d}"
    for path, data in {**tags, **payload}.items():
        (bag / path).parent.mkdir(parents=True, exist_ok=True)
        (bag / path).write_bytes(data)
    return bag


def _manifest(files: dict[str, bytes]) -> bytes:
    return "".join(
        f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in sorted(files.items())
    ).encode()


def _facts(number: int, files: tuple[Original, ...]) -> dict[str, Any]:
    start = _FIRST + timedelta(minutes=20 * number % (60 * 24 * 280))
    steps = (("RECEIVE", "1"), ("ACCEPT", "2"), ("REVIEW", "2"), ("APPROVE", "3"), ("ISSUE", "1"))
    process = [
        {
            "node": node,
            "org": _HOME,
            "actor_no": f"0601{actor}",
            "actor": f"演警{actor}",
            "at": (start + timedelta(minutes=5 * index)).isoformat(),
            "result": "AGREE",
        }
        | ({"level": "STATION"} if node == "APPROVE" else {})
        for index, (node, actor) in enumerate(steps)
    ]
    materials: list[dict[str, Any]] = [
        {"no": no, "type": name, "source": "SYSTEM_FORM", "form": form, "data": {}, "pages": 1}
        for no, name, form in ((1, "收件单", "RECEIPT"), (2, "审批表", "APPROVAL"))
    ]
    for name in dict.fromkeys(original.material for original in files):
        mine = [original for original in files if original.material == name]
        material: dict[str, Any] = {
            "no": len(materials) + 1,
            "type": name,
            "source": mine[0].source,
            "files": [original.path for original in mine],
            "pages": sum(original.pages for original in mine),
        }
        if mine[0].source == "SHARED_CERT":
            material["source_ref"] = {
                "system": "电子证照库",
                "id": str(number),
                "fetched_at": start.isoformat(),
            }
        materials.append(material)
    person = {"name": "测某", "id_number": _id_number(number), "phone": "13800000000"}
    return {
        "spec": "case-submission/1",
        "case_no": f"{_HOME}-{start:%Y%m%d}-{number:06d}",
        "item": {"code": "QR01", "version": "2026-1"},
        "channel": "WINDOW",
        "applicant": person,
        "subjects": [person],
        "orgs": {"receive": _HOME, "accept": _HOME, "domicile": _HOME},
        "process": process,
        "materials": materials,
    }
