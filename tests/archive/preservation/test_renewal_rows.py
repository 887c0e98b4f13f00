"""What is due for renewal is found from rows: by certificate, by algorithm, once each, and only
where it gains; on both databases.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select, update

from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.preservation.renewal import Outlook, end_of, freeze_renewals, outlook
from archive.signing.validation import Stamp
from tests.archive.arrangement.test_numbering import START, accept, number_all

DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)
FRESH = Stamp(NOW + 3650 * DAY, "rsa2048-sha256")
VOLUMES = 3


@pytest.fixture
def holdings(engine: Engine) -> Engine:
    """Three volumes whose rows say that they are committed, and that their time-stamps end in 30,
    31 and 32 days.
    """
    for number in range(1, VOLUMES + 1):
        accept(engine, number, START)
    number_all(engine)
    with writing(engine) as session:
        for number, version in enumerate(
            session.scalars(select(VolumeVersion).order_by(VolumeVersion.id))
        ):
            version.state, version.signature_level, version.inventory_sha256 = (
                "COMMITTED",
                "B-LTA",
                "0" * 64,
            )
            version.stamped_until, version.stamp_algorithm = (
                NOW + (30 + number) * DAY,
                "rsa2048-sha256",
            )
    return engine


def renew(
    engine: Engine,
    within: int = 60,
    good_for: Stamp = FRESH,
    ends: dict[str, datetime] | None = None,
    limit: int = 500,
) -> int:
    with writing(engine) as session:
        before, at = NOW + within * DAY, datetime.now(UTC)
        return freeze_renewals(
            session,
            "test",
            before=before,
            now_good_for=good_for,
            ends=ends or {},
            at=at,
            limit=limit,
        )


def ahead(engine: Engine, within: int = 60, ends: dict[str, datetime] | None = None) -> Outlook:
    with reading(engine) as session:
        return outlook(session, NOW + within * DAY, ends or {})


def test_what_ends_before_the_horizon_is_begun_once_the_first_to_end_first(
    holdings: Engine,
) -> None:
    assert ahead(holdings) == Outlook(NOW + 30 * DAY, 3)
    assert (ahead(holdings, 10).due, renew(holdings, 10)) == (0, 0)
    assert [renew(holdings, limit=2), renew(holdings, limit=2), renew(holdings, limit=2)] == [
        2,
        1,
        0,
    ]
    assert ahead(holdings) == Outlook(None, 0), "all are under way"
    with reading(holdings) as session:
        begun = session.execute(
            select(
                VolumeVersion.version,
                VolumeVersion.origin,
                VolumeVersion.state,
                Job.kind,
                Job.state,
            )
            .join(Job, Job.version_id == VolumeVersion.id)
            .where(VolumeVersion.version == 2)
        ).all()
        assert [tuple(row) for row in begun] == [
            (2, "RENEWAL", "FROZEN", "renew", "WAITING")
        ] * VOLUMES
        assert (
            len(session.scalars(select(JournalEntry).where(JournalEntry.act == "RENEW")).all()) == 2
        )
        first = session.scalars(
            select(VolumeVersion.volume_id)
            .where(VolumeVersion.version == 2)
            .order_by(VolumeVersion.id)
        ).all()
        assert first == session.scalars(select(Volume.id).order_by(Volume.id)).all()


def test_of_those_that_begin_at_once_each_volume_is_begun_by_one(holdings: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: renew(holdings), range(4))) == VOLUMES
    with reading(holdings) as session:
        assert session.scalar(select(func.count()).where(VolumeVersion.version == 2)) == VOLUMES


def test_an_authority_that_gains_nothing_is_not_asked_for_ever(holdings: Engine) -> None:
    assert renew(holdings, good_for=Stamp(NOW + 30 * DAY, "rsa2048-sha256")) == 0
    assert renew(holdings, good_for=Stamp(NOW + 32 * DAY, "rsa2048-sha256")) == 2


def test_an_algorithm_that_ends_makes_due_what_rests_on_it_and_only_another_one_gains(
    holdings: Engine,
) -> None:
    with writing(holdings) as session:
        session.execute(update(VolumeVersion).values(stamped_until=NOW + 3000 * DAY))
    ends, other = {"rsa2048": NOW + 50 * DAY}, Stamp(NOW + 3650 * DAY, "rsa4096-sha256")
    assert end_of(FRESH, ends) == NOW + 50 * DAY
    assert (ahead(holdings).due, ahead(holdings, ends=ends).due) == (0, 3)
    assert renew(holdings, ends=ends) == 0, "set anew it would rest on the same"
    assert renew(holdings, 10, other, ends) == 0, "not yet"
    assert renew(holdings, good_for=other, ends=ends) == 3


def test_only_the_newest_version_counts_and_one_given_up_does_not(holdings: Engine) -> None:
    renew(holdings)
    with writing(holdings) as session:
        session.execute(
            update(VolumeVersion)
            .where(VolumeVersion.version == 2, VolumeVersion.volume_id == 1)
            .values(state="VOID")
        )
        later = update(VolumeVersion).where(
            VolumeVersion.version == 2, VolumeVersion.volume_id == 2
        )
        session.execute(later.values(state="COMMITTED", stamped_until=NOW + 900 * DAY))
        session.execute(
            update(VolumeVersion)
            .where(VolumeVersion.version == 1, VolumeVersion.volume_id == 3)
            .values(state="QUARANTINED")
        )
    assert ahead(holdings) == Outlook(NOW + 30 * DAY, 1)
    assert renew(holdings) == 1
