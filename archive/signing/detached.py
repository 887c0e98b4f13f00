"""Seal bytes that are no PDF: a detached CMS signature and a time-stamp over it.

The time-stamp is of RFC 3161; `openssl` checks both without our software.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import cms
from pyhanko.sign.general import CMSExtractionError, SigningError
from pyhanko.sign.signers import Signer
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.timestamps.common_utils import TimestampRequestError
from pyhanko.sign.validation import async_validate_detached_cms
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko.sign.validation.status import TimestampSignatureStatus

from archive.signing.seal_errors import SealError, TimestampPendingError
from archive.signing.validation import TrustAnchors, trust_context
from storage.digest import sha256_hex


@dataclass(frozen=True, slots=True)
class DetachedReport:
    """The result of validating a detached signature.

    It says whether the signature is valid, who signed, and the time that a trusted authority gave
    it, None while the time-stamp is owed.
    """

    valid: bool
    signer_cn: str
    stamped_at: datetime | None


def sign_detached(signer: Signer, data: bytes) -> bytes:
    """Return a detached CMS signature (DER) with the signer's certificates in it."""
    try:
        return bytes(
            asyncio.run(signer.async_sign_general_data(data, "sha256", detached=True)).dump()
        )
    except SigningError as error:
        raise SealError("签章失败。") from error


def stamp(timestamper: TimeStamper | None, data: bytes) -> bytes:
    """Return a time-stamp token (DER) over bytes.

    Raises TimestampPendingError when the authority gives none now.
    """
    if timestamper is None:
        raise TimestampPendingError("没有可用的时间戳服务。", "请配置 YICE_TSA_URL 后重试。")
    try:
        return bytes(
            asyncio.run(
                timestamper.async_timestamp(bytes.fromhex(sha256_hex(data)), "sha256")
            ).dump()
        )
    except (TimestampRequestError, OSError) as error:
        raise TimestampPendingError("时间戳服务不可用。") from error


def read_detached(
    data: bytes, signature: bytes, token: bytes | None, trust: TrustAnchors
) -> DetachedReport:
    """Validate a detached signature, at the time of its stamp when it has one.

    A seal that expired afterwards still proves what it sealed.
    """
    broken = DetachedReport(valid=False, signer_cn="", stamped_at=None)
    try:
        at = _stamped_at(signature, token, trust) if token is not None else None
        if token is not None and at is None:
            return broken
        context = trust_context(trust if at is None else trust.at(at))
        signed = cms.ContentInfo.load(signature)["content"]
        status = asyncio.run(
            async_validate_detached_cms(data, signed, signer_validation_context=context)
        )
    except (ValueError, TypeError, KeyError, SignatureValidationError, CMSExtractionError):
        return broken
    name = status.signing_cert.subject.native.get("common_name", "")
    return DetachedReport(
        valid=status.valid and status.intact and status.trusted, signer_cn=name, stamped_at=at
    )


def _stamped_at(signature: bytes, token: bytes, trust: TrustAnchors) -> datetime | None:
    """Return the time of a token that is valid, else None."""
    signed = cms.ContentInfo.load(token)["content"]
    digest = bytes.fromhex(sha256_hex(signature))
    report = asyncio.run(
        validate_tst_signed_data(signed, trust_context(trust), lambda _algorithm: digest)
    )
    status = TimestampSignatureStatus(**report)
    return status.timestamp if status.valid and status.intact and status.trusted else None
