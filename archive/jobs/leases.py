"""Who holds a volume while it is made: leases with a fencing token, and step results of which the first wins (volume.md)."""

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
    """A worker's right to carry one version of a volume on; void as soon as another token was given."""

    version_id: int
    owner: str
    token: int


def claim(
    session: Session, version_id: int, owner: str, *, seconds: int = LEASE_SECONDS
) -> Claim | None:
    """Take the lease when it is free or has run out by the database's clock; None when another worker holds it or nothing is left to do."""
    now = database_now(session)
    free = or_(
        VolumeVersion.lease_until.is_(None),
        VolumeVersion.lease_until < now,
        VolumeVersion.lease_owner == owner,
    )
    taken = session.execute(
        update(VolumeVersion)
        .where(VolumeVersion.id == version_id, VolumeVersion.state.not_in(ENDED), free)
        .values(
            lease_owner=owner,
            lease_token=VolumeVersion.lease_token + 1,
            lease_until=now + timedelta(seconds=seconds),
        )
        .returning(VolumeVersion.lease_token)
    ).scalar_one_or_none()
    return None if taken is None else Claim(version_id, owner, taken)


def recorded(session: Session, version: VolumeVersion, step: VolumeState) -> dict[str, Any] | None:
    """The recorded result of a step for these inputs, if any."""
    return session.scalar(
        select(Step.result).filter_by(
            volume_version_id=version.id, step=str(step), input_digest=version.input_digest
        )
    )


def all_recorded(session: Session, version: VolumeVersion) -> dict[VolumeState, dict[str, Any]]:
    """The recorded results of all steps for these inputs."""
    rows = session.execute(
        select(Step.step, Step.result).filter_by(
            volume_version_id=version.id, input_digest=version.input_digest
        )
    )
    return {VolumeState(step): result for step, result in rows}


def record_step(
    session: Session,
    actor: str,
    held: Claim,
    step: VolumeState,
    result: dict[str, Any],
    **columns: Any,  # noqa: ANN401 - column values
) -> dict[str, Any]:
    """Write a step's result, move the state while the lease is ours, and journal it. Returns the result that counts: the first recorded."""
    version = session.get_one(VolumeVersion, held.version_id)
    earlier = recorded(session, version, step)
    if earlier is not None:
        return earlier
    if (version.lease_owner, version.lease_token) != (held.owner, held.token):
        raise _lost()  # before the state is looked at: whoever has the lease now may have moved it anywhere
    state = move(VolumeState(version.state), step)
    done = session.execute(
        update(VolumeVersion)
        .where(
            VolumeVersion.id == held.version_id,
            VolumeVersion.lease_owner == held.owner,
            VolumeVersion.lease_token == held.token,
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


def release(session: Session, held: Claim) -> None:
    """Give the lease back, so that a retry need not wait for its end."""
    session.execute(
        update(VolumeVersion)
        .where(VolumeVersion.id == held.version_id, VolumeVersion.lease_token == held.token)
        .values(lease_until=None, lease_owner=None)
    )


def give_up(session: Session, version: VolumeVersion) -> None:
    """End a version that no worker holds without committing it; a worker that comes back late is fenced off."""
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
    """Close the job of a version that has ended; also when its worker was killed before it could, or came late."""
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
    """End or fail the job of a version; a failed one is tried again by the next run, one that is done stays done."""
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
