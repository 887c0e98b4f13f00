"""Ten years: authorities whose certificates end after three, and a volume that is stamped again
before each does, judged by pyHanko's own machinery.

It was sealed ten years ago, so that the present, of which pyHanko asks the machine's clock, is ten
years later.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest
from asn1crypto.crl import CertificateList
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESPassed, AdESSubIndic
from pyhanko.sign.validation.ades import ades_lta_validation
from pyhanko.sign.validation.policy_decl import (
    LocalKnowledge,
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import (
    REQUIRE_REVINFO,
    CertRevTrustPolicy,
    NonRevokedStatusAssertion,
)
from pyhanko_certvalidator.registry import SimpleTrustManager

from archive.compile.prove import PdfAProver
from archive.reference.vocabulary import SignatureLevel
from archive.signing.seal import Sealer, load_pkcs12
from archive.signing.seal_errors import TimestampLapsedError
from archive.signing.validation import TrustAnchors, newest_stamp, read_signature
from tests.support.pki import DAY, PASSPHRASE, Authority, Issued, stamper, write_pkcs12
from tests.support.sealing import page, seal

YEAR = 365 * DAY
BEGIN = datetime.now(UTC).replace(microsecond=0) - 10 * YEAR
PRESENT, LATER = 10 * YEAR, (2, 4, 6, 8)


@dataclass
class World:
    """Who issues what: one authority for the seals, and for the time-stamps another one every two
    years.
    """

    seals: Authority
    stamps: dict[int, Authority]

    def trust(self, at: timedelta) -> TrustAnchors:
        """What a reader has at a time: the roots, and everybody's list of that day."""
        known = [self.seals, *self.stamps.values()]
        lists = (CertificateList.load(authority.crl(at=BEGIN + at)) for authority in known)
        return TrustAnchors(
            tuple(authority.root.asn1 for authority in known), (), tuple(lists), moment=BEGIN + at
        )

    def sealer(self, folder: Path, key: Issued, years: int) -> Sealer:
        """The archive after some years, with the time-stamping certificate of then, which ends
        three years later.
        """
        at, authority = years * YEAR, self.stamps[years]
        tsa = authority.issue(
            "Test TSA", begins=at - PRESENT - DAY, ends=at - PRESENT + 3 * YEAR, tsa=True
        )
        signer = load_pkcs12(write_pkcs12(folder / "J602.p12", key, self.seals.root), PASSPHRASE)
        return Sealer(
            signer,
            self.trust(at),
            SignatureLevel.B_LTA,
            stamper(authority, folder, tsa, BEGIN + at),
        )


def indication(pdf: bytes, world: World, at: timedelta) -> AdESSubIndic:
    """PAdES long-term validation (EN 319 102-1, 5.6.3) by pyHanko, with nothing but root and file.

    That the newest stamp is not revoked is asserted, as in its own
    `simulate_future_ades_lta_validation`.
    """
    reader, moment = PdfFileReader(BytesIO(pdf)), BEGIN + at
    newest = reader.embedded_timestamp_signatures[-1].signer_cert
    spec = SignatureValidationSpec(
        CertValidationPolicySpec(
            trust_manager=SimpleTrustManager.build(list(world.trust(at).roots)),
            revinfo_policy=CertRevTrustPolicy(REQUIRE_REVINFO),
        ),
        RevocationInfoGatheringSpec(RevinfoOnlineFetchingRule.LOCAL_ONLY),
        local_knowledge=LocalKnowledge(
            nonrevoked_assertions=[NonRevokedStatusAssertion(newest.sha256, at=moment)]
        ),
    )
    timing = ValidationTimingInfo(moment, moment, point_in_time_validation=True)
    signature = reader.embedded_regular_signatures[0]
    return asyncio.run(
        ades_lta_validation(signature, PdfSignatureValidationSpec(spec), timing)
    ).ades_subindic


@pytest.fixture(scope="module")
def world() -> World:
    began, lasts = -11 * YEAR, 5 * YEAR
    return World(
        Authority(began=began, lasts=lasts),
        {
            years: Authority(f"Stamping root {years}", began=began, lasts=lasts)
            for years in (0, *LATER)
        },
    )


@pytest.fixture(scope="module")
def key(world: World) -> Issued:
    """A seal that ends after a year."""
    return world.seals.issue("S", begins=-PRESENT - DAY, ends=-9 * YEAR)


@pytest.fixture(scope="module")
def renewed(world: World, key: Issued, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Sealed, and stamped again after two, four, six and eight years."""
    versions = [seal(world.sealer(tmp_path_factory.mktemp("fresh"), key, 0), at=BEGIN).pdf]
    for years in LATER:
        versions.append(
            world.sealer(tmp_path_factory.mktemp("later"), key, years)
            .renew_timestamps(versions[-1])
            .pdf
        )
    return versions


def test_ten_years_later_a_renewed_chain_validates(world: World, renewed: list[bytes]) -> None:
    assert indication(renewed[-1], world, PRESENT) is AdESPassed.OK
    report = read_signature(renewed[-1], world.trust(PRESENT))
    assert (report.valid, report.covers_whole_document, report.level, report.stamps) == (
        True,
        True,
        SignatureLevel.B_LTA,
        5,
    )
    assert report.timestamped_at == BEGIN
    for before, after in pairwise(renewed):
        assert after.startswith(before)


def test_without_renewal_or_with_one_that_was_forgotten_it_does_not(
    world: World, key: Issued, renewed: list[bytes], tmp_path: Path
) -> None:
    for pdf in renewed[:-1]:
        assert indication(pdf, world, PRESENT) is not AdESPassed.OK
        assert not read_signature(pdf, world.trust(PRESENT)).valid
    with pytest.raises(TimestampLapsedError):
        world.sealer(tmp_path, key, 8).renew_timestamps(renewed[1])


def test_each_version_validates_as_long_as_its_newest_stamp_lasts_and_says_how_long(
    world: World, renewed: list[bytes]
) -> None:
    for number, pdf in enumerate(renewed):
        end = (2 * number + 3) * YEAR
        stamp = newest_stamp(pdf)
        assert stamp is not None
        assert abs(stamp.until - (BEGIN + end)) < DAY
        assert stamp.algorithm == "rsa2048-sha256"
        assert read_signature(pdf, world.trust(end - DAY)).valid
        assert not read_signature(pdf, world.trust(end + DAY)).valid


def test_renewed_volumes_are_still_pdfa_2u(renewed: list[bytes]) -> None:
    prover = PdfAProver("2u")
    assert [prover.failures(pdf) for pdf in renewed] == [{}] * 5


def test_a_stamp_revoked_before_it_was_renewed_breaks_the_chain_and_one_revoked_later_does_not(
    world: World, renewed: list[bytes]
) -> None:
    first = PdfFileReader(BytesIO(renewed[1])).embedded_timestamp_signatures[0].signer_cert
    revoked = world.stamps[0].revoked
    try:
        revoked[first.serial_number] = BEGIN + 3 * YEAR
        assert read_signature(renewed[1], world.trust(4 * YEAR)).valid
        revoked[first.serial_number] = BEGIN + YEAR
        assert not read_signature(renewed[1], world.trust(4 * YEAR)).valid
    finally:
        revoked.clear()


def test_a_changed_byte_below_any_stamp_is_found_ten_years_later(
    world: World, renewed: list[bytes]
) -> None:
    whole = renewed[-1]
    for place in (len(page()) // 2, len(renewed[0]) - 300, len(renewed[2]) - 300):
        changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        assert not read_signature(changed, world.trust(PRESENT)).valid
