"""A choice among what waits: its preview is what is given, or nothing is."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select

from archive.administration.filing_units import NotFilingError
from archive.administration.policy import Reader, Role
from archive.arrangement.choice import EVERYTHING, Choice
from archive.arrangement.numbering import freeze, unnumbered
from archive.arrangement.selection import (
    NotReadyError,
    Numbered,
    StalePreviewError,
    number_chosen,
    preview,
    spans_of,
)
from archive.database.engine import reading, writing
from archive.database.tables_volumes import Volume
from archive.finding_aids.period_counts import by_period, period_counts
from archive.reference.findings import finding
from archive.reference.vocabulary import Series
from tests.support.filing import FILER, FILING
from tests.support.ready_cases import CATALOGUE, HOME, accept

OTHER, BEYOND = "150622020000", "150623010000"
START = datetime(2026, 9, 1, 2, tzinfo=UTC)
AT_HOME = Reader("home", Role.ARCHIVIST, HOME)


def shown(engine: Engine, choice: Choice, filer: Reader = FILER) -> list[Numbered]:
    with reading(engine) as session:
        rows = preview(session, filer, choice, catalogue=CATALOGUE, units=FILING)
    return [row.numbered for row in rows]


def give(
    engine: Engine, choice: Choice, expected: list[Numbered], filer: Reader = FILER
) -> list[str]:
    with writing(engine) as session:
        volumes = number_chosen(
            session, filer, choice, expected, catalogue=CATALOGUE, units=FILING, at=START
        )
        return [volume.code for volume in volumes]


def volumes(engine: Engine) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count()).select_from(Volume)) or 0


def test_what_is_given_is_what_was_previewed_in_that_order(engine: Engine) -> None:
    second, first = (accept(engine, at, START + timedelta(hours=5 - at)) for at in (1, 2))
    away = accept(engine, 3, START, receive=OTHER)
    seen = shown(engine, EVERYTHING)
    assert seen == [
        (away, "J622-ZY·HJ·QY·2026·Y-000001"),
        (first, "J602-ZY·HJ·CS·2026·Y-000001"),
        (second, "J602-ZY·HJ·CS·2026·Y-000002"),
    ]
    assert volumes(engine) == 0
    assert give(engine, EVERYTHING, seen) == [code for _, code in seen]


def test_one_case_alone_takes_the_number_and_the_earlier_one_becomes_late(engine: Engine) -> None:
    early, late = accept(engine, 1, START), accept(engine, 2, START + timedelta(hours=1))
    alone = Choice(frozenset({late}))
    assert give(engine, alone, shown(engine, alone)) == ["J602-ZY·HJ·CS·2026·Y-000001"]
    with reading(engine) as session:
        (row,) = preview(session, FILER, EVERYTHING, catalogue=CATALOGUE, units=FILING)
        (span,) = spans_of(session, [row])
    assert (row.case.case_no, row.code[-1], row.late) == (early, "2", True)
    assert (span.count, span.late, span.follows) == (1, 1, "J602-ZY·HJ·CS·2026·Y-000001")


@pytest.mark.parametrize(
    ("choice", "places"),
    [
        (Choice(period="2026-10"), (2,)),
        (Choice(receive_org=OTHER), (3,)),
        (Choice(series=Series.QY), (3,)),
        (Choice(series=Series.CS), (1, 2)),
        (Choice(item="CS01"), (1, 2, 3)),
        (Choice(item="CS02"), ()),
    ],
)
def test_each_filter_chooses(engine: Engine, choice: Choice, places: tuple[int, ...]) -> None:
    accept(engine, 1, START)
    accept(engine, 2, datetime(2026, 9, 30, 16, tzinfo=UTC))  # October in the archive's zone
    accept(engine, 3, START, receive=OTHER)
    chosen = sorted(int(case_no[-1]) for case_no, _ in shown(engine, choice))
    assert chosen == list(places)


def test_a_preview_that_holds_no_longer_gives_nothing_and_says_what_changed(
    engine: Engine,
) -> None:
    kept, taken = accept(engine, 1, START), accept(engine, 2, START + timedelta(hours=1))
    seen = shown(engine, EVERYTHING)
    new = accept(engine, 3, START + timedelta(hours=2))
    with pytest.raises(StalePreviewError, match=f"新增 {new}"):
        give(engine, EVERYTHING, seen)
    give(engine, Choice(frozenset({taken})), [(taken, seen[0][1])])
    with pytest.raises(StalePreviewError) as stale:
        give(engine, Choice(frozenset({kept, taken})), seen)
    assert f"{taken} 已不在待组卷之列" in stale.value.changes
    assert f"{kept} 应为 J602-ZY·HJ·CS·2026·Y-000002" in stale.value.changes
    assert volumes(engine) == 1


def test_what_another_process_counted_meanwhile_is_met_before_anything_is_given(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counter moves after the proposal and before its lock, as it can on PostgreSQL."""
    case_no = accept(engine, 1, START)
    seen = shown(engine, EVERYTHING)
    monkeypatch.setattr("archive.arrangement.selection._counted", lambda *_: 0)
    accept(engine, 2, START)
    other = Choice(frozenset({f"{HOME}-20260901-000002"}))
    give(engine, other, shown(engine, other))
    with pytest.raises(StalePreviewError, match="应为 J602-ZY·HJ·CS·2026·Y-000002"):
        give(engine, Choice(frozenset({case_no})), seen)
    assert volumes(engine) == 1


