"""Writing of the fictional city: one bag for each case, and `truth.json`.

Some bags are delivered twice, some are in conflict; `truth.json` says what each must become.
"""

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from api.demo.cases import DemoCase, make_case
from api.demo.defects import CONFLICT, DEFECTS, Defect
from archive.jobs.processes import process_pool
from archive.reference.organisations import Organisations, load_organisations
from archive.reference.service_items import Catalogue, load_catalogue
from archive.reference.vocabulary import IntakeOutcome

NOTICE = "虚构城市的演示数据：机构由公开街名编成，事项清单为重构、非官方清单，人员和证照均为虚构。"
ONE_DEFECT_IN = 12
ONE_DUPLICATE_IN = 40
ONE_ZIP_IN = 4
_EPOCH = (2026, 1, 1, 0, 0, 0)


def build_demo(
    out: Path, *, cases: int, seed: int, progress: Callable[[int], None], workers: int
) -> dict[str, Any]:
    """Write `out/bags/*` and `out/truth.json`, and return the truth.

    The same seed gives the same bytes.
    """
    bags = out.absolute() / "bags"
    bags.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    with process_pool(workers) as pool:
        for done, written in enumerate(
            pool.map(write_case, [bags] * cases, [seed] * cases, range(cases), chunksize=4), 1
        ):
            rows += written
            progress(done)
    truth = {"notice": NOTICE, "seed": seed, "cases": cases, "bags": rows}
    (out / "truth.json").write_text(json.dumps(truth, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return truth


@cache
def _tables() -> tuple[Catalogue, Organisations]:
    return load_catalogue(), load_organisations()


def write_case(bags: Path, seed: int, index: int) -> list[dict[str, Any]]:
    """Write the bag or bags of one case, and return their rows of the truth."""
    random = Random(f"{seed}:{index}:bag")
    case, defect = _planted(seed, index, random)
    return list(_write_all(bags, case, defect, random))


def _planted(seed: int, index: int, random: Random) -> tuple[DemoCase, Defect | None]:
    """Return a case, and the defect planted into it.

    The last of every twelve cases has one. The kinds take turns; those that the case can't bear are
    skipped.
    """
    catalogue, organisations = _tables()
    if index % ONE_DEFECT_IN != ONE_DEFECT_IN - 1:
        return make_case(seed, index, catalogue, organisations), None
    turn = index // ONE_DEFECT_IN % len(DEFECTS)
    for defect in (*DEFECTS[turn:], *DEFECTS[:turn]):
        case = make_case(seed, index, catalogue, organisations)
        if defect.plant(case, random, organisations):
            return case, defect
    raise ValueError("a case that bears no defect at all")


def _write_all(
    bags: Path, case: DemoCase, defect: Defect | None, random: Random
) -> Iterator[dict[str, Any]]:
    name, zipped = f"{case.index:06d}-1", random.randrange(ONE_ZIP_IN) == 0
    conflict = defect is not None and defect.kind == CONFLICT
    first_sound = conflict or case.second is not None
    bend = defect is not None and defect.kind == "wrong-digest"
    yield _row(
        _write(bags, name, _members(case.facts, case.files, bend=bend), zipped=zipped),
        case,
        None if first_sound else defect,
    )
    if conflict and defect:
        other = deepcopy(case.facts)
        other["applicant"]["phone"] = "13900000000"
        yield _row(
            _write(bags, f"{case.index:06d}-2", _members(other, case.files), zipped=False),
            case,
            defect,
        )
    elif case.second and defect:
        second = _write(
            bags,
            f"{case.index:06d}-2",
            _members(case.second.facts, case.second.files),
            zipped=False,
        )
        yield _row(second, case.second, defect) | {"other_case": case.facts["case_no"]}
    elif defect is None and case.index % ONE_DUPLICATE_IN == ONE_DUPLICATE_IN // 2:
        again = _write(
            bags, f"{case.index:06d}-2", _members(case.facts, case.files), zipped=not zipped
        )
        yield _row(again, case, None) | {"expected": str(IntakeOutcome.DUPLICATE)}


def _row(bag: str, case: DemoCase, defect: Defect | None) -> dict[str, Any]:
    return {
        "bag": bag,
        "case_no": case.facts["case_no"],
        "item": case.item.code,
        "citywide": case.facts["orgs"]["receive"] != case.facts["orgs"]["domicile"],
        "expected": str(defect.outcome if defect else IntakeOutcome.ACCEPTED),
        "defect": defect.kind if defect else None,
        "finding": defect.code if defect else None,
        "rare_name": case.person.rare,
    }


def _members(
    facts: dict[str, Any], files: dict[str, bytes], *, bend: bool = False
) -> dict[str, bytes]:
    """Return the files of the bag by path, manifests included.

    With `bend` one digest in the manifest is wrong.
    """
    payload = {"data/case.json": json.dumps(facts, ensure_ascii=False, indent=1).encode()} | {
        f"data/{path}": data for path, data in files.items()
    }
    manifest = _manifest(payload)
    if bend:
        manifest = (b"1" if manifest[:1] == b"0" else b"0") + manifest[1:]
    tags = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": (
            f"Payload-Oxum: {sum(map(len, payload.values()))}.{len(payload)}\n"
            "Source-Organization: 演示数据\n"
        ).encode(),
        "manifest-sha256.txt": manifest,
    }
    return {**tags, "tagmanifest-sha256.txt": _manifest(tags), **payload}


def _manifest(files: dict[str, bytes]) -> bytes:
    return "".join(
        f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in sorted(files.items())
    ).encode()


def _write(bags: Path, name: str, members: dict[str, bytes], *, zipped: bool) -> str:
    if zipped:
        with zipfile.ZipFile(bags / f"{name}.zip", "w", zipfile.ZIP_STORED) as archive:
            for path, data in members.items():
                archive.writestr(zipfile.ZipInfo(f"{name}/{path}", _EPOCH), data)
        return f"{name}.zip"
    for path, data in members.items():
        (bags / name / path).parent.mkdir(parents=True, exist_ok=True)
        (bags / name / path).write_bytes(data)
    return name
