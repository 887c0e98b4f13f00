"""The seal's own standing: in its time, trusted, not revoked, at signing and at validation."""

import contextlib
import cProfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from asn1crypto.crl import CertificateList
from pyhanko.pdf_utils.reader import PdfFileReader

from archive.compile.prove import PdfAProver
from archive.reference.vocabulary import SignatureLevel
from archive.signing.demo_pki import ensure_demo_pki, local_timestamper
from archive.signing.revocation import Revocation
from archive.signing.seal import Sealer, SealError, load_pkcs12
from archive.signing.seal_errors import SealExpiredError
from archive.signing.validation import TrustAnchors, read_signature
from tests.support.pki import DAY, Authority, open_desk, stamper, write_pkcs12
from tests.support.sealing import seal, sealer_of


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def refusal(
    folder: Path, authority: Authority, issued: object, trust: TrustAnchors | None = None
) -> SealError:
    with pytest.raises(SealError) as refused:
        seal(sealer_of(folder, authority, issued, trust=trust))  # type: ignore[arg-type]
    assert refused.value.message
    assert refused.value.action
    return refused.value


def test_an_expired_seal_is_refused(tmp_path: Path, authority: Authority) -> None:
    assert (
        refusal(tmp_path, authority, authority.issue("S", begins=-30 * DAY, ends=-DAY)).code
        == "SEAL_EXPIRED"
    )


def test_a_seal_that_has_not_begun_is_refused(tmp_path: Path, authority: Authority) -> None:
    assert (
        refusal(tmp_path, authority, authority.issue("S", begins=DAY)).code == "SEAL_NOT_YET_VALID"
    )


def test_a_seal_under_an_unknown_root_is_refused(tmp_path: Path, authority: Authority) -> None:
    assert (
        refusal(tmp_path, authority, authority.issue("S"), Authority("Another").trust()).code
        == "SEAL_UNTRUSTED"
    )


def test_a_time_stamping_certificate_does_not_seal(tmp_path: Path, authority: Authority) -> None:
    assert refusal(tmp_path, authority, authority.issue("S", tsa=True)).code == "SEAL_UNTRUSTED"


def test_a_seal_of_which_nobody_can_tell_whether_it_was_revoked_is_refused(
    tmp_path: Path, authority: Authority
) -> None:
    assert (
        refusal(tmp_path, authority, authority.issue("S"), authority.trust(with_crl=False)).code
        == "SEAL_REVOCATION_UNKNOWN"
    )
    stale = replace(authority.trust(), crls=(CertificateList.load(authority.crl(ends=-DAY)),))
    assert (
        refusal(tmp_path, authority, authority.issue("S"), stale).code == "SEAL_REVOCATION_UNKNOWN"
    )


def test_a_missing_key_and_a_wrong_passphrase_are_refused(
    tmp_path: Path, authority: Authority
) -> None:
    path = write_pkcs12(tmp_path / "J602.p12", authority.issue("S"), authority.root)
    for case in (
        lambda: load_pkcs12(tmp_path / "J603.p12", b"test"),
        lambda: load_pkcs12(path, b"wrong"),
    ):
        with pytest.raises(SealError) as refused:
            case()
        assert refused.value.code == "SEAL_KEY_MISSING"


def test_a_revoked_seal_is_refused_at_signing_and_found_at_validation(tmp_path: Path) -> None:
    authority = Authority()
    issued = authority.issue("S")
    before = seal(sealer_of(tmp_path, authority, issued))
    assert read_signature(before.pdf, authority.trust()).valid
    authority.revoke(issued)
    assert refusal(tmp_path, authority, issued).code == "SEAL_REVOKED"
    signature = read_signature(before.pdf, authority.trust())
    assert (signature.valid, signature.intact) == (False, True)


@pytest.mark.parametrize("level", [SignatureLevel.B_T, SignatureLevel.B_LTA])
def test_revoked_after_its_stamp_a_seal_still_proves_and_revoked_before_it_does_not(
    tmp_path: Path, level: SignatureLevel
) -> None:
    authority = Authority()
    issued = authority.issue("S")
    sealed = seal(
        sealer_of(tmp_path, authority, issued, level=level, tsa=stamper(authority, tmp_path))
    )
    authority.revoke(issued, datetime.now(UTC) + timedelta(minutes=1))
    assert read_signature(sealed.pdf, authority.trust()).valid
    authority.revoke(issued, datetime.now(UTC) - timedelta(hours=1))
    assert not read_signature(sealed.pdf, authority.trust()).valid


def test_a_stamped_seal_outlives_its_certificate_and_an_unstamped_one_does_not(
    tmp_path: Path, authority: Authority
) -> None:
    tsa = stamper(authority, tmp_path)
    for seconds in (4, 20, 120):  # on a busy machine a brief one ends before both are made
        brief = authority.issue("S", ends=timedelta(seconds=seconds))
        with contextlib.suppress(SealExpiredError):
            stamped = seal(
                sealer_of(tmp_path, authority, brief, level=SignatureLevel.B_LTA, tsa=tsa)
            )
            plain = seal(sealer_of(tmp_path, authority, brief))
            if read_signature(plain.pdf, authority.trust()).valid:
                break
    else:
        pytest.fail("no certificate was valid while two seals were made")
    time.sleep(
        max(0.0, (brief.certificate.not_valid_after_utc - datetime.now(UTC)).total_seconds()) + 2
    )
    assert read_signature(stamped.pdf, authority.trust()).valid
    assert not read_signature(plain.pdf, authority.trust()).valid


