"""Leases on volumes while they are made, and recorded step results (volume.md).

A lease has a fencing token; of several results of a step the first counts.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import Step, Volume, VolumeVersion
from archive.jobs.feed import announce
from archive.reference.errors import LeaseLostError
from archive.reference.lifecycle import move
from archive.reference.vocabulary import VolumeState

LEASE_SECONDS = 300
ENDED = (VolumeState.COMMITTED, VolumeState.VOID, VolumeState.QUARANTINED)


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's lease on one version of a volume; void once another token was given."""

    version_id: int
    owner: str
    token: int


def claim(
    session: Session, version_id: int, owner: str, *, seconds: int = LEASE_SECONDS
) -> Claim | None:
    """Take the lease when it is free or has run out by the database's clock.

    None when another worker holds it or nothing is left to do.
    """
    now = database_now(session)
    free = or_(
        VolumeVersion.lease_until.is_(None),
        VolumeVersion.lease_until < now,
        VolumeVersion.lease_owner == owner,
    )
    token = session.execute(
        update(VolumeVersion)
        .where(VolumeVersion.id == version_id, VolumeVersion.state.not_in(ENDED), free)
        .values(
            lease_owner=owner,
            lease_token=VolumeVersion.lease_token + 1,
            lease_until=now + timedelta(seconds=seconds),
        )
        .returning(VolumeVersion.lease_token)
    ).scalar_one_or_none()
    return None if token is None else Claim(version_id, owner, token)


def recorded(session: Session, version: VolumeVersion, step: VolumeState) -> dict[str, Any] | None:
    """Return the recorded result of a step for these inputs, if any."""
    return session.scalar(
        select(Step.result).filter_by(
            volume_version_id=version.id, step=str(step), input_digest=version.input_digest
        )
    )


def all_recorded(session: Session, version: VolumeVersion) -> dict[VolumeState, dict[str, Any]]:
    """Return the recorded results of all steps for these inputs."""
    rows = session.execute(
        select(Step.step, Step.result).filter_by(
            volume_version_id=version.id, input_digest=version.input_digest
        )
    )
    return {VolumeState(step): result for step, result in rows}


def record_step(
    session: Session,
    actor: str,
    lease: Claim,
    step: VolumeState,
    result: dict[str, Any],
    **columns: Any,  # noqa: ANN401 - column values
) -> dict[str, Any]:
    """Record a step's result, move the version's state and journal it.

    Returns the result that counts, which is the first recorded. Raises LeaseLostError when the
    lease is not held any more.
    """
    version = session.get_one(VolumeVersion, lease.version_id)
    earlier = recorded(session, version, step)
    if earlier is not None:
        return earlier
    if (version.lease_owner, version.lease_token) != (lease.owner, lease.token):
        # Checked before the state: the worker that has the lease now may have changed it.
        raise _lost()
    state = move(VolumeState(version.state), step)
    done = session.execute(
        update(VolumeVersion)
        .where(
            VolumeVersion.id == lease.version_id,
            VolumeVersion.lease_owner == lease.owner,
            VolumeVersion.lease_token == lease.token,
        )
        .values(state=str(state), **columns)
    )
    if not isinstance(done, CursorResult) or done.rowcount != 1:
        raise _lost()
    session.add(
        Step(
            volume_version_id=version.id,
            step=str(step),
            input_digest=version.input_digest,
            result=result,
            done_at=database_now(session),
        )
    )
    if step is VolumeState.COMMITTED:
        announce(session, version.volume_id)
    code = session.scalar(select(Volume.code).where(Volume.id == version.volume_id))
    journal.record(
        session,
        actor,
        JournalAct(str(step)),
        f"{code}/v{version.version}",
        **{key: value for key, value in result.items() if isinstance(value, str | int | bool)},
    )
    return result


def _lost() -> LeaseLostError:
    return LeaseLostError("租约已失效，本次结果未记录。", "无需处理，另一工作进程会继续。")


def release(session: Session, lease: Claim) -> None:
    """Release the lease, so that a retry need not wait for its end."""
    session.execute(
        update(VolumeVersion)
        .where(VolumeVersion.id == lease.version_id, VolumeVersion.lease_token == lease.token)
        .values(lease_until=None, lease_owner=None)
    )


def give_up(session: Session, version: VolumeVersion) -> None:
    """End a version that no worker holds without committing it.

    A worker that comes back late is fenced off.
    """
    if version.lease_until is not None and version.lease_until > database_now(session):
        return
    version.state = str(move(VolumeState(version.state), VolumeState.VOID))
    version.lease_owner, version.lease_until, version.lease_token = (
        None,
        None,
        version.lease_token + 1,
    )
    session.flush()
    finish_job(session, version.id, state="DONE")


def settle_ended(session: Session, version_id: int) -> None:
    """Close the job of a version that has ended.

    Its worker may have been killed before it could, or may have come late.
    """
    if session.get_one(VolumeVersion, version_id).state == VolumeState.QUARANTINED:
        finish_job(
            session, version_id, state="FAILED", error_code="QUARANTINED", error="该册已隔离。"
        )
    else:
        finish_job(session, version_id, state="DONE")


def finish_job(
    session: Session,
    version_id: int,
    *,
    state: str,
    error_code: str | None = None,
    error: str | None = None,
) -> None:
    """End or fail the job of a version.

    A failed job is tried again by the next run; one that is done stays done.
    """
    session.execute(
        update(Job)
        .where(Job.subject == str(version_id), Job.state != "DONE")
        .values(
            state=state,
            error_code=error_code,
            error=error,
            attempts=Job.attempts + 1,
            ended_at=database_now(session),
        )
    )
