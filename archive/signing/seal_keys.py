"""Sealing keys: in a PKCS#12 file, or on a token (HSM, smart card) behind PKCS#11.

Both become signers of pyHanko.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import pkcs11
from asn1crypto.x509 import Certificate
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key
from pyhanko.sign import SimpleSigner
from pyhanko.sign.pkcs11 import PKCS11Signer

from archive.signing.seal_errors import SealError, SealKeyLostError, SealKeyMissingError


class LoadedKeySigner(SimpleSigner):
    """A signer that keeps its loaded RSA key.

    SimpleSigner parses and checks the key at every signature, 65 ms of 91.
    """

    loaded: RSAPrivateKey | None = None

    def sign_raw(self, data: bytes, digest_algorithm: str) -> bytes:
        """Return the RSA PKCS#1 v1.5 signature over SHA-256."""
        if digest_algorithm != "sha256":
            raise SealError("只支持 SHA-256 签名。")
        if self.loaded is None:
            self.loaded = load_rsa(self.signing_key.dump())
        return self.loaded.sign(data, PKCS1v15(), SHA256())


def load_rsa(der: bytes) -> RSAPrivateKey:
    """Return a private key, parsed and checked; raises SealKeyMissingError unless it is RSA."""
    key = load_der_private_key(der, None)
    if not isinstance(key, RSAPrivateKey):
        raise SealKeyMissingError("印章密钥不是 RSA 密钥。", "请换用 RSA 2048 位及以上的印章密钥。")
    return key


def load_pkcs12(path: Path, passphrase: bytes) -> SimpleSigner:
    """Return a signer from a key file with its certificates; raises SealKeyMissingError."""
    if not path.is_file():
        raise SealKeyMissingError("没有找到该全宗的印章密钥文件。")
    loaded = SimpleSigner.load_pkcs12(str(path), passphrase=passphrase)
    if loaded is None:
        raise SealKeyMissingError("无法打开印章密钥文件。")
    # Constructed from its parts: load_pkcs12 of a subclass returns a SimpleSigner all the same.
    signer = LoadedKeySigner(
        signing_cert=loaded.signing_cert,
        signing_key=loaded.signing_key,
        cert_registry=loaded.cert_registry,
    )
    signer.loaded = load_rsa(loaded.signing_key.dump())
    return signer


@dataclass(slots=True, eq=False)
class Token:
    """One PKCS#11 token and the session that all its keys share.

    A token knows one login per process, so two sessions would conflict. The session opens at first
    use in the process that uses it: none survives a fork.
    """

    module: str
    label: str
    pin: str = field(repr=False)
    _session: pkcs11.Session | None = None
    _pid: int = 0
    _lock: Lock = field(default_factory=Lock)

    def session(self, lost: pkcs11.Session | None = None) -> pkcs11.Session:
        """Return the session, opened anew when there is none or it is the `lost` one.

        Raises SealKeyLostError, SealKeyMissingError.
        """
        with self._lock:
            if self._session is not None and self._session is not lost and self._pid == os.getpid():
                return self._session
            started_over = self._session is not None or lost is not None
            self._session = None
            try:
                library = pkcs11.lib(self.module)
                if started_over:
                    # Drops the dead login with the session; a forked child has to do the same
                    # (PKCS#11 v2.40, 6.6.1).
                    library.reinitialize()
                self._session = _opened(library.get_token(token_label=self.label), self.pin)
            except (
                pkcs11.PinIncorrect,
                pkcs11.PinLocked,
                pkcs11.PinInvalid,
                pkcs11.PinLenRange,
            ) as error:
                raise SealKeyMissingError(
                    "密码机拒绝了口令。", "请核对 YICE_PKCS11_PIN；多次错误会锁定密码机。"
                ) from error
            except (pkcs11.NoSuchToken, pkcs11.MultipleTokensReturned) as error:
                raise SealKeyMissingError(
                    "没有找到唯一的密码机令牌。", "请核对 YICE_PKCS11_TOKEN。"
                ) from error
            except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
                raise SealKeyLostError("密码机无法打开。") from error
            self._pid = os.getpid()
            return self._session


def _opened(token: pkcs11.Token, pin: str) -> pkcs11.Session:
    try:
        return token.open(user_pin=pin)
    except pkcs11.UserAlreadyLoggedIn:
        # Another part of this process logged in, and a login holds for all its sessions.
        return token.open()


class TokenSigner(PKCS11Signer):
    """A key on a token, RSA over SHA-256.

    When its session was lost, it is opened anew once and the signature is made again.
    """

    def __init__(self, token: Token, key_label: str, chain: Iterable[Certificate] = ()) -> None:
        """Load key and certificate, which bear the same label.

        Raises SealKeyMissingError, SealKeyLostError.
        """
        self._token, self._opened_in = token, os.getpid()
        super().__init__(
            token.session(), cert_label=key_label, key_label=key_label, ca_chain=list(chain)
        )
        self._load()

    async def async_sign_raw(
        self,
        data: bytes,
        digest_algorithm: str,
        dry_run: bool = False,  # noqa: FBT001, FBT002 - pyHanko's signature
    ) -> bytes:
        """Return the raw signature; raises SealKeyLostError."""
        if dry_run:
            return bytes(await super().async_sign_raw(data, digest_algorithm, dry_run=True))
        if self._opened_in != os.getpid():
            self._reopen()
        try:
            return bytes(await super().async_sign_raw(data, digest_algorithm))
        except pkcs11.PKCS11Error:
            self._reopen()
        try:
            return bytes(await super().async_sign_raw(data, digest_algorithm))
        except pkcs11.PKCS11Error as error:
            raise SealKeyLostError("密码机会话中断，重新连接后仍无法签章。") from error

    def _reopen(self) -> None:
        self.pkcs11_session = self._token.session(lost=self.pkcs11_session)
        self._loaded, self._key_handle, self._opened_in = False, None, os.getpid()
        self._load()

    def _load(self) -> None:
        try:
            self._load_objects()
        except pkcs11.PKCS11Error as error:
            raise SealKeyMissingError("密码机中没有该全宗的密钥或证书。") from error
