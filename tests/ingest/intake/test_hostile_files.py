"""Each file of guard.md's list is found under its code, and its neighbours live on."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.reference.organisations import load_organisations
from archive.reference.service_items import load_catalogue
from archive.reference.vocabulary import Outcome
from ingest.intake.submission import inspect_submission
from ingest.package.bag import read_bag
from tests.resources import bags, documents, images
from tests.support.factories import make_bag, sound_case

CATALOGUE, ORGANISATIONS = load_catalogue(), load_organisations()
NOW = datetime(2026, 11, 1, tzinfo=UTC)
_SIGNATURE = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@cache
def _sound_files() -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        return bags.sound_members(Path(folder))


def inspected(
    tmp_path: Path, data: bytes, extension: str, pages: int = 1
) -> tuple[set[str], Outcome | None]:
    """The codes and the outcome of a package that is sound but for this file."""
    case = sound_case("150602010000-20260901-000001")
    case["materials"][5] |= {"files": [f"materials/x.{extension}"], "pages": pages}
    files = {
        name: data for name, data in _sound_files().items() if name != "data/materials/006.jpg"
    }
    files |= {"data/case.json": json.dumps(case).encode(), f"data/materials/x.{extension}": data}
    rmtree(tmp_path / "bag", ignore_errors=True)
    submission = inspect_submission(
        read_bag(bags.folder_of(tmp_path / "bag", bags.resealed(files))),
        CATALOGUE,
        ORGANISATIONS,
        now=NOW,
    )
    return {row.code for row in submission.findings}, submission.outcome


@pytest.mark.parametrize(
    ("make", "extension", "pages"),
    [
        (images.jpeg, "jpg", 1),
        (images.jpeg, "JPEG", 1),
        (lambda: images.tiff("one", "two", "three"), "tif", 3),
        (images.profiled_jpeg, "jpg", 1),
        (images.broken_icc_jpeg, "jpg", 1),
        (images.cmyk_jpeg, "jpg", 1),
        (images.deep_png, "png", 1),
        (images.phone_jpeg, "jpg", 1),
        (lambda: documents.pdf(pages=3), "pdf", 3),
        (documents.owner_locked_pdf, "pdf", 1),
        (documents.broken_xref_pdf, "pdf", 1),
    ],
)
def test_an_unusual_but_sound_file_is_accepted_with_its_pages_counted(
    tmp_path: Path, make: Callable[[], bytes], extension: str, pages: int
) -> None:
    assert inspected(tmp_path, make(), extension, pages) == (set(), None)


@pytest.mark.parametrize(
    ("make", "extension", "code"),
    [
        (images.cut_jpeg, "jpg", "GD-3-4"),
        (images.endless_jpeg, "jpg", "GD-3-4"),
        (images.endless_jpeg_with_preview, "jpg", "GD-3-4"),
        (images.cut_png, "png", "GD-3-4"),
        (images.cut_tiff, "tif", "GD-3-4"),
        (images.text_bomb_png, "png", "GD-3-4"),
        (images.bomb_png, "png", "FILE_UNSAFE"),
        (images.many_frames_tiff, "tif", "FILE_UNSAFE"),
        (images.looped_tiff, "tif", "GD-2-7"),
        (documents.flate_bomb_pdf, "pdf", "FILE_UNSAFE"),
        (documents.object_stream_bomb_pdf, "pdf", "FILE_UNSAFE"),
        (documents.cyclic_pdf, "pdf", "GD-3-4"),
        (documents.million_pages_pdf, "pdf", "GD-3-4"),
        (documents.script_pdf, "pdf", "FILE_UNSAFE"),
        (documents.hidden_script_pdf, "pdf", "FILE_UNSAFE"),
        (documents.launch_pdf, "pdf", "FILE_UNSAFE"),
        (documents.program_pdf, "pdf", "FILE_UNSAFE"),
        (documents.locked_pdf, "pdf", "ENCRYPTED"),
        (documents.pdf_zip, "pdf", "FILE_UNSAFE"),
        (documents.jpeg_pdf, "jpg", "FILE_UNSAFE"),
        (documents.html_pdf, "pdf", "FILE_UNSAFE"),
        (documents.ofd, "ofd", "OFD_NO_RENDITION"),
        (documents.entity_ofd, "ofd", "FILE_UNSAFE"),
        (documents.bomb_ofd, "ofd", "FILE_UNSAFE"),
        (documents.cut_ofd, "ofd", "GD-3-4"),
        (documents.not_quite_ofd, "zip", "FORMAT_UNKNOWN"),
        (bags.nested_zip, "zip", "FORMAT_UNKNOWN"),
        (lambda: _SIGNATURE, "com", "FORMAT_UNKNOWN"),
        (lambda: b"MZ" + bytes(500), "exe", "FORMAT_UNKNOWN"),
        (lambda: b'<!DOCTYPE a [<!ENTITY b "ha">]><a>&b;</a>', "xml", "FORMAT_UNKNOWN"),
    ],
)
def test_a_hostile_or_broken_file_is_refused_under_its_code(
    tmp_path: Path, make: Callable[[], bytes], extension: str, code: str
) -> None:
    codes, outcome = inspected(tmp_path, make(), extension)
    assert code in codes
    assert outcome is Outcome.REFUSE


@pytest.mark.parametrize(
    ("make", "extension", "pages", "code", "outcome"),
    [
        (images.blank_jpeg, "jpg", 1, "BLANK_PAGE", Outcome.CONFIRM),
        (images.deep_blank_png, "png", 1, "BLANK_PAGE", Outcome.CONFIRM),
        (documents.blank_page_pdf, "pdf", 2, "BLANK_PAGE", Outcome.CONFIRM),
        (images.coarse_jpeg, "jpg", 1, "LOW_RESOLUTION", Outcome.CONFIRM),
        (images.jpeg, "pdf", 1, "FORMAT_MISMATCH", Outcome.CONFIRM),
        (documents.xfa_pdf, "pdf", 1, "PDF_XFA", Outcome.CONFIRM),
        (documents.attachment_pdf, "pdf", 1, "PDF_ATTACHMENT", Outcome.NOTE),
    ],
)
def test_a_doubtful_file_is_told_and_not_refused(
    tmp_path: Path,
    make: Callable[[], bytes],
    extension: str,
    pages: int,
    code: str,
    outcome: Outcome,
) -> None:
    assert inspected(tmp_path, make(), extension, pages) == ({code}, outcome)


def test_a_package_that_is_written_while_it_is_inspected_is_refused_and_no_error(
    tmp_path: Path,
) -> None:
    for name in ("materials/004.jpg", "case.json"):
        folder = make_bag(tmp_path / name)
        bag = read_bag(folder)
        (folder / "data" / name).write_bytes(b"other")
        submission = inspect_submission(bag, CATALOGUE, ORGANISATIONS, now=NOW)
        assert [row.code for row in submission.findings] == ["BAG_INVALID"]


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    start=st.sampled_from(
        [
            b"",
            b"\xff\xd8\xff",
            b"\x89PNG\r\n\x1a\n",
            b"II*\x00",
            b"MM\x00*",
            b"%PDF-1.7\n",
            b"PK\x03\x04",
            b"PK\x05\x06",
        ]
    ),
    junk=st.binary(max_size=200),
    extension=st.sampled_from(["jpg", "png", "tif", "pdf", "ofd", "exe", "x" * 30]),
)
def test_any_bytes_as_a_material_are_refused_and_never_an_error(
    tmp_path: Path, start: bytes, junk: bytes, extension: str
) -> None:
    assert inspected(tmp_path, start + junk, extension)[1] is Outcome.REFUSE


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    make=st.sampled_from([images.jpeg, documents.pdf, documents.ofd, lambda: images.tiff("a")]),
    at=st.integers(0, 1 << 20),
    junk=st.binary(min_size=1, max_size=20),
)
def test_a_damaged_file_gives_findings_or_sound_facts_and_never_an_error(
    tmp_path: Path, make: Callable[[], bytes], at: int, junk: bytes
) -> None:
    whole = make()
    at %= len(whole)
    codes, outcome = inspected(tmp_path, whole[:at] + junk + whole[at + len(junk) :], "bin")
    assert codes or outcome is None
