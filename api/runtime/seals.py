"""Settings -> seals: which keys sign, which authority stamps, which roots are trusted."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from asn1crypto import pem
from asn1crypto.x509 import Certificate
from pyhanko.sign.signers import Signer
from pyhanko.sign.timestamps import TimeStamper

from api.runtime.settings import Settings
from archive.signing.demo_pki import DemoPki, local_timestamper
from archive.signing.revocation import Revocation
from archive.signing.seal import Sealer
from archive.signing.seal_errors import SealConfigError
from archive.signing.seal_keys import Token, TokenSigner, load_pkcs12
from archive.signing.timestamps import http_timestamper
from archive.signing.validation import TrustAnchors


@dataclass(frozen=True, slots=True, eq=False)
class Seals:
    """The seals of an installation.

    A sealer for each fonds, opened at first use; the trust of signing and of proof; `demo` while
    the keys are the 演示 ones.
    """

    sealer_for: Callable[[str], Sealer]
    trust: TrustAnchors
    demo: bool


def open_seals(settings: Settings, demo_pki: Callable[[], DemoPki]) -> Seals:
    """Open what the settings name, or the demonstration PKI when they name no key.

    Raises SealConfigError.
    """
    _check(settings)
    pki = None if settings.seal_folder or settings.pkcs11_module else demo_pki()
    trust = _trust(settings, pki)
    key_of = _keys(settings, pki)
    timestamper = _timestamper(settings, pki)

    @cache
    def sealer_for(fonds: str) -> Sealer:
        return Sealer(key_of(fonds), trust, settings.signature_level, timestamper)

    return Seals(sealer_for, trust, pki is not None)


def _check(settings: Settings) -> None:
    if settings.seal_folder and settings.pkcs11_module:
        raise SealConfigError(
            "同时配置了密钥文件和密码机。", "YICE_SEAL_FOLDER 与 YICE_PKCS11_MODULE 只能设置一个。"
        )
    if settings.pkcs11_module and not settings.pkcs11_token:
        raise SealConfigError("没有指明密码机令牌。", "请设置 YICE_PKCS11_TOKEN。")
    if (settings.seal_folder or settings.pkcs11_module) and not settings.trust_folder:
        raise SealConfigError(
            "配置了正式印章密钥，但没有信任根。", "请把根证书放入文件夹并设置 YICE_TRUST_FOLDER。"
        )
    if settings.tsa_url and not settings.tsa_url.startswith(("http://", "https://")):
        raise SealConfigError(
            "时间戳服务地址无效。", "YICE_TSA_URL 应以 http:// 或 https:// 开头。"
        )


def _keys(settings: Settings, pki: DemoPki | None) -> Callable[[str], Signer]:
    if pki is not None:
        return lambda fonds: load_pkcs12(pki.pkcs12_of(fonds), pki.passphrase)
    if settings.seal_folder is not None:
        folder, passphrase = (
            settings.seal_folder,
            settings.seal_passphrase.get_secret_value().encode(),
        )
        return lambda fonds: load_pkcs12(folder / f"{fonds}.p12", passphrase)
    token = Token(
        settings.pkcs11_module, settings.pkcs11_token, settings.pkcs11_pin.get_secret_value()
    )
    chain = _trust(settings, None).others
    return lambda fonds: TokenSigner(token, settings.pkcs11_keys.get(fonds, fonds), chain)


def _timestamper(settings: Settings, pki: DemoPki | None) -> TimeStamper | None:
    if settings.tsa_url:
        return http_timestamper(
            settings.tsa_url,
            settings.tsa_user,
            settings.tsa_password.get_secret_value(),
            settings.tsa_timeout,
        )
    # Real seals are never stamped by the demonstration's authority: without an address the
    # time-stamp stays owed.
    return local_timestamper(pki) if pki is not None else None


def _trust(settings: Settings, pki: DemoPki | None) -> TrustAnchors:
    certificates = _certificates(settings.trust_folder) if settings.trust_folder else ()
    roots = tuple(certificate for certificate in certificates if certificate.self_issued)
    if settings.trust_folder and not roots:
        raise SealConfigError(
            "信任文件夹中没有根证书。", "请把 PEM 格式的根证书放入 YICE_TRUST_FOLDER。"
        )
    demo = pki.trust if pki is not None else TrustAnchors((), (), ())
    sources = [source.strip() for source in settings.crls.split(",") if source.strip()]
    return TrustAnchors(
        roots=(*demo.roots, *roots),
        others=(
            *demo.others,
            *(certificate for certificate in certificates if not certificate.self_issued),
        ),
        crls=demo.crls,
        revocation=Revocation(
            sources, fetch=settings.revocation_fetch, timeout=settings.tsa_timeout
        ),
    )


def _certificates(folder: Path) -> tuple[Certificate, ...]:
    """Read all certificates of a folder's PEM files."""
    certificates: list[Certificate] = []
    for path in sorted(folder.glob("*.pem")):
        try:
            certificates += [
                Certificate.load(der)
                for kind, _, der in pem.unarmor(path.read_bytes(), multiple=True)
                if kind == "CERTIFICATE"
            ]
        except (OSError, ValueError) as error:
            raise SealConfigError(
                "信任文件夹中有无法读取的证书。", "请核对 YICE_TRUST_FOLDER 中的 PEM 文件。"
            ) from error
    return tuple(certificates)
