"""Seal a volume: PAdES with a visible vector seal, SHA-256, and a time-stamp if possible.

Only this module calls pyHanko to sign PDF.
"""

import asyncio
import io
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from asn1crypto import cms
from asn1crypto.crl import CertificateList
from asn1crypto.x509 import Certificate
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import PdfSignatureMetadata, PdfSigner, PdfTimeStamper
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import Signer
from pyhanko.sign.signers.pdf_signer import TimestampDSSContentSettings
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.timestamps.common_utils import TimestampRequestError
from pyhanko.stamp import StaticStampStyle
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import (
    ExpiredError,
    InsufficientRevinfoError,
    NotYetValidError,
    PathError,
    RevokedError,
    ValidationError,
)
from pyhanko_certvalidator.path import ValidationPath

from archive.reference.vocabulary import SignatureLevel
from archive.signing.detached import sign_detached, stamp
from archive.signing.seal_errors import (
    SealError,
    SealExpiredError,
    SealKeyMissingError,
    SealNotYetValidError,
    SealRevocationUnknownError,
    SealRevokedError,
    SealUntrustedError,
    TimestampLapsedError,
    TimestampPendingError,
)
from archive.signing.seal_keys import load_pkcs12
from archive.signing.timestamps import CheckedTimeStamper
from archive.signing.validation import (
    Stamp,
    TrustAnchors,
    read_signature,
    relevant_context,
    stamp_of,
    trust_context,
)

__all__ = ["SealError", "Sealed", "Sealer", "load_pkcs12"]

_RESERVED = 16384
# Seconds for which a validation context, and with it the check of the seal's certificate, is
# shared.
_SHARED_FOR = 300.0


@dataclass(frozen=True, slots=True)
class Sealed:
    """The signed bytes, the level reached, and whether a time-stamp is still owed."""

    pdf: bytes
    level: SignatureLevel
    pending: bool


