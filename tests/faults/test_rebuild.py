"""The database is lost: the bucket alone gives it back, and the archive goes on from there."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import func, select

from api.jobs.batch import reserve, void_number
from archive.accession.recheck import wait_again
from archive.administration.filing_units import FilingRule
from archive.arrangement.page_order import Leaf, lay_out
from archive.audit import journal
from archive.audit.anchors import anchor, heads
from archive.checking.confirming import confirm
from archive.checking.returning import return_case
from archive.database.engine import reading, writing
from archive.database.tables_cases import Case, CaseRevision, Component, Delivery, PagePrint
from archive.database.tables_checks import CheckAct
from archive.database.tables_jobs import Job
from archive.database.tables_preservation import FixityCheck
from archive.database.tables_recognition import RecognisedPage
from archive.database.tables_volumes import PageOrder, Volume, VolumeVersion
from archive.preservation.comparison import differences
from archive.preservation.fixity import Budget, scrub
from archive.preservation.rebuild import RebuildReport, rebuild
from archive.recognition.page_texts import Line, PageText
from archive.reference.case_facts import CaseFacts
from archive.reference.check_terms import ReturnReason
from archive.reference.errors import ConflictError
from archive.reference.findings import finding
from archive.reference.objects import blob_key
from search.follow import Source
from search.follow import rebuild as rebuild_index
from search.index_folder import IndexFolder
from storage.digest import sha256_hex
from tests.faults.worker import opened, work
from tests.support.archives import CASES
from tests.support.factories import OTHER
from tests.support.filing import FILER, FILING
from tests.support.holdings import CATALOGUE, ORGANISATIONS, Holdings, sound_case, supplement


def case(number: int, *, receive: str | None = None) -> dict[str, object]:
    return sound_case(
        f"150602010000-20260901-{number:06d}", **({"receive": receive} if receive else {})
    )


@pytest.fixture
def lived(archive: Holdings) -> Holdings:
    """An archive to which everything has happened that may happen to a case."""
    archive.deliver("elsewhere", case(4, receive=OTHER))
    work(archive, "compile")
    archive.deliver("unstamped", case(5))
    work(archive, "down")
    archive.freeze_timestamps()
    archive.make()
    archive.deliver("to be void", case(6))
    reserve(archive.runtime, FILER)
    with reading(archive.engine) as session:
        code = session.scalar(select(Volume.code).order_by(Volume.id.desc()))
    void_number(archive.runtime, FILER, code=code or "", reason="来源系统撤回")
    archive.deliver(
        "late",
        {
            **case(7),
            "process": [
                {**event, "at": event["at"].replace("2026-09", "2026-03")}
                for event in case(7)["process"]
            ],
        },
    )  # type: ignore[attr-defined, union-attr]
    work(archive, "compile")
    archive.deliver("numbered only", case(8))
    reserve(archive.runtime, FILER)
    archive.deliver("taken over only", case(9))
    with writing(archive.engine) as session:
        revision = session.scalars(
            select(CaseRevision)
            .join(Case, Case.id == CaseRevision.case_id)
            .where(Case.case_no.endswith("9"))
        ).one()
        material = CaseFacts.model_validate(revision.facts).materials[3]
        lay_out(
            session,
            "archivist",
            revision,
            material,
            [Leaf(1, 1, 90)],
            edition=0,
            at=revision.accepted_at,
        )
    archive.deliver("waiting supplement", supplement(CASES[1], 2))
    assert archive.deliver("refused", {**case(11), "channel": "NO SUCH"}).outcome == "REFUSED"
    assert archive.deliver("once more", case(9)).outcome == "DUPLICATE"
    recognised(archive)
    scrub(archive.engine, archive.store, None, "test", budget=Budget(bytes=1))
    scrub(archive.engine, archive.store, None, "test")
    return archive


def recognised(archive: Holdings) -> None:
    """One page was read by OCR: its text lies in the bucket, where it is a row names."""
    with reading(archive.engine) as session:
        sha256 = session.scalars(select(Component.sha256).order_by(Component.id)).first() or ""
    line = Line("演示", 0.9, (0, 0, 1, 0, 1, 1, 0, 1))
    text = PageText(
        sha256,
        1,
        whole=False,
        width=100,
        height=100,
        engine="test",
        engine_version="1",
        lines=(line,),
    )
    digest = sha256_hex(text.to_json())
    archive.store.put_new(blob_key(digest), text.to_json(), media_type="application/json")
    letters, sure = text.measure()
    with writing(archive.engine) as session:
        row = RecognisedPage(
            sha256=sha256,
            page=1,
            text_sha256=digest,
            characters=letters,
            confidence=sure,
            engine="test",
        )
        session.add(row)


def anew(archive: Holdings, keys: Path) -> tuple[Holdings, RebuildReport]:
    """A second archive on the same bucket whose database was made from it."""
    folder = archive.folder.with_name("anew")
    folder.mkdir()
    (folder / "store").symlink_to(archive.folder / "store")
    rebuilt = opened(folder, keys)
    report = rebuild(
        rebuilt.engine,
        rebuilt.store,
        "test",
        catalogue=CATALOGUE,
        organisations=ORGANISATIONS,
        rule=FilingRule.RECEIVING_PLACE,
    )
    return rebuilt, report


def seal_journal(archive: Holdings) -> None:
    assert (
        anchor(archive.engine, archive.store, archive.shop.sealer_for("J602"), "test") is not None
    )


def test_the_bucket_alone_gives_back_every_case_number_version_and_reason(
    lived: Holdings, keys: Path, tmp_path: Path
) -> None:
    seal_journal(lived)
    before = sorted((entry.key, entry.sha256) for entry in lived.store.list(""))
    rebuilt, report = anew(lived, keys)
    assert differences(lived.engine, rebuilt.engine) == []
    assert (report.faults, report.cases, report.reserved) == ([], 9, 1)
    with reading(rebuilt.engine) as session:
        assert [
            (order.material_no, order.edition, order.leaves)
            for order in session.scalars(select(PageOrder))
        ] == [(4, 1, [[1, 1, 90]])]
        refused = session.scalars(select(Delivery).where(Delivery.outcome == "REFUSED")).one()
        assert refused.findings
        assert list(rebuilt.store.list(f"{refused.quarantine_prefix}/")), "the package itself"
        assert session.scalar(select(func.count()).select_from(PagePrint)) > 0
        looks = session.execute(
            select(FixityCheck.outcome, FixityCheck.volume_version_id.is_(None))
        ).all()
    assert (report.deliveries, report.looks, len(looks), report.texts) == (2, 9, 9, 1)
    assert {(outcome, canary) for outcome, canary in looks} == {("MATCH", False), ("MISSING", True)}
    assert not [line for line in report.lost if "指纹" in line or "拒收" in line]
    assert rebuilt.faults() == lived.faults() == []
    assert sorted((entry.key, entry.sha256) for entry in lived.store.list("")) == before, (
        "the bucket is only read"
    )
    assert scrub(rebuilt.engine, rebuilt.store, None, "test").cycle == 2, "the history goes on"
    shelf = IndexFolder(tmp_path / "index", "tantivy")
    assert (
        rebuild_index(Source(rebuilt.engine, rebuilt.store, CATALOGUE, ORGANISATIONS), shelf) == 6
    )
    rebuilt.engine.dispose()


def test_a_rebuilt_archive_goes_on_with_numbers_supplements_journal_and_anchors(
    lived: Holdings, keys: Path
) -> None:
    seal_journal(lived)
    size = heads(lived.store)[-1].size
    rebuilt, _ = anew(lived, keys)
    work(rebuilt, "compile")
    with reading(rebuilt.engine) as session:
        assert set(session.scalars(select(Job.state))) == {"DONE"}
        numbers = sorted(session.scalars(select(Volume.number).where(Volume.series == "CS")))
        assert numbers == list(range(1, len(numbers) + 1))
        assert set(session.scalars(select(VolumeVersion.state))) == {"COMMITTED"}
        entries = [entry.act for entry in journal.entries(session)]
    assert entries[size] == "REBUILD"
    seal_journal(rebuilt)
    assert len(heads(rebuilt.store)) == 2
    assert rebuilt.faults() == []
    rebuilt.engine.dispose()


def test_what_was_done_after_the_last_anchor_is_still_in_its_objects(
    lived: Holdings, keys: Path
) -> None:
    seal_journal(lived)
    lived.deliver("after", case(10))
    work(lived, "compile")
    rebuilt, report = anew(lived, keys)
    assert report.faults == []
    assert differences(lived.engine, rebuilt.engine) == []
    assert rebuilt.faults() == []
    rebuilt.engine.dispose()


def test_a_database_of_yesterday_beside_the_bucket_of_today_is_found_and_replaced(
    archive: Holdings, keys: Path
) -> None:
    seal_journal(archive)
    yesterday = archive.folder.with_name("yesterday")
    archive.engine.dispose()
    shutil.copytree(archive.folder, yesterday)
    archive.deliver("today", case(4))
    work(archive, "compile")
    archive.deliver("today's supplement", supplement(CASES[1], 2))
    work(archive, "compile")
    seal_journal(archive)
    (yesterday / "yice.db").rename(archive.folder.parent / "old.db")
    shutil.rmtree(yesterday)
    yesterday.mkdir()
    (archive.folder.parent / "old.db").rename(yesterday / "yice.db")
    (yesterday / "store").symlink_to(archive.folder / "store")
    restored = opened(yesterday, keys)
    invariants = {fault.invariant for fault in restored.faults()}
    assert {"I2", "I8", "I10"} <= invariants, (
        "two volumes and a checkpoint that the database does not know"
    )
    restored.engine.dispose()
    rebuilt, report = anew(archive, keys)
    assert report.faults == []
    assert differences(archive.engine, rebuilt.engine) == []
    assert rebuilt.faults() == []
    rebuilt.engine.dispose()


def test_a_confirmed_case_stays_confirmed_and_a_waiting_one_waits(
    archive: Holdings, keys: Path
) -> None:
    blank = {"materials/006.jpg": _blank()}
    for number in (4, 5, 6):
        assert archive.deliver(f"blank-{number}", case(number), blank).outcome == "CONFIRM"
    with writing(archive.engine) as session:
        confirm(
            session,
            FILER,
            case_no="150602010000-20260901-000004",
            reason="已核对",
            units=FILING,
            ticks=None,
        )
        return_case(
            session,
            FILER,
            case_no="150602010000-20260901-000006",
            reasons=[ReturnReason.ILLEGIBLE],
            text="",
            units=FILING,
        )
    work(archive, "compile")
    seal_journal(archive)
    rebuilt, report = anew(archive, keys)
    assert (report.faults, differences(archive.engine, rebuilt.engine)) == ([], [])
    with reading(archive.engine) as before, reading(rebuilt.engine) as after:
        acts = [
            [
                (row.kind, row.revision, row.signatory, row.reason, row.codes)
                for row in session.scalars(select(CheckAct).order_by(CheckAct.id))
            ]
            for session in (before, after)
        ]
    assert acts[0] == acts[1]
    assert [kind for kind, *_ in acts[1]] == ["CONFIRM", "RETURN"]
    rebuilt.engine.dispose()


def test_what_a_person_confirmed_of_a_page_that_differs_comes_back_from_the_package(
    archive: Holdings, keys: Path
) -> None:
    archive.deliver("differs", case(4))
    with writing(archive.engine) as session:
        case_id, case_no = session.execute(
            select(Case.id, Case.case_no).order_by(Case.id.desc()).limit(1)
        ).one()
        wait_again(
            session,
            "test",
            case_id,
            1,
            [finding("PAGE_DIFFERS", "page/1", material=1, page=1, why="x")],
        )
        confirm(session, FILER, case_no=case_no, reason="与原件一致", units=FILING, ticks=None)
    work(archive, "compile")
    assert archive.faults() == []
    seal_journal(archive)
    rebuilt, report = anew(archive, keys)
    assert (report.faults, differences(archive.engine, rebuilt.engine)) == ([], [])
    assert rebuilt.faults() == []
    rebuilt.engine.dispose()


def test_damage_in_the_bucket_is_told_and_frozen_not_taken_for_sound(
    archive: Holdings, keys: Path
) -> None:
    seal_journal(archive)
    path = min(
        (archive.folder / "store" / "blobs").rglob("*"), key=lambda path: (path.is_dir(), path)
    )
    path.chmod(0o640)
    path.write_bytes(b"x" + path.read_bytes()[1:])
    rebuilt, report = anew(archive, keys)
    assert report.faults
    with reading(rebuilt.engine) as session:
        assert "QUARANTINED" in set(session.scalars(select(VolumeVersion.state)))
    rebuilt.engine.dispose()


def test_damaged_records_stop_no_rebuild_and_a_lost_one_comes_back_from_its_package(
    archive: Holdings, keys: Path
) -> None:
    archive.store.put_new("deliveries/damaged.json", b"{}")
    seal_journal(archive)
    store = archive.folder / "store"
    flipped = store / "deliveries" / "damaged.json"
    lost = max((store / "accessions").rglob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    for path in (flipped, lost):
        path.chmod(0o640)
        path.write_bytes(b"x" + path.read_bytes()[1:])
    rebuilt, report = anew(archive, keys)
    named = "\n".join(report.faults)
    assert "deliveries/damaged.json" in named
    assert lost.name in named
    assert (report.cases, report.volumes, report.versions) == (3, 3, 4)
    subjects = {fault.subject for fault in rebuilt.faults() if fault.invariant != "I16"}
    assert not subjects, "what came back from packages is accounted for"
    rebuilt.engine.dispose()


def test_a_damaged_checkpoint_ends_the_journal_and_not_the_rebuild(
    archive: Holdings, keys: Path
) -> None:
    seal_journal(archive)
    archive.deliver("later", case(4))
    seal_journal(archive)
    path = archive.folder / "store" / "journal" / "checkpoint" / "000002" / "entries.jsonl"
    path.chmod(0o640)
    path.write_bytes(b"x" + path.read_bytes()[1:])
    rebuilt, report = anew(archive, keys)
    assert (report.checkpoints, report.cases) == (1, 4)
    assert any("000002" in fault for fault in report.faults)
    assert {fault.invariant for fault in rebuilt.faults()} == {"I10", "I16"}
    rebuilt.engine.dispose()


def test_a_database_that_holds_anything_is_never_written_over(archive: Holdings) -> None:
    with pytest.raises(ConflictError):
        rebuild(
            archive.engine,
            archive.store,
            "test",
            catalogue=CATALOGUE,
            organisations=ORGANISATIONS,
            rule=FilingRule.RECEIVING_PLACE,
        )


def _blank() -> bytes:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (1654, 2339), (255, 255, 255)).save(out, "JPEG", dpi=(200, 200))
    return out.getvalue()


def test_what_cannot_come_back_is_named_with_its_reason(archive: Holdings, keys: Path) -> None:
    archive.deliver("refused", {**case(11), "channel": "NO SUCH"})
    seal_journal(archive)
    for entry in [
        *archive.store.list("deliveries/"),
        *archive.store.list(f"accessions/{_content(archive)}/"),
    ]:
        archive.store.discard(entry.key, entry.version)
    rebuilt, report = anew(archive, keys)
    assert len([line for line in report.lost if "拒收" in line]) == 1
    assert any(line.startswith(CASES[2]) for line in report.faults), "the package gave it back"
    assert any(
        difference.startswith("送达") for difference in differences(archive.engine, rebuilt.engine)
    )
    rebuilt.engine.dispose()


def _content(archive: Holdings) -> str:
    with reading(archive.engine) as session:
        return session.scalars(select(Case.content_digest).where(Case.case_no == CASES[2])).one()
