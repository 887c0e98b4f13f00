"""Reads a signature, its time-stamps, and whom they are trusted by."""

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
    """Whom a proof believes: the roots, further certificates, the revocation lists at hand (DER), and where newer ones come from.

    `moment` is the time to judge at, None the present: a version that a later one took over from is judged at the time when that was done.
    """

    roots: tuple[Certificate, ...]
    others: tuple[Certificate, ...]
    crls: tuple[CertificateList, ...]
    revocation: Revocation | None = None
    moment: datetime | None = None

    def at(self, moment: datetime | None) -> "TrustAnchors":
        """The same trust, judging at a time."""
        return replace(self, moment=moment)


@dataclass(frozen=True, slots=True)
class Stamp:
    """The newest time-stamp of a volume: until when its certificates are good, and the algorithms that it rests on (`rsa2048-sha256`)."""

    until: datetime
    algorithm: str


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """What the signature says; `level` is the PAdES level found, None without a signature; `stamp` is the newest of `stamps` time-stamps."""

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
    """Validate the archive's own signature against the given roots only; offline, unless `trust` may ask CRL and OCSP addresses.

    A stamped signature is judged at the time of its stamp, with the validation data that the stamp covers: a seal that expired or was revoked
    afterwards still proves what it sealed before. So is each document time-stamp by the one after it; the newest is judged now, as is a
    signature without a stamp.
    """
    try:
        reader = PdfFileReader(io.BytesIO(pdf))
        signatures = reader.embedded_regular_signatures
        if not signatures:
            return _NO_SIGNATURE
        stamps, carried = reader.embedded_timestamp_signatures, _carried(reader)
        stamps_hold, known, covered = _before_stamps(reader, stamps, trust, carried)
        stamped_at = _stamped_at(signatures[0], stamps)
        at_stamp = known if stamped_at is None else trust_context(trust.at(stamped_at), covered)
        status = validate_pdf_signature(signatures[0], at_stamp, known)
        revoked = bool(carried) and _revoked_since(signatures[0], trust, stamped_at)
        newest = _newest_stamp(signatures[0], stamps, carried)
    except Exception:  # noqa: BLE001 - one changed bit breaks the parsers below in ways that none of them declares (zlib, asn1crypto, pyHanko)
        return _NO_SIGNATURE
    token = status.timestamp_validity
    level = (
        SignatureLevel.B_LTA
        if stamps and carried
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
        # After the seal, only the archive's own validation data and time-stamps may follow; pyHanko's difference analysis judges that.
        covers_whole_document=status.bottom_line,
        signer_cn=status.signing_cert.subject.native.get("common_name", ""),
        signed_at=status.signer_reported_dt,
        timestamped_at=stamped_at,
        level=level,
        stamp=newest,
        stamps=len(stamps),
    )


def newest_stamp(pdf: bytes) -> Stamp | None:
    """The newest time-stamp of a volume as it states itself, not validated; None when there is none, or the file is not to be read."""
    try:
        reader = PdfFileReader(io.BytesIO(pdf))
        return _newest_stamp(
            reader.embedded_regular_signatures[0],
            reader.embedded_timestamp_signatures,
            _carried(reader),
        )
    except Exception:  # noqa: BLE001 - as above
        return None


@dataclass(frozen=True, slots=True)
class _Carried:
    """The validation data inside a file (its document security store)."""

    certificates: tuple[Certificate, ...]
    crls: tuple[CertificateList, ...]
    ocsps: tuple[OCSPResponse, ...]


def _carried(reader: PdfHandler) -> _Carried | None:
    """Of a file, or of what it was at an earlier revision."""
    try:
        store = DocumentSecurityStore.read_dss(reader)
    except NoDSSFoundError:
        return None
    return _Carried(
        tuple(store.load_certs()),
        tuple(CertificateList.load(one.get_object().data) for one in store.crls),
        tuple(OCSPResponse.load(one.get_object().data) for one in store.ocsps),
    )


def trust_context(
    trust: TrustAnchors, carried: _Carried | None = None, *, retroactive: bool = False
) -> ValidationContext:
    """PyHanko's form of `trust`: a certificate of which nobody can tell whether it was revoked is not trusted.

    `retroactive` takes revocation data that are newer than the time to judge at, as they are whenever that is past.
    """
    lists, fetchers = trust.crls, None
    if trust.revocation is not None:
        trust.revocation.refresh()
        lists, fetchers = (*lists, *trust.revocation.lists), trust.revocation.fetchers
    return ValidationContext(
        trust_roots=list(trust.roots),
        other_certs=[*trust.others, *(carried.certificates if carried else ())],
        crls=[*lists, *(carried.crls if carried else ())],
        ocsps=carried.ocsps if carried else (),
        moment=trust.moment,
        retroactive_revinfo=retroactive or trust.moment is not None,
        allow_fetching=fetchers is not None,
        fetchers=fetchers,
        revocation_mode="require",
    )


