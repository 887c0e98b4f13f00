"""Repeated inspection of a case on a person's request.

The objects are inspected as they lie in the store now. Actor, reason and time are journalled.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import reading
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.inspection.subject import LookedFile, Subject
from archive.inspection.table import Phase, all_findings, inspect
from archive.reference.case_facts import CaseFacts
from archive.reference.errors import ArchiveError, NotFoundError
from archive.reference.findings import Finding
from archive.reference.objects import blob_key
from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue, ServiceItem
from ingest.intake.second_looks import copies_within
from ingest.package.payload import PayloadFile
from ingest.reading.sandbox import examine_file
from storage.blobs import BlobStore


@dataclass(frozen=True, slots=True)
class Reinspection:
    """The result of a repeated inspection.

    `fresh` are the findings that the inspection at filing did not have.
    """

    case_no: str
    revision: int
    phase: Phase
    at: datetime
    findings: tuple[Finding, ...]
    fresh: tuple[Finding, ...]


def reinspect(
    engine: Engine,
    store: BlobStore,
    catalogue: Catalogue,
    organisations: Organisations,
    *,
    case_no: str,
    phase: Phase,
    now: datetime,
) -> Reinspection:
    """Return the inspection of the newest usable revision of a case; changes nothing.

    Raises NotFoundError for an unknown case number. The store's own errors come through: a lost
    object is no finding.
    """
    with reading(engine) as session:
        case = session.scalars(select(Case).filter_by(case_no=case_no)).first()
        if case is None:
            raise NotFoundError("没有这个办件编号。", "请核对办件编号。")
        revision = session.scalars(
            select(CaseRevision).filter_by(case_id=case.id, revision=case.revision)
        ).one()
        objects = session.scalars(
            select(Component)
            .filter_by(case_id=case.id, revision=case.revision)
            .order_by(Component.id)
        ).all()
    facts = CaseFacts.model_validate(revision.facts)
    with tempfile.TemporaryDirectory(prefix="yice-inspect-") as folder:
        files = {
            (file.material_no, file.path): file for file in _examined(store, Path(folder), objects)
        }
    # In the order of the facts: pages are counted through the files of a material.
    ordered = tuple(
        files.get((material.no, path), LookedFile(material.no, path, "", 0, None))
        for material in facts.materials
        if material.form is None
        for path in material.files
    )
    subject = Subject(
        facts, _item(catalogue, facts), revision.snapshot, organisations, ordered, now
    )
    by_path = {component.path: component.sha256 for component in objects}

    def read(path: str) -> bytes:
        """Return an original as it lies in the store."""
        return store.read(blob_key(by_path[path]), sha256=by_path[path])

    subject = replace(subject, copies=copies_within(subject, read))
    findings = all_findings(inspect(subject, phase))
    known = {(row["code"], row["place"]) for row in revision.findings}
    fresh = tuple(row for row in findings if (row.code, row.place) not in known)
    return Reinspection(case_no, case.revision, phase, now, findings, fresh)


def record_reinspection(session: Session, actor: str, report: Reinspection, *, reason: str) -> None:
    """Write actor, reason, time and codes of a repeated inspection into the journal.

    DA/T 70-2018 requires that manual inspection leaves its trace.
    """
    journal.record(
        session,
        actor,
        JournalAct.REINSPECT,
        report.case_no,
        reason=reason,
        phase=str(report.phase),
        revision=report.revision,
        inspected_at=report.at.isoformat(timespec="seconds"),
        codes=sorted({row.code for row in report.findings}),
        fresh=sorted({row.code for row in report.fresh}),
    )


def _item(catalogue: Catalogue, facts: CaseFacts) -> ServiceItem | None:
    try:
        return catalogue.enabled(facts.item.code, facts.item.version)
    except ArchiveError:
        return None


def _examined(store: BlobStore, folder: Path, objects: Sequence[Component]) -> Iterator[LookedFile]:
    for component in objects:
        path = folder / "object"
        with (
            store.open(blob_key(component.sha256), sha256=component.sha256) as source,
            path.open("wb") as out,
        ):
            while chunk := source.read(1 << 20):
                out.write(chunk)
        yield LookedFile(
            component.material_no,
            component.path,
            component.sha256,
            component.size,
            examine_file(PayloadFile(folder, "object", component.size)),
        )
