"""A demonstration PKI, made once per data folder.

It has a root, one sealing certificate per fonds, a time-stamping certificate and a revocation list.
Every name contains 演示: nothing that it signs may be taken for an official record.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from uuid import uuid4

from asn1crypto import cms, core
from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign import SimpleSigner
from pyhanko.sign.general import as_signing_certificate, simple_cms_attribute
from pyhanko.sign.timestamps import DummyTimeStamper, TimeStamper
from pyhanko_certvalidator.util import get_pyca_cryptography_hash

from archive.signing.seal_errors import SealKeyMissingError
from archive.signing.seal_keys import load_rsa
from archive.signing.validation import TrustAnchors

_YEARS, _BITS = 20, 2048


@dataclass(frozen=True, slots=True)
class DemoPki:
    """The folder of the demonstration keys, and the anchors that a proof may trust.

    `root_pem` is what a third party imports to check a volume.
    """

    folder: Path
    passphrase: bytes
    trust: TrustAnchors

    @property
    def root_pem(self) -> Path:
        """Return the path of the root certificate."""
        return self.folder / "root.pem"

    @property
    def crls(self) -> tuple[asn1_crl.CertificateList, ...]:
        """Return the revocation lists at hand."""
        return self.trust.crls

    def pkcs12_of(self, fonds: str) -> Path:
        """Return the path of the sealing key of a fonds."""
        return self.folder / f"{fonds}.p12"

    @property
    def tsa_pkcs12(self) -> Path:
        """Return the path of the time-stamping key."""
        return self.folder / "tsa.p12"


def ensure_demo_pki(folder: Path, owners: Mapping[str, str]) -> DemoPki:
    """Return the PKI of a folder, which is made on first use.

    It is made whole under another name and then moved into place: a process killed half-way leaves
    none, and of two that make it at the same time one wins.
    """
    if not folder.exists():
        fresh = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}")
        try:
            _make(fresh, owners)
            fresh.rename(folder)
        except OSError:
            if not folder.exists():
                raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    root = asn1_x509.Certificate.load((folder / "root.der").read_bytes())
    tsa = asn1_x509.Certificate.load((folder / "tsa.der").read_bytes())
    crl = asn1_crl.CertificateList.load((folder / "root.crl").read_bytes())
    return DemoPki(
        folder, (folder / "passphrase").read_bytes(), TrustAnchors((root,), (tsa,), (crl,))
    )


def _make(folder: Path, owners: Mapping[str, str]) -> None:
    folder.mkdir(parents=True)
    passphrase = uuid4().hex.encode()
    _secret(folder / "passphrase", passphrase)
    root_key = rsa.generate_private_key(65537, _BITS)
    root_name = _name("一册演示根证书")
    usage = _key_usage(key_cert_sign=True, crl_sign=True)
    root = (
        _builder(root_name, root_name, root_key.public_key(), root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(root_key, SHA256())
    )
    (folder / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
    (folder / "root.der").write_bytes(root.public_bytes(Encoding.DER))
    now = datetime.now(UTC)
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root_name)
        .last_update(now - timedelta(days=1))
        .next_update(now + timedelta(days=365 * _YEARS))
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
            critical=False,
        )
        .sign(root_key, SHA256())
    )
    (folder / "root.crl").write_bytes(crl.public_bytes(Encoding.DER))
    for fonds, owner in {**owners, "tsa": "一册演示时间戳"}.items():
        _issue(folder, fonds, owner, root, root_key, passphrase)


def _issue(
    folder: Path,
    stem: str,
    owner: str,
    root: x509.Certificate,
    root_key: rsa.RSAPrivateKey,
    passphrase: bytes,
) -> None:
    key = rsa.generate_private_key(65537, _BITS)
    stamping = stem == "tsa"
    # Content commitment is 抗抵赖 (non-repudiation), which a time-stamping key does not state.
    usage = _key_usage(digital_signature=True, content_commitment=not stamping)
    builder = (
        _builder(
            _name(owner if stamping else f"演示·{owner}"),
            root.subject,
            key.public_key(),
            root_key.public_key(),
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
    )
    if stamping:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True
        )
    certificate = builder.sign(root_key, SHA256())
    bundle = pkcs12.serialize_key_and_certificates(
        stem.encode(), key, certificate, [root], BestAvailableEncryption(passphrase)
    )
    _secret(folder / f"{stem}.p12", bundle)
    (folder / f"{stem}.der").write_bytes(certificate.public_bytes(Encoding.DER))


def _key_usage(
    *,
    digital_signature: bool = False,
    content_commitment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPublicKey, issuer_key: rsa.RSAPublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * _YEARS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False
        )
    )


def _name(common: str) -> x509.Name:
    pairs = (
        (NameOID.COUNTRY_NAME, "CN"),
        (NameOID.ORGANIZATION_NAME, "一册演示"),
        (NameOID.COMMON_NAME, common),
    )
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])


def _secret(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(data)


def local_timestamper(pki: DemoPki) -> TimeStamper:
    """Return an RFC 3161 time-stamping authority inside this process.

    It works with the demonstration PKI.
    """
    signer = SimpleSigner.load_pkcs12(str(pki.tsa_pkcs12), passphrase=pki.passphrase)
    if signer is None:
        raise SealKeyMissingError("无法打开演示时间戳密钥。", "请恢复数据文件夹中的 pki 目录。")
    return _LocalTimeStamper(
        signer.signing_cert, signer.signing_key, certs_to_embed=signer.cert_registry
    )


class _LocalTimeStamper(DummyTimeStamper):
    """A time-stamper that keeps its loaded RSA key.

    PyHanko's own parses and checks the key at every stamp, two for a volume.
    """

    @cached_property
    def _loaded(self) -> rsa.RSAPrivateKey:
        return load_rsa(self.tsa_key.dump())

    def _sign_tst_info(
        self, tst_info_data: bytes, md_algorithm: str, dt: datetime
    ) -> tuple[bytes, cms.CMSAttributes]:
        algorithm = get_pyca_cryptography_hash(md_algorithm)
        digest = Hash(algorithm)
        digest.update(tst_info_data)
        attributes = cms.CMSAttributes(
            [
                simple_cms_attribute("content_type", "tst_info"),
                simple_cms_attribute("signing_time", cms.Time({"utc_time": core.UTCTime(dt)})),
                simple_cms_attribute("signing_certificate", as_signing_certificate(self.tsa_cert)),
                simple_cms_attribute("message_digest", digest.finalize()),
            ]
        )
        return self._loaded.sign(attributes.dump(), PKCS1v15(), algorithm), attributes
