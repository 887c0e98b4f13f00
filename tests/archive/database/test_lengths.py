"""What may be long is as long on both databases: PostgreSQL refuses a text that is too long for its
column, SQLite keeps it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, String, inspect, select
from sqlalchemy.orm import InstrumentedAttribute

from archive.accession.accession import take_over
from archive.administration.account_changes import ChangeKind, ChangeState
from archive.administration.accounts import AccountKind, AccountState
from archive.administration.policy import Role
from archive.database.base import Base, TooLongError
from archive.database.engine import reading, writing
from archive.database.tables_administration import Account, AccountChange, DailyUse
from archive.database.tables_cases import Case, CaseActor, CaseSource, Delivery
from archive.database.tables_gathering import CapturedFile, GatheredCase
from archive.database.tables_preservation import FixityCheck
from archive.database.tables_printing import PrintOrder
from archive.database.tables_usage import CopyOrder, UsageRequest
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.gathering.captures import Capture
from archive.gathering.cases import Gathering
from archive.reference.case_facts import CaseFacts
from archive.reference.print_terms import PrintStep
from archive.reference.service_items import load_catalogue, snapshot
from archive.reference.vocabulary import (
    Channel,
    Fixity,
    IntakeOutcome,
    LabelledEnum,
    Node,
    Retention,
    Series,
    SignatureLevel,
    SourceKind,
    VolumeState,
)
from archive.usage.copy_orders import CopyStep
from archive.usage.requests import RequestState

HOME = "150602010000"
START = datetime(2026, 9, 1, tzinfo=UTC)


def longest() -> CaseFacts:
    """A case that passes every node, has materials of every source, and whose texts are as long as
    the format lets them be.
    """
    person = {
        "name": "长" * 200,
        "id_number": "1" * 2000,
        "phone": "1" * 2000,
        "relation": "亲" * 2000,
    }
    process = [
        {
            "node": node,
            "org": HOME,
            "actor_no": f"{place:064d}",
            "actor": "警" * 2000,
            "at": (START + timedelta(hours=place)).isoformat(),
        }
        | {"result": "AGREE", "opinion": "见" * 2000}
        for place, node in enumerate(Node)
    ]
    sources = [
        {"no": place + 1, "type": "料" * 200, "source": source, "pages": 1}
        for place, source in enumerate(SourceKind)
    ]
    return CaseFacts.model_validate(
        {
            "spec": "case-submission/1",
            "case_no": "C" + "0" * 63,
            "item": {"code": "CS01", "version": "2026-1"},
            "channel": max(Channel, key=len),
            "applicant": person,
            "subjects": [person],
            "orgs": {"receive": HOME, "accept": HOME, "domicile": HOME},
            "process": process,
            "materials": [material | {"captured_by": "录" * 2000} for material in sources],
        }
    )


def test_the_longest_case_that_the_format_allows_is_taken_over(engine: Engine) -> None:
    item = load_catalogue().get("CS01", "2026-1")
    with writing(engine) as session:
        take_over(
            session,
            "test",
            facts=longest(),
            snapshot=snapshot(item),
            content_digest="0" * 64,
            originals=(),
            findings=(),
            at=datetime.now(UTC),
        )
    with reading(engine) as session:
        assert session.scalars(select(Case.case_no)).all() == ["C" + "0" * 63]
        assert session.scalars(
            select(CaseSource.source).order_by(CaseSource.source)
        ).all() == sorted(SourceKind)
        assert {len(number) for number in session.scalars(select(CaseActor.actor_no))} == {64}


def test_an_officer_number_longer_than_its_column_is_no_case_of_the_format() -> None:
    facts = longest().model_dump(mode="json")
    facts["process"][0]["actor_no"] += "0"
    with pytest.raises(ValueError, match="actor_no"):
        CaseFacts.model_validate(facts)


def test_a_text_too_long_for_its_column_is_refused_by_its_name_and_not_shown(
    engine: Engine,
) -> None:
    with pytest.raises(TooLongError) as refusal, writing(engine) as session:
        session.add(DailyUse(account="某" * 65, day=START.date()))
    assert "daily_uses.account" in str(refusal.value)
    assert "某" not in str(refusal.value)
    with reading(engine) as session:
        assert session.scalars(select(DailyUse)).all() == []


WORDS: list[tuple[InstrumentedAttribute[Any], type[LabelledEnum]]] = [
    (Account.kind, AccountKind),
    (Account.role, Role),
    (Account.state, AccountState),
    (AccountChange.kind, ChangeKind),
    (AccountChange.state, ChangeState),
    (CapturedFile.state, Capture),
    (CaseActor.node, Node),
    (CaseSource.source, SourceKind),
    (CopyOrder.step, CopyStep),
    (PrintOrder.step, PrintStep),
    (Delivery.outcome, IntakeOutcome),
    (FixityCheck.outcome, Fixity),
    (GatheredCase.state, Gathering),
    (UsageRequest.state, RequestState),
    (Volume.series, Series),
    (Volume.term, Retention),
    (VolumeVersion.state, VolumeState),
    (VolumeVersion.signature_level, SignatureLevel),
]


@pytest.mark.parametrize(
    ("column", "words"), WORDS, ids=lambda value: str(getattr(value, "__name__", value))
)
def test_every_word_of_a_vocabulary_fits_the_column_that_keeps_it(
    column: InstrumentedAttribute[Any], words: type[LabelledEnum]
) -> None:
    assert max(map(len, words)) <= column.type.length


def test_the_database_gives_each_text_the_length_that_its_model_says(engine: Engine) -> None:
    declared = {
        (table.name, column.name): column.type.length
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, String) and column.type.length
    }
    seen = inspect(engine)
    actual = {
        (table, column["name"]): getattr(column["type"], "length", None)
        for table in seen.get_table_names()
        for column in seen.get_columns(table)
    }
    assert {key: actual[key] for key in declared} == declared
