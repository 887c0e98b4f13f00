"""Encrypted columns and the blind index on both databases: nothing in plain on disk, keys that
change, values that do not move.
"""

import base64
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import JSON, Engine, bindparam, select, text, type_coerce, update

from archive.accession import blind_index
from archive.accession.accession import take_over
from archive.administration.policy import Reader, Role
from archive.database.base import Base
from archive.database.encryption import (
    ColumnKeyError,
    Keyring,
    attach_keys,
    ensure_keyring,
    new_keyring,
    read_keyring,
    write_keyring,
)
from archive.database.engine import reading, writing
from archive.database.sealed_columns import SealedJson, SealedText, sealed_type
from archive.database.tables_cases import BlindEntry, Case, CaseRevision
from archive.database.tables_exchange import Webhook
from archive.database.tables_gathering import CapturedFile
from archive.database.tables_volumes import Volume
from archive.finding_aids.supervision import responsibility
from archive.preservation import key_rotation
from archive.reference.case_facts import CaseFacts
from archive.reference.organisations import load_organisations
from tests.support.factories import sound_case

CASE_NO, NAME, ID_NUMBER, PHONE = (
    "150602010000-20260901-000001",
    "测某",
    "150602199001010016",
    "13800000000",
)


def enter(engine: Engine, number: int = 1) -> None:
    facts = CaseFacts.model_validate(sound_case(f"{CASE_NO[:-1]}{number}"))
    with writing(engine) as session:
        take_over(
            session,
            "test",
            facts=facts,
            snapshot={},
            content_digest=f"{number:064d}",
            originals=[],
            findings=[],
            at=datetime.now(UTC),
        )


def stored(engine: Engine) -> list[str]:
    """The facts of both tables as the database holds them."""
    with reading(engine) as session:
        rows = [
            *session.execute(text("SELECT facts FROM cases")),
            *session.execute(text("SELECT facts FROM case_revisions")),
        ]
    return [
        facts if isinstance(facts, str) else json.dumps(facts, ensure_ascii=False)
        for (facts,) in rows
    ]


def reserved(case: Case, number: int) -> Volume:
    about = {"fonds": "J602", "series": "CS", "year": 2026, "term": "Y", "filing_org": CASE_NO[:12]}
    code = f"J602-ZY·HJ·CS·2026·Y-{number:06d}"
    return Volume(
        case_id=case.id,
        code=code,
        number=number,
        completed_at=case.completed_at,
        reserved_at=case.completed_at,
        **about,
    )


def facts_of(engine: Engine) -> list[str]:
    with reading(engine) as session:
        return [
            facts["applicant"]["id_number"]
            for facts in (
                *session.scalars(select(Case.facts)),
                *session.scalars(select(CaseRevision.facts)),
            )
        ]


def test_what_is_taken_over_is_encrypted_in_the_rows_and_read_as_it_was(engine: Engine) -> None:
    attach_keys(engine, new_keyring())
    enter(engine)
    rows = stored(engine)
    assert len(rows) == 2
    assert not [
        secret for secret in (NAME, ID_NUMBER, PHONE, "u6d4b") for row in rows if secret in row
    ]
    assert facts_of(engine) == [ID_NUMBER] * 2


def test_the_same_facts_are_never_the_same_ciphertext(engine: Engine) -> None:
    attach_keys(engine, new_keyring())
    enter(engine)
    assert len({json.loads(value)["value"] for value in stored(engine)}) == 2


def test_without_keys_or_with_others_the_facts_stay_shut(engine: Engine) -> None:
    attach_keys(engine, new_keyring())
    enter(engine)
    attach_keys(engine, new_keyring())
    with pytest.raises(ColumnKeyError):
        facts_of(engine)
    engine.dialect.yice_keys = None  # type: ignore[attr-defined]
    with pytest.raises(ColumnKeyError):
        facts_of(engine)


@pytest.mark.parametrize("place", [0, 20, -1])
def test_one_changed_byte_of_a_value_is_noticed(place: int) -> None:
    ring = new_keyring()
    sealed = ring.seal("某", "cases.facts:1")
    raw = bytearray(base64.b64decode(sealed["value"]))
    raw[place] ^= 1
    with pytest.raises(ColumnKeyError):
        ring.open({**sealed, "value": base64.b64encode(raw).decode()}, "cases.facts:1", "json")
    for elsewhere in ("cases.facts:2", "case_revisions.facts:1", "cases.facts:11"):
        with pytest.raises(ColumnKeyError):
            ring.open(sealed, elsewhere, "json")
    assert ring.open(sealed, "cases.facts:1", "json") == "某"


