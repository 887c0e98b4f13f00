"""Whether the numbers of a series follow the time of completion (R21), on both databases."""

from datetime import timedelta

from sqlalchemy import Engine, select, true

from archive.database.engine import reading, writing
from archive.database.tables_volumes import Volume
from archive.finding_aids.volumes import OrderCheck, check_order
from tests.archive.arrangement.test_numbering import START, accept, number_all


def checked(engine: Engine, *, whole: bool = True) -> OrderCheck:
    with reading(engine) as session:
        volume = session.scalars(select(Volume)).first()
        assert volume is not None
        return check_order(
            session, (volume.fonds, volume.series, volume.year, volume.term), true(), whole=whole
        )


def test_a_series_in_order_holds_and_each_fault_is_named_by_its_number(engine: Engine) -> None:
    for number in range(1, 6):
        accept(engine, number, START + timedelta(hours=number))
    number_all(engine)
    assert checked(engine) == OrderCheck(5, 0, 0, (), ())
    with writing(engine) as session:
        rows = session.scalars(select(Volume).order_by(Volume.number)).all()
        rows[2].completed_at = START  # older than the two before it
        rows[3].completed_at, rows[3].late = START, True  # the same, and marked
        rows[4].number = 8
    assert checked(engine) == OrderCheck(5, 1, 0, (3,), (5, 6, 7))
    assert checked(engine, whole=False).missing == ()  # who does not see all can miss none
