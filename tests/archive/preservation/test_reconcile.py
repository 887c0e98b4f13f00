"""Attacks on an archive by somebody who can write one of its witnesses: each is named."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import Engine, text

from archive.accession.recheck import wait_again
from archive.administration.accounts import first_administrators
from archive.administration.passwords import fresh_secret
from archive.arrangement.numbering import freeze, unnumbered
from archive.audit import journal
from archive.checking.confirming import confirm
from archive.database.encryption import attach_keys, new_keyring
from archive.database.engine import reading, writing
from archive.database.tables_administration import Login
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case
from archive.database.tables_usage import UsageRequest
from archive.preservation.bucket import bucket_faults
from archive.preservation.faults import Fault
from archive.preservation.number_order import number_faults
from archive.preservation.reconcile import reconcile
from archive.reference.findings import finding
from tests.support.filing import FILER, FILING
from tests.support.holdings import CATALOGUE, ORGANISATIONS, Holdings, holdings, sound_case
from tests.support.staffed import staff

_FREED = ("DROP TRIGGER IF EXISTS journal_no_update", "DROP TRIGGER IF EXISTS journal_no_delete")


def faults_of(archive: Holdings) -> list[Fault]:
    return list(reconcile(archive.engine, archive.store))


def statements(*texts: str) -> Callable[[Holdings], None]:
    """An attack by statements of SQL, by somebody whom no foreign key stops."""

    def attack(archive: Holdings) -> None:
        with archive.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            for statement in texts:
                connection.exec_driver_sql(statement)

    return attack


def rechain(archive: Holdings, change: Callable[[list[list[str]]], None]) -> None:
    """Change the entries of the journal, and mend every digest after that."""
    with reading(archive.engine) as session:
        entries = [
            [entry.at, entry.actor, entry.act, entry.subject, entry.detail]
            for entry in journal.entries(session)
        ]
    change(entries)
    with writing(archive.engine) as session:
        for statement in (*_FREED, "DELETE FROM journal"):
            session.execute(text(statement))
        previous = journal.GENESIS
        names = ("at", "actor", "act", "subject", "detail")
        for seq, values in enumerate(entries, 1):
            fields = dict(zip(names, values, strict=True))
            entry = JournalEntry(seq=seq, previous=previous, digest="", **fields)
            previous = entry.digest = journal._digest(entry)
            session.add(entry)


def remove_highest(archive: Holdings) -> None:
    """The highest volume goes: rows, objects, counter less one."""
    statements(
        "CREATE TEMP TABLE gone AS SELECT id FROM volumes WHERE number = 3",
        "CREATE TEMP TABLE gone_versions AS SELECT id FROM volume_versions"
        " WHERE volume_id IN (SELECT id FROM gone)",
        "DELETE FROM steps WHERE volume_version_id IN (SELECT id FROM gone_versions)",
        "DELETE FROM jobs WHERE version_id IN (SELECT id FROM gone_versions)",
        "DELETE FROM index_feed WHERE volume_id IN (SELECT id FROM gone)",
        "DELETE FROM volume_versions WHERE volume_id IN (SELECT id FROM gone)",
        "DELETE FROM volumes WHERE id IN (SELECT id FROM gone)",
        "UPDATE number_counters SET last = last - 1",
    )(archive)
    for stat in list(archive.store.list("volumes/")):
        if "/000003/" in stat.key:
            archive.store.discard(stat.key, stat.version)


def rewrite_reason(entries: list[list[str]]) -> None:
    entries[0][1] = "somebody else"


def cut_tail(entries: list[list[str]]) -> None:
    del entries[-3:]


ATTACKS: dict[str, tuple[str, Callable[[Holdings], None]]] = {
    "the highest volume is removed with its objects, its counter goes back": (
        "I12",
        remove_highest,
    ),
    "an entry is changed and the chain mended": ("I13", lambda a: rechain(a, rewrite_reason)),
    "the tail of the journal is cut": ("I12", lambda a: rechain(a, cut_tail)),
    "a case is given to another station": (
        "I12",
        statements("UPDATE cases SET receive_org = '150603010000' WHERE id = 1"),
    ),
    "a volume is given to another station": (
        "I12",
        statements("UPDATE volumes SET filing_org = '150603010000' WHERE id = 1"),
    ),
    "a counter goes back": ("I5", statements("UPDATE number_counters SET last = last - 1")),
    "facts of two revisions are exchanged": (
        "I12",
        statements(
            "UPDATE case_revisions SET facts = (SELECT facts FROM case_revisions WHERE id = 2)"
            " WHERE id = 1"
        ),
    ),
    "an accepted revision waits again": (
        "I12",
        statements("UPDATE case_revisions SET state = 'CONFIRM' WHERE id = 2"),
    ),
    "a committed version begins anew": (
        "I12",
        statements("UPDATE volume_versions SET state = 'FROZEN' WHERE id = 1"),
    ),
    "a version names other bytes": (
        "I12",
        statements("UPDATE volume_versions SET sha256 = lower(sha256 || '0') WHERE id = 1"),
    ),
    "a step has another result": ("I12", statements("DELETE FROM steps WHERE id = 3")),
    "an original leaves the list": ("I12", statements("DELETE FROM components WHERE id = 1")),
    "an account is made": (
        "I12",
        statements(
            "INSERT INTO accounts (login, kind, name, org, role, scopes, state, failures,"
            " proposed_by, must_change, created_at) VALUES ('ghost', 'PERSON', 'x',"
            " '150602010000', 'ARCHIVIST', '[]', 'ACTIVE', 0, 'x', 0, '2026-01-01 00:00:00')"
        ),
    ),
    "a delivery is forgotten": ("I12", statements("DELETE FROM deliveries WHERE id = 1")),
    "an address is notified that nobody subscribed": (
        "I12",
        statements(
            "INSERT INTO webhooks (account, org, url, secret, cursor, notice_cursor, failures,"
            " next_at, created_at, lease_token) VALUES"
            " ('x', '150602010000', 'https://a.example/', 'x', 0, 0, 0,"
            " '2026-01-01 00:00:00', '2026-01-01 00:00:00', 0)"
        ),
    ),
    "what was compared of a page is changed in the step": (
        "I12",
        statements(
            "UPDATE steps SET result = json_set(result, '$.compared', json('[]'))"
            " WHERE step = 'COMPILED'"
        ),
    ),
    "a state of 电子化 is switched": (
        "I12",
        statements(
            "INSERT INTO configured (kind, key, body, note, by, at) VALUES ('ORG', '150602000000',"
            """ '{"digitised": false}', 'x', 'x', '2026-01-01 00:00:00')"""
        ),
    ),
}


def test_the_witnesses_of_an_untouched_archive_agree(archive: Holdings) -> None:
    assert faults_of(archive) == []


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_on_one_witness_is_named_by_the_others(archive: Holdings, attack: str) -> None:
    code, act = ATTACKS[attack]
    act(archive)
    assert code in {fault.invariant for fault in faults_of(archive)}


def test_a_case_that_waits_is_not_accepted_by_a_statement(archive: Holdings) -> None:
    out = io.BytesIO()
    Image.new("RGB", (1654, 2339), (255, 255, 255)).save(out, "JPEG", dpi=(200, 200))
    blank = {"materials/006.jpg": out.getvalue()}
    case_no = "150602010000-20260901-000009"
    assert archive.deliver("waits", sound_case(case_no), blank).outcome == "CONFIRM"
    assert faults_of(archive) == []
    statements(
        "UPDATE cases SET state = 'ACCEPTED' WHERE state = 'CONFIRM'",
        "UPDATE case_revisions SET state = 'ACCEPTED' WHERE state = 'CONFIRM'",
    )(archive)
    assert [(fault.invariant, fault.subject) for fault in faults_of(archive)] == [
        ("I12", f"{case_no}/1")
    ]


def test_a_page_that_differs_lets_a_case_wait_and_gives_no_fault(archive: Holdings) -> None:
    differs = finding("PAGE_DIFFERS", "page/1", page=1, material=1, why="x")
    with writing(archive.engine) as session:
        case = session.get_one(Case, 1)
        case_no = case.case_no
        wait_again(session, "test", 1, case.revision, [differs])
    assert faults_of(archive) == []
    with writing(archive.engine) as session:
        confirm(session, FILER, case_no=case_no, reason="已核对", units=FILING, ticks=None)
    assert faults_of(archive) == []
    statements(
        "UPDATE case_revisions SET findings = '[]' WHERE case_id = 1",
        "UPDATE cases SET findings = '[]' WHERE id = 1",
    )(archive)
    assert case_no in "".join(fault.subject for fault in faults_of(archive))


@pytest.fixture
def staffed(archive: Holdings) -> Holdings:
    with writing(archive.engine) as session:
        first_administrators(session, ORGANISATIONS, [fresh_secret() for _ in range(3)])
    assert faults_of(archive) == []
    return archive


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE accounts SET role = 'ARCHIVIST' WHERE login = 'sysadmin'",
        "UPDATE accounts SET org = '150602010000' WHERE login = 'sysadmin'",
        "UPDATE accounts SET state = 'DISABLED' WHERE login = 'sysadmin'",
        "UPDATE accounts SET secret_hash = '$argon2id$another' WHERE login = 'sysadmin'",
        "UPDATE accounts SET approved_by = 'nobody' WHERE login = 'sysadmin'",
        "UPDATE accounts SET scopes = '[\"volumes:read\"]' WHERE login = 'sysadmin'",
    ],
)
def test_an_account_is_held_to_what_was_journalled_of_it(staffed: Holdings, change: str) -> None:
    statements(change)(staffed)
    assert [(fault.invariant, fault.subject) for fault in faults_of(staffed)] == [
        ("I12", "sysadmin")
    ]


def test_a_number_that_another_unit_gave_is_named(archive: Holdings) -> None:
    """Somebody who changed the policy gives numbers for a bureau that is not his."""
    stranger = replace(FILER, org="150622020000")
    archive.deliver("another", sound_case("150602010000-20260901-000009"))
    with writing(archive.engine) as session:
        (case,) = unnumbered(session)
        case.receive_org = stranger.org
        freeze(session, stranger, [case], catalogue=CATALOGUE, units=FILING, at=datetime.now(UTC))
    assert "I15" in {fault.invariant for fault in faults_of(archive)}


def test_a_grant_and_a_login_that_nobody_gave_are_named(staffed: Holdings) -> None:
    at = datetime.now(UTC)
    with writing(staffed.engine) as session:
        session.add(
            UsageRequest(
                account="sysadmin",
                org="150600000000",
                code="J602-ZY·HJ·QY·2026·Y-000001",
                keeper="150602010000",
                capacity="x",
                scope="x",
                purpose="x",
                basis="x",
                papers=[],
                days=9,
                state="GRANTED",
                ends_at=at + timedelta(days=9),
                created_at=at,
            )
        )
        session.add(
            Login(
                digest="0" * 64,
                account_id=1,
                kind="WEB",
                scopes=[],
                created_at=at,
                expires_at=at + timedelta(days=9),
            )
        )
    assert [fault.subject for fault in faults_of(staffed)] == ["login:1", "usage:1"]


def test_a_fault_is_named_to_scripts_by_code_subject_and_message(archive: Holdings) -> None:
    statements("UPDATE number_counters SET last = 9")(archive)
    (fault,) = faults_of(archive)
    assert fault.public().keys() == {"code", "subject", "message"}
    assert json.dumps(fault.public())


def test_a_sound_archive_on_either_database_gives_no_fault(
    engine: Engine, tmp_path: Path, keys: Path
) -> None:
    archive = holdings(tmp_path / "var", engine, keys)
    attach_keys(engine, new_keyring())
    archive.deliver("accepted", sound_case("150602010000-20260901-000001"))
    archive.freeze()
    staff(archive)
    assert faults_of(archive) == []
    assert list(bucket_faults(engine, archive.store)) == []
    assert list(number_faults(engine)) == []
