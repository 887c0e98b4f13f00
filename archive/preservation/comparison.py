"""The comparison of a rebuilt database with an old one."""

from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import reading
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.database.tables_volumes import NumberCounter, Volume, VolumeVersion
from archive.preservation.rebuild_evidence import (
    evidence_facts,
)


def differences(old: Engine, new: Engine) -> list[str]:
    """Return what a rebuilt database lacks, has besides, or says otherwise.

    Compared are cases, contents, numbers, versions, and the journal as far as it was anchored.
    """
    with reading(old) as left, reading(new) as right:
        before, after = _facts(left), _facts(right)
        anchored = [
            entry.digest for entry in journal.entries(right) if entry.act != JournalAct.REBUILD
        ]
        kept = [entry.digest for entry, _ in zip(journal.entries(left), anchored, strict=False)]
    names = [f"{name}：缺少" for name in sorted(before.keys() - after.keys())] + [
        f"{name}：多出" for name in sorted(after.keys() - before.keys())
    ]
    names += [
        f"{name}：不同"
        for name in sorted(before.keys() & after.keys())
        if before[name] != after[name]
    ]
    return names + ([] if kept == anchored else ["审计日志：已锚定的条目不同"])


def _facts(session: Session) -> dict[str, Any]:
    """Return all that must be the same, by name.

    Identifiers and leases are each database's own.
    """
    numbers = {row.id: row.case_no for row in session.execute(select(Case.id, Case.case_no))}
    facts: dict[str, Any] = {
        f"办件 {case.case_no}": (case.revision, case.content_digest, case.state, case.facts)
        for case in session.scalars(select(Case))
    }
    for revision in session.scalars(select(CaseRevision)):
        name = f"办件 {numbers[revision.case_id]} 第 {revision.revision} 次送达"
        facts[name] = (
            revision.content_digest,
            revision.state,
            revision.facts,
            revision.snapshot,
            revision.findings,
            revision.accepted_at,
        )
    for component in session.scalars(select(Component)):
        facts[f"原件 {numbers[component.case_id]}/{component.revision}/{component.path}"] = (
            component.material_no,
            component.sha256,
            component.size,
            component.media_type,
            component.pages,
        )
    return facts | _volume_facts(session, numbers) | evidence_facts(session)


def _volume_facts(session: Session, case_numbers: dict[int, str]) -> dict[str, Any]:
    """Return numbers, filing and committed versions, by name.

    Two databases are compared by them.
    """
    facts: dict[str, Any] = {}
    codes = {}
    for volume in session.scalars(select(Volume)):
        codes[volume.id] = volume.code
        filed = (
            volume.filing_org,
            volume.cross_fonds,
            volume.cross_series,
            volume.cross_org,
            volume.completed_at,
            volume.late,
            volume.void_reason,
        )
        facts[f"档号 {volume.code}"] = (case_numbers[volume.case_id], *filed)
    for counter in session.scalars(select(NumberCounter)):
        facts[f"册号 {counter.fonds}·{counter.series}·{counter.year}·{counter.term}"] = counter.last
    for version in session.scalars(
        select(VolumeVersion).where(VolumeVersion.inventory_sha256.is_not(None))
    ):
        facts[f"版本 {codes[version.volume_id]}/v{version.version}"] = (
            version.case_revision,
            version.origin,
            version.state,
            version.input_digest,
            version.pages,
            version.bytes,
            version.sha256,
            version.inventory_sha256,
            version.signature_level,
            version.lta_pending,
            version.stamped_until,
            version.stamp_algorithm,
            version.committed_at,
        )
    return facts
