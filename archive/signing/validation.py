"""Read and validate a signature, its time-stamps, and the trust they rest on."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from asn1crypto import cms
from asn1crypto.crl import CertificateList
from asn1crypto.ocsp import OCSPResponse
from asn1crypto.x509 import Certificate
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.rw_common import PdfHandler
from pyhanko.sign.general import extract_certificate_info, extract_signer_info
from pyhanko.sign.validation import (
    DocumentSecurityStore,
    EmbeddedPdfSignature,
    validate_pdf_signature,
    validate_pdf_timestamp,
)
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko.sign.validation.generic_cms import extract_tst_data_iter
from pyhanko.sign.validation.status import TimestampSignatureStatus
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.path import ValidationPath

from archive.reference.vocabulary import SignatureLevel
from archive.signing.revocation import Revocation


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """The trust of a validation: roots, further certificates and revocation lists.

    `crls` are the lists at hand (DER); `revocation` is where newer ones come from. `moment` is the
    time to judge at, None the present: a version that a later one replaced is judged at the time of
    its replacement.
    """

    roots: tuple[Certificate, ...]
    others: tuple[Certificate, ...]
    crls: tuple[CertificateList, ...]
    revocation: Revocation | None = None
    moment: datetime | None = None

    def at(self, moment: datetime | None) -> "TrustAnchors":
        """Return the same trust, judging at a time."""
        return replace(self, moment=moment)


@dataclass(frozen=True, slots=True)
class Stamp:
    """The newest time-stamp of a volume.

    `until` is when its certificates end; `algorithm` names the algorithms that it rests on
    (`rsa2048-sha256`).
    """

    until: datetime
    algorithm: str


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """The result of validating a signature.

    `level` is the PAdES level, None without a signature; `stamp` is the newest of `stamps`
    time-stamps.
    """

    valid: bool
    intact: bool
    covers_whole_document: bool
    signer_cn: str
    signed_at: datetime | None
    timestamped_at: datetime | None
    level: SignatureLevel | None
    stamp: Stamp | None = None
    stamps: int = 0


_NO_SIGNATURE = SignatureReport(
    valid=False,
    intact=False,
    covers_whole_document=False,
    signer_cn="",
    signed_at=None,
    timestamped_at=None,
    level=None,
)


def read_signature(pdf: bytes, trust: TrustAnchors) -> SignatureReport:
    """Validate the archive's own signature against the given roots only.

    Validation is offline, unless `trust` may ask CRL and OCSP addresses.

    A stamped signature is judged at the time of its stamp, with the validation data that the stamp
    covers: a seal that expired or was revoked afterwards still proves what it sealed before. So is
    each document time-stamp by the one after it; the newest is judged now, as is a signature
    without a stamp.
    """
    try:
        reader = PdfFileReader(io.BytesIO(pdf))
        signatures = reader.embedded_regular_signatures
        if not signatures:
            return _NO_SIGNATURE
        stamps, embedded = reader.embedded_timestamp_signatures, _embedded_data(reader)
        stamps_hold, known, covered = _before_stamps(reader, stamps, trust, embedded)
        stamped_at = _stamped_at(signatures[0], stamps)
        at_stamp = known if stamped_at is None else trust_context(trust.at(stamped_at), covered)
        status = validate_pdf_signature(signatures[0], at_stamp, known)
        revoked = bool(embedded) and _revoked_since(signatures[0], trust, stamped_at)
        newest = _newest_stamp(signatures[0], stamps, embedded)
    # One changed bit breaks the parsers called above in ways that none of them declares (zlib,
    # asn1crypto, pyHanko).
    except Exception:  # noqa: BLE001
        return _NO_SIGNATURE
    token = status.timestamp_validity
    level = (
        SignatureLevel.B_LTA
        if stamps and embedded
        else SignatureLevel.B_T
        if token or stamps
        else SignatureLevel.B_B
    )
    return SignatureReport(
        valid=status.valid
        and status.trusted
        and not revoked
        and stamps_hold
        and (token is None or _token_holds(token, stamped_at)),
        intact=status.intact,
        # After the seal, only the archive's own validation data and time-stamps may follow;
        # pyHanko's difference analysis judges that.
        covers_whole_document=status.bottom_line,
        signer_cn=status.signing_cert.subject.native.get("common_name", ""),
        signed_at=status.signer_reported_dt,
        timestamped_at=stamped_at,
        level=level,
        stamp=newest,
        stamps=len(stamps),
    )


def newest_stamp(pdf: bytes) -> Stamp | None:
    """Return the newest time-stamp of a volume as it states itself, not validated.

    None when there is none, or the file can't be read.
    """
    try:
        reader = PdfFileReader(io.BytesIO(pdf))
        return _newest_stamp(
            reader.embedded_regular_signatures[0],
            reader.embedded_timestamp_signatures,
            _embedded_data(reader),
        )
    except Exception:  # noqa: BLE001 - as in `read_signature`
        return None


@dataclass(frozen=True, slots=True)
class _EmbeddedData:
    """The validation data inside a file (its document security store)."""

    certificates: tuple[Certificate, ...]
    crls: tuple[CertificateList, ...]
    ocsps: tuple[OCSPResponse, ...]


def _embedded_data(reader: PdfHandler) -> _EmbeddedData | None:
    """Return the validation data of a file, or of an earlier revision of it."""
    try:
        store = DocumentSecurityStore.read_dss(reader)
    except NoDSSFoundError:
        return None
    return _EmbeddedData(
        tuple(store.load_certs()),
        tuple(CertificateList.load(stream.get_object().data) for stream in store.crls),
        tuple(OCSPResponse.load(stream.get_object().data) for stream in store.ocsps),
    )


def trust_context(
    trust: TrustAnchors, embedded: _EmbeddedData | None = None, *, retroactive: bool = False
) -> ValidationContext:
    """Return `trust` in pyHanko's form.

    A certificate whose revocation status is unknown is not trusted. `retroactive` accepts
    revocation data that are newer than the time to judge at; they always are when that time is
    past.
    """
    lists, fetchers = trust.crls, None
    if trust.revocation is not None:
        trust.revocation.refresh()
        lists, fetchers = (*lists, *trust.revocation.lists), trust.revocation.fetchers
    return ValidationContext(
        trust_roots=list(trust.roots),
        other_certs=[*trust.others, *(embedded.certificates if embedded else ())],
        crls=[*lists, *(embedded.crls if embedded else ())],
        ocsps=embedded.ocsps if embedded else (),
        moment=trust.moment,
        retroactive_revinfo=retroactive or trust.moment is not None,
        allow_fetching=fetchers is not None,
        fetchers=fetchers,
        revocation_mode="require",
    )


def relevant_context(
    trust: TrustAnchors, context: ValidationContext, paths: Iterable[ValidationPath]
) -> ValidationContext:
    """Return a context with the lists of these certificates' issuers only, and no fetching.

    PyHanko writes all that a context holds into a file. A list of the seal's issuer, newer than the
    seal, would make later validators (their time slide takes the newest list) judge at a time when
    the seal had ended.
    """
    issuers = {certificate.issuer.dump() for path in paths for certificate in path}
    lists = tuple(crl for crl in context.crls if crl.issuer.dump() in issuers)
    answers = _EmbeddedData((), (), tuple(context.ocsps))
    return trust_context(replace(trust, crls=lists, revocation=None), answers, retroactive=True)


def _before_stamps(
    reader: PdfFileReader,
    stamps: Sequence[EmbeddedPdfSignature],
    trust: TrustAnchors,
    embedded: _EmbeddedData | None,
) -> tuple[bool, ValidationContext, _EmbeddedData | None]:
    """Return whether the chain of document time-stamps is valid, and how to judge the rest.

    The second and third values are the context and the validation data for what the first stamp
    covers. The newest stamp is judged now, each older one at the time of the one after it. What a
    stamp does not cover proves nothing of the time before it: validation data may have been put in
    at any time since.
    """
    context, valid = trust_context(trust, embedded), True
    for stamp in reversed(stamps):
        status = validate_pdf_timestamp(stamp, context)
        valid = valid and status.valid and status.intact and status.trusted
        embedded = _embedded_data(reader.get_historical_resolver(stamp.signed_revision))
        context = trust_context(trust.at(status.timestamp), embedded)
    return valid, context, embedded


def _newest_stamp(
    signature: EmbeddedPdfSignature,
    stamps: Sequence[EmbeddedPdfSignature],
    embedded: _EmbeddedData | None,
) -> Stamp | None:
    signed = (
        stamps[-1].signed_data
        if stamps
        else next(extract_tst_data_iter(signature.signer_info, signed=False), None)
    )
    return (
        stamp_of(signed, embedded.certificates if embedded else ()) if signed is not None else None
    )


def stamp_of(signed: cms.SignedData, others: Iterable[Certificate] = ()) -> Stamp:
    """Return until when a time-stamp token is good, and its algorithms.

    `others` may help to find the authorities above its certificate.
    """
    signer, info = extract_signer_info(signed), signed["encap_content_info"]["content"].parsed
    certificates = extract_certificate_info(signed)
    known = {
        certificate.subject.dump(): certificate
        for certificate in (*others, *certificates.other_certs)
    }
    below = certificates.signer_cert
    until = below.not_valid_after
    # The certificates of the authorities above it end, too; a root is trusted by itself.
    while (above := known.pop(below.issuer.dump(), None)) is not None and not above.self_issued:
        until, below = min(until, above.not_valid_after), above
    digests = {
        info["message_imprint"]["hash_algorithm"]["algorithm"].native,
        signer["digest_algorithm"]["algorithm"].native,
    }
    key = certificates.signer_cert.public_key
    return Stamp(until, "-".join([f"{key.algorithm}{key.bit_size}", *sorted(digests)]))


def _stamped_at(
    signature: EmbeddedPdfSignature, stamps: Sequence[EmbeddedPdfSignature]
) -> datetime | None:
    """Return the time that the first stamp claims; validation decides whether it is valid."""
    first = next(extract_tst_data_iter(signature.signer_info, signed=False), None) or (
        stamps[0].signed_data if stamps else None
    )
    return first["encap_content_info"]["content"].parsed["gen_time"].native if first else None


def _revoked_since(
    signature: EmbeddedPdfSignature, trust: TrustAnchors, stamped_at: datetime | None
) -> bool:
    """Return whether the issuer by now says that the seal was revoked before the stamp.

    The older data in the file would keep a validator from asking.
    """
    if trust.revocation is None or trust.revocation.fetchers is None:
        return False
    status = validate_pdf_signature(
        signature, trust_context(trust.at(stamped_at or trust.moment)), skip_diff=True
    )
    return bool(status.revoked)


def _token_holds(token: TimestampSignatureStatus, stamped_at: datetime | None) -> bool:
    # Of several tokens, the one that was validated must be the one whose time was used.
    return token.valid and token.intact and token.trusted and token.timestamp == stamped_at
