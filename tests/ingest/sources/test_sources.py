"""The adapters against the simulated systems: whole answers or none, nobody's number in an address,
and the protocol as it is written down.
"""

import hashlib
import io
import json
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pikepdf
import pytest
import yaml
from sqlalchemy import Engine, select

from api.demo import born_digital, certificate_seal
from api.demo.sources import CLIENT, KEY, SECRET, World
from archive.database.engine import connect, migrate, reading, writing
from archive.database.tables_cases import Delivery
from archive.gathering.cases import MissingCertificate
from archive.gathering.source_health import health_rows
from archive.preservation.rebuild_evidence import evidence_facts, restore_deliveries
from archive.reference.vocabulary import ForeignSignature
from ingest.sources.certificates import CertificateLibrary, _signature
from ingest.sources.forms import PopulationFeed
from ingest.sources.http import Caller
from ingest.sources.portal import OnlinePortal
from ingest.sources.protocol import Notice, SourceError
from ingest.sources.pull import Pulled, pull
from ingest.sources.scans import ScanFolder
from storage.local_store import LocalStore
from tests.support.factories import page
from tests.support.openapi_sources import FOLDER, spoken
from tests.support.simulator import Recorded, simulated, small_world

NOW = datetime(2026, 9, 1, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_world(tmp_path_factory.mktemp("world"), 6, 6)


@pytest.fixture
def systems(world: Path) -> Iterator[tuple[str, Recorded, World]]:
    simulator = World(world, None)
    with simulated(simulator) as (base, asked):
        yield base, asked, simulator


def library(base: str, secret: str = SECRET) -> CertificateLibrary:
    return CertificateLibrary(f"{base}/certificates", client=CLIENT, secret=secret, rate=1000)


def want(world: Path, place: int = 0) -> tuple[MissingCertificate, dict[str, Any]]:
    row = json.loads((world / "certificates.json").read_text())[place]
    return MissingCertificate("C-1", 4, row["holder_id"], row["certificate_type"]), row


def test_the_written_protocol_is_the_one_that_the_simulator_speaks() -> None:
    for name, text in spoken().items():
        assert (FOLDER / name).read_text("utf-8") == text, (
            f"run python -m tests.support.openapi_sources for {name}"
        )


def test_the_adapters_ask_nothing_that_is_not_written_down_and_nobody_stands_in_an_address(
    systems: tuple[str, Recorded, World], tmp_path: Path
) -> None:
    base, asked, _ = systems
    sources = [
        PopulationFeed(f"{base}/forms", key=KEY, rate=1000),
        OnlinePortal(f"{base}/portal", key=KEY, rate=1000),
        library(base),
    ]
    for source in sources:
        assert (
            pull(
                database(tmp_path),
                LocalStore(tmp_path / "store"),
                source,
                "test",
                on_progress=lambda _: None,
            ).error
            is None
        )
    written = set()
    for name in ("certificates", "portal", "forms"):
        paths = yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))["paths"]
        written |= {
            (verb.upper(), re.sub(r"\{\w+\}", "[^/]+", f"/{name}{path}"))
            for path, verbs in paths.items()
            for verb in verbs
        }
    assert len({path for _, path, _ in asked.requests}) > 5
    for method, path, query in asked.requests:
        assert any(method == verb and re.fullmatch(pattern, path) for verb, pattern in written), (
            method,
            path,
        )
        assert not re.search(r"[0-9]{17}[0-9X]", path + query)


def database(folder: Path) -> Engine:
    engine = connect(f"sqlite:///{folder / 'yice.db'}")
    migrate(engine)
    return engine


