"""The time-stamping authority over HTTP, sound and faulty: no volume carries a stamp that was not
checked, and none is downgraded in silence.
"""

import socket
from pathlib import Path

import pytest

from archive.compile.prove import PdfAProver
from archive.reference.vocabulary import SignatureLevel
from archive.signing.seal import SealError
from archive.signing.seal_errors import TimestampPendingError, TimestampUntrustedError
from archive.signing.timestamps import http_timestamper
from archive.signing.validation import read_signature
from tests.support.pki import Authority, stamper
from tests.support.sealing import has_stamps, page, seal, sealer_of
from tests.support.tsa import Fault, serve_tsa


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def closed_address() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/tsa"


@pytest.mark.parametrize("level", [SignatureLevel.B_T, SignatureLevel.B_LTA])
def test_a_sound_authority_over_http_gives_the_level_that_was_asked_for(
    tmp_path: Path, authority: Authority, level: SignatureLevel
) -> None:
    with serve_tsa(stamper(authority, tmp_path)) as tsa:
        sealed = seal(
            sealer_of(
                tmp_path,
                authority,
                authority.issue("S"),
                level=level,
                tsa=http_timestamper(tsa.url),
            )
        )
    report = read_signature(sealed.pdf, authority.trust())
    assert (sealed.level, sealed.pending, report.level) == (level, False, level)
    assert report.valid
    assert report.covers_whole_document
    assert report.timestamped_at is not None
    assert tsa.asked > 0


@pytest.mark.parametrize("level", [SignatureLevel.B_T, SignatureLevel.B_LTA])
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.SOUND])
def test_a_faulty_authority_leaves_a_sound_b_b_volume_that_is_marked_pending(
    tmp_path: Path, authority: Authority, fault: Fault, level: SignatureLevel
) -> None:
    with serve_tsa(stamper(authority, tmp_path), fault) as tsa:
        asked = http_timestamper(tsa.url, timeout=0.3)
        sealed = seal(sealer_of(tmp_path, authority, authority.issue("S"), level=level, tsa=asked))
    assert (sealed.level, sealed.pending) == (SignatureLevel.B_B, True)
    assert tsa.asked > 0
    assert not has_stamps(sealed.pdf)
    report = read_signature(sealed.pdf, authority.trust())
    assert (report.valid, report.level) == (True, SignatureLevel.B_B)


def test_an_authority_that_is_down_leaves_b_b_pending_and_b_lta_follows_as_a_revision(
    tmp_path: Path, authority: Authority
) -> None:
    issued, stamps = authority.issue("S"), stamper(authority, tmp_path)
    down = sealer_of(
        tmp_path,
        authority,
        issued,
        level=SignatureLevel.B_LTA,
        tsa=http_timestamper(closed_address(), timeout=1),
    )
    pending = seal(down)
    assert (pending.level, pending.pending) == (SignatureLevel.B_B, True)
    with pytest.raises(TimestampPendingError) as still:
        down.complete_timestamps(pending.pdf)
    assert still.value.code == "TSA_UNAVAILABLE"
    with serve_tsa(stamps) as tsa:
        back = sealer_of(
            tmp_path, authority, issued, level=SignatureLevel.B_LTA, tsa=http_timestamper(tsa.url)
        )
        done = back.complete_timestamps(pending.pdf)
    assert done.pdf.startswith(pending.pdf)
    assert (done.level, done.pending) == (SignatureLevel.B_LTA, False)
    report = read_signature(done.pdf, authority.trust())
    assert (report.valid, report.covers_whole_document, report.level) == (
        True,
        True,
        SignatureLevel.B_LTA,
    )
    assert PdfAProver("2u").failures(done.pdf) == {}


def test_a_pending_volume_is_completed_by_a_later_key_of_the_fonds(
    tmp_path: Path, authority: Authority
) -> None:
    pending = seal(
        sealer_of(tmp_path, authority, authority.issue("old"), level=SignatureLevel.B_LTA)
    )
    assert pending.pending
    with serve_tsa(stamper(authority, tmp_path)) as tsa:
        later = sealer_of(
            tmp_path,
            authority,
            authority.issue("new"),
            level=SignatureLevel.B_LTA,
            tsa=http_timestamper(tsa.url),
        )
        done = later.complete_timestamps(pending.pdf)
    report = read_signature(done.pdf, authority.trust())
    assert (report.valid, report.signer_cn, report.level) == (True, "old", SignatureLevel.B_LTA)


@pytest.mark.parametrize("fault", [Fault.WRONG_IMPRINT, Fault.BROKEN_SIGNATURE])
def test_completing_takes_no_unchecked_stamp(
    tmp_path: Path, authority: Authority, fault: Fault
) -> None:
    with serve_tsa(stamper(authority, tmp_path), fault) as tsa:
        sealer = sealer_of(
            tmp_path,
            authority,
            authority.issue("S"),
            level=SignatureLevel.B_LTA,
            tsa=http_timestamper(tsa.url),
        )
        pending = seal(sealer)
        with pytest.raises(TimestampPendingError):
            sealer.complete_timestamps(pending.pdf)


def test_completing_refuses_a_volume_whose_signature_is_broken(
    tmp_path: Path, authority: Authority
) -> None:
    with serve_tsa(stamper(authority, tmp_path)) as tsa:
        sealer = sealer_of(
            tmp_path,
            authority,
            authority.issue("S"),
            level=SignatureLevel.B_LTA,
            tsa=http_timestamper(tsa.url),
        )
        signed = bytearray(seal(sealer).pdf)
        signed[len(page()) // 2] ^= 1
        with pytest.raises(SealError):
            sealer.complete_timestamps(bytes(signed))


@pytest.mark.parametrize("level", [SignatureLevel.B_T, SignatureLevel.B_LTA])
def test_a_stamp_of_an_unknown_authority_is_refused_and_there_is_no_volume(
    tmp_path: Path, authority: Authority, level: SignatureLevel
) -> None:
    with serve_tsa(stamper(Authority("Stranger"), tmp_path)) as tsa:
        sealer = sealer_of(
            tmp_path, authority, authority.issue("S"), level=level, tsa=http_timestamper(tsa.url)
        )
        with pytest.raises(TimestampUntrustedError) as refused:
            seal(sealer)
    assert refused.value.code == "TSA_UNTRUSTED"
    assert "YICE_TSA_URL" in refused.value.action


def test_a_revoked_time_stamping_certificate_is_refused(tmp_path: Path) -> None:
    authority = Authority()
    tsa_key = authority.issue("TSA", tsa=True)
    authority.revoke(tsa_key)
    with serve_tsa(stamper(authority, tmp_path, tsa_key)) as tsa:
        sealer = sealer_of(
            tmp_path,
            authority,
            authority.issue("S"),
            level=SignatureLevel.B_T,
            tsa=http_timestamper(tsa.url),
        )
        with pytest.raises(TimestampUntrustedError):
            seal(sealer)


def test_the_authority_is_asked_with_the_login_and_without_it_stays_pending(
    tmp_path: Path, authority: Authority
) -> None:
    issued = authority.issue("S")
    with serve_tsa(stamper(authority, tmp_path), login="archive:secret") as tsa:
        known = seal(
            sealer_of(
                tmp_path,
                authority,
                issued,
                level=SignatureLevel.B_T,
                tsa=http_timestamper(tsa.url, "archive", "secret"),
            )
        )
        unknown = seal(
            sealer_of(
                tmp_path, authority, issued, level=SignatureLevel.B_T, tsa=http_timestamper(tsa.url)
            )
        )
    assert (known.pending, unknown.pending) == (False, True)
