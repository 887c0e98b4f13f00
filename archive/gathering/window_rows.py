"""The digests of rows of the window, which the journal states: a changed row is told."""

import json
from datetime import UTC, datetime
from typing import Any

from archive.audit.journal import digest_of
from archive.database.tables_window import (
    WindowActRow,
    WindowGrant,
    WindowRegistration,
    WindowSealUse,
)


def act_digest(case_no: str, row: WindowActRow) -> str:
    """Return the digest of an act, what it says in plain included."""
    return digest_of(
        [
            case_no,
            row.seq,
            row.step,
            row.act,
            _at(row.at),
            row.account,
            row.actor_no,
            row.org,
            row.grant_number,
            row.key,
            json.loads(row.content),
        ]
    )


def grant_digest(row: WindowGrant) -> str:
    """Return the digest of an authorisation as it was given."""
    return digest_of(
        [
            row.number,
            row.grantor,
            row.grantee,
            row.items,
            row.seal,
            _at(row.begins_at),
            _at(row.ends_at),
            row.quota,
            row.case_no,
            row.account,
            _at(row.granted_at),
        ]
    )


def seal_digest(case_no: str, row: WindowSealUse) -> str:
    """Return the digest of a use of a seal."""
    return digest_of(
        [
            case_no,
            row.use_no,
            row.seq,
            row.owner,
            row.caller,
            row.grant_number,
            row.seal,
            row.form,
            row.document_sha256,
            row.purpose,
            _at(row.at),
        ]
    )


def registration_digest(case_no: str, row: WindowRegistration) -> str:
    """Return the digest of a result as the population system registered it."""
    on = row.registered_on
    return digest_of([case_no, row.registration_no, on and on.isoformat()])


def _at(at: datetime | None) -> Any:  # noqa: ANN401 - a text or nothing
    # The database gives every time back in UTC, whatever the zone of who acted.
    return at and at.astimezone(UTC).isoformat(timespec="microseconds")