def test_a_certificate_is_brought_byte_for_byte_also_when_answers_break_off_and_tokens_run_out(
    systems: tuple[str, Recorded, World], world: Path
) -> None:
    base, _, simulator = systems
    simulator.faults = {"truncated": 0.3, "error": 0.2, "expired": 0.2}
    source = library(base)
    for place in range(6):
        wanted, row = want(world, place)
        parcel = source.fetch(Notice("C-1:4", detail={"want": wanted}))
        assert parcel is not None
        assert parcel.data == (world / "certificates" / row["file"]).read_bytes()
        assert hashlib.sha256(parcel.data).hexdigest() == row["sha256"]


def test_a_holder_without_certificate_is_no_error(systems: tuple[str, Recorded, World]) -> None:
    assert (
        library(systems[0]).fetch(
            Notice("C-1:4", detail={"want": MissingCertificate("C-1", 4, "0", "居民身份证")})
        )
        is None
    )


def test_a_wrong_secret_is_refused_at_once_and_not_tried_again(
    systems: tuple[str, Recorded, World], world: Path
) -> None:
    base, asked, _ = systems
    with pytest.raises(SourceError) as caught:
        library(base, "wrong").fetch(Notice("C-1:4", detail={"want": want(world)[0]}))
    assert caught.value.code == "SOURCE_REFUSED"
    assert len(asked.requests) == 1


def test_no_more_is_asked_in_a_second_than_the_rate_allows(
    systems: tuple[str, Recorded, World],
) -> None:
    caller = Caller(f"{systems[0]}/forms", rate=20, token=KEY)
    started = time.monotonic()
    for _ in range(5):
        caller.json("GET", "/events")
    assert time.monotonic() - started >= 4 / 20


def test_the_signature_of_a_certificate_is_told_apart(tmp_path: Path) -> None:
    roots = certificate_seal.make_issuer(tmp_path).read_bytes()
    plain = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.save(plain)
    signed = certificate_seal.signed(tmp_path, plain.getvalue())
    states = [
        _signature(signed, roots),
        _signature(signed, b""),
        _signature(certificate_seal.altered(signed), roots),
        _signature(plain.getvalue(), roots),
        _signature(b"%PDF-1.7 nothing more", roots),
    ]
    known = ForeignSignature
    assert states == [known.VALID, known.UNTRUSTED, known.BROKEN, known.NONE, known.UNREADABLE]


def capture(folder: Path, name: str, files: dict[str, bytes], **more: Any) -> None:
    listed = [
        {"name": file_name, "sha256": hashlib.sha256(data).hexdigest()}
        for file_name, data in files.items()
    ]
    record = {
        "station": "S1",
        "operator": "060101",
        "dpi": 200,
        "captured_at": NOW.isoformat(),
        "files": listed,
        **more,
    }
    for file_name, data in files.items():
        (folder / file_name).write_bytes(data)
    (folder / f"{name}.json").write_text(json.dumps(record))


MATERIAL = {"case_no": "C-1", "no": 6, "type": "非婚生育说明", "pages": 1}


