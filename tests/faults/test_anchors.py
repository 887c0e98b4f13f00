"""Whoever can write the database can mend its chain of digests.

The signed heads in the bucket still tell.
"""

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from asn1crypto.crl import CertificateList
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from archive.audit import journal
from archive.audit.anchor_faults import verify_anchors
from archive.audit.anchors import anchor, heads, inclusion
from archive.audit.merkle import Frontier, inclusion_path, leaf_hash
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from archive.reference.errors import ConflictError, NotFoundError
from archive.reference.vocabulary import SignatureLevel
from archive.signing.seal import Sealer, load_pkcs12
from archive.signing.validation import TrustAnchors
from storage.errors import PinnedError
from storage.s3_store import S3Store
from tests.faults.worker import free_port
from tests.support.holdings import Holdings, holdings
from tests.support.pki import DAY, PASSPHRASE, Authority, Issued, stamper, write_pkcs12
from tests.support.services import ACCESS, SECRET
from tests.test_house import DOCS


def anchored(archive: Holdings, times: int = 2) -> Holdings:
    """With two checkpoints, and a tail that is in none."""
    for number in range(times):
        with writing(archive.engine) as session:
            journal.record(session, "test", "ACT", f"subject-{number}")
        assert (
            anchor(archive.engine, archive.store, archive.shop.sealer_for("J602"), "test")
            is not None
        )
    return archive


def rewrite(archive: Holdings, change: Any) -> None:
    """Change the list of entries as an intruder would who mends every digest after it."""
    with reading(archive.engine) as session:
        entries = [
            [entry.at, entry.actor, entry.act, entry.subject, entry.detail]
            for entry in journal.entries(session)
        ]
    change(entries)
    freed = {
        "sqlite": ["DROP TRIGGER journal_no_update", "DROP TRIGGER journal_no_delete"],
        "postgresql": ["ALTER TABLE journal DISABLE TRIGGER ALL"],
    }
    with writing(archive.engine) as session:
        for statement in (*freed[archive.engine.dialect.name], "DELETE FROM journal"):
            session.execute(text(statement))
        previous = journal.GENESIS
        for seq, (at, actor, act, subject, detail) in enumerate(entries, 1):
            entry = JournalEntry(
                seq=seq,
                at=at,
                actor=actor,
                act=act,
                subject=subject,
                detail=detail,
                previous=previous,
                digest="",
            )
            previous = entry.digest = journal._digest(entry)
            session.add(entry)


def anchor_faults(archive: Holdings) -> list[tuple[int, int | None]]:
    with reading(archive.engine) as session:
        assert journal.verify(session)[1] is None, "the chain itself was mended"
    return [
        (fault.checkpoint, fault.seq)
        for fault in verify_anchors(archive.engine, archive.store, archive.shop.trust)
    ]


def test_an_untouched_journal_agrees_with_its_anchors_and_only_news_makes_another(
    archive: Holdings,
) -> None:
    anchored(archive)
    assert anchor_faults(archive) == []
    assert archive.faults() == []
    assert anchor(archive.engine, archive.store, archive.shop.sealer_for("J602"), "test") is None
    assert [head.number for head in heads(archive.store)] == [1, 2]


@pytest.fixture
def either(engine: Engine, tmp_path: Path, keys: Path) -> Holdings:
    """A journal of its own on each database."""
    archive = holdings(tmp_path, engine, keys)
    with writing(engine) as session:
        for number in range(12):
            journal.record(session, "test", "ACT", f"before-{number}")
    return archive


