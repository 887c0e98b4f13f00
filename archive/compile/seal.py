"""Seal a volume: PAdES with a visible vector seal, SHA-256, and a time-stamp when one is to be had; the only door to pyHanko's signing."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from asn1crypto.crl import CertificateList
from asn1crypto.x509 import Certificate
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import PdfSignatureMetadata, PdfSigner, PdfTimeStamper, SimpleSigner
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.timestamps.common_utils import TimestampRequestError
from pyhanko.stamp import StaticStampStyle
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import PathError

from archive.compile.errors import CompileError
from archive.compile.prove import TrustAnchors
from archive.vocabulary import SignatureLevel

_RESERVED = 16384


class SealError(CompileError):
    """The seal could not be set: its certificate is expired, not yet valid, revoked or untrusted, or its key is gone."""

    code = "SEAL_FAILED"
    default_action = "请检查印章证书的有效期和吊销状态后重试。"


@dataclass(frozen=True, slots=True)
class Sealed:
    """The signed bytes, the level reached, and whether a time-stamp is still owed."""

    pdf: bytes
    level: SignatureLevel
    pending: bool


class _LoadedKeySigner(SimpleSigner):
    """SimpleSigner parses and checks the RSA key at every signature, 65 ms of 91; this one keeps the loaded key."""

    loaded: RSAPrivateKey | None = None

    def sign_raw(self, data: bytes, digest_algorithm: str) -> bytes:
        """RSA PKCS#1 v1.5 over SHA-256."""
        if digest_algorithm != "sha256":
            raise SealError("只支持 SHA-256 签名。")
        if self.loaded is None:
            self.loaded = _rsa(self.signing_key.dump())
        return self.loaded.sign(data, PKCS1v15(), SHA256())


def _rsa(der: bytes) -> RSAPrivateKey:
    key = load_der_private_key(der, None)
    if not isinstance(key, RSAPrivateKey):
        raise SealError("印章密钥不是 RSA 密钥。")
    return key


def load_pkcs12(path: Path, passphrase: bytes) -> SimpleSigner:
    """Load a sealing key with its certificates. Raises SealError."""
    signer = _LoadedKeySigner.load_pkcs12(str(path), passphrase=passphrase)
    if signer is None:
        raise SealError("无法打开印章密钥文件。", "请检查密钥文件与口令。")
    return signer


class Sealer:
    """One seal: signer, trust and time-stamper shared by all volumes of a process."""

    def __init__(
        self,
        signer: SimpleSigner,
        trust: TrustAnchors,
        level: SignatureLevel,
        timestamper: TimeStamper | None,
        crls: Iterable[CertificateList] = (),
    ) -> None:
        """Keep the parts; `level` is what is asked for."""
        self._signer, self._trust, self._level, self._timestamper = signer, trust, level, timestamper
        self._crls = [*trust.crls, *(one for one in crls if one not in trust.crls)]

    def seal(
        self, pdf: bytes, *, appearance_pdf: bytes, page: int, box: tuple[float, float, float, float], reason: str, at: datetime | None
    ) -> Sealed:
        """Sign, visible in `box` (points) of `page` (from 0). A TSA that fails gives B-B with `pending`, never a silent downgrade."""
        self._check(self._signer.signing_cert, at)
        wanted = self._level if self._timestamper else SignatureLevel.B_B
        try:
            return Sealed(self._sign(pdf, appearance_pdf, page, box, reason, wanted), wanted, wanted is not self._level)
        except (TimestampRequestError, OSError) as error:
            if wanted is SignatureLevel.B_B:
                raise SealError("签章失败。") from error
        return Sealed(self._sign(pdf, appearance_pdf, page, box, reason, SignatureLevel.B_B), SignatureLevel.B_B, pending=True)

    def complete_timestamps(self, pdf: bytes) -> Sealed:
        """Add the validation data and a document time-stamp to a pending volume, as a further revision: the old bytes stay the beginning of the new."""
        if self._timestamper is None:
            raise SealError("没有可用的时间戳服务。", "请配置时间戳服务后重试。")
        from pyhanko.pdf_utils.reader import PdfFileReader  # noqa: PLC0415 - only here
        from pyhanko.sign.validation import DocumentSecurityStore  # noqa: PLC0415 - only here

        reader = PdfFileReader(io.BytesIO(pdf))
        signature = reader.embedded_regular_signatures[0]
        out = io.BytesIO(pdf)
        DocumentSecurityStore.add_dss(
            out, signature.pkcs7_content, certs=[self._signer.signing_cert, *self._trust.roots, *self._trust.others], crls=self._crls
        )
        try:
            PdfTimeStamper(self._timestamper).timestamp_pdf(IncrementalPdfFileWriter(out), "sha256", self._context(), in_place=True)
        except (TimestampRequestError, OSError) as error:
            raise SealError("时间戳服务仍不可用。", "请稍后再运行 yice timestamp --pending。") from error
        return Sealed(out.getvalue(), SignatureLevel.B_LTA, pending=False)

    def _sign(
        self, pdf: bytes, appearance: bytes, page: int, box: tuple[float, float, float, float], reason: str, level: SignatureLevel
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
            # Not cached: a style kept across files keeps each of them alive, 6 MB a case (measured.md).
            art = Path(folder) / "seal.pdf"
            art.write_bytes(appearance)
            style = StaticStampStyle.from_pdf_file(str(art), border_width=0, background_opacity=1.0)
            signer = PdfSigner(
                metadata,
                self._signer,
                timestamper=self._timestamper if stamped else None,
                stamp_style=style,
                new_field_spec=SigFieldSpec("Seal", on_page=page, box=tuple(round(edge) for edge in box)),  # type: ignore[arg-type]
            )
            try:
                return bytes(signer.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), bytes_reserved=_RESERVED).getbuffer())
            except (SigningError, PathError) as error:
                raise SealError("签章失败：证书路径或吊销信息无效。") from error

    def _context(self) -> ValidationContext:
        trust = self._trust
        return ValidationContext(trust_roots=list(trust.roots), other_certs=list(trust.others), crls=self._crls, allow_fetching=False)

    def _check(self, certificate: Certificate | None, at: datetime | None) -> None:
        if certificate is None:
            raise SealError("印章没有证书。")
        now = at or datetime.now(certificate.not_valid_after.tzinfo)
        if not certificate.not_valid_before <= now <= certificate.not_valid_after:
            raise SealError("印章证书不在有效期内。", "请更换有效的印章证书。")
        for crl in self._crls:
            revoked = crl["tbs_cert_list"]["revoked_certificates"]
            serials = {one["user_certificate"].native for one in revoked} if revoked.native else set()
            if crl.issuer == certificate.issuer and certificate.serial_number in serials:
                raise SealError("印章证书已被吊销。", "请更换有效的印章证书。")
