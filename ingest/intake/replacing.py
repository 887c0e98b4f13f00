"""换页: a scan of a case that waits is replaced by a better one, at 核对.

The case gets a further revision like any that is sent, inspected in the same way; the revision
before it, with the scan that was replaced, stays as evidence.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from archive.administration.filing_units import FilingUnits
from archive.administration.policy import Act, Reader
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.checking.acts import enter_act, lock_case
from archive.checking.replaced import carry_over
from archive.checking.seats import waiting_of
from archive.database.engine import writing
from archive.database.tables_cases import CaseRevision, Component
from archive.gathering.captures import extension_of
from archive.reference.case_facts import CaseFacts, Material
from archive.reference.check_terms import CheckKind
from archive.reference.errors import ArchiveError, ConflictError, NotFoundError
from archive.reference.findings import finding
from archive.reference.local_time import LOCAL_TIME
from archive.reference.objects import blob_key
from archive.reference.vocabulary import Outcome, SourceKind
from ingest.intake.gathered import write_bag
from ingest.intake.intake import IntakeRules, Received, inspect_package, receive
from ingest.package.payload import PayloadFile
from ingest.reading.sandbox import examine_file
from storage.blobs import BlobStore
from storage.digest import sha256_hex

SYSTEM = "核对换页"
_SCANS = (SourceKind.SCANNED_PROOF, SourceKind.ONLINE_APPLICATION)


class NotReplacedError(ArchiveError):
    """The new scan cannot take the place of the old one."""

    code = "NOT_REPLACED"


@dataclass(frozen=True, slots=True)
class NewScan:
    """A scan that takes the place of a file: its bytes, and which file it is.

    `revision` is the one that was looked at; `file` counts the files of the material from 1.
    """

    case_no: str
    revision: int
    material: int
    file: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Before:
    """The revision that waits, its facts, the material and the files of all."""

    revision: CaseRevision
    facts: CaseFacts
    material: Material
    files: Mapping[str, Component]

    @property
    def bag(self) -> str:
        """Return the name of the package of the next revision."""
        return f"{self.facts.case_no}-{self.revision.revision + 1}"


def replace_scan(
    engine: Engine,
    store: BlobStore,
    filer: Reader,
    scan: NewScan,
    *,
    units: FilingUnits,
    rules: IntakeRules,
    now: datetime,
) -> Received:
    """Replace a file of a case that waits by a new scan; return how that was taken over.

    The case waits again, and what was seen of the other pages stays seen. Commits its own work,
    as `receive` does. Raises NotFoundError, ConflictError, NotFilingError, and NotReplacedError
    for a scan that the inspection refuses.
    """
    with writing(engine) as session:
        before = _before(session, filer, scan, units)
    with tempfile.TemporaryDirectory(prefix="yice-replace-") as folder:
        path, pages = _identified(Path(folder), before, scan)
        facts = _facts(before, scan, path, pages, filer, now)
        bag = write_bag(Path(folder) / before.bag, facts, _bytes(store, before, scan, path))
        package = inspect_package(bag, rules, now)
        if package.submission.outcome is Outcome.REFUSE:
            worst = next(f for f in package.submission.findings if f.outcome is Outcome.REFUSE)
            raise NotReplacedError(f"新扫描件未通过检测，未作更改：{worst.message}", worst.action)
        corrected = (*package.submission.findings, finding("CORRECTED", "case.json"))
        package = replace(package, submission=replace(package.submission, findings=corrected))
        taken = receive(engine, store, filer.account, package, sender=None, rules=rules)
    with writing(engine) as session:
        _enter(session, filer, before, scan)
    return taken


def _before(session: Session, filer: Reader, scan: NewScan, units: FilingUnits) -> _Before:
    """Return what waits, if the filer may replace the file."""
    case = lock_case(session, scan.case_no)
    unit = units.unit_of(case.receive_org, case.domicile_org)
    units.require(filer, Act.CHECK, unit, scan.case_no)
    revision = waiting_of(session, case)
    if revision.revision != scan.revision:
        raise ConflictError("该办件已有新的送达，未作更改。", "请刷新页面，看过最新情况后再换页。")
    facts = CaseFacts.model_validate(revision.facts)
    material = next((entry for entry in facts.materials if entry.no == scan.material), None)
    if material is None or not 1 <= scan.file <= len(material.files):
        raise NotFoundError("没有这份材料或文件，未作更改。", "请刷新页面后重新选择。")
    if material.source not in _SCANS:
        raise ConflictError(
            f"材料 {scan.material} 是{material.source.label}，不能以扫描件替换。",
            "共享证照请重新调取，系统表单请退回业务系统重出。",
        )
    rows = session.scalars(select(Component).filter_by(case_id=case.id, revision=revision.revision))
    return _Before(revision, facts, material, {row.path: row for row in rows})


def _identified(folder: Path, before: _Before, scan: NewScan) -> tuple[str, int]:
    """Return path and pages of the new scan. Raises NotReplacedError for what is no scan."""
    name = "scan"
    (folder / name).write_bytes(scan.data)
    look = examine_file(PayloadFile(folder, name, len(scan.data)))
    extension = extension_of(look.media_type) if look else "bin"
    if look is None or extension == "bin" or look.pages < 1:
        raise NotReplacedError(
            "新文件无法打开，未作更改。", "请重新扫描为完整、未加密的 JPEG、PNG、TIFF 或 PDF。"
        )
    number = before.revision.revision + 1
    return f"materials/{scan.material:03d}-{scan.file}-v{number}.{extension}", look.pages


def _facts(
    before: _Before, scan: NewScan, path: str, pages: int, filer: Reader, now: datetime
) -> dict[str, Any]:
    """Return the facts with the new file in its place; all else stays as it was stated."""
    facts: dict[str, Any] = before.facts.model_dump(mode="json")
    material = next(row for row in facts["materials"] if row["no"] == scan.material)
    files = list(material["files"])
    counts = [before.files[name].pages if name in before.files else 0 for name in files]
    first, old = sum(counts[: scan.file - 1]), counts[scan.file - 1]
    files[scan.file - 1] = path
    at = now.astimezone(LOCAL_TIME).isoformat(timespec="seconds")
    material |= {
        "files": files,
        "pages": material["pages"] - old + pages,
        "blank_pages": _blanks(material.get("blank_pages") or (), first, old, pages),
        "captured_by": f"{SYSTEM}（{filer.account}）",
        "captured_at": at,
        "source_ref": {
            "system": SYSTEM,
            "id": f"{scan.material}-{scan.file}",
            "fetched_at": at,
            "sha256": None,
            "signature": None,
        },
    }
    return facts | {"supplement": True}


def _blanks(declared: Sequence[int], first: int, old: int, new: int) -> list[int]:
    """Return the blank pages that stay declared: none of the replaced file."""
    kept = [page for page in declared if page <= first]
    return kept + [page - old + new for page in declared if page > first + old]


def _bytes(
    store: BlobStore, before: _Before, scan: NewScan, path: str
) -> Iterator[tuple[str, bytes]]:
    """Yield every file of the next revision with its bytes."""
    replaced = before.material.files[scan.file - 1]
    for name, row in before.files.items():
        if name != replaced:
            yield name, store.read(blob_key(row.sha256), sha256=row.sha256)
    yield path, scan.data


def _enter(session: Session, filer: Reader, before: _Before, scan: NewScan) -> None:
    """Write the act and its journal entry, and let the new revision keep what people did."""
    case = lock_case(session, scan.case_no)
    revision = waiting_of(session, case)
    if revision.revision == before.revision.revision:
        return  # the very same bytes: nothing was replaced
    carry_over(session, filer.account, before.revision, revision)
    replaced = before.files[before.material.files[scan.file - 1]]
    enter_act(
        session, filer, CheckKind.REPLACE, revision, material_no=scan.material, page=scan.file
    )
    journal.record(
        session,
        filer.account,
        JournalAct.REPLACE_PAGE,
        scan.case_no,
        revision=revision.revision,
        before=before.revision.revision,
        material=scan.material,
        file=scan.file,
        old=replaced.sha256,
        new=sha256_hex(scan.data),
        org=filer.org,
    )
