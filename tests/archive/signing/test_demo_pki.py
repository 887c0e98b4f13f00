"""The demonstration PKI: made once and whole, every name marked, its stamps as good as those of an
authority elsewhere.
"""

import threading
from pathlib import Path

from asn1crypto.x509 import Certificate

from archive.reference.vocabulary import SignatureLevel
from archive.signing.demo_pki import ensure_demo_pki, local_timestamper
from archive.signing.seal import Sealer, load_pkcs12
from archive.signing.timestamps import http_timestamper
from archive.signing.validation import read_signature
from tests.support.sealing import seal
from tests.support.tsa import serve_tsa

OWNERS = {"J602": "锡林浩特市公安局"}


def test_two_makers_at_once_end_with_one_pki_and_a_second_opening_changes_nothing(
    tmp_path: Path,
) -> None:
    roots: list[bytes] = []
    makers = [
        threading.Thread(
            target=lambda: roots.append(
                ensure_demo_pki(tmp_path / "pki", OWNERS).trust.roots[0].dump()
            )
        )
        for _ in range(2)
    ]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    again = ensure_demo_pki(tmp_path / "pki", OWNERS)
    assert set(roots) == {again.trust.roots[0].dump()}
    assert [path.name for path in tmp_path.iterdir()] == ["pki"]


def test_every_name_bears_the_mark_and_only_the_owner_reads_the_keys(tmp_path: Path) -> None:
    ensure_demo_pki(tmp_path / "pki", OWNERS)
    for path in (tmp_path / "pki").glob("*.der"):
        assert "演示" in Certificate.load(path.read_bytes()).subject.native["common_name"]
    secrets = [*(tmp_path / "pki").glob("*.p12"), tmp_path / "pki" / "passphrase"]
    assert len(secrets) == 3
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}


def test_its_authority_stamps_to_b_lta_in_process_and_over_http(tmp_path: Path) -> None:
    pki = ensure_demo_pki(tmp_path / "pki", OWNERS)
    inside = local_timestamper(pki)
    with serve_tsa(inside) as tsa:
        for stamper in (inside, http_timestamper(tsa.url)):
            sealer = Sealer(
                load_pkcs12(pki.pkcs12_of("J602"), pki.passphrase),
                pki.trust,
                SignatureLevel.B_LTA,
                stamper,
                pki.crls,
            )
            report = read_signature(seal(sealer).pdf, pki.trust)
            assert (report.valid, report.level) == (True, SignatureLevel.B_LTA)
        assert tsa.asked > 0
