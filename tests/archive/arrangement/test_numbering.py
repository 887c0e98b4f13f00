from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select, update

from archive.arrangement.numbering import freeze, unnumbered
from archive.database.engine import reading, writing
from archive.database.tables_cases import Case
from archive.database.tables_volumes import Step, Volume, VolumeVersion
from archive.jobs.version_steps import claim_version, record_step
from archive.reference.errors import LeaseLostError
from archive.reference.organisations import load_organisations
from archive.reference.service_items import load_catalogue
from archive.reference.vocabulary import VolumeState
from tests.support.filing import FILER, FILING
from tests.support.ready_cases import accept

HOME, OTHER = "150602010000", "150622020000"
CATALOGUE, ORGANISATIONS = load_catalogue(), load_organisations()


def number_all(engine: Engine) -> list[tuple[str, bool]]:
    """Reserve numbers for what waits; returns code and 补归 of all volumes in order of number."""
    with writing(engine) as session:
        freeze(
            session,
            FILER,
            unnumbered(session),
            catalogue=CATALOGUE,
            units=FILING,
            at=datetime.now(UTC),
        )
    with reading(engine) as session:
        return [
            (code, late)
            for code, late in session.execute(
                select(Volume.code, Volume.late).order_by(
                    Volume.fonds, Volume.series, Volume.number
                )
            )
        ]


START = datetime(2026, 9, 1, 2, tzinfo=UTC)


def test_numbers_follow_the_order_of_completion_whatever_the_order_of_arrival(
    engine: Engine,
) -> None:
    for number, hours in ((1, 5), (2, 1), (3, 3)):
        accept(engine, number, START + timedelta(hours=hours))
    assert [late for _, late in number_all(engine)] == [False, False, False]
    with reading(engine) as session:
        order = list(
            session.scalars(
                select(Case.case_no).join(Volume, Volume.case_id == Case.id).order_by(Volume.number)
            )
        )
    assert [code[-1] for code in order] == ["2", "3", "1"]


def test_a_case_that_arrives_after_its_period_takes_the_next_number_and_is_marked_late(
    engine: Engine,
) -> None:
    accept(engine, 1, START + timedelta(hours=5))
    number_all(engine)
    accept(engine, 2, START)
    assert number_all(engine) == [
        ("J602-ZY·HJ·CS·2026·Y-000001", False),
        ("J602-ZY·HJ·CS·2026·Y-000002", True),
    ]


def test_a_case_received_elsewhere_is_filed_at_the_receiving_place_and_referred_to_from_home(
    engine: Engine,
) -> None:
    accept(engine, 1, START, receive=OTHER)
    assert number_all(engine) == [("J622-ZY·HJ·QY·2026·Y-000001", False)]
    with reading(engine) as session:
        volume = session.scalars(select(Volume)).one()
        assert (volume.cross_fonds, volume.cross_series, volume.cross_org) == ("J602", "CS", HOME)


def test_an_abandoned_batch_gives_its_numbers_back_whole(engine: Engine) -> None:
    accept(engine, 1, START)
    with pytest.raises(ZeroDivisionError), writing(engine) as session:
        freeze(
            session,
            FILER,
            unnumbered(session),
            catalogue=CATALOGUE,
            units=FILING,
            at=START,
        )
        raise ZeroDivisionError
    assert number_all(engine) == [("J602-ZY·HJ·CS·2026·Y-000001", False)]


def test_only_one_worker_holds_a_volume_and_an_expired_lease_is_fenced_off(engine: Engine) -> None:
    accept(engine, 1, START)
    number_all(engine)
    with writing(engine) as session:
        version_id = session.scalars(select(VolumeVersion.id)).one()
        first = claim_version(session, version_id, "one")
        assert first is not None
    with writing(engine) as session:
        assert claim_version(session, version_id, "two") is None
        session.execute(update(VolumeVersion).values(lease_until=START))
        second = claim_version(session, version_id, "two")
        assert second is not None
    with pytest.raises(LeaseLostError), writing(engine) as session:
        record_step(session, "one", first, VolumeState.COMPILED, {"pages": 1})
    with writing(engine) as session:
        assert record_step(session, "two", second, VolumeState.COMPILED, {"pages": 2}) == {
            "pages": 2
        }


def test_the_first_recorded_result_of_a_step_wins(engine: Engine) -> None:
    accept(engine, 1, START)
    number_all(engine)
    with writing(engine) as session:
        claim = claim_version(session, session.scalars(select(VolumeVersion.id)).one(), "one")
        assert claim is not None
        record_step(session, "one", claim, VolumeState.COMPILED, {"pages": 1})
    with writing(engine) as session:
        assert record_step(session, "one", claim, VolumeState.COMPILED, {"pages": 9}) == {
            "pages": 1
        }
        assert session.query(Step).count() == 1
