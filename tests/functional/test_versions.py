"""Versions of a volume: supplements, time-stamps that come later, and numbers given up.

On both databases, with real parts.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyhanko.sign.timestamps import HTTPTimeStamper
from sqlalchemy import Engine, select, update

from archive.arrangement.voiding import void
from archive.audit import journal
from archive.checking.confirming import confirm
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import CaseRevision
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.finding_aids.volumes import version_rows, volume_rows
from archive.jobs.leases import release
from archive.jobs.version_steps import claim_version, finish_job
from archive.preservation.verify import committed, gaps
from archive.reference.errors import ConflictError
from archive.signing.seal import SealError
from storage.package import read_inventory, verify_package
from tests.support.filing import FILER, FILING
from tests.support.holdings import CASE_NO, Holdings, holdings, page, sound_case, supplement
from tests.support.postgres import free_port


@pytest.fixture
def archive(tmp_path: Path, engine: Engine, keys: Path) -> Holdings:
    return holdings(tmp_path, engine, keys)


def commit_first(archive: Holdings) -> Holdings:
    """One case, committed as version 1."""
    assert archive.deliver("first", sound_case(CASE_NO)).outcome == "ACCEPTED"
    archive.freeze()
    archive.make()
    return archive


def outcome(archive: Holdings, name: str, case: dict[str, object]) -> tuple[str, list[str]]:
    got = archive.deliver(name, case)
    return str(got.outcome), [finding.code for finding in got.findings]


def test_a_supplement_makes_version_2_under_the_same_code_and_leaves_version_1_whole(
    archive: Holdings,
) -> None:
    commit_first(archive)
    first = next(committed(archive.engine))
    before = {blob.key: blob.sha256 for blob in archive.store.list(f"{first.prefix}/")}
    assert outcome(archive, "second", supplement()) == ("ACCEPTED", ["SUPPLEMENT"])
    assert archive.freeze() == 1
    archive.make()
    older, newer = committed(archive.engine)
    assert (older.code, older.version, newer.code, newer.version) == (first.code, 1, first.code, 2)
    assert newer.pages == older.pages + 1
    assert {blob.key: blob.sha256 for blob in archive.store.list(f"{older.prefix}/")} == before
    assert verify_package(archive.store, older.prefix) == []
    inventory = read_inventory(archive.store, newer.prefix)
    assert inventory is not None
    assert inventory.previous == older.inventory_sha256
    assert archive.faults() == []
    with reading(archive.engine) as session:
        assert [(row["code"], row["version"]) for row in volume_rows(session)] == [(first.code, 2)]
        assert [row["version"] for row in version_rows(session, first.code)] == [1, 2]


def test_what_is_no_new_supplement_is_refused_or_a_duplicate_under_its_code(
    archive: Holdings,
) -> None:
    assert outcome(archive, "early", supplement()) == ("REFUSED", ["SUPPLEMENT_UNKNOWN"])
    commit_first(archive)
    plain = supplement()
    plain.pop("supplement")
    assert outcome(archive, "conflict", plain) == ("REFUSED", ["CASE_CONFLICT"])
    assert outcome(archive, "second", supplement())[0] == "ACCEPTED"
    assert outcome(archive, "again", supplement())[0] == "DUPLICATE"
    assert outcome(archive, "first-again", sound_case(CASE_NO))[0] == "DUPLICATE"
    moved = supplement(number=2)
    moved["orgs"] = {**moved["orgs"], "accept": "150622020000"}
    assert outcome(archive, "moved", moved) == ("REFUSED", ["SUPPLEMENT_MISMATCH"])
    assert archive.freeze() == 1
    assert archive.freeze() == 0


def test_supplements_delivered_at_the_same_time_are_each_taken_once(archive: Holdings) -> None:
    archive.deliver("first", sound_case(CASE_NO))
    cases = [(f"s{at}", supplement(number=1 + at % 2)) for at in range(4)]
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda delivery: str(archive.deliver(*delivery).outcome), cases))
    assert sorted(outcomes) == ["ACCEPTED", "ACCEPTED", "DUPLICATE", "DUPLICATE"]
    with reading(archive.engine) as session:
        assert session.scalars(
            select(CaseRevision.revision).order_by(CaseRevision.revision)
        ).all() == [1, 2, 3]
        assert journal.verify(session)[1] is None


def test_supplements_that_come_before_version_1_wait_their_turn_and_each_makes_a_version(
    archive: Holdings,
) -> None:
    archive.deliver("first", sound_case(CASE_NO))
    archive.deliver("second", supplement(number=1))
    archive.deliver("third", supplement(number=2))
    assert archive.freeze() == 0
    assert archive.versions() == [(1, "FROZEN")]
    for number in (1, 2):
        archive.make()
        assert archive.freeze() == 1
        assert archive.versions()[-1] == (number + 1, "FROZEN")
    archive.make()
    assert archive.freeze() == 0
    with reading(archive.engine) as session:
        rows = version_rows(session, next(committed(archive.engine)).code)
    assert [(row["version"], row["case_revision"], row["state"]) for row in rows] == [
        (n, n, "COMMITTED") for n in (1, 2, 3)
    ]
    assert archive.faults() == []


def test_a_supplement_replaces_a_delivery_that_still_waits_to_be_confirmed(
    archive: Holdings,
) -> None:
    case = sound_case(CASE_NO)
    case["materials"][3]["source_ref"] = None
    assert outcome(archive, "first", case)[0] == "CONFIRM"
    assert outcome(archive, "second", supplement())[0] == "ACCEPTED"
    with pytest.raises(ConflictError), writing(archive.engine) as session:
        confirm(session, FILER, case_no=CASE_NO, reason="x", units=FILING, ticks=None)
    archive.freeze()
    with reading(archive.engine) as session:
        assert session.scalars(select(VolumeVersion.case_revision)).all() == [2]


def test_a_supplement_that_waits_to_be_confirmed_makes_its_version_once_confirmed(
    archive: Holdings,
) -> None:
    commit_first(archive)
    case = supplement()
    case["materials"][3]["source_ref"] = None
    assert outcome(archive, "second", case)[0] == "CONFIRM"
    assert archive.freeze() == 0
    with writing(archive.engine) as session:
        confirm(session, FILER, case_no=CASE_NO, reason="已核对", units=FILING, ticks=None)
    assert archive.freeze() == 1


def test_a_tsa_that_was_down_is_made_up_for_by_a_further_version_and_the_old_one_stays(
    archive: Holdings,
) -> None:
    down = archive.with_timestamper(
        HTTPTimeStamper(f"http://127.0.0.1:{free_port()}/tsa", timeout=2)
    )
    archive.deliver("first", sound_case(CASE_NO))
    archive.freeze()
    archive.make(down)
    with reading(archive.engine) as session:
        assert [(row["signature_level"], row["lta_pending"]) for row in volume_rows(session)] == [
            ("B-B", True)
        ]
    assert archive.freeze_timestamps() == 1
    with pytest.raises(SealError):
        archive.make(down)
    assert (
        archive.freeze_timestamps() == 0
    )  # the version that failed is tried again, no other is begun
    archive.make()
    older, newer = committed(archive.engine)
    signed = [
        archive.store.read(f"{version.prefix}/volume.pdf", sha256=version.sha256)
        for version in (older, newer)
    ]
    assert signed[1].startswith(signed[0])
    with reading(archive.engine) as session:
        rows = version_rows(session, older.code)
        assert [(row["version"], row["signature_level"], row["lta_pending"]) for row in rows] == [
            (1, "B-B", True),
            (2, "B-LTA", False),
        ]
    assert archive.faults() == []
    assert archive.freeze_timestamps() == 0


def test_a_supplement_does_not_wait_for_a_time_stamp_that_cannot_be_had(archive: Holdings) -> None:
    down = archive.with_timestamper(
        HTTPTimeStamper(f"http://127.0.0.1:{free_port()}/tsa", timeout=2)
    )
    archive.deliver("first", sound_case(CASE_NO))
    archive.freeze()
    archive.make(down)
    archive.freeze_timestamps()
    with pytest.raises(SealError):
        archive.make(down)
    archive.deliver("second", supplement())
    assert archive.freeze() == 1
    archive.make()
    assert archive.versions() == [(1, "COMMITTED"), (2, "VOID"), (3, "COMMITTED")]
    assert archive.freeze_timestamps() == 0
    assert archive.faults() == []


def test_a_supplement_takes_the_place_of_a_version_whose_originals_cannot_be_brought_in(
    archive: Holdings,
) -> None:
    archive.deliver("first", sound_case(CASE_NO))
    archive.freeze()
    with writing(archive.engine) as session:
        version_id = session.scalars(select(VolumeVersion.id)).one()
        finish_job(session, version_id, state="FAILED", error_code="DIGEST_MISMATCH")
    archive.deliver("second", supplement())
    assert archive.freeze() == 0  # a fault of the store is tried again
    with writing(archive.engine) as session:
        finish_job(session, version_id, state="FAILED", error_code="NOT_PDFA")
    assert archive.freeze() == 1
    archive.make()
    assert archive.versions() == [(1, "VOID"), (2, "COMMITTED")]
    (volume,) = committed(archive.engine)
    assert (volume.version, volume.previous) == (2, None)
    assert archive.faults() == []


def test_a_void_number_explains_its_gap_and_is_never_given_again(archive: Holdings) -> None:
    for number in (1, 2):
        case_no = f"150602010000-20260901-{number:06d}"
        archive.deliver(f"bag-{number}", sound_case(case_no))
        archive.freeze()
    with reading(archive.engine) as session:
        first, second = session.scalars(select(Volume.code).order_by(Volume.code)).all()
    with writing(archive.engine) as session:
        void(session, FILER, code=first, reason="误送，来源系统撤回", units=FILING)
    archive.make()
    assert archive.versions() == [(1, "VOID"), (1, "COMMITTED")]
    assert gaps(archive.engine) == [{"code": first, "reason": "误送，来源系统撤回"}]
    assert archive.faults() == []
    assert outcome(archive, "late", supplement()) == ("REFUSED", ["SUPPLEMENT_VOID"])
    archive.deliver("bag-3", sound_case("150602010000-20260901-000003"))
    archive.freeze()
    with reading(archive.engine) as session:
        assert session.scalars(select(Volume.number).order_by(Volume.number)).all() == [1, 2, 3]
        assert session.scalars(
            select(JournalEntry.subject).where(JournalEntry.act == "VOID")
        ).all() == [first]
    with pytest.raises(ConflictError, match="已归档"), writing(archive.engine) as session:
        void(session, FILER, code=second, reason="x", units=FILING)


def test_a_number_in_a_workers_hands_or_about_to_be_committed_is_not_voided(
    archive: Holdings,
) -> None:
    archive.deliver("first", sound_case(CASE_NO))
    archive.freeze()
    with reading(archive.engine) as session:
        code = session.scalars(select(Volume.code)).one()
    with writing(archive.engine) as session:
        claim = claim_version(session, session.scalars(select(VolumeVersion.id)).one(), "another")
        assert claim is not None
    with pytest.raises(ConflictError, match="正在组卷"), writing(archive.engine) as session:
        void(session, FILER, code=code, reason="x", units=FILING)
    with writing(archive.engine) as session:
        release(session, claim)
    for state, reason, match in (("FROZEN", " ", "理由"), ("STORED", "x", "即将归档")):
        with writing(archive.engine) as session:
            session.execute(update(VolumeVersion).values(state=state))
        with pytest.raises(ConflictError, match=match), writing(archive.engine) as session:
            void(session, FILER, code=code, reason=reason, units=FILING)


def test_a_number_without_volume_or_reason_is_a_fault(archive: Holdings) -> None:
    archive.deliver("first", sound_case(CASE_NO), {"materials/004.jpg": page(4)})
    archive.freeze()
    with writing(archive.engine) as session:
        session.execute(update(VolumeVersion).values(state="VOID"))
    assert [fault.invariant for fault in archive.faults()] == ["I5"]