def test_the_stamps_of_old_anchors_are_proved_by_the_newer_ones_when_their_authority_has_ended(
    archive: Holdings, tmp_path: Path
) -> None:
    """Anchored ten years ago by an authority that ended after three, and since then by others."""
    began = datetime.now(UTC) - timedelta(days=3650)
    authority = Authority(began=timedelta(days=-4000), lasts=timedelta(days=400))
    key = authority.issue("J", begins=timedelta(days=-3900), ends=timedelta(days=-2900))

    def sealer(years: int, *, sealed_by: Issued) -> Sealer:
        at = began + timedelta(days=365 * years)
        tsa = authority.issue(
            f"TSA {years}",
            begins=at - datetime.now(UTC) - DAY,
            ends=at - datetime.now(UTC) + 3 * 365 * DAY,
            tsa=True,
        )
        signer = load_pkcs12(
            write_pkcs12(tmp_path / f"{years}.p12", sealed_by, authority.root), PASSPHRASE
        )
        return Sealer(
            signer, trust.at(at), SignatureLevel.B_LTA, stamper(authority, tmp_path, tsa, at)
        )

    lists = (CertificateList.load(authority.crl(at=began, ends=timedelta(days=4000))),)
    trust = TrustAnchors((authority.root.asn1,), (), lists)
    for years in (0, 2, 4, 6, 8):
        sealed_by = key if years < 2 else authority.issue("J", begins=timedelta(days=-3900))
        with writing(archive.engine) as session:
            journal.record(session, "test", "ACT", f"year-{years}")
        signing = sealer(years, sealed_by=sealed_by)
        # The seal was in its time then.
        signing._check = lambda *_: None  # type: ignore[method-assign]
        assert anchor(archive.engine, archive.store, signing, "test") is not None
    assert verify_anchors(archive.engine, archive.store, trust) == []
    # Four years after the newest, its own authority has ended too, and nothing proves those before
    # it any more.
    ended = verify_anchors(
        archive.engine, archive.store, trust.at(began + timedelta(days=365 * 12))
    )
    assert [fault.checkpoint for fault in ended] == [1, 2, 3, 4, 5]


def _edit(entries: list[Any]) -> None:
    entries[4][1] = "somebody else"


def _remove(entries: list[Any]) -> None:
    del entries[4]


def _swap(entries: list[Any]) -> None:
    entries[4], entries[5] = entries[5], entries[4]


@pytest.mark.parametrize("change", [_edit, _remove, _swap])
def test_a_change_whose_digests_were_all_mended_is_found_at_its_entry(
    either: Holdings, change: Any
) -> None:
    rewrite(anchored(either), change)
    assert anchor_faults(either) == [(1, 5)]
    assert "I10" in {fault.invariant for fault in either.faults()}


def test_a_cut_tail_is_found_and_nothing_is_anchored_over_it(either: Holdings) -> None:
    archive = anchored(either)
    size = heads(archive.store)[-1].size
    rewrite(archive, lambda entries: entries.__delitem__(slice(size - 1, None)))
    assert anchor_faults(archive) == [(2, size)]
    with pytest.raises(ConflictError):
        anchor(archive.engine, archive.store, archive.shop.sealer_for("J602"), "test")


@pytest.mark.parametrize("name", ["head.json", "head.p7s", "head.tst"])
def test_a_forged_or_removed_part_of_an_anchor_is_found(archive: Holdings, name: str) -> None:
    anchored(archive)
    path = archive.folder / "store" / "journal" / "checkpoint" / "000001" / name
    other = path.parent.with_name("000002") / name
    assert path.read_bytes() != other.read_bytes()
    forged = {
        "head.json": path.read_bytes().replace(b'"size": ', b'"size": 1'),
        "head.p7s": other.read_bytes(),
        "head.tst": other.read_bytes(),
    }[name]
    entry = archive.store.stat(f"journal/checkpoint/000001/{name}")
    assert entry is not None
    archive.store.discard(entry.key, entry.version)
    if name != "head.tst":
        assert anchor_faults(archive) != [], "a missing one"
    archive.store.put_new(entry.key, forged)
    assert anchor_faults(archive) != []


def test_a_checkpoint_removed_whole_is_missed_by_the_journal(archive: Holdings) -> None:
    anchored(archive)
    for entry in list(archive.store.list("journal/checkpoint/000002/")):
        archive.store.discard(entry.key, entry.version)
    assert anchor_faults(archive) == [(2, None)]


def test_an_anchor_made_while_the_authority_is_away_gets_its_stamp_afterwards(
    archive: Holdings,
) -> None:
    from pyhanko.sign.timestamps import HTTPTimeStamper

    down = archive.with_timestamper(
        HTTPTimeStamper(f"http://127.0.0.1:{free_port()}/tsa", timeout=1)
    ).sealer_for("J602")
    assert anchor(archive.engine, archive.store, down, "test") is not None
    assert archive.store.stat("journal/checkpoint/000001/head.tst") is None
    assert anchor_faults(archive) == []
    assert anchor(archive.engine, archive.store, archive.shop.sealer_for("J602"), "test") is None
    assert archive.store.stat("journal/checkpoint/000001/head.tst") is not None
    assert anchor_faults(archive) == []


