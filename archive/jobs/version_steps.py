"""Versions of volumes while they are made: their leases, and recorded steps (volume.md).

Of several results of a step the first counts.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.notices import NoticeKind, NoticeTopic, notify_once
from archive.administration.policy import Act
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import Step, Volume, VolumeVersion
from archive.jobs import leases
from archive.jobs.feed import announce
from archive.jobs.job_rows import attempt_succeeded, end_job
from archive.jobs.leases import Lease
from archive.reference.errors import ArchiveError, LeaseLostError
from archive.reference.lifecycle import move
from archive.reference.machine_faults import machine_fault
from archive.reference.vocabulary import JobState, VolumeState
from storage.errors import StorageError

LEASE = timedelta(seconds=300)
ENDED = (VolumeState.COMMITTED, VolumeState.VOID, VolumeState.QUARANTINED)


def claim_version(
    session: Session, version_id: int, owner: str, *, length: timedelta = LEASE
) -> Lease[int] | None:
    """Take the lease of a version.

    None when another worker holds it or nothing is left to do.
    """
    return leases.claim(
        session,
        VolumeVersion,
        version_id,
        owner,
        VolumeVersion.state.not_in(ENDED),
        length=length,
    )


def free_gone_workers(session: Session, is_gone: Callable[[str], bool]) -> None:
    """Free the versions that are not at an end and whose workers are gone."""
    leases.free_gone(session, VolumeVersion, is_gone, VolumeVersion.state.not_in(ENDED))


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
    lease: Lease[int],
    step: VolumeState,
    result: dict[str, Any],
    **columns: Any,  # noqa: ANN401 - column values
) -> dict[str, Any]:
    """Record a step's result, move the version's state and journal it.

    Returns the result that counts, which is the first recorded. Raises LeaseLostError when the
    lease is not held any more.
    """
    version = session.get_one(VolumeVersion, lease.key)
    earlier = recorded(session, version, step)
    if earlier is not None:
        return earlier
    if (version.lease_owner, version.lease_token) != (lease.owner, lease.token):
        # Checked before the state: the worker that has the lease now may have changed it.
        raise _lost()
    state = move(VolumeState(version.state), step)
    if not leases.write(session, lease, state=state, **columns):
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
    attempt_succeeded(session, version.id)
    if step is VolumeState.COMMITTED:
        announce(session, version.volume_id)
    code = session.scalar(select(Volume.code).where(Volume.id == version.volume_id))
    journal.record(
        session,
        actor,
        JournalAct(str(step)),
        f"{code}/v{version.version}",
        **journalled_result(result),
    )
    return result


def journalled_result(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the journal says of a step's result: its plain values, and a digest of all."""
    plain = {key: value for key, value in result.items() if isinstance(value, str | int | bool)}
    return plain if len(plain) == len(result) else {**plain, "whole": journal.digest_of(result)}


def _lost() -> LeaseLostError:
    return LeaseLostError("租约已失效，本次结果未记录。", "无需处理，另一工作进程会继续。")


def give_up(session: Session, version: VolumeVersion) -> None:
    """End a version that no worker holds without committing it.

    A worker that comes back late is fenced off.
    """
    if leases.is_held(version, database_now(session)):
        return
    version.state = move(VolumeState(version.state), VolumeState.VOID)
    leases.fence_off(version)
    session.flush()
    finish_job(session, version.id, state=JobState.DONE)


def settle_ended(session: Session, version_id: int) -> None:
    """Close the job of a version that has ended.

    Its worker may have been killed before it could, or may have come late.
    """
    if session.get_one(VolumeVersion, version_id).state == VolumeState.QUARANTINED:
        finish_job(
            session,
            version_id,
            state=JobState.FAILED,
            error_code="QUARANTINED",
            error="该册已隔离。",
        )
    else:
        finish_job(session, version_id, state=JobState.DONE)


def fail_job(session: Session, version_id: int, error: Exception) -> None:
    """Record on the job of a version why it failed.

    Of an error that is not ours only the class is kept: a parser's text may quote the record.
    """
    code, message = getattr(error, "code", type(error).__name__), None
    if fault := machine_fault(error):
        code, message = fault.code, f"{fault.message} {fault.action}"
    elif isinstance(error, ArchiveError | StorageError):
        message = str(error)
    finish_job(session, version_id, state=JobState.FAILED, error_code=code, error=message)
    _tell_failed(session, version_id)


def _tell_failed(session: Session, version_id: int) -> None:
    """Tell those who compile at the filing unit that a volume was not made; once a volume."""
    query = select(Volume.code, Volume.filing_org).join(
        VolumeVersion, VolumeVersion.volume_id == Volume.id
    )
    row = session.execute(query.where(VolumeVersion.id == version_id)).first()
    if row is not None:
        kind, act = NoticeKind.FAILED, Act.COMPILE
        notify_once(session, kind, NoticeTopic.VOLUME, row.code, org=row.filing_org, act=act)


def finish_job(
    session: Session,
    version_id: int,
    *,
    state: JobState,
    error_code: str | None = None,
    error: str | None = None,
) -> None:
    """End or fail the job of a version.

    A failed job is tried again by the next run; one that is done stays done.
    """
    end_job(session, Job.version_id == version_id, state, error_code=error_code, error=error)