class Sealer:
    """One seal: signer, trust and time-stamper shared by all volumes of a process."""

    def __init__(
        self,
        signer: Signer,
        trust: TrustAnchors,
        level: SignatureLevel,
        timestamper: TimeStamper | None,
        crls: Iterable[CertificateList] = (),
    ) -> None:
        """Keep the parts; `level` is the PAdES level asked for."""
        self._signer, self._level = signer, level
        further = tuple(crl for crl in crls if crl not in trust.crls)
        self._trust = replace(trust, crls=(*trust.crls, *further))
        self._timestamper = CheckedTimeStamper(timestamper, self._context) if timestamper else None
        self._shared: ValidationContext | None = None
        self._shared_until, self._sound = 0.0, False

    def seal(
        self,
        pdf: bytes,
        *,
        appearance_pdf: bytes,
        page: int,
        box: tuple[float, float, float, float],
        reason: str,
        at: datetime | None,
    ) -> Sealed:
        """Sign a volume, visible in `box` (points) of `page` (from 0).

        A time-stamping authority that fails gives level B-B with `pending`, never a silent
        downgrade.
        """
        self._check(self._signer.signing_cert, at)
        wanted = self._level if self._timestamper else SignatureLevel.B_B
        try:
            return Sealed(
                self._sign(pdf, appearance_pdf, page, box, reason, wanted),
                wanted,
                wanted is not self._level,
            )
        except (TimestampRequestError, OSError) as error:
            if wanted is SignatureLevel.B_B:
                raise SealError("签章失败。") from error
        return Sealed(
            self._sign(pdf, appearance_pdf, page, box, reason, SignatureLevel.B_B),
            SignatureLevel.B_B,
            pending=True,
        )

    def complete_timestamps(self, pdf: bytes) -> Sealed:
        """Add validation data and a document time-stamp to a pending volume.

        They are a further revision: the new bytes begin with the old ones. The level is always
        B-LTA, whatever key made the signature: its own certificates are in the volume.
        """
        if self._timestamper is None:
            raise TimestampPendingError("没有可用的时间戳服务。", "请配置 YICE_TSA_URL 后重试。")
        if not read_signature(pdf, self._trust).valid:
            raise SealError(
                "待补时间戳的签章无效，未加盖时间戳。", "请先运行 yice verify 查明原因。"
            )
        signature = PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures[0]
        return self._stamped(
            pdf,
            self._timestamper,
            lambda: self._path(signature.signer_cert, signature.other_embedded_certs),
        )

    def renew_timestamps(self, pdf: bytes) -> Sealed:
        """Add a further document time-stamp before the newest one ends.

        It covers fresh revocation data of the newest one; the new bytes begin with the old ones.
        Raises TimestampLapsedError when the chain is no longer valid: a stamp set now would prove
        nothing of the time before.
        """
        if self._timestamper is None:
            raise TimestampPendingError("没有可用的时间戳服务。", "请配置 YICE_TSA_URL 后重试。")
        if not read_signature(pdf, self._trust).valid:
            raise TimestampLapsedError("签章或其时间戳已不能验证，未续期。")
        reader = PdfFileReader(io.BytesIO(pdf))
        if not reader.embedded_timestamp_signatures:
            return self.complete_timestamps(pdf)
        newest = reader.embedded_timestamp_signatures[-1]
        return self._stamped(
            pdf,
            self._timestamper,
            lambda: self._path(newest.signer_cert, newest.other_embedded_certs, stamps=True),
        )

    def trial_stamp(self) -> Stamp:
        """Return until when, and by which algorithm, a time-stamp set now would hold.

        Raises TimestampPendingError when the authority gives none now.
        """
        return stamp_of(cms.ContentInfo.load(self.stamp(b"a trial"))["content"])

    def _stamped(
        self, pdf: bytes, timestamper: TimeStamper, path: Callable[[], ValidationPath]
    ) -> Sealed:
        """Return the volume with validation data and a document time-stamp over all of it.

        The data are those of the path that `path` returns and those of the authority.
        """
        try:
            paths = [path(), *asyncio.run(_paths(timestamper, self._context()))]
            out = PdfTimeStamper(timestamper).timestamp_pdf(
                IncrementalPdfFileWriter(io.BytesIO(pdf)),
                "sha256",
                relevant_context(self._trust, self._context(), paths),
                validation_paths=paths,
                bytes_reserved=_RESERVED,
                # The data go in before the stamp: what the stamp does not cover, it does not prove.
                dss_settings=TimestampDSSContentSettings(include_vri=False, update_before_ts=True),
            )
        except (TimestampRequestError, OSError) as error:
            raise TimestampPendingError("时间戳服务仍不可用。") from error
        except (SigningError, PathError, ValidationError, PdfReadError) as error:
            raise SealError("补加时间戳失败：证书路径或吊销信息无效。") from error
        return Sealed(bytes(out.getbuffer()), SignatureLevel.B_LTA, pending=False)

    def sign_detached(self, data: bytes) -> bytes:
        """Return a detached CMS signature over bytes that are no PDF.

        The seal is the same, after the same check of its certificate.
        """
        self._check(self._signer.signing_cert, None)
        return sign_detached(self._signer, data)

    def stamp(self, data: bytes) -> bytes:
        """Return a checked time-stamp token over bytes.

        Raises TimestampPendingError when the authority gives none now.
        """
        return stamp(self._timestamper, data)

    def _sign(
        self,
        pdf: bytes,
        appearance: bytes,
        page: int,
        box: tuple[float, float, float, float],
        reason: str,
        level: SignatureLevel,
    ) -> bytes:
        stamped, lasting = level is not SignatureLevel.B_B, level is SignatureLevel.B_LTA
        metadata = PdfSignatureMetadata(
            field_name="Seal",
            md_algorithm="sha256",
            reason=reason,
            subfilter=SigSeedSubFilter.PADES,
            embed_validation_info=lasting,
            use_pades_lta=lasting,
            validation_context=self._context() if lasting else None,
        )
        with TemporaryDirectory() as folder:
            # Not cached: a style kept across files keeps each of them alive, 6 MB a case
            # (measured.md).
            art = Path(folder) / "seal.pdf"
            art.write_bytes(appearance)
            style = StaticStampStyle.from_pdf_file(str(art), border_width=0, background_opacity=1.0)
            signer = PdfSigner(
                metadata,
                self._signer,
                timestamper=self._timestamper if stamped else None,
                stamp_style=style,
                new_field_spec=SigFieldSpec(
                    "Seal",
                    on_page=page,
                    box=tuple(round(edge) for edge in box),  # type: ignore[arg-type]
                ),
            )
            try:
                return bytes(
                    signer.sign_pdf(
                        IncrementalPdfFileWriter(io.BytesIO(pdf)), bytes_reserved=_RESERVED
                    ).getbuffer()
                )
            except (SigningError, PathError, ValidationError) as error:
                raise SealError("签章失败：证书路径或吊销信息无效。") from error

    def _context(self) -> ValidationContext:
        """Return the validation context, shared by the volumes of five minutes.

        To build one, and to ask CRL and OCSP, costs more than a signature.
        """
        if self._shared is None or time.monotonic() >= self._shared_until:
            # What is fetched while it is shared may be newer than its beginning, hence retroactive.
            self._shared, self._shared_until, self._sound = (
                trust_context(self._trust, retroactive=True),
                time.monotonic() + _SHARED_FOR,
                False,
            )
            if self._timestamper is not None:
                # The authority may stamp with another certificate by now.
                self._timestamper.forget()
        return self._shared

    def _check(self, certificate: Certificate | None, at: datetime | None) -> None:
        """Raise a SealError unless the seal's certificate is good now.

        Its validity period is checked at each volume; trust and revocation whenever the shared
        context is new.
        """
        if certificate is None:
            raise SealKeyMissingError("印章没有证书。")
        now = at or datetime.now(UTC)
        if now > certificate.not_valid_after:
            raise SealExpiredError("印章证书已过有效期。")
        if now < certificate.not_valid_before:
            raise SealNotYetValidError("印章证书尚未生效。")
        self._context()
        if not self._sound:
            self._path(certificate, self._signer.cert_registry)
            self._sound = True

    def _path(
        self, certificate: Certificate, others: Iterable[Certificate], *, stamps: bool = False
    ) -> ValidationPath:
        """Return the path from a certificate to a trusted root, none on it expired or revoked.

        The certificate is that of a seal, or with `stamps` of a time-stamping authority.
        """
        validator = CertificateValidator(
            certificate, intermediate_certs=list(others), validation_context=self._context()
        )
        try:
            wanted = (set(), {"time_stamping"}) if stamps else ({"non_repudiation"},)
            return asyncio.run(validator.async_validate_usage(*wanted))
        except RevokedError as error:
            raise SealRevokedError("印章证书已被吊销。") from error
        except ExpiredError as error:
            raise SealExpiredError("印章证书或其签发机构的证书已过有效期。") from error
        except NotYetValidError as error:
            raise SealNotYetValidError("印章证书或其签发机构的证书尚未生效。") from error
        except InsufficientRevinfoError as error:
            raise SealRevocationUnknownError("无法得知印章证书是否已被吊销。") from error
        except (PathError, ValidationError) as error:
            raise SealUntrustedError("印章证书不受信任，或其用途不是签章。") from error


async def _paths(timestamper: TimeStamper, context: ValidationContext) -> list[ValidationPath]:
    return [path async for path in timestamper.validation_paths(context)]