def swap_facts(engine: Engine, table: type[Case | CaseRevision]) -> None:
    """What an attacker with the database does: put the facts of row 2 into row 1."""
    facts = Base.metadata.tables[table.__tablename__].c.facts
    other = table.__table__.alias()
    with engine.begin() as connection:
        connection.execute(
            update(table)
            .where(table.id == 1)
            .values(
                {
                    facts: select(type_coerce(other.c.facts, JSON))
                    .where(other.c.id == 2)
                    .scalar_subquery()
                }
            )
        )


@pytest.mark.parametrize("table", [Case, CaseRevision])
def test_facts_moved_into_another_row_open_nowhere(
    engine: Engine, table: type[Case | CaseRevision]
) -> None:
    attach_keys(engine, new_keyring())
    enter(engine, 1)
    enter(engine, 2)
    swap_facts(engine, table)
    queries: tuple[Any, ...] = (select(table), select(table.facts), select(table.facts, table.id))
    for query in queries:
        with reading(engine) as session, pytest.raises(ColumnKeyError):
            session.execute(query.where(table.id == 1)).all()
    with reading(engine) as session:
        assert session.get_one(table, 2).facts["applicant"]["id_number"] == ID_NUMBER


def test_facts_of_a_case_do_not_open_as_those_of_its_revision(engine: Engine) -> None:
    attach_keys(engine, new_keyring())
    enter(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE case_revisions SET facts = (SELECT facts FROM cases)"))
    with reading(engine) as session, pytest.raises(ColumnKeyError):
        session.scalars(select(CaseRevision)).all()


def unbound_form(ring: Keyring, value: str) -> str:
    """The facts as an archive sealed them before values were bound to rows."""
    nonce = b"0" * 12
    sealed = AESGCM(ring.keys[ring.current]).encrypt(nonce, value.encode(), b"yice-sealed/1\0json")
    return json.dumps(
        {
            "sealed": "yice-sealed/1",
            "key": ring.current,
            "value": base64.b64encode(nonce + sealed).decode(),
        }
    )


def test_values_from_before_rows_were_bound_are_bound_by_the_rotation_and_then_refused(
    engine: Engine,
) -> None:
    ring = replace(new_keyring(), unbound=("k1",))
    attach_keys(engine, ring)
    for number in (1, 2):
        enter(engine, number)
    with reading(engine) as session:
        facts = json.dumps(session.get_one(Case, 1).facts)
    with engine.begin() as connection:
        value = bindparam("facts", json.loads(unbound_form(ring, facts)), type_=JSON)
        connection.execute(text("UPDATE cases SET facts = :facts").bindparams(value))
    assert facts_of(engine) == [ID_NUMBER] * 4
    attach_keys(engine, replace(ring, unbound=()))
    with pytest.raises(ColumnKeyError):
        facts_of(engine)
    attach_keys(engine, ring)
    with writing(engine) as session:
        assert key_rotation.reseal(session, ring, 0, 10) == 2
    attach_keys(engine, replace(ring, unbound=()))
    assert facts_of(engine) == [ID_NUMBER] * 4
    swap_facts(engine, Case)
    with pytest.raises(ColumnKeyError):
        facts_of(engine)


def test_facts_in_plain_are_refused_where_all_are_bound(engine: Engine) -> None:
    enter(engine)
    attach_keys(engine, new_keyring())
    with pytest.raises(ColumnKeyError):
        facts_of(engine)


def test_several_rows_of_one_flush_are_each_bound_to_their_own(engine: Engine) -> None:
    attach_keys(engine, new_keyring())
    at = datetime.now(UTC)
    about = {"account": "a", "org": "150602010000", "url": "http://127.0.0.1/", "cursor": 0}
    fresh = "new"
    with writing(engine) as session:
        session.add_all(
            Webhook(secret=f"s{number}", next_at=at, created_at=at, **about) for number in range(3)
        )
    with writing(engine) as session:
        session.scalars(select(Webhook).order_by(Webhook.id)).all()[1].secret = fresh
    with reading(engine) as session:
        assert sorted(session.scalars(select(Webhook.secret))) == ["new", "s0", "s2"]


def test_rotation_puts_every_row_under_the_new_key_and_may_be_run_again(engine: Engine) -> None:
    old = new_keyring()
    attach_keys(engine, old)
    for number in (1, 2, 3):
        enter(engine, number)
    ring = old.with_new_key()
    attach_keys(engine, ring)
    assert facts_of(engine) == [ID_NUMBER] * 6
    for _ in range(2):
        after: int | None = 0
        while after is not None:
            with writing(engine) as session:
                after = key_rotation.reseal(session, ring, after, 2)
    assert {json.loads(value)["key"] for value in stored(engine)} == {"k2"}
    attach_keys(engine, Keyring("k2", {"k2": ring.keys["k2"]}, ring.blind, ring.blinds))
    assert facts_of(engine) == [ID_NUMBER] * 6


def test_rotation_puts_names_of_captured_files_and_secrets_of_webhooks_under_the_new_key(
    engine: Engine,
) -> None:
    old, at = new_keyring(), datetime.now(UTC)
    attach_keys(engine, old)
    with writing(engine) as session:
        for number in range(3):
            session.add(
                Webhook(
                    account="a",
                    org="150602010000",
                    url="http://127.0.0.1/",
                    secret=f"s{number}",
                    cursor=0,
                    next_at=at,
                    created_at=at,
                )
            )
            about = {
                "account": "a",
                "org": "150602010000",
                "size": 1,
                "sha256": "0" * 64,
                "state": "SENDING",
                "station": "1",
                "operator": "1",
            }
            about |= {
                "dpi": 300,
                "captured_at": at,
                "position": 1,
                "of": 1,
                "pieces": [],
                "findings": [],
                "created_at": at,
            }
            session.add(CapturedFile(id=f"{number:032d}", name=f"{NAME}.jpg", **about))
    ring = old.with_new_key()
    attach_keys(engine, ring)
    done: int | None = 0
    while done is not None:
        with writing(engine) as session:
            last, done = done, key_rotation.reseal_texts(session, ring, done, 2)
    assert last == 6
    attach_keys(engine, Keyring("k2", {"k2": ring.keys["k2"]}, ring.blind, ring.blinds))
    with reading(engine) as session:
        assert session.scalars(select(CapturedFile.name)).all() == [f"{NAME}.jpg"] * 3
        assert sorted(session.scalars(select(Webhook.secret))) == ["s0", "s1", "s2"]


def test_every_sealed_column_of_the_schema_is_one_that_rotation_knows() -> None:
    sealed = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if sealed_type(column.type)
    }
    places = {
        column.type.place
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, SealedJson | SealedText)
    }
    assert (
        places
        == sealed
        == {
            "cases.facts",
            "case_revisions.facts",
            "gathered_cases.facts",
            "captured_files.name",
            "check_acts.text",
            "paper_loans.borrower",
            "usage_requests.visitor",
            "webhooks.secret",
            "kept_views.body",
            "saved_searches.name",
            "saved_searches.query",
            "window_acts.content",
            "window_officers.id_number",
        }
    )