@pytest.mark.parametrize("points", ["crl", "ocsp"])
@pytest.mark.parametrize("level", list(SignatureLevel))
def test_what_the_certificate_names_is_asked_and_a_revoked_seal_is_refused_and_found(
    tmp_path: Path, points: str, level: SignatureLevel
) -> None:
    with open_desk(points) as desk:
        issued, tsa = desk.issue("S"), desk.issue("TSA", tsa=True)
        trust = replace(
            desk.authority.trust(with_crl=False), revocation=Revocation(fetch=True, age=0)
        )
        sealed = seal(
            sealer_of(
                tmp_path,
                desk.authority,
                issued,
                trust=trust,
                level=level,
                tsa=stamper(desk.authority, tmp_path, tsa),
            )
        )
        assert desk.asked
        report = read_signature(sealed.pdf, trust)
        assert (report.valid, report.level) == (True, level)
        if level is SignatureLevel.B_LTA:
            assert read_signature(sealed.pdf, desk.authority.trust(with_crl=False)).valid, (
                "the file carries what is needed offline"
            )
            assert PdfAProver("2u").failures(sealed.pdf) == {}
        desk.authority.revoke(issued)
        assert refusal(tmp_path, desk.authority, issued, trust).code == "SEAL_REVOKED"
        assert not read_signature(sealed.pdf, trust).valid


def test_without_fetching_no_address_is_asked(tmp_path: Path) -> None:
    with open_desk("crl") as desk:
        assert (
            refusal(
                tmp_path, desk.authority, desk.issue("S"), desk.authority.trust(with_crl=False)
            ).code
            == "SEAL_REVOCATION_UNKNOWN"
        )
        assert desk.asked == []


def test_a_list_from_an_address_or_a_file_is_read_again_and_a_broken_source_keeps_the_last(
    tmp_path: Path,
) -> None:
    with open_desk("") as desk:
        issued = desk.issue("S")
        source = Revocation([f"{desk.authority.address}/root.crl"], age=0)
        trust = replace(desk.authority.trust(with_crl=False), revocation=source)
        sealed = seal(sealer_of(tmp_path, desk.authority, issued, trust=trust))
        desk.authority.revoke(issued)
        assert not read_signature(sealed.pdf, trust).valid
    assert not read_signature(sealed.pdf, trust).valid, "the address is gone, its last list holds"
    file = tmp_path / "root.crl"
    file.write_bytes(b"<html>not found</html>")
    broken = replace(trust, revocation=Revocation([str(file)], age=0))
    assert refusal(tmp_path, desk.authority, issued, broken).code == "SEAL_REVOCATION_UNKNOWN"
    file.write_bytes(desk.authority.crl())
    assert refusal(tmp_path, desk.authority, issued, broken).code == "SEAL_REVOKED"


@pytest.mark.parametrize("level", list(SignatureLevel))
def test_a_bit_changed_anywhere_in_the_signed_bytes_is_found_and_nothing_raises(
    tmp_path: Path, authority: Authority, level: SignatureLevel
) -> None:
    pdf = seal(
        sealer_of(
            tmp_path, authority, authority.issue("S"), level=level, tsa=stamper(authority, tmp_path)
        )
    ).pdf
    trust = authority.trust()
    first, length, *_ = PdfFileReader(BytesIO(pdf)).embedded_regular_signatures[0].byte_range
    assert first == 0
    for place in range(0, length, length // 40):
        data = bytearray(pdf)
        data[place] ^= 4
        signature = read_signature(bytes(data), trust)
        assert not (signature.valid and signature.intact), place
    assert read_signature(pdf, trust).valid


def test_the_key_is_parsed_once_and_not_at_each_signature(tmp_path: Path) -> None:
    pki = ensure_demo_pki(tmp_path / "pki", {"J602": "演示局"})
    key, tsa = load_pkcs12(pki.pkcs12_of("J602"), pki.passphrase), local_timestamper(pki)
    sealer = Sealer(key, pki.trust, SignatureLevel.B_LTA, tsa, pki.crls)
    seal(sealer)
    profile = cProfile.Profile()
    profile.enable()
    sealed = seal(sealer)
    profile.disable()
    called = {
        entry.code if isinstance(entry.code, str) else entry.code.co_name
        for entry in profile.getstats()
    }
    assert sealed.level is SignatureLevel.B_LTA
    assert "sign_pdf" in called
    assert not [name for name in called if "load_der_private_key" in name]


def test_the_standing_of_the_seal_is_looked_up_once_for_many_volumes_and_again_after_five_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_desk("ocsp") as desk:
        issued = desk.issue("S")
        trust = replace(desk.authority.trust(with_crl=False), revocation=Revocation(fetch=True))
        sealer = sealer_of(tmp_path, desk.authority, issued, trust=trust)
        for _ in range(5):
            seal(sealer)
        assert len(desk.asked) == 1
        desk.authority.revoke(issued)
        later = time.monotonic() + 301
        monkeypatch.setattr(time, "monotonic", lambda: later)
        with pytest.raises(SealError) as refused:
            seal(sealer)
        assert refused.value.code == "SEAL_REVOKED"