def test_only_the_filing_unit_numbers_and_a_stranger_learns_nothing(engine: Engine) -> None:
    theirs = accept(engine, 1, START, receive=OTHER)
    foreign = accept(engine, 2, START, receive=BEYOND, domicile=BEYOND)
    for choice in (Choice(frozenset({theirs})), Choice(frozenset({theirs}), period="2026-09")):
        with pytest.raises(NotFilingError):
            shown(engine, choice, AT_HOME)
    with pytest.raises(NotFilingError):
        give(engine, Choice(frozenset({theirs})), [(theirs, "x")], AT_HOME)
    for case_no in (foreign, "150623010000-20260901-000099"):
        with pytest.raises(NotReadyError, match=f"{case_no} 不在待组卷之列"):
            shown(engine, Choice(frozenset({case_no})), AT_HOME)
    assert shown(engine, EVERYTHING, AT_HOME) == []
    assert volumes(engine) == 0


def test_the_calendar_counts_what_is_due_filed_and_open(engine: Engine) -> None:
    accept(engine, 1, START)
    accept(engine, 2, START)
    accept(engine, 3, START, receive=OTHER)
    accept(engine, 4, datetime(2026, 9, 30, 16, tzinfo=UTC))
    accept(engine, 5, START, findings=(finding("BLANK_PAGE", "material 1", material=1, page=1),))
    with writing(engine) as session:
        (case, *_) = unnumbered(session)
        freeze(session, FILER, [case], catalogue=CATALOGUE, units=FILING, at=START)
    with reading(engine) as session:
        rows = period_counts(session, None, FILING.rule, year=2026)
        assert period_counts(session, frozenset({OTHER}), FILING.rule, year=2026) == [
            row for row in rows if row.unit == OTHER
        ]
        assert period_counts(session, None, FILING.rule, year=2025) == []
    assert [
        (row.period, row.unit, row.due, row.checking, row.ready, row.making) for row in rows
    ] == [
        ("2026-09", HOME, 3, 1, 1, 1),
        ("2026-09", OTHER, 1, 0, 1, 0),
        ("2026-10", HOME, 1, 0, 1, 0),
    ]
    assert [(row.period, row.due, row.filed, row.open) for row in by_period(rows)] == [
        ("2026-09", 4, 0, 4),
        ("2026-10", 1, 0, 1),
    ]