def test_rows_from_before_there_were_keys_are_read_and_sealed_by_the_job(engine: Engine) -> None:
    enter(engine)
    assert ID_NUMBER in stored(engine)[0]
    ring = replace(new_keyring(), unbound=("k1",))
    attach_keys(engine, ring)
    assert facts_of(engine) == [ID_NUMBER] * 2
    with writing(engine) as session:
        assert key_rotation.reseal(session, ring, 0, 10) == 1
        assert key_rotation.reseal(session, ring, 1, 10) is None
    assert not [row for row in stored(engine) if ID_NUMBER in row]
    with reading(engine) as session:
        supervisor = Reader("s", Role.CITY_SUPERVISOR, "150600000000")
        assert [
            row["node"] for row in responsibility(session, supervisor, "3", load_organisations())
        ] == ["APPROVE"]


def test_a_process_that_started_before_the_rotation_reads_what_came_after_it(
    engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "keys" / "columns.json"
    attach_keys(engine, ensure_keyring(path).with_new_key())
    enter(engine)
    early = ensure_keyring(path)
    attach_keys(engine, early, lambda: ensure_keyring(path))
    with pytest.raises(ColumnKeyError):
        facts_of(engine)
    fresh = early.with_new_key()
    write_keyring(path, fresh)
    attach_keys(engine, fresh)
    enter(engine, 2)
    attach_keys(engine, early, lambda: ensure_keyring(path))
    with reading(engine) as session:
        facts = session.scalars(select(Case.facts).where(Case.case_no.endswith("2"))).one()
    assert facts["applicant"]["id_number"] == ID_NUMBER


def test_the_blind_index_finds_cases_by_exact_number_and_by_its_ends_and_holds_only_digests(
    engine: Engine,
) -> None:
    ring = new_keyring()
    attach_keys(engine, ring)
    enter(engine)
    with reading(engine) as session:
        entries = [(entry.kind, entry.digest) for entry in session.scalars(select(BlindEntry))]
    expected = {
        (blind_index.ID_NUMBER, ID_NUMBER),
        (blind_index.ID_ENDS, "1506020016"),
        (blind_index.PHONE, PHONE),
    }
    assert set(entries) == {(kind, ring.digest(kind, value)) for kind, value in expected}
    assert (
        ring.digest("ID_NUMBER", ID_NUMBER)
        != ring.digest("PHONE", ID_NUMBER)
        != new_keyring().digest("PHONE", ID_NUMBER)
    )


def test_a_blind_key_is_changed_in_batches_while_every_look_up_goes_on_and_a_kill_costs_one_batch(
    engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "columns.json"
    attach_keys(engine, ensure_keyring(path), lambda: ensure_keyring(path))
    for number in (1, 2, 3, 4):
        enter(engine, number)
        with writing(engine) as session:
            case = session.scalars(select(Case).where(Case.case_no.endswith(str(number)))).one()
            session.add(reserved(case, number))

    def hits() -> int:
        with reading(engine) as session:
            return len(blind_index.volumes_naming(session, blind_index.ID_NUMBER, ID_NUMBER))

    def keys() -> Counter[str]:
        with reading(engine) as session:
            return Counter(
                session.scalars(select(BlindEntry.key).where(BlindEntry.kind == blind_index.PHONE))
            )

    assert hits() == 4
    write_keyring(path, ensure_keyring(path).with_new_blind_key())
    with writing(engine) as session:
        assert key_rotation.rehash(session, 1) == 1
    with pytest.raises(ZeroDivisionError), writing(engine) as session:
        key_rotation.rehash(session, 2)
        _ = 1 / 0  # what a kill leaves of a batch: nothing
    assert (hits(), keys()) == (4, {"b1": 3, "b2": 1})
    enter(engine, 5)
    assert keys() == {"b1": 3, "b2": 2}
    while True:
        with writing(engine) as session:
            if not key_rotation.rehash(session, 2):
                break
        assert hits() == 4
    assert (hits(), keys()) == (4, {"b2": 5})


def test_a_ring_from_before_blind_keys_had_names_is_read_as_one_with_the_first() -> None:
    ring = new_keyring()
    old = {name: base64.b64encode(key).decode() for name, key in ring.keys.items()}
    text_of_old = json.dumps(
        {"current": "k1", "keys": old, "blind": base64.b64encode(ring.blinds["b1"]).decode()}
    )
    assert read_keyring(text_of_old) == replace(ring, unbound=("k1",))


def test_of_many_that_start_at_once_one_makes_the_keys_and_all_read_the_same(
    tmp_path: Path,
) -> None:
    path, rings = tmp_path / "keys" / "columns.json", []
    threads = [Thread(target=lambda: rings.append(ensure_keyring(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rings) == 8
    assert {ring.blinds["b1"] for ring in rings} == {rings[0].blinds["b1"]}
    assert path.stat().st_mode & 0o077 == 0
    assert list(path.parent.iterdir()) == [path]


def test_no_key_is_in_the_text_of_a_keyring_and_a_broken_file_is_told() -> None:
    ring = new_keyring()
    assert base64.b64encode(ring.blinds["b1"]).decode() not in repr(ring)
    assert repr(ring.blinds["b1"]) not in repr(ring)
    for broken in ("", "{}", '{"current": "k1", "keys": {"k1": "c2hvcnQ="}, "blind": "c2hvcnQ="}'):
        with pytest.raises(ColumnKeyError):
            read_keyring(broken)
