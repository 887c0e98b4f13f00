"""Which terms want their next register, asked of both databases: by the month in local time, and
only for what was committed after they ended.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, select

from archive.arrangement.periods import Term, followed_terms
from archive.database.engine import reading, writing
from archive.database.tables_jobs import PeriodRun
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.reference.vocabulary import Series
from tests.archive.arrangement.test_numbering import accept, number_all

MIDNIGHT = datetime(2026, 8, 31, 16, 0, tzinfo=UTC)  # the first moment of September in 鄂尔多斯
ENDED = datetime(2026, 10, 3, tzinfo=UTC)


def followed(engine: Engine) -> list[Term]:
    with reading(engine) as session:
        return followed_terms(session)


def test_a_further_version_after_the_end_of_a_term_calls_for_its_next_register(
    engine: Engine,
) -> None:
    accept(engine, 1, MIDNIGHT - timedelta(seconds=1))
    accept(engine, 2, MIDNIGHT)
    number_all(engine)
    with writing(engine) as session:
        volumes = session.scalars(select(Volume).order_by(Volume.completed_at)).all()
        for version in session.scalars(select(VolumeVersion)):
            version.state, version.committed_at = "COMMITTED", ENDED - timedelta(days=1)
        fonds, series = volumes[0].fonds, volumes[0].series
        for period in ("2026-08", "2026-09", "2026-10"):
            session.add(
                PeriodRun(fonds=fonds, series=series, period=period, begun_at=ENDED, ended_at=ENDED)
            )
    assert followed(engine) == []
    for volume, month in zip(volumes, ("2026-08", "2026-09"), strict=True):
        with writing(engine) as session:
            first = session.scalars(
                select(VolumeVersion).filter_by(volume_id=volume.id, version=1)
            ).one()
            about = {
                "case_revision": first.case_revision,
                "input_digest": "0" * 64,
                "frozen_at": ENDED,
                "state": "COMMITTED",
                "origin": "RENEWAL",
                "committed_at": ENDED + timedelta(days=1),
            }
            session.add(VolumeVersion(volume_id=volume.id, version=2, **about))
        assert followed(engine) == [Term(fonds, Series(series), month)]
        with writing(engine) as session:
            session.query(PeriodRun).filter_by(period=month).one().ended_at = ENDED + timedelta(
                days=2
            )
        assert followed(engine) == []