def relevant_context(
    trust: TrustAnchors, context: ValidationContext, paths: Iterable[ValidationPath]
) -> ValidationContext:
    """A context that holds the lists of these certificates' issuers alone, and no way to fetch more.

    PyHanko puts all that a context holds into a file. A list of the seal's issuer, newer than the seal, would make later validators (their time
    slide takes the newest list) look at a time when the seal had ended.
    """
    issuers = {one.issuer.dump() for path in paths for one in path}
    lists = tuple(one for one in context.crls if one.issuer.dump() in issuers)
    found = _Carried((), (), tuple(context.ocsps))
    return trust_context(replace(trust, crls=lists, revocation=None), found, retroactive=True)


def _before_stamps(
    reader: PdfFileReader,
    stamps: Sequence[EmbeddedPdfSignature],
    trust: TrustAnchors,
    carried: _Carried | None,
) -> tuple[bool, ValidationContext, _Carried | None]:
    """Whether the chain of document time-stamps holds; and how what the first of them covers is to be judged, with which data.

    The newest is judged now, each older one at the time of the one after it. What a stamp does not cover proves nothing of what lies before
    it: validation data may have been put in at any time since.
    """
    context, hold = trust_context(trust, carried), True
    for stamp in reversed(stamps):
        status = validate_pdf_timestamp(stamp, context)
        hold = hold and status.valid and status.intact and status.trusted
        carried = _carried(reader.get_historical_resolver(stamp.signed_revision))
        context = trust_context(trust.at(status.timestamp), carried)
    return hold, context, carried


def _newest_stamp(
    signature: EmbeddedPdfSignature,
    stamps: Sequence[EmbeddedPdfSignature],
    carried: _Carried | None,
) -> Stamp | None:
    signed = (
        stamps[-1].signed_data
        if stamps
        else next(extract_tst_data_iter(signature.signer_info, signed=False), None)
    )
    return stamp_of(signed, carried.certificates if carried else ()) if signed is not None else None


def stamp_of(signed: cms.SignedData, others: Iterable[Certificate] = ()) -> Stamp:
    """What a time-stamp token is good for; `others` may help to find the authorities above it."""
    signer, info = extract_signer_info(signed), signed["encap_content_info"]["content"].parsed
    found = extract_certificate_info(signed)
    known = {one.subject.dump(): one for one in (*others, *found.other_certs)}
    until, at = found.signer_cert.not_valid_after, found.signer_cert
    # The authorities above it end too; a root is trusted by itself.
    while (above := known.pop(at.issuer.dump(), None)) is not None and not above.self_issued:
        until, at = min(until, above.not_valid_after), above
    digests = {
        info["message_imprint"]["hash_algorithm"]["algorithm"].native,
        signer["digest_algorithm"]["algorithm"].native,
    }
    key = found.signer_cert.public_key
    return Stamp(until, "-".join([f"{key.algorithm}{key.bit_size}", *sorted(digests)]))


def _stamped_at(
    signature: EmbeddedPdfSignature, stamps: Sequence[EmbeddedPdfSignature]
) -> datetime | None:
    """The time of the first stamp, as it claims; that it holds is for the validation to say."""
    first = next(extract_tst_data_iter(signature.signer_info, signed=False), None) or (
        stamps[0].signed_data if stamps else None
    )
    return first["encap_content_info"]["content"].parsed["gen_time"].native if first else None


def _revoked_since(
    signature: EmbeddedPdfSignature, trust: TrustAnchors, stamped_at: datetime | None
) -> bool:
    """True when the issuer by now says that the seal was revoked before the stamp: the older data in the file would keep anyone from asking."""
    if trust.revocation is None or trust.revocation.fetchers is None:
        return False
    asked = validate_pdf_signature(
        signature, trust_context(trust.at(stamped_at or trust.moment)), skip_diff=True
    )
    return bool(asked.revoked)


def _token_holds(token: TimestampSignatureStatus, stamped_at: datetime | None) -> bool:
    # Of several tokens, the one that was validated must be the one whose time was used.
    return token.valid and token.intact and token.trusted and token.timestamp == stamped_at
