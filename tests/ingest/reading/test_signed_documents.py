"""Documents that bear signatures, and OFD files: what they are is read, whichever way they came."""

from pathlib import Path

import pytest

from archive.reference.vocabulary import ForeignSignature
from ingest.intake.submission import inspect_submission
from ingest.package.bag import read_bag
from ingest.reading.formats import examine
from tests.ingest.intake.test_findings_table import CATALOGUE, NOW, ORGANISATIONS
from tests.resources import documents
from tests.support.factories import make_bag, page, sound_case

CASE_NO = "150602010000-20260901-000001"


def codes(folder: Path, number: int, files: dict[str, bytes]) -> dict[str, str]:
    case = sound_case(CASE_NO)
    case["materials"][number]["files"] = list(files)
    bag = read_bag(make_bag(folder / "bag", case=case, files=files))
    findings = inspect_submission(bag, CATALOGUE, ORGANISATIONS, now=NOW).findings
    return {row.code: str(row.outcome) for row in findings}


@pytest.mark.parametrize("number", [4, 5])
def test_a_certificate_changed_after_its_signature_waits_whatever_its_source(
    tmp_path: Path, number: int
) -> None:
    data = documents.signed_then_changed_pdf(tmp_path / "issuer")
    findings = codes(tmp_path, number, {"materials/x.pdf": data})
    assert findings["CERT_SIGNATURE"] == "CONFIRM"


@pytest.mark.parametrize(
    ("changed", "state"),
    [(False, ForeignSignature.UNTRUSTED), (True, ForeignSignature.BROKEN)],
)
def test_an_ofd_is_held_against_the_digests_of_its_signature(
    changed: bool,
    state: ForeignSignature,
) -> None:
    assert examine(documents.signed_ofd(changed=changed)).signature == state


def test_a_document_without_a_signature_has_no_state() -> None:
    assert [examine(data).signature for data in (documents.pdf(), documents.ofd())] == ["", ""]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16", "GB18030", "GBK"])
def test_the_pages_of_an_ofd_are_counted_in_any_encoding(encoding: str) -> None:
    look = examine(documents.ofd(3, encoding=encoding))
    assert (look.fault, look.pages, look.own_pages) == (None, 0, 3)


@pytest.mark.parametrize(
    ("data", "fault", "word"),
    [
        (documents.lost_ofd(), "OFD_INVALID", "DocRoot"),
        (documents.ofd(0), "OFD_INVALID", "没有页面"),
        (documents.ofd(Doc_0_xml=b"<a"), "OFD_INVALID", "XML"),
        (
            documents.ofd(x_xml='<!DOCTYPE a [<!ENTITY b "c">]><a/>'.encode("utf-16")),
            "FILE_UNSAFE",
            "实体",
        ),
    ],
)
def test_an_ofd_that_is_not_whole_is_refused_in_words(data: bytes, fault: str, word: str) -> None:
    look = examine(data)
    assert look.fault == fault
    assert word in look.why


def test_a_rendition_with_fewer_pages_than_its_ofd_waits(tmp_path: Path) -> None:
    files = {"materials/x.ofd": documents.ofd(2), "materials/006.jpg": page(6)}
    assert codes(tmp_path, 5, files) == {"OFD_PAGES": "CONFIRM"}
