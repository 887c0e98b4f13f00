"""Volumes whose time-stamps end soon are stamped again as further versions, with real parts.

They are so whoever is away, damaged or first.
"""

from datetime import UTC, datetime, timedelta

import pytest
from pyhanko.sign.timestamps import HTTPTimeStamper
from sqlalchemy import select, update

from archive.database.engine import reading, writing
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import VolumeVersion
from archive.finding_aids.volumes import version_rows, volume_rows
from archive.preservation.renewal import Outlook, freeze_renewals, learn_stamps, outlook
from archive.preservation.verify import CommittedVolume, committed, verify_volumes
from archive.reference.compile_errors import NotProvedError
from archive.signing.seal import SealError
from archive.signing.validation import Stamp, newest_stamp
from tests.support.archives import CASES
from tests.support.holdings import Holdings, supplement
from tests.support.postgres import free_port

DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)
FRESH = Stamp(NOW + 3650 * DAY, "rsa2048-sha256")


def ending(archive: Holdings, volume: int) -> Holdings:
    """Of one volume, every row says that its time-stamp ends in thirty days."""
    with writing(archive.engine) as session:
        session.execute(
            update(VolumeVersion)
            .where(VolumeVersion.volume_id == volume)
            .values(stamped_until=NOW + 30 * DAY)
        )
    return archive


def renew(archive: Holdings) -> int:
    with writing(archive.engine) as session:
        return freeze_renewals(
            session,
            "test",
            before=NOW + 60 * DAY,
            now_good_for=FRESH,
            ends={},
            at=datetime.now(UTC),
        )


def ahead(archive: Holdings) -> Outlook:
    with reading(archive.engine) as session:
        return outlook(session, NOW + 60 * DAY, {})


def versions_of(archive: Holdings, number: int = 1) -> list[CommittedVolume]:
    """The versions of the volume with this 册号."""
    return [
        version for version in committed(archive.engine) if version.code.endswith(f"{number:06d}")
    ]


def test_a_renewed_volume_begins_with_the_bytes_of_the_one_before_and_both_prove(
    archive: Holdings,
) -> None:
    assert renew(ending(archive, 2)) == 1
    archive.make()
    older, newer = versions_of(archive, 2)
    first, second = (
        archive.store.read(f"{version.prefix}/volume.pdf", sha256=version.sha256)
        for version in (older, newer)
    )
    assert second.startswith(first)
    assert (older.version, newer.version, newer.previous) == (1, 2, older.inventory_sha256)
    stamp = newest_stamp(second)
    assert stamp is not None
    assert ahead(archive).due == renew(archive) == 0
    with reading(archive.engine) as session:
        assert [row["origin"] for row in version_rows(session, older.code)] == ["CASE", "RENEWAL"]
        assert (
            next(row for row in volume_rows(session) if row["code"] == older.code)["stamped_until"]
            == stamp.until.isoformat()
        )
        assert "renew" in set(session.scalars(select(Job.kind)))
    assert archive.faults() == []
    # When every certificate of the demonstration has ended, the one that was followed in time
    # still holds, and the newest does not.
    later = archive.shop.trust.at(NOW + 30 * 365 * DAY)
    faults = list(verify_volumes(archive.store, [older, newer], later, archive.shop.prover))
    assert [[fault.invariant for fault in of_volume] for of_volume in faults] == [
        [],
        ["I1"],
    ]


def test_rows_from_before_it_was_kept_are_filled_in_from_the_store(archive: Holdings) -> None:
    with writing(archive.engine) as session:
        session.execute(update(VolumeVersion).values(stamped_until=None, stamp_algorithm=None))
    assert ahead(archive) == Outlook(None, 0)
    assert [
        learn_stamps(archive.engine, archive.store),
        learn_stamps(archive.engine, archive.store),
    ] == [4, 0]
    stamp = newest_stamp(archive.store.read(f"{versions_of(archive)[-1].prefix}/volume.pdf"))
    assert stamp is not None
    assert ahead(archive).first_end == stamp.until


def test_an_authority_away_leaves_the_old_version_and_a_supplement_replaces_the_renewal(
    archive: Holdings,
) -> None:
    renew(ending(archive, 2))
    with pytest.raises(SealError):
        archive.make(
            archive.with_timestamper(
                HTTPTimeStamper(f"http://127.0.0.1:{free_port()}/tsa", timeout=1)
            )
        )
    archive.deliver("second", supplement(CASES[1], 2))
    assert archive.freeze() == 1
    archive.make()
    assert [version.version for version in versions_of(archive, 2)] == [1, 3]
    assert archive.faults() == []
    assert ahead(archive).due == 0


def test_a_version_frozen_for_damage_is_never_passed_over_for_an_older_one(
    archive: Holdings,
) -> None:
    assert renew(ending(archive, 1)) == 1
    with writing(archive.engine) as session:
        session.execute(
            update(VolumeVersion)
            .where(VolumeVersion.id == held_id(archive))
            .values(state="QUARANTINED")
        )
    with pytest.raises(NotProvedError):
        archive.make()
    assert [version.version for version in versions_of(archive)] == [1], (
        "made of version 1, it would have lost what version 2 added"
    )
    with writing(archive.engine) as session:
        session.execute(
            update(VolumeVersion)
            .where(VolumeVersion.id == held_id(archive))
            .values(state="COMMITTED")
        )
    archive.make()
    assert [version.version for version in versions_of(archive)] == [1, 2, 3]
    assert archive.faults() == []


def held_id(archive: Holdings) -> int:
    with reading(archive.engine) as session:
        return session.scalars(
            select(VolumeVersion.id).where(VolumeVersion.volume_id == 1, VolumeVersion.version == 2)
        ).one()
