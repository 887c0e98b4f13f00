"""Sealing with keys on a real PKCS#11 token (SoftHSM 2), through lost sessions and forks."""

import os
import uuid
from pathlib import Path

import pkcs11
import pytest

from archive.reference.vocabulary import SignatureLevel
from archive.signing.seal import Sealer, SealError
from archive.signing.seal_keys import Token, TokenSigner
from archive.signing.validation import read_signature
from tests.support.pki import Authority, stamper
from tests.support.sealing import seal
from tests.support.softhsm import MODULE, PIN, Hsm, configure_softhsm, make_hsm


@pytest.fixture(scope="module", autouse=True)
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> None:
    configure_softhsm(tmp_path_factory.mktemp("softhsm"))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def hsm(authority: Authority) -> Hsm:
    token = make_hsm(uuid.uuid4().hex[:12])
    for fonds in ("J602", "J603"):
        token.put(fonds, authority.issue(f"seal of {fonds}"))
    return token


def token_of(hsm: Hsm, pin: str = PIN) -> Token:
    return Token(str(MODULE), hsm.label, pin)


def b_b(authority: Authority, signer: TokenSigner) -> Sealer:
    return Sealer(signer, authority.trust(), SignatureLevel.B_B, None)


def test_a_key_on_a_token_seals_to_b_lta(tmp_path: Path, authority: Authority, hsm: Hsm) -> None:
    sealer = Sealer(
        TokenSigner(token_of(hsm), "J602"),
        authority.trust(),
        SignatureLevel.B_LTA,
        stamper(authority, tmp_path),
    )
    report = read_signature(seal(sealer).pdf, authority.trust())
    assert (report.valid, report.signer_cn, report.level) == (
        True,
        "seal of J602",
        SignatureLevel.B_LTA,
    )


def test_a_lost_session_is_opened_anew_and_every_fonds_of_the_token_signs_again(
    authority: Authority, hsm: Hsm
) -> None:
    token = token_of(hsm)
    sealers = [b_b(authority, TokenSigner(token, fonds)) for fonds in ("J602", "J603")]
    for sealer in sealers:
        assert read_signature(seal(sealer).pdf, authority.trust()).valid
    before = token.session()
    for lose in (before.close, pkcs11.lib(str(MODULE)).reinitialize):
        lose()
        signatures = [read_signature(seal(sealer).pdf, authority.trust()) for sealer in sealers]
        assert [(signature.valid, signature.signer_cn) for signature in signatures] == [
            (True, "seal of J602"),
            (True, "seal of J603"),
        ]
    assert token.session() is not before


def test_two_parts_of_a_process_use_one_token_side_by_side(authority: Authority, hsm: Hsm) -> None:
    sealers = [b_b(authority, TokenSigner(token_of(hsm), fonds)) for fonds in ("J602", "J603")]
    for _ in range(2):
        assert [
            read_signature(seal(sealer).pdf, authority.trust()).signer_cn for sealer in sealers
        ] == [
            "seal of J602",
            "seal of J603",
        ]
        pkcs11.lib(str(MODULE)).reinitialize()


def test_a_token_that_stays_away_is_an_error_with_a_next_step_and_when_it_is_back_signing_goes_on(
    authority: Authority, hsm: Hsm
) -> None:
    sealer = b_b(authority, TokenSigner(token_of(hsm), "J602"))
    conf, library = Path(os.environ["SOFTHSM2_CONF"]), pkcs11.lib(str(MODULE))
    sound = conf.read_text()
    empty = conf.parent / uuid.uuid4().hex
    empty.mkdir()
    conf.write_text(f"directories.tokendir = {empty}\n")
    library.reinitialize()
    try:
        with pytest.raises(SealError) as lost:
            seal(sealer)
        assert lost.value.code in {"SEAL_KEY_LOST", "SEAL_KEY_MISSING"}
        assert lost.value.action
    finally:
        conf.write_text(sound)
    library.reinitialize()
    assert read_signature(seal(sealer).pdf, authority.trust()).valid


def test_a_forked_worker_opens_its_own_session_and_the_parent_keeps_its(
    authority: Authority, hsm: Hsm, tmp_path: Path
) -> None:
    sealer = b_b(authority, TokenSigner(token_of(hsm), "J602"))
    seal(sealer)
    child = os.fork()
    if child == 0:
        try:
            (tmp_path / "child.pdf").write_bytes(seal(sealer).pdf)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert read_signature((tmp_path / "child.pdf").read_bytes(), authority.trust()).valid
    assert read_signature(seal(sealer).pdf, authority.trust()).valid


def test_a_wrong_pin_an_unknown_key_and_an_unknown_token_are_missing_keys(hsm: Hsm) -> None:
    cases = (
        lambda: TokenSigner(token_of(hsm, "000000"), "J602"),
        lambda: TokenSigner(token_of(hsm), "J999"),
        lambda: TokenSigner(Token(str(MODULE), "no such token", PIN), "J602"),
    )
    for case in cases:
        with pytest.raises(SealError) as refused:
            case()
        assert refused.value.code == "SEAL_KEY_MISSING"
        assert PIN not in str(refused.value)


def test_a_module_that_is_not_there_is_a_lost_key(tmp_path: Path) -> None:
    with pytest.raises(SealError) as refused:
        TokenSigner(Token(str(tmp_path / "none.so"), "x", PIN), "J602")
    assert refused.value.code == "SEAL_KEY_LOST"


def test_the_pin_is_never_shown(hsm: Hsm) -> None:
    assert PIN not in repr(token_of(hsm))
