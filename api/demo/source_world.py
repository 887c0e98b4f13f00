"""Data of the four simulated systems.

The fictional city's cases are taken apart again into events, certificates, applications and
scanned stacks.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pikepdf
import segno
from PIL import Image

from api.demo import certificate_seal, scans
from api.demo.cases import DemoCase, make_case
from api.demo.defects import CONFLICT, DEFECTS, Defect
from api.demo.false_pages import FALSE_PAGES
from archive.jobs.processes import process_pool
from archive.reference.organisations import Organisations, load_organisations
from archive.reference.service_items import Catalogue, load_catalogue
from archive.reference.vocabulary import IntakeOutcome, SourceKind

ONE_DEFECT_IN, ONE_LATE_IN, CASES_IN_A_STACK = 12, 15, 3
_ALTERED = "altered-certificate"
# A transport that checks digests cannot cause these.
_NOT_PLANTED = {"wrong-digest", "extra-file", "false-evidence"}
# Of two cases of one person the later delivery waits, and the systems do not say beforehand which
# one that is: only the city of packages has these.
_NOT_PLANTED |= {"two-moves", "two-households", "after-death"}
# A stack of black and white pages, or a new record, would hide these.
_NOT_PLANTED |= FALSE_PAGES.keys()
# A stack would repair these pages: they come as files with a record of their own.
_LOOSE = {"broken-image", "low-resolution", "locked-pdf"}
_EPOCH = (2026, 1, 1, 0, 0, 0)


def _altered(case: DemoCase, _: Random, __: Organisations) -> bool:
    return any(material["source"] == SourceKind.SHARED_CERT for material in case.facts["materials"])


KINDS = (
    *(defect for defect in DEFECTS if defect.kind not in _NOT_PLANTED),
    Defect(_ALTERED, IntakeOutcome.CONFIRM, "CERT_SIGNATURE", _altered),
)


@dataclass(slots=True)
class Share:
    """The data that a few cases put into each system."""

    events: list[dict[str, Any]]
    certificates: list[dict[str, Any]]
    applications: list[dict[str, Any]]
    truth: list[dict[str, Any]]


def build_world(
    folder: Path, *, cases: int, seed: int, progress: Callable[[int], None], workers: int
) -> None:
    """Write the data of the systems into a folder; `truth.json` comes last.

    The same folder serves any number of runs.
    """
    folder = folder.absolute()
    for name in ("certificates", "applications", "scans", "late"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    certificate_seal.make_issuer(folder)
    starts = range(0, cases, CASES_IN_A_STACK)
    shares: list[Share] = []
    with process_pool(workers) as pool:
        for done, share in enumerate(
            pool.map(
                _share, [folder] * len(starts), [seed] * len(starts), starts, [cases] * len(starts)
            ),
            1,
        ):
            shares.append(share)
            progress(min(cases, done * CASES_IN_A_STACK))
    events = [event for share in shares for event in share.events]
    # Events that contradict an earlier one come after all others.
    events.sort(
        key=lambda event: (
            event["case"]["applicant"]["phone"] == "13900000000",
            event["occurred_at"],
            event["case"]["case_no"],
        )
    )
    numbered = [{"seq": seq, **event} for seq, event in enumerate(events, 1)]
    _write_json(folder / "events.json", numbered)
    _write_json(
        folder / "certificates.json", [row for share in shares for row in share.certificates]
    )
    _write_json(
        folder / "applications.json", [row for share in shares for row in share.applications]
    )
    _write_json(folder / "truth.json", {"cases": [row for share in shares for row in share.truth]})


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), "utf-8")


@cache
def _tables() -> tuple[Catalogue, Organisations]:
    return load_catalogue(), load_organisations()


def _planted(seed: int, index: int) -> tuple[DemoCase, Defect | None]:
    catalogue, organisations = _tables()
    random = Random(f"{seed}:{index}:world")
    if index % ONE_DEFECT_IN != ONE_DEFECT_IN // 2:
        return make_case(seed, index, catalogue, organisations), None
    turn = index // ONE_DEFECT_IN % len(KINDS)
    for defect in (*KINDS[turn:], *KINDS[:turn]):
        case = make_case(seed, index, catalogue, organisations)
        if defect.plant(case, random, organisations):
            return case, defect
    raise ValueError("a case that bears no defect at all")


def _share(folder: Path, seed: int, start: int, cases: int) -> Share:
    share, stacked = Share([], [], [], []), []
    for index in range(start, min(cases, start + CASES_IN_A_STACK)):
        case, defect = _planted(seed, index)
        kind = defect.kind if defect else ""
        _close(share, case, defect)
        _certify(folder, share, case, altered=kind == _ALTERED)
        _apply_online(folder, share, case)
        scanned = [
            material
            for material in case.facts["materials"]
            if material["source"] == SourceKind.SCANNED_PROOF
        ]
        if kind in _LOOSE:
            for material in scanned:
                _loose(folder / "scans", case, material)
        elif scanned:
            stacked.append((case, scanned))
        if defect is None and index % ONE_LATE_IN == 1:
            _come_late(folder, share, case)
    if stacked:
        _stack(
            folder / "scans", f"stack-{start:06d}", stacked, tiff=start // CASES_IN_A_STACK % 2 == 0
        )
    return share


def _close(share: Share, case: DemoCase, defect: Defect | None) -> None:
    """Add the event of a closed case: all facts and the list of materials, with no file."""
    materials = []
    for material in case.facts["materials"]:
        kept = {
            key: material[key]
            for key in ("no", "type", "source", "pages", "form", "data", "paper")
            if key in material
        }
        if material["source"] == SourceKind.SHARED_CERT:
            kept["holder"] = case.person.id_number
        materials.append(kept)
    facts = {**case.facts, "materials": materials}
    at = case.facts["process"][-1]["at"]
    share.events.append({"kind": "CASE_CLOSED", "occurred_at": at, "case": facts})
    conflict = defect is not None and defect.kind == CONFLICT
    if conflict:
        other = {**facts, "applicant": {**facts["applicant"], "phone": "13900000000"}}
        share.events.append({"kind": "CASE_CLOSED", "occurred_at": at, "case": other})
    share.truth.append(
        {
            "case_no": case.facts["case_no"],
            "item": case.item.code,
            "expected": str(
                IntakeOutcome.ACCEPTED if defect is None or conflict else defect.outcome
            ),
            "defect": defect.kind if defect else None,
            "finding": defect.code if defect else None,
            "late": False,
        }
    )


def _certify(folder: Path, share: Share, case: DemoCase, *, altered: bool) -> None:
    for material in case.facts["materials"]:
        if material["source"] != SourceKind.SHARED_CERT:
            continue
        data = case.files[material["files"][0]]
        if altered:
            data = certificate_seal.altered(
                certificate_seal.signed(folder, certificate_seal.readable(data))
            )
        elif material["no"] % 2 == 0:
            data = certificate_seal.signed(folder, data)
        name = f"{case.index}.{material['no']}"
        (folder / "certificates" / name).write_bytes(data)
        row = {
            "certificate_id": f"1.2.156.3005.2.{name}",
            "holder_id": case.person.id_number,
            "certificate_type": material["type"],
            "file": name,
        }
        share.certificates.append(row | {"sha256": hashlib.sha256(data).hexdigest(), "pages": 1})


def _apply_online(folder: Path, share: Share, case: DemoCase) -> None:
    online = [
        material
        for material in case.facts["materials"]
        if material["source"] == SourceKind.ONLINE_APPLICATION
    ]
    if not online:
        return
    rows = [
        {
            "no": material["no"],
            "type": material["type"],
            "pages": material["pages"],
            "files": material["files"],
            "uploaded_at": material.get("captured_at"),
        }
        for material in online
    ]
    members = {
        "application.json": json.dumps(
            {"case_no": case.facts["case_no"], "materials": rows}, ensure_ascii=False
        ).encode()
    }
    members |= {path: case.files[path] for material in online for path in material["files"]}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as package:
        for path, data in members.items():
            package.writestr(zipfile.ZipInfo(path, _EPOCH), data)
    name = f"WS{case.index:08d}"
    (folder / "applications" / name).write_bytes(out.getvalue())
    row = {
        "id": name,
        "case_no": case.facts["case_no"],
        "submitted_at": case.facts["process"][0]["at"],
    }
    share.applications.append(
        row | {"sha256": hashlib.sha256(out.getvalue()).hexdigest(), "size": len(out.getvalue())}
    )


def _record(case: DemoCase, files: dict[str, bytes], dpi: int) -> dict[str, Any]:
    first = case.facts["process"][0]
    listed = [
        {"name": name, "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()
    ]
    return {
        "station": f"{first['org']}-S1",
        "operator": first["actor_no"],
        "dpi": dpi,
        "captured_at": first["at"],
        "files": listed,
    }


def _loose(folder: Path, case: DemoCase, listed: dict[str, Any]) -> None:
    """Write one material without sheets, as a document camera gives it."""
    stem = f"loose-{case.index:06d}-{listed['no']:03d}"
    files = {
        f"{stem}-{at}.{path.rpartition('.')[2]}": case.files[path]
        for at, path in enumerate(listed["files"], 1)
    }
    material = {
        "case_no": case.facts["case_no"],
        "no": listed["no"],
        "type": listed["type"],
        "pages": listed["pages"],
    }
    _drop(folder, stem, _record(case, files, 200) | {"material": material}, files)


def _come_late(folder: Path, share: Share, case: DemoCase) -> None:
    page = scans.Page(
        "补充说明", (f"办件编号：{case.facts['case_no']}", "办结之后补交的材料。"), "演示派出所"
    )
    data = scans.jpeg(scans.colour(page, 200, Random(case.index)), 200)
    no = len(case.facts["materials"]) + 1
    stem = f"late-{case.index:06d}-{no:03d}"
    material = {"case_no": case.facts["case_no"], "no": no, "type": "补充说明", "pages": 1}
    files = {f"{stem}.jpg": data}
    _drop(folder / "late", stem, _record(case, files, 200) | {"material": material}, files)
    share.truth[-1]["late"] = True


def _stack(
    folder: Path, stem: str, cases: list[tuple[DemoCase, list[dict[str, Any]]]], *, tiff: bool
) -> None:
    """Write a stack of several cases.

    It has a cover sheet for each case, and a separator sheet before each material.
    """
    pages: list[tuple[Image.Image, bytes]] = []
    for case, materials in cases:
        pages.append(_sheet(f"YICE/1 CASE {case.facts['case_no']}"))
        for material in materials:
            pages.append(_sheet(f"YICE/1 MATERIAL {material['no']} {material['type']}"))
            pages += [page for path in material["files"] for page in _pages(case.files[path])]
    data = (
        scans.g4_tiff([image for image, _ in pages], 200)
        if tiff
        else _pdf([raw for _, raw in pages])
    )
    files = {f"{stem}.{'tif' if tiff else 'pdf'}": data}
    # A stack is scanned when the last of its cases was received: no page in it was scanned before
    # its case existed.
    last = max(
        (case for case, _ in cases),
        key=lambda case: datetime.fromisoformat(case.facts["process"][0]["at"]),
    )
    _drop(folder, stem, _record(last, files, 200), files)


def _sheet(text: str) -> tuple[Image.Image, bytes]:
    """Return a cover or separator sheet that bears the code."""
    page = scans.blank(200)
    matrix = segno.make(text, error="h", micro=False, encoding="utf-8").matrix
    code = Image.new("L", (len(matrix), len(matrix)), 255)
    code.putdata([0 if dark else 255 for row in matrix for dark in row])
    page.paste(
        code.resize((len(matrix) * 14, len(matrix) * 14), Image.Resampling.NEAREST), (300, 400)
    )
    return page, scans.jpeg(page, 200)


def _pages(data: bytes) -> Iterator[tuple[Image.Image, bytes]]:
    with Image.open(io.BytesIO(data)) as image:
        jpeg = image.format == "JPEG"
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            page = image.convert("L")
            yield page, data if jpeg else scans.jpeg(page, 200)


def _pdf(pages: list[bytes]) -> bytes:
    """Return a PDF of JPEG pages, as scanners write it."""
    pdf = pikepdf.new()
    for data in pages:
        with Image.open(io.BytesIO(data)) as image:
            (width, height), colour = image.size, image.mode == "RGB"
        picture = pdf.make_stream(
            data,
            Type=pikepdf.Name.XObject,
            Subtype=pikepdf.Name.Image,
            Width=width,
            Height=height,
            BitsPerComponent=8,
            ColorSpace=pikepdf.Name.DeviceRGB if colour else pikepdf.Name.DeviceGray,
            Filter=pikepdf.Name.DCTDecode,
        )
        page = pikepdf.Dictionary(
            Type=pikepdf.Name.Page,
            MediaBox=pikepdf.Array([0, 0, 595, 842]),
            Resources=pikepdf.Dictionary(XObject=pikepdf.Dictionary(Scan=picture)),
            Contents=pdf.make_stream(b"q 595 0 0 842 0 0 cm /Scan Do Q"),
        )
        pdf.pages.append(pikepdf.Page(pdf.make_indirect(page)))
    out = io.BytesIO()
    pdf.save(out, static_id=True)
    return out.getvalue()


def _drop(folder: Path, stem: str, record: dict[str, Any], files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / f"{stem}.json").write_text(json.dumps(record, ensure_ascii=False), "utf-8")