@pytest.mark.parametrize("damage", [born_digital.restricted, born_digital.with_damaged_xref])
def test_a_certificate_that_the_demonstration_alters_is_signed_first_even_when_it_could_not(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    roots = certificate_seal.make_issuer(tmp_path).read_bytes()
    kept = damage(born_digital.without_fonts("居民身份证", ("演示",)))
    signed = certificate_seal.signed(tmp_path, certificate_seal.readable(kept))
    assert _signature(signed, roots) is ForeignSignature.VALID
    assert _signature(certificate_seal.altered(signed), roots) is ForeignSignature.BROKEN


def test_a_scan_that_is_still_being_written_waits_and_is_taken_when_it_is_whole(
    tmp_path: Path,
) -> None:
    (tmp_path / "scans").mkdir()
    capture(tmp_path / "scans", "one", {"one.jpg": page(1)}, material=MATERIAL)
    (tmp_path / "scans" / "one.jpg").write_bytes(page(1)[:1000])
    engine, store, source = (
        database(tmp_path),
        LocalStore(tmp_path / "store"),
        ScanFolder(tmp_path / "scans"),
    )
    first = pull(engine, store, source, "test", on_progress=lambda _: None)
    assert (first.taken, first.absent) == (0, 1)
    (tmp_path / "scans" / "one.jpg").write_bytes(page(1))
    assert pull(engine, store, source, "test", on_progress=lambda _: None).taken == 1
    assert sorted(path.name for path in (tmp_path / "scans" / "taken").iterdir()) == [
        "one.jpg",
        "one.json",
    ]


def test_station_operator_and_resolution_are_kept_with_the_material(tmp_path: Path) -> None:
    capture(tmp_path, "one", {"one.jpg": page(1)}, material=MATERIAL)
    source = ScanFolder(tmp_path)
    notice = next(iter(source.discover("", ()))).notices[0]
    parcel = source.fetch(notice)
    assert parcel is not None
    assert parcel.pieces[0].stated["captured_by"] == "060101（S1，200dpi）"


@pytest.mark.parametrize(
    "record",
    [
        b"{",
        b"[]",
        b'{"station": "S1"}',
        b'{"files": [{"name": "../../etc/passwd", "sha256": "00"}]}',
    ],
)
def test_a_record_that_says_nothing_usable_is_set_apart_and_kept(
    tmp_path: Path, record: bytes
) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "bad.json").write_bytes(record)
    engine, store = database(tmp_path), LocalStore(tmp_path / "store")
    done = pull(engine, store, ScanFolder(tmp_path / "scans"), "test", on_progress=lambda _: None)
    assert (done.refused, done.error) == (1, None)
    assert (tmp_path / "scans" / "refused" / "bad.json").read_bytes() == record
    assert store.read(f"quarantine/{hashlib.sha256(record).hexdigest()}/fetched") == record


def test_a_link_in_the_scan_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "secret").write_bytes(page(1))
    capture(tmp_path / "scans", "one", {"one.jpg": page(1)}, material=MATERIAL)
    (tmp_path / "scans" / "one.jpg").unlink()
    (tmp_path / "scans" / "one.jpg").symlink_to(tmp_path / "secret")
    done = pull(
        database(tmp_path),
        LocalStore(tmp_path / "store"),
        ScanFolder(tmp_path / "scans"),
        "test",
        on_progress=lambda _: None,
    )
    assert (done.taken, done.absent) == (0, 1)


def test_a_failing_source_waits_longer_each_time_and_is_well_again_after_one_success(
    systems: tuple[str, Recorded, World], tmp_path: Path
) -> None:
    base = systems[0]
    engine, store = database(tmp_path), LocalStore(tmp_path / "store")
    source = PopulationFeed(f"{base}/forms", key="wrong", rate=1000)
    waits = []
    for _ in range(3):
        assert pull(engine, store, source, "test", on_progress=lambda _: None).error is not None
        with reading(engine) as session:
            row = health_rows(session, ("forms",))[0]
        waits.append(
            datetime.fromisoformat(row["next_try"]) - datetime.fromisoformat(row["error_at"])
        )
    assert waits == sorted(waits)
    assert waits[0] < waits[-1]
    assert (
        pull(
            engine,
            store,
            PopulationFeed(f"{base}/forms", key=KEY, rate=1000),
            "test",
            on_progress=lambda _: None,
        ).taken
        == 6
    )
    with reading(engine) as session:
        row = health_rows(session, ("forms",))[0]
    assert (row["health"], row["failures"], row["error_code"]) == ("OK", 0, "SOURCE_REFUSED")


@pytest.mark.parametrize(
    "case",
    [
        None,
        {"case_no": "../x", "materials": [{"no": 1, "type": "x"}]},
        {"case_no": "C-1", "materials": []},
        {"case_no": "C-1", "materials": [{"no": True, "type": "x"}]},
        {"case_no": "C-1", "materials": [{"no": 1000, "type": "x"}]},
    ],
)
def test_an_event_on_which_nothing_can_gather_is_refused_and_kept(case: Any) -> None:
    parcel = PopulationFeed("http://127.0.0.1:9", key=KEY, rate=1).fetch(
        Notice("1", detail={"case": case})
    )
    assert parcel is not None
    assert parcel.fault is not None
    assert (parcel.fault.code, parcel.closed) == ("EVENT_INVALID", None)