def test_an_anchor_is_locked_where_the_store_locks_objects(
    archive: Holdings, seaweedfs: str
) -> None:
    store = S3Store(seaweedfs, f"t-{uuid4().hex[:12]}", ACCESS, SECRET, secure=False)
    sealer = archive.shop.sealer_for("J602")
    assert anchor(archive.engine, store, sealer, "test", retention=timedelta(days=1)) is not None
    locked = list(store.list("journal/checkpoint/000001/"))
    assert len(locked) == 4
    for entry in locked:
        with pytest.raises(PinnedError):
            store.discard(entry.key, entry.version)
    with reading(archive.engine) as session:
        *_, last = journal.entries(session)
    assert json.loads(last.detail)["locked_until"]


@pytest.mark.parametrize(
    "lost", [("head.p7s", "head.tst", "entries.jsonl"), ("head.p7s", "head.tst"), ("head.tst",)]
)
def test_an_anchor_that_a_kill_left_half_written_is_completed(
    archive: Holdings, lost: tuple[str, ...]
) -> None:
    anchored(archive, 1)
    folder = archive.folder / "store" / "journal" / "checkpoint" / "000001"
    lines = (folder / "entries.jsonl").read_bytes()
    for name in lost:
        entry = archive.store.stat(f"journal/checkpoint/000001/{name}")
        assert entry is not None
        archive.store.discard(entry.key, entry.version)
    anchored(archive, 1)
    assert (folder / "entries.jsonl").read_bytes() == lines
    assert anchor_faults(archive) == []


def test_a_third_party_checks_an_entry_with_openssl_and_the_written_recipe(
    archive: Holdings, tmp_path: Path
) -> None:
    anchored(archive)
    recipe = DOCS["operations.md"].partition("## Proof of one journal entry")[2]
    shell = recipe.partition("```sh\n")[2].partition("```")[0]
    program = recipe.partition("```python\n")[2].partition("```")[0]
    assert "openssl cms" in shell
    assert "openssl ts" in shell

    def check(folder: Path) -> bool:
        (folder / "check.py").write_text(program)
        (folder / "root.pem").write_bytes(archive.pki.root_pem.read_bytes())
        lines = [line for line in shell.splitlines() if line.startswith("openssl")]
        done = [
            subprocess.run(  # noqa: S602 - our own page
                line, shell=True, cwd=folder, capture_output=True, check=False
            ).returncode
            for line in lines
        ]
        return (
            done == [0, 0]
            and subprocess.run(
                [sys.executable, "check.py"], cwd=folder, capture_output=True, check=False
            ).returncode
            == 0
        )

    for seq in (1, 7, heads(archive.store)[-1].size):
        folder = tmp_path / str(seq)
        folder.mkdir()
        for name, data in inclusion(archive.engine, archive.store, seq).items():
            (folder / name).write_bytes(data)
        assert check(folder)
        for name in ("entry.txt", "head.json", "head.p7s", "head.tst", "proof.json"):
            whole = (folder / name).read_bytes()
            (folder / name).write_bytes(
                whole.replace(b"1", b"2")
                if name == "proof.json"
                else bytes([whole[0] ^ 1]) + whole[1:]
            )
            assert not check(folder), name
            (folder / name).write_bytes(whole)
    with pytest.raises(NotFoundError):
        inclusion(archive.engine, archive.store, heads(archive.store)[-1].size + 1)


def root_by_path(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """Return the root that a path leads to (RFC 9162 §2.1.3.2), None for an impossible path."""
    place, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            root = hashlib.sha256(b"\x01" + sibling + root).digest()
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            root = hashlib.sha256(b"\x01" + root + sibling).digest()
        place, last = place >> 1, last >> 1
    return root if last == 0 else None


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=70), st.data())
def test_every_path_leads_to_the_root_of_its_size_and_no_other_line_does(
    lines: list[bytes], data: st.DataObject
) -> None:
    tree = Frontier()
    for line in lines:
        tree.add(line)
    leaves = [leaf_hash(line) for line in lines]
    index = data.draw(st.integers(0, len(lines) - 1))
    path = inclusion_path(leaves, index)
    assert root_by_path(leaves[index], index, len(lines), path) == tree.root()
    assert root_by_path(leaf_hash(lines[index] + b"x"), index, len(lines), path) != tree.root()
    assert root_by_path(leaves[index], index, len(lines), [*path, leaves[0]]) is None


def test_heads_are_those_of_the_standard() -> None:
    """The well-known vectors of certificate transparency's own tests."""
    lines = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    tree = Frontier()
    assert tree.root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    roots = []
    for line in lines:
        tree.add(bytes.fromhex(line))
        roots.append(tree.root().hex())
    assert roots[0] == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert roots[1] == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    assert roots[6] == "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"
    assert roots[7] == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
