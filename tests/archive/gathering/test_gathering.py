"""Materials gather under their case number, in whatever order they come, and a case is packed once
it is whole.
"""

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from archive.database.encryption import attach_keys, new_keyring
from archive.database.engine import reading, writing
from archive.database.tables_gathering import GatheredCase
from archive.gathering.cases import (
    CompleteCase,
    GatheredFile,
    GatheredPiece,
    Gathering,
    add_piece,
    close_case,
    collecting_rows,
    complete_cases,
    mark_submitted,
    missing_certificates,
    record_arrival,
)
from archive.preservation.key_rotation import reseal_gathered
from archive.reference.vocabulary import IntakeOutcome

AT = datetime(2026, 9, 1, tzinfo=UTC)
CASE = "150602010000-20260901-000001"
FACTS: dict[str, Any] = {
    "case_no": CASE,
    "materials": [
        {"no": 1, "type": "收件单", "source": "SYSTEM_FORM", "form": "RECEIPT"},
        {"no": 2, "type": "出生医学证明", "source": "SHARED_CERT", "holder": "150602199001010016"},
        {"no": 3, "type": "非婚生育说明", "source": "SCANNED_PROOF"},
    ],
}


def tell(
    engine: Engine,
    notice: str,
    *,
    closed: dict[str, Any] | None = None,
    no: int = 0,
    digest: str = "a",
) -> None:
    """One arrival: a closed case, or a material of the case."""
    with writing(engine) as session:
        arrival = record_arrival(
            session,
            "test",
            source="test",
            system="测试",
            notice=notice,
            sha256=(notice * 64)[:64],
            size=1,
            outcome="TAKEN",
            at=AT,
        )
        if closed is not None:
            close_case(session, arrival, closed, at=AT)
        if no:
            piece = GatheredPiece(
                CASE,
                no,
                (GatheredFile(digest * 64, "jpg"),),
                {"type": "x", "source": "SCANNED_PROOF", "pages": 1},
            )
            add_piece(session, arrival, piece, at=AT)


def whole(engine: Engine) -> list[CompleteCase]:
    with reading(engine) as session:
        return complete_cases(session, 10)


def submit(engine: Engine, outcome: IntakeOutcome) -> CompleteCase:
    (case,) = whole(engine)
    with writing(engine) as session:
        mark_submitted(session, "test", case, outcome, at=AT)
    return case


@pytest.mark.parametrize("order", list(permutations(("closed", "two", "three"))))
def test_a_case_is_whole_when_the_last_of_it_has_come_whatever_came_first(
    engine: Engine, order: tuple[str, ...]
) -> None:
    for place, what in enumerate(order):
        assert whole(engine) == [], place
        tell(
            engine,
            what,
            closed=FACTS if what == "closed" else None,
            no={"two": 2, "three": 3}.get(what, 0),
        )
    (case,) = whole(engine)
    assert case.files == {"materials/002-1.jpg": "a" * 64, "materials/003-1.jpg": "a" * 64}
    assert "holder" not in str(case.facts)
    assert "supplement" not in case.facts


def test_what_a_case_lacks_is_listed_and_only_certificates_are_asked_for(engine: Engine) -> None:
    tell(engine, "closed", closed=FACTS)
    with reading(engine) as session:
        (row,) = collecting_rows(session)
        assert row["missing"] == ["002 出生医学证明", "003 非婚生育说明"]
        assert [(wanted.no, wanted.holder) for wanted in missing_certificates(session)] == [
            (2, "150602199001010016")
        ]
        assert "150602199001010016" not in str(row)


def test_materials_of_a_case_that_is_not_closed_are_listed_too(engine: Engine) -> None:
    tell(engine, "two", no=2)
    with reading(engine) as session:
        assert [(row["case_no"], row["closed"]) for row in collecting_rows(session)] == [
            (CASE, False)
        ]


def test_what_comes_after_the_package_makes_one_supplement(engine: Engine) -> None:
    for notice, no in (("two", 2), ("three", 3)):
        tell(engine, notice, no=no)
    tell(engine, "closed", closed=FACTS)
    first = submit(engine, IntakeOutcome.ACCEPTED)
    assert whole(engine) == []
    tell(engine, "late", no=4)
    second = submit(engine, IntakeOutcome.ACCEPTED)
    assert second.facts["supplement"] is True
    assert [material["no"] for material in second.facts["materials"]] == [1, 2, 3, 4]
    assert first.bag != second.bag
    assert whole(engine) == []


def test_what_comes_while_the_package_is_made_is_late_and_not_lost(engine: Engine) -> None:
    for notice, no in (("two", 2), ("three", 3)):
        tell(engine, notice, no=no)
    tell(engine, "closed", closed=FACTS)
    (packed,) = whole(engine)
    tell(engine, "late", no=4)
    with writing(engine) as session:
        mark_submitted(session, "test", packed, IntakeOutcome.ACCEPTED, at=AT)
    assert submit(engine, IntakeOutcome.ACCEPTED).facts["supplement"] is True


def test_a_second_scan_mends_what_was_refused_and_is_no_supplement(engine: Engine) -> None:
    for notice, no in (("two", 2), ("three", 3)):
        tell(engine, notice, no=no)
    tell(engine, "closed", closed=FACTS)
    submit(engine, IntakeOutcome.REFUSED)
    assert whole(engine) == []
    tell(engine, "again", no=3, digest="b")
    (again,) = whole(engine)
    assert "supplement" not in again.facts
    assert again.files["materials/003-1.jpg"] == "b" * 64


def test_the_same_event_twice_is_one_case_and_another_wording_is_a_second_package(
    engine: Engine,
) -> None:
    for notice, no in (("two", 2), ("three", 3)):
        tell(engine, notice, no=no)
    tell(engine, "closed", closed=FACTS)
    tell(engine, "closed again", closed=FACTS)
    submit(engine, IntakeOutcome.ACCEPTED)
    tell(engine, "other", closed={**FACTS, "channel": "ONLINE"})
    assert submit(engine, IntakeOutcome.REFUSED).facts["channel"] == "ONLINE"
    with reading(engine) as session:
        states = session.scalars(select(GatheredCase.state)).all()
    assert states == [Gathering.SUBMITTED] * 2


def test_the_holder_of_what_a_case_waits_for_is_encrypted_and_moves_to_a_new_key(
    engine: Engine,
) -> None:
    ring = new_keyring()
    attach_keys(engine, ring)
    tell(engine, "closed", closed=FACTS)
    fresh = ring.with_new_key()
    attach_keys(engine, fresh)
    with writing(engine) as session:
        (only,) = session.scalars(select(GatheredCase.id))
        assert reseal_gathered(session, fresh, 0, 10) == only
        assert reseal_gathered(session, fresh, only, 10) is None
    with reading(engine) as session:
        facts = session.execute(text("SELECT facts FROM gathered_cases")).scalar_one()
        assert "150602199001010016" not in str(facts)
        assert '"key": "k2"' in str(facts).replace("'", '"')
        assert [wanted.holder for wanted in missing_certificates(session)] == ["150602199001010016"]
