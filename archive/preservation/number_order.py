"""The numbers of volumes: none missing without a reason, in order of completion (I5, I6)."""

import itertools
from collections.abc import Iterator

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from archive.database.engine import reading
from archive.database.tables_volumes import NumberCounter, Volume, VolumeVersion
from archive.preservation.faults import Fault
from archive.reference.vocabulary import VolumeState

_SHOWN = 10


def number_faults(engine: Engine) -> Iterator[Fault]:
    """Yield gaps without a reason, and numbers out of order of completion (I5, I6)."""
    with reading(engine) as session:
        for counter in session.scalars(select(NumberCounter)).all():
            name = f"{counter.fonds}·{counter.series}·{counter.year}·{counter.term}"
            query = (
                select(Volume.number, Volume.late, Volume.completed_at)
                .filter_by(
                    fonds=counter.fonds,
                    series=counter.series,
                    year=counter.year,
                    term=counter.term,
                )
                .order_by(Volume.number)
                .execution_options(yield_per=500)
            )
            expected, missing, before, ordered = 1, list[int](), None, True
            for number, late, completed_at in session.execute(query):
                missing += itertools.islice(range(expected, number), _SHOWN - len(missing))
                expected = number + 1
                if not late:
                    ordered &= before is None or before <= completed_at
                    before = completed_at
            end = range(expected, counter.last + 1)
            missing += itertools.islice(end, max(_SHOWN - len(missing), 0))
            if missing:
                yield Fault("I5", name, f"断号且无作废说明：{missing}")
            if not ordered:
                yield Fault("I6", name, "册号顺序与办结时间顺序不一致")
        yield from _voided(session)


def _voided(session: Session) -> Iterator[Fault]:
    """Check I5: a number without a volume is void with a reason, and a void number has none."""
    lives = (
        select(VolumeVersion.id)
        .where(VolumeVersion.volume_id == Volume.id, VolumeVersion.state != VolumeState.VOID)
        .exists()
    )
    query = (
        select(Volume.code, Volume.void_reason)
        .where(Volume.void_reason.is_(None) != lives)
        .order_by(Volume.code)
        .execution_options(yield_per=500)
    )
    for code, reason in session.execute(query):
        yield Fault(
            "I5", code, "档号没有册，也无作废说明" if reason is None else "已作废的档号仍有册"
        )