def zipped(application: bytes | None, **more: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in (
            {"application.json": application} if application is not None else {}
        ).items():
            archive.writestr(name, data)
        for name, data in more.items():
            archive.writestr(name, data)
    return out.getvalue()


_LISTED = b'{"case_no": "%s", "materials": [{"no": %d, "type": "x", "pages": 1, "files": ["%s"]}]}'


@pytest.mark.parametrize(
    "package",
    [
        b"no zip",
        zipped(None),
        zipped(b"{"),
        zipped(b"[]"),
        zipped(_LISTED % (b"C-1", 4, b"missing.jpg")),
        zipped(_LISTED % (b"C 1", 4, b"a"), a=b"x"),
        zipped(_LISTED % (b"C-1", 0, b"a"), a=b"x"),
        zipped(_LISTED % (b"C-1", 4, b"a"), **{"a": b"x", "../b": b"x"}),
    ],
)
def test_a_package_of_the_portal_that_is_not_as_it_says_is_refused_and_kept_whole(
    tmp_path: Path, package: bytes
) -> None:
    engine, store, done = from_portal(tmp_path, "WS1", package)
    assert (done.refused, done.taken, done.error) == (1, 0, None)
    assert store.read(f"quarantine/{hashlib.sha256(package).hexdigest()}/fetched") == package
    (tmp_path / "anew").mkdir()
    anew = database(tmp_path / "anew")
    with writing(anew) as session:  # from the bucket alone
        faults: list[str] = []
        assert (restore_deliveries(session, store, faults), faults) == (1, [])
    for connected in (engine, anew):
        with reading(connected) as session:
            (row,) = session.scalars(select(Delivery))
            assert (row.bag, row.outcome, [entry["code"] for entry in row.findings]) == (
                "portal:WS1",
                "REFUSED",
                ["APPLICATION_INVALID"],
            )
    with reading(engine) as session, reading(anew) as other:
        assert evidence_facts(session) == evidence_facts(other)


def from_portal(folder: Path, number: str, package: bytes) -> tuple[Engine, LocalStore, Pulled]:
    """One application of the simulated portal, pulled into a new archive."""
    (folder / "world" / "applications").mkdir(parents=True)
    row = {
        "id": number,
        "case_no": "C-1",
        "submitted_at": NOW.isoformat(),
        "sha256": hashlib.sha256(package).hexdigest(),
        "size": len(package),
    }
    for name, rows in (("applications", [row]), ("certificates", []), ("events", [])):
        (folder / "world" / f"{name}.json").write_text(json.dumps(rows))
    (folder / "world" / "applications" / number).write_bytes(package)
    engine, store = database(folder), LocalStore(folder / "store")
    with simulated(World(folder / "world", None)) as (base, _):
        done = pull(
            engine,
            store,
            OnlinePortal(f"{base}/portal", key=KEY, rate=1000),
            "test",
            on_progress=lambda _: None,
        )
    return engine, store, done


def test_a_number_longer_than_our_rows_hold_is_the_fault_of_the_source_and_not_the_end_of_the_round(
    tmp_path: Path,
) -> None:
    engine, _, done = from_portal(tmp_path, "W" * 181, zipped(_LISTED % (b"C-1", 4, b"a"), a=b"x"))
    assert done.error is not None
    assert (done.error.code, done.taken, done.refused) == ("SOURCE_ANSWER", 0, 0)
    with reading(engine) as session:
        (row,) = health_rows(session, ("portal",))
    assert row["error_code"] == "SOURCE_ANSWER"
