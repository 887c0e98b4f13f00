"""Others judge our seal as we do: pyHanko's command line and poppler's pdfsig.

They judge real volumes of each level, sound and with one bit changed.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.runtime.bootstrap import start
from api.runtime.settings import Settings
from api.runtime.workshop import open_compile_context
from archive.reference.vocabulary import SignatureLevel
from archive.signing.validation import TrustAnchors, read_signature
from tests.support.command_line import run_command
from tests.support.factories import make_bag


@dataclass(frozen=True)
class Made:
    """A committed volume and what a third party gets to check it."""

    level: SignatureLevel
    pdf: Path
    root: Path
    nss: Path
    trust: TrustAnchors


@pytest.fixture(scope="module", params=list(SignatureLevel), ids=str)
def volume(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("agree")
    make_bag(folder / "bags" / "bag", case_no="150602010000-20260901-000001")

    def yice(*words: str) -> str:
        done = run_command(*words, data=folder / "var", YICE_SIGNATURE_LEVEL=str(request.param))
        assert done.returncode == 0, done.stderr
        return done.stdout

    yice("ingest", str(folder / "bags"))
    yice("compile", "--all")
    (listed,) = json.loads(yice("list", "--json"))
    assert (listed["state"], listed["signature_level"]) == ("COMMITTED", str(request.param))
    yice("export", listed["code"], "--to", str(folder / "out"))
    (pdf,) = (folder / "out").rglob("volume.pdf")
    root, nss = folder / "var" / "pki" / "root.pem", folder / "nss"
    nss.mkdir()
    subprocess.run(["certutil", "-N", "-d", f"sql:{nss}", "--empty-password"], check=True)
    subprocess.run(
        ["certutil", "-A", "-d", f"sql:{nss}", "-n", "root", "-t", "CT,C,C", "-i", str(root)],
        check=True,
    )
    shop = open_compile_context(start(Settings(data=folder / "var")))
    assert shop.demo
    return Made(request.param, pdf, root, nss, shop.trust)


def changed(volume: Made, folder: Path) -> Path:
    """The volume with one bit of a signed byte turned over."""
    data = bytearray(volume.pdf.read_bytes())
    data[data.index(b"stream") + 50] ^= 1
    path = folder / "changed.pdf"
    path.write_bytes(data)
    return path


def pyhanko(volume: Made, pdf: Path, verb: str, *options: str) -> tuple[bool, str]:
    words = [
        str(Path(sys.executable).with_name("pyhanko")),
        "sign",
        verb,
        "--pretty-print",
        "--trust",
        str(volume.root),
        "--trust-replace",
    ]
    done = subprocess.run(
        [*words, *options, str(pdf)], capture_output=True, text=True, timeout=600, check=False
    )
    return done.returncode == 0 and "judged VALID" in done.stdout, done.stdout + done.stderr


def pdfsig(volume: Made, pdf: Path) -> str:
    done = subprocess.run(
        ["pdfsig", "-nssdir", f"sql:{volume.nss}", str(pdf)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return done.stdout.partition("Signature #2")[
        0
    ]  # poppler 22 does not know document time-stamps, only the seal is its business


def test_we_find_the_level_that_was_asked_for(volume: Made) -> None:
    report = read_signature(volume.pdf.read_bytes(), volume.trust)
    assert (report.valid, report.intact, report.covers_whole_document, report.level) == (
        True,
        True,
        True,
        volume.level,
    )


def test_pyhanko_alone_with_the_root_judges_the_volume_valid(volume: Made) -> None:
    for verb in ("validate", "adesverify"):
        valid, text = pyhanko(volume, volume.pdf, verb, "--no-revocation-check")
        assert valid, text


def test_pyhanko_judges_a_b_lta_volume_valid_with_nothing_but_the_root_and_the_data_inside(
    volume: Made,
) -> None:
    valid, text = pyhanko(volume, volume.pdf, "adesverify")
    assert valid is (volume.level is SignatureLevel.B_LTA), text


def test_pdfsig_alone_with_the_root_judges_seal_and_certificate_good(volume: Made) -> None:
    text = pdfsig(volume, volume.pdf)
    assert "Signature is Valid." in text
    assert "Certificate is Trusted." in text
    assert "ETSI.CAdES.detached" in text


def test_a_stranger_without_the_root_trusts_nothing(volume: Made, tmp_path: Path) -> None:
    subprocess.run(["certutil", "-N", "-d", f"sql:{tmp_path}", "--empty-password"], check=True)
    stranger = Made(volume.level, volume.pdf, volume.root, tmp_path, volume.trust)
    assert "Certificate is Trusted." not in pdfsig(stranger, volume.pdf)
    assert not read_signature(
        volume.pdf.read_bytes(), TrustAnchors((), (), volume.trust.crls)
    ).valid


def test_one_changed_bit_is_found_by_all(volume: Made, tmp_path: Path) -> None:
    bad = changed(volume, tmp_path)
    assert not read_signature(bad.read_bytes(), volume.trust).intact
    assert not pyhanko(volume, bad, "validate", "--no-revocation-check")[0]
    assert not pyhanko(volume, bad, "adesverify", "--no-revocation-check")[0]
    assert "Digest Mismatch" in pdfsig(volume, bad)
