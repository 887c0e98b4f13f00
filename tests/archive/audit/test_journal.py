import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from archive.audit import journal
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry


def _fill(engine: Engine, count: int = 5) -> None:
    for number in range(count):
        with writing(engine) as session:
            journal.record(session, "test", "ACT", f"subject-{number}", number=number, note="中文")


def _break(engine: Engine, statement: str) -> None:
    """Do what a person with the database's own key could do: switch the triggers off first."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE journal DISABLE TRIGGER ALL"))
        else:
            connection.execute(text("DROP TRIGGER journal_no_update"))
            connection.execute(text("DROP TRIGGER journal_no_delete"))
        connection.execute(text(statement))


def _first_fault(engine: Engine) -> int | None:
    with reading(engine) as session:
        _, fault = journal.verify(session)
    return fault.seq if fault else None


def test_an_untouched_journal_verifies_whole(engine: Engine) -> None:
    _fill(engine)
    with reading(engine) as session:
        assert journal.verify(session) == (5, None)
        assert journal.head(session).startswith("5:")


def _in_stretches(engine: Engine, most: int) -> int | None:
    good, fault = 0, None
    with reading(engine) as session:
        while fault is None:
            before = good
            good, fault = journal.verify(session, before, most)
            if fault is None and good - before < most:
                break
    assert good == (fault.seq - 1 if fault else journal_length(engine))
    return fault.seq if fault else None


def journal_length(engine: Engine) -> int:
    with reading(engine) as session:
        return journal.length(session)


@pytest.mark.parametrize("most", [1, 2, 3, 5, 6])
def test_a_walk_in_stretches_finds_what_one_walk_finds(engine: Engine, most: int) -> None:
    assert _in_stretches(engine, most) is None
    _fill(engine)
    assert _in_stretches(engine, most) is None
    _break(engine, "DELETE FROM journal WHERE seq=3")
    assert _in_stretches(engine, most) == _first_fault(engine) == 3


@pytest.mark.parametrize(
    "statement",
    ["UPDATE journal SET actor='x'", "DELETE FROM journal", "DELETE FROM journal WHERE seq=5"],
)
def test_the_database_itself_refuses_to_change_or_remove_an_entry(
    engine: Engine, statement: str
) -> None:
    _fill(engine)
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
    assert _first_fault(engine) is None


@pytest.mark.parametrize(
    ("statement", "first"),
    [
        ("UPDATE journal SET detail='{}' WHERE seq=3", 3),
        ("UPDATE journal SET at='2020-01-01' WHERE seq=1", 1),
        ("DELETE FROM journal WHERE seq=2", 2),
        ("UPDATE journal SET subject=(SELECT subject FROM journal WHERE seq=1) WHERE seq=4", 4),
        ("UPDATE journal SET previous='0' WHERE seq=5", 5),
    ],
)
def test_verify_names_the_first_entry_that_was_tampered_with(
    engine: Engine, statement: str, first: int
) -> None:
    _fill(engine)
    _break(engine, statement)
    assert _first_fault(engine) == first


def test_an_entry_lives_and_dies_with_its_transaction(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), writing(engine) as session:
        journal.record(session, "test", "ACT", "lost")
        raise ZeroDivisionError
    with reading(engine) as session:
        assert session.query(JournalEntry).count() == 0
