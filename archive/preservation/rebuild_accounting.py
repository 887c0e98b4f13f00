"""What a rebuilt database holds that its journal does not account for (I12).

The journal after the last anchor is lost with the database. What came back from other objects is
named by the entry of the rebuild, so that from then on every row has its entry again.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.accession.recheck import PAGE_DIFFERS
from archive.arrangement.numbering import filed
from archive.audit import journal
from archive.database.tables_cases import Case, CaseRevision
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.preservation.journalled import Journalled, folded
from archive.reference.vocabulary import VolumeState


def unaccounted(session: Session, records: Mapping[tuple[str, int], str]) -> dict[str, list[Any]]:
    """Return revisions, numbers and versions that the journal does not have as the rows do.

    `records` are the accession records of the revisions, by case number and revision.
    """
    session.flush()
    with folded(session) as state:
        return _unaccounted(session, records, state)


def _unaccounted(
    session: Session, records: Mapping[tuple[str, int], str], state: Journalled
) -> dict[str, list[Any]]:
    revisions: list[Any] = []
    query = select(Case.case_no, CaseRevision).join(Case, Case.id == CaseRevision.case_id)
    for case_no, row in session.execute(query.order_by(CaseRevision.id)):
        number, content, status = row.revision, row.content_digest, row.state
        known, record = state.revisions.get((case_no, number)), records.get((case_no, number))
        expected = {"content": content, "state": status, "record": record}
        # Without a record the facts have no other witness than this entry, and findings of pages
        # that differed are in no record.
        if record is None:
            expected["facts"] = journal.digest_of(row.facts)
        if any(finding["code"] == PAGE_DIFFERS for finding in row.findings):
            expected["findings"] = journal.digest_of(row.findings)
        if known != expected:
            revisions.append([case_no, number, expected])
    numbers = [
        [volume.code, case_no, filed(volume)]
        for volume, case_no in session.execute(
            select(Volume, Case.case_no).join(Case, Case.id == Volume.case_id).order_by(Volume.id)
        )
        if state.numbers.get(volume.code) != case_no
        or state.places.get(volume.code) != filed(volume)
    ]
    versions = [
        [f"{code}/v{version.version}", version.inventory_sha256]
        for version, code in session.execute(
            select(VolumeVersion, Volume.code)
            .join(Volume, Volume.id == VolumeVersion.volume_id)
            .where(VolumeVersion.inventory_sha256.is_not(None))
            .order_by(VolumeVersion.id)
        )
        if (f"{code}/v{version.version}", VolumeState.COMMITTED) not in state.steps
    ]
    return {"revisions": revisions, "numbers": numbers, "versions": versions}
