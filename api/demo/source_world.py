"""What the four simulated systems hold: the fictional city's cases taken apart again into events, certificates, applications and scanned stacks."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from multiprocessing import get_context
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
from archive.reference.organisations import Organisations, load_organisations
from archive.reference.service_items import Catalogue, load_catalogue
from archive.reference.vocabulary import IntakeOutcome, SourceKind

ONE_DEFECT_IN, ONE_LATE_IN, CASES_IN_A_STACK = 12, 15, 3
_ALTERED = "altered-certificate"
# These a transport that checks digests cannot bring about.
_NOT_HERE = {"wrong-digest", "extra-file", "false-evidence"}
# Of two cases of one person the later delivery waits, and which that is the systems do not say beforehand: these are the city's.
_NOT_HERE |= {"two-moves", "two-households", "after-death"}
# And these a stack of black and white pages, or a record made anew, would hide.
_NOT_HERE |= FALSE_PAGES.keys()
# Pages that a stack would make whole again: these come as files with a record of their own.
_LOOSE = {"broken-image", "low-resolution", "locked-pdf"}
_EPOCH = (2026, 1, 1, 0, 0, 0)


def _altered(case: DemoCase, _: Random, __: Organisations) -> bool:
    return any(one["source"] == SourceKind.SHARED_CERT for one in case.facts["materials"])


KINDS = (
    *(one for one in DEFECTS if one.kind not in _NOT_HERE),
    Defect(_ALTERED, IntakeOutcome.CONFIRM, "CERT_SIGNATURE", _altered),
)


@dataclass(slots=True)
class Share:
    """What a few cases put into each system."""

    events: list[dict[str, Any]]
    certificates: list[dict[str, Any]]
    applications: list[dict[str, Any]]
    truth: list[dict[str, Any]]


def build_world(
    folder: Path, *, cases: int, seed: int, progress: Callable[[int], None], workers: int
) -> None:
    """Write the world into a folder; `truth.json` comes last. The same folder serves any number of runs."""
    for name in ("certificates", "applications", "scans", "late"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    certificate_seal.make_issuer(folder)
    starts = range(0, cases, CASES_IN_A_STACK)
    shares: list[Share] = []
    # Spawned, not forked: typst's threads do not survive a fork, and their locks stay shut for ever.
    with ProcessPoolExecutor(max(1, workers), mp_context=get_context("spawn")) as pool:
        for done, share in enumerate(
            pool.map(
                _share, [folder] * len(starts), [seed] * len(starts), starts, [cases] * len(starts)
            ),
            1,
        ):
            shares.append(share)
            progress(min(cases, done * CASES_IN_A_STACK))
    events = [one for share in shares for one in share.events]
    # What contradicts an earlier event comes after all others.
    events.sort(
        key=lambda one: (
            one["case"]["applicant"]["phone"] == "13900000000",
            one["occurred_at"],
            one["case"]["case_no"],
        )
    )
    numbered = [{"seq": seq, **one} for seq, one in enumerate(events, 1)]
    _write_json(folder / "events.json", numbered)
    _write_json(
        folder / "certificates.json", [one for share in shares for one in share.certificates]
    )
    _write_json(
        folder / "applications.json", [one for share in shares for one in share.applications]
    )
    _write_json(folder / "truth.json", {"cases": [one for share in shares for one in share.truth]})


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), "utf-8")


@cache
def _tables() -> tuple[Catalogue, Organisations]:
    return load_catalogue(), load_organisations()


def _planted(seed: int, index: int) -> tuple[DemoCase, Defect | None]:
    catalogue, organisations = _tables()
    random = Random(f"{seed}:{index}:world")  # noqa: S311 - repeatable, not secret
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
            one for one in case.facts["materials"] if one["source"] == SourceKind.SCANNED_PROOF
        ]
        if kind in _LOOSE:
            for one in scanned:
                _loose(folder / "scans", case, one)
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
    """The event of a closed case: all facts and the list of materials, with no file."""
    materials = []
    for one in case.facts["materials"]:
        kept = {
            key: one[key]
            for key in ("no", "type", "source", "pages", "form", "data", "paper")
            if key in one
        }
        if one["source"] == SourceKind.SHARED_CERT:
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
    for one in case.facts["materials"]:
        if one["source"] != SourceKind.SHARED_CERT:
            continue
        data = case.files[one["files"][0]]
        if altered:
            data = certificate_seal.altered(
                certificate_seal.signed(folder, certificate_seal.readable(data))
            )
        elif one["no"] % 2 == 0:
            data = certificate_seal.signed(folder, data)
        name = f"{case.index}.{one['no']}"
        (folder / "certificates" / name).write_bytes(data)
        row = {
            "certificate_id": f"1.2.156.3005.2.{name}",
            "holder_id": case.person.id_number,
            "certificate_type": one["type"],
            "file": name,
        }
        share.certificates.append(row | {"sha256": hashlib.sha256(data).hexdigest(), "pages": 1})


def _apply_online(folder: Path, share: Share, case: DemoCase) -> None:
    online = [
        one for one in case.facts["materials"] if one["source"] == SourceKind.ONLINE_APPLICATION
    ]
    if not online:
        return
    rows = [
        {
            "no": one["no"],
            "type": one["type"],
            "pages": one["pages"],
            "files": one["files"],
            "uploaded_at": one.get("captured_at"),
        }
        for one in online
    ]
    members = {
        "application.json": json.dumps(
            {"case_no": case.facts["case_no"], "materials": rows}, ensure_ascii=False
        ).encode()
    }
    members |= {path: case.files[path] for one in online for path in one["files"]}
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


def _loose(folder: Path, case: DemoCase, one: dict[str, Any]) -> None:
    """One material without sheets, as a document camera gives it."""
    stem = f"loose-{case.index:06d}-{one['no']:03d}"
    files = {
        f"{stem}-{at}.{path.rpartition('.')[2]}": case.files[path]
        for at, path in enumerate(one["files"], 1)
    }
    material = {
        "case_no": case.facts["case_no"],
        "no": one["no"],
        "type": one["type"],
        "pages": one["pages"],
    }
    _drop(folder, stem, _record(case, files, 200) | {"material": material}, files)


def _come_late(folder: Path, share: Share, case: DemoCase) -> None:
    page = scans.Page(
        "补充说明", (f"办件编号：{case.facts['case_no']}", "办结之后补交的材料。"), "演示派出所"
    )
    data = scans.jpeg(scans.colour(page, 200, Random(case.index)), 200)  # noqa: S311 - repeatable, not secret
    no = len(case.facts["materials"]) + 1
    stem = f"late-{case.index:06d}-{no:03d}"
    material = {"case_no": case.facts["case_no"], "no": no, "type": "补充说明", "pages": 1}
    files = {f"{stem}.jpg": data}
    _drop(folder / "late", stem, _record(case, files, 200) | {"material": material}, files)
    share.truth[-1]["late"] = True


def _stack(
    folder: Path, stem: str, cases: list[tuple[DemoCase, list[dict[str, Any]]]], *, tiff: bool
) -> None:
    """A stack of several cases: a cover sheet for each, a separator before each material."""
    pages: list[tuple[Image.Image, bytes]] = []
    for case, materials in cases:
        pages.append(_sheet(f"YICE/1 CASE {case.facts['case_no']}"))
        for one in materials:
            pages.append(_sheet(f"YICE/1 MATERIAL {one['no']} {one['type']}"))
            pages += [page for path in one["files"] for page in _pages(case.files[path])]
    data = (
        scans.g4_tiff([image for image, _ in pages], 200)
        if tiff
        else _pdf([raw for _, raw in pages])
    )
    files = {f"{stem}.{'tif' if tiff else 'pdf'}": data}
    # A stack is scanned when the last of its cases has come in: nothing in it was scanned before its case was there.
    last = max(
        (case for case, _ in cases),
        key=lambda case: datetime.fromisoformat(case.facts["process"][0]["at"]),
    )
    _drop(folder, stem, _record(last, files, 200), files)


def _sheet(text: str) -> tuple[Image.Image, bytes]:
    """A cover or separator sheet: the code, and the same in words."""
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
    """A PDF of JPEG pages as scanners write it."""
    made = pikepdf.new()
    for data in pages:
        with Image.open(io.BytesIO(data)) as image:
            (width, height), colour = image.size, image.mode == "RGB"
        picture = made.make_stream(
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
            Contents=made.make_stream(b"q 595 0 0 842 0 0 cm /Scan Do Q"),
        )
        made.pages.append(pikepdf.Page(made.make_indirect(page)))
    out = io.BytesIO()
    made.save(out, static_id=True)
    return out.getvalue()


def _drop(folder: Path, stem: str, record: dict[str, Any], files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / f"{stem}.json").write_text(json.dumps(record, ensure_ascii=False), "utf-8")
