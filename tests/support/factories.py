"""Small submission packages of invented people, for tests."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from archive.reference.service_items import Catalogue, ServiceItem, missing_groups

HOME, OTHER = "150602010000", "150622020000"
_PERSON = {"name": "测某", "id_number": "150602199001010016", "phone": "13800000000"}


def page(number: int) -> bytes:
    """A JPEG of an A4 page at 200 dpi with some writing, another for each number."""
    image = Image.new("RGB", (1654, 2339), (250, 248, 240))
    draw = ImageDraw.Draw(image)
    for line in range(12):
        draw.text(
            (200 + 37 * number % 400, 200 + 150 * line + 29 * number % 140),
            f"page {number} line {line}",
            fill=(20, 20, 20),
            font_size=60,
        )
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80, dpi=(200, 200))
    return out.getvalue()


def sound_case(case_no: str, *, receive: str = HOME) -> dict[str, Any]:
    """The case.json of a sound birth registration; citywide when received elsewhere."""
    citywide = receive != HOME
    nodes = [
        ("RECEIVE", receive, "1"),
        ("ACCEPT", HOME, "2"),
        ("REVIEW", HOME, "2"),
        ("APPROVE", HOME, "3"),
        ("ISSUE", receive, "1"),
    ]
    if citywide:
        nodes = [
            nodes[0],
            ("TRANSFER", receive, "1"),
            *nodes[1:4],
            ("FEEDBACK", HOME, "2"),
            nodes[4],
        ]
    process = [
        {
            "node": node,
            "org": org,
            "actor_no": actor,
            "actor": f"警{actor}",
            "at": f"2026-09-01T{9 + index:02d}:00:00+08:00",
            "result": "AGREE",
        }
        for index, (node, org, actor) in enumerate(nodes)
    ]
    forms = [("收件单", "RECEIPT"), ("审批表", "APPROVAL"), ("常住人口登记表", "REGISTER")]
    materials: list[dict[str, Any]] = [
        {"no": no, "type": name, "source": "SYSTEM_FORM", "form": form, "data": {}, "pages": 1}
        for no, (name, form) in enumerate(forms, 1)
    ]
    evidence = {"system": "电子证照库", "id": "1", "fetched_at": "2026-09-01T09:00:00+08:00"}
    for no, name, source in (
        (4, "出生医学证明", "SHARED_CERT"),
        (5, "母亲居民户口簿", "SHARED_CERT"),
        (6, "非婚生育说明", "SCANNED_PROOF"),
    ):
        ref = evidence if source == "SHARED_CERT" else None
        materials.append(
            {
                "no": no,
                "type": name,
                "source": source,
                "files": [f"materials/{no:03d}.jpg"],
                "pages": 1,
                "source_ref": ref,
            }
        )
    return {
        "spec": "case-submission/1",
        "case_no": case_no,
        "item": {"code": "CS02", "version": "2026-1"},
        "channel": "WINDOW",
        "applicant": dict(_PERSON),
        "subjects": [dict(_PERSON)],
        "orgs": {"receive": receive, "accept": HOME, "domicile": HOME},
        "process": process,
        "grant": {"grantor": HOME, "grantee": receive, "item": "CS02", "valid_until": "2027-12-31"},
        "materials": materials,
    }


def make_bag(
    folder: Path,
    *,
    case_no: str = "150602010000-20260901-000001",
    receive: str = HOME,
    case: dict[str, Any] | None = None,
    files: dict[str, bytes] | None = None,
) -> Path:
    """Write a bag that is sound unless `case` or `files` (payload by path, b"" removes) say
    otherwise; its manifests always agree.
    """
    case = case or sound_case(case_no, receive=receive)
    payload = {
        path: page(_picture(case, material))
        for material in case["materials"]
        for path in material.get("files", [])
    }
    payload |= files or {}
    payload = {path: data for path, data in payload.items() if data}
    payload["case.json"] = json.dumps(case, ensure_ascii=False).encode()
    tags = {"bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"}
    tags["manifest-sha256.txt"] = _manifest(
        {f"data/{path}": data for path, data in payload.items()}
    )
    tags["tagmanifest-sha256.txt"] = _manifest(tags)
    for path, data in {**tags, **{f"data/{path}": data for path, data in payload.items()}}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def _picture(case: dict[str, Any], material: dict[str, Any]) -> int:
    """Certificates look the same in all cases.

    What was scanned is of its case alone, or it would be a copy.
    """
    last = case["case_no"][-6:]
    return int(material["no"]) + (
        101 * (int(last) - 1) if material["source"] == "SCANNED_PROOF" and last.isdigit() else 0
    )


def _manifest(files: dict[str, bytes]) -> bytes:
    return "".join(
        f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in sorted(files.items())
    ).encode()


def enabled_items(catalogue: Catalogue) -> list[ServiceItem]:
    """The items of a catalogue that lack no mandatory group."""
    return [item for item in catalogue if not missing_groups(item)]
