"""The rebuild of volumes.

Numbers come from the journal, versions from the packages and their commit records.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.filing_units import FilingRule
from archive.administration.signatories import signatory
from archive.arrangement.filing import is_late, place
from archive.arrangement.numbering import begin_version, stamping_digest
from archive.audit.acts import JournalAct
from archive.compile.metadata import read_metadata
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case, CaseRevision
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import NumberCounter, Step, Volume, VolumeVersion
from archive.jobs.feed import announce
from archive.reference.case_facts import CaseFacts
from archive.reference.codes import ArchivalCode
from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import (
    KIND_OF,
    CaseState,
    JobState,
    VersionOrigin,
    VolumeState,
)
from archive.signing.validation import Stamp, newest_stamp
from storage.blobs import BlobStore
from storage.errors import StorageError
from storage.package import INVENTORY, Inventory, parse_inventory, verify_package

Cases = dict[str, tuple[Case, list[CaseRevision]]]


class Report(Protocol):
    """The counts that filing adds to."""

    volumes: int
    versions: int
    reserved: int
    faults: list[str]


@dataclass(frozen=True, slots=True)
class Package:
    """A committed package, read from the bucket.

    `follows` is true when its PDF begins with the whole PDF of the version before.
    """

    inventory: Inventory
    facts: dict[str, Any]
    process: dict[str, Any]
    inspection: dict[str, Any]
    metadata: dict[str, Any]
    pdf_size: int
    pdf_sha256: str
    whole: bool
    follows: bool
    stamp: Stamp | None

    @property
    def name(self) -> str:
        """Return the name by which the journal knows it."""
        return f"{self.inventory.code}/v{self.inventory.version}"


def read_packages(store: BlobStore, leftovers: list[str], faults: list[str]) -> list[Package]:
    """Return every committed package, older versions first.

    Objects without a commit record are left over from a worker that was killed.
    """
    prefixes: dict[str, set[str]] = defaultdict(set)
    for stat in store.list("volumes/"):
        parts = stat.key.split("/")
        prefixes["/".join(parts[:6])].add("/".join(parts[6:]))
    packages: list[Package] = []
    before: tuple[str, bytes] = ("", b"")
    for prefix in sorted(
        prefixes, key=lambda prefix: (prefix.rpartition("/")[0], int(prefix.rpartition("/v")[2]))
    ):
        if INVENTORY not in prefixes[prefix]:
            leftovers.append(prefix)
            continue
        try:
            package, pdf = _read(
                store, prefix, before[1] if before[0] == prefix.rpartition("/")[0] else b""
            )
        except (StorageError, ValueError, KeyError) as error:
            faults.append(f"{prefix}：无法读取（{type(error).__name__}）")
            continue
        packages.append(package)
        before = (prefix.rpartition("/")[0], pdf)
    return packages


def _read(store: BlobStore, prefix: str, earlier_pdf: bytes) -> tuple[Package, bytes]:
    inventory = parse_inventory(store.read(f"{prefix}/{INVENTORY}"))
    listed = {item.path: item for item in inventory.objects}

    def bytes_of(path: str) -> bytes:
        return store.read(listed[path].key, sha256=listed[path].sha256)

    pdf = bytes_of("volume.pdf")
    package = Package(
        inventory,
        json.loads(bytes_of("case.json")),
        json.loads(bytes_of("process.json")),
        json.loads(bytes_of("inspection.json")),
        read_metadata(bytes_of("metadata.xml")),
        len(pdf),
        listed["volume.pdf"].sha256,
        not verify_package(store, prefix),
        bool(earlier_pdf) and pdf.startswith(earlier_pdf),
        newest_stamp(pdf),
    )
    return package, pdf


def file_volumes(
    session: Session,
    entries: list[JournalEntry],
    cases: Cases,
    packages: list[Package],
    report: Report,
    *,
    catalogue: Catalogue,
    organisations: Organisations,
    rule: FilingRule,
) -> None:
    """Add every number that was given, with its versions or the reason why it is void."""
    given = {
        code: (case_no, datetime.fromisoformat(entry.at))
        for entry in entries
        for code, case_no in _numbers(entry)
    }
    orderers = {
        code: signatory(session, entry.actor) for entry in entries for code, _ in _numbers(entry)
    }
    for package in packages:
        made_at = datetime.fromisoformat(package.inventory.made_at)
        given.setdefault(package.inventory.code, (package.facts["case_no"], made_at))
    first = {package.inventory.code: package for package in reversed(packages)}
    last: dict[tuple[object, ...], tuple[datetime, str]] = {}
    by_code: dict[str, Volume] = {}
    for code, (case_no, at) in sorted(
        given.items(), key=lambda number: ArchivalCode.parse(number[0]).number
    ):
        if case_no not in cases:
            report.faults.append(f"{code}：存储中没有其办件的接收记录")
            continue
        case, revisions = cases[case_no]
        by_code[code] = _volume(
            code, case, at, _place(revisions, catalogue, organisations, rule), first.get(code), last
        )
        session.add(by_code[code])
    session.flush()
    _count(session, by_code)
    _versions(session, packages, by_code, cases, entries, report)
    _void(session, entries, by_code, cases)
    for code, volume in by_code.items():
        if code not in first and volume.void_reason is None:
            case_no = given[code][0]
            begin_version(
                session,
                volume,
                1,
                _usable(cases[case_no][1]),
                volume.reserved_at,
                compiled_by=orderers.get(code),
            )
            report.reserved += 1
    report.volumes = len(by_code)


def _numbers(entry: JournalEntry) -> list[list[str]]:
    return json.loads(entry.detail).get("numbers", []) if entry.act == JournalAct.FREEZE else []


def _usable(revisions: list[CaseRevision]) -> CaseRevision:
    return next(revision for revision in revisions if revision.state != CaseState.SUPERSEDED)


def _place(
    revisions: list[CaseRevision],
    catalogue: Catalogue,
    organisations: Organisations,
    rule: FilingRule,
) -> dict[str, str | None]:
    facts = CaseFacts.model_validate(_usable(revisions).facts)
    placement = place(
        facts, catalogue.get(facts.item.code, facts.item.version), organisations, rule
    )
    cross = placement.cross_reference
    return {
        "filing_org": placement.filing_org,
        "cross_fonds": cross.fonds if cross else None,
        "cross_series": str(cross.series) if cross else None,
        "cross_org": cross.org if cross else None,
    }


def _volume(
    code: str,
    case: Case,
    at: datetime,
    placement: dict[str, str | None],
    package: Package | None,
    last: dict[tuple[object, ...], tuple[datetime, str]],
) -> Volume:
    """Return the row of a number.

    What the package says of its filing counts: the rule may have been another one when it was
    filed.
    """
    parts = ArchivalCode.parse(code)
    key = {
        "fonds": parts.fonds,
        "series": str(parts.series),
        "year": parts.year,
        "term": str(parts.term),
    }
    own, series = (case.completed_at, case.case_no), tuple(key.values())
    late = is_late(own, last.get(series))
    last[series] = max(own, last.get(series, own))
    if package is not None:
        cross = package.metadata["cross_reference"]
        placement = {
            "filing_org": package.metadata["filing_org"],
            "cross_fonds": cross["fonds"],
            "cross_series": cross["series"],
            "cross_org": cross["org"],
        }
        late = package.metadata["late"]
    return Volume(
        **key,
        **placement,
        case_id=case.id,
        number=parts.number,
        code=code,
        completed_at=case.completed_at,
        late=late,
        reserved_at=at,
    )


def _count(session: Session, volumes: dict[str, Volume]) -> None:
    """Add the counters, which go on after the highest number that anything names.

    A number is never given again.
    """
    highest: dict[tuple[str, str, int, str], int] = defaultdict(int)
    for volume in volumes.values():
        key = (volume.fonds, volume.series, volume.year, volume.term)
        highest[key] = max(highest[key], volume.number)
    for (fonds, series, year, term), number in highest.items():
        session.add(NumberCounter(fonds=fonds, series=series, year=year, term=term, last=number))


def _versions(
    session: Session,
    packages: list[Package],
    volumes: dict[str, Volume],
    cases: Cases,
    entries: list[JournalEntry],
    report: Report,
) -> None:
    journalled = {
        entry.subject: json.loads(entry.detail).get("inventory")
        for entry in entries
        if entry.act == VolumeState.COMMITTED
    }
    before: VolumeVersion | None = None
    for package in packages:
        volume = volumes.get(package.inventory.code)
        if volume is None:
            continue
        if before is not None and before.volume_id != volume.id:
            before = None
        if package.inventory.previous != (before.inventory_sha256 if before else None):
            report.faults.append(f"{package.name}：没有指明前一版本，或指向别处")
        if journalled.get(package.name, package.inventory.sha256) != package.inventory.sha256:
            report.faults.append(f"{package.name}：归档记录与审计日志不符")
        if not package.whole:
            report.faults.append(f"{package.name}：有对象缺失或已改变")
        revisions = cases[package.facts["case_no"]][1]
        revision = next(
            (revision for revision in reversed(revisions) if revision.facts == package.facts), None
        )
        if revision is None:
            report.faults.append(f"{package.name}：存储中没有其送达的接收记录")
            continue
        before = _version(session, volume, revision, package, before)
        report.versions += 1


def _version(
    session: Session,
    volume: Volume,
    revision: CaseRevision,
    package: Package,
    before: VolumeVersion | None,
) -> VolumeVersion:
    """Add a committed version with its steps, which a later time-stamp reads.

    It is frozen when its package is not whole.
    """
    made_at = datetime.fromisoformat(package.inventory.made_at)
    version = begin_version(
        session,
        volume,
        package.inventory.version,
        revision,
        made_at,
        compiled_by=package.process.get("compiled_by"),
    )
    signature, results = package.inspection["signature"], _results(package)
    if package.follows and before is not None:
        origin = VersionOrigin.TIMESTAMP if before.lta_pending else VersionOrigin.RENEWAL
        version.origin, version.input_digest = origin, stamping_digest(volume.code, origin, before)
    version.state = str(VolumeState.COMMITTED if package.whole else VolumeState.QUARANTINED)
    version.pages, version.bytes, version.sha256 = (
        package.metadata["pages"],
        package.pdf_size,
        package.pdf_sha256,
    )
    version.inventory_sha256, version.committed_at = package.inventory.sha256, made_at
    version.signature_level, version.lta_pending = signature["level"], signature["pending"]
    if package.stamp is not None:
        version.stamped_until, version.stamp_algorithm = (
            package.stamp.until,
            package.stamp.algorithm,
        )
    for step, result in results.items():
        session.add(
            Step(
                volume_version_id=version.id,
                step=str(step),
                input_digest=version.input_digest,
                result=result,
                done_at=made_at,
            )
        )
    job = session.scalars(select(Job).filter_by(version_id=version.id)).one()
    job.kind, job.state = KIND_OF[VersionOrigin(version.origin)], JobState.DONE
    job.ended_at = made_at
    announce(session, volume.id)
    return version


def _results(package: Package) -> dict[VolumeState, dict[str, Any]]:
    inspection, signature = package.inspection, package.inspection["signature"]
    contents = [
        {key: item[key] for key in ("no", "code", "title", "source", "page", "pages")}
        for item in package.metadata["contents"]
    ]
    return {
        VolumeState.COMPILED: {
            "pages": package.metadata["pages"],
            "contents": contents,
            "routes": inspection["routes"],
            # A package of before they were recorded has none.
            "conversions": package.process.get("conversions", []),
            **({"compared": inspection["pages"]} if "pages" in inspection else {}),
        },
        VolumeState.SIGNED: {
            "sha256": package.pdf_sha256,
            "staged": "",
            "bytes": package.pdf_size,
            "level": signature["level"],
            "pending": signature["pending"],
        },
        VolumeState.PROVED: inspection["proof"],
        VolumeState.STORED: {"objects": len(package.inventory.objects)},
        VolumeState.COMMITTED: {"inventory": package.inventory.sha256},
    }


def _void(
    session: Session, entries: list[JournalEntry], volumes: dict[str, Volume], cases: Cases
) -> None:
    for entry in entries:
        if entry.act != JournalAct.VOID or entry.subject not in volumes:
            continue
        volume = volumes[entry.subject]
        volume.void_reason = json.loads(entry.detail)["reason"]
        case = session.get_one(Case, volume.case_id)
        case.state = CaseState.VOID
        for revision in cases[case.case_no][1]:
            revision.state = CaseState.VOID
