"""A real token in software (SoftHSM 2) in a folder of its own."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pkcs11
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pkcs11 import Attribute, ObjectClass
from pkcs11.util.rsa import decode_rsa_private_key

from tests.support.pki import Issued

MODULE = next(
    iter(sorted(Path("/usr/lib").glob("**/softhsm/libsofthsm2.so"))),
    Path("/usr/lib/softhsm/libsofthsm2.so"),
)
PIN = "482913"


@dataclass(frozen=True)
class Hsm:
    """A token by its label."""

    label: str

    def put(self, key_label: str, issued: Issued) -> None:
        """Import a key with its certificate."""
        der = issued.key.private_bytes(
            Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )
        with (
            pkcs11.lib(str(MODULE))
            .get_token(token_label=self.label)
            .open(rw=True, user_pin=PIN) as session
        ):
            template = decode_rsa_private_key(der) | {
                Attribute.LABEL: key_label,
                Attribute.TOKEN: True,
                Attribute.SIGN: True,
            }
            session.create_object(template)
            session.create_object(
                {
                    Attribute.CLASS: ObjectClass.CERTIFICATE,
                    Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                    Attribute.TOKEN: True,
                    Attribute.LABEL: key_label,
                    Attribute.SUBJECT: issued.asn1.subject.dump(),
                    Attribute.ID: key_label.encode(),
                    Attribute.VALUE: issued.asn1.dump(),
                }
            )


def make_hsm(label: str) -> Hsm:
    """Initialise a token.

    SOFTHSM2_CONF names the folder and must be set before the library is first loaded in this
    process.
    """
    subprocess.run(
        [
            "softhsm2-util",
            "--init-token",
            "--free",
            "--label",
            label,
            "--so-pin",
            "12345678",
            "--pin",
            PIN,
        ],
        check=True,
        capture_output=True,
        env=os.environ,
    )
    pkcs11.lib(
        str(MODULE)
    ).reinitialize()  # a library lists the slots that were there when it started
    return Hsm(label)


def configure_softhsm(folder: Path) -> None:
    """Keep the tokens in `folder`."""
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder / 'tokens'}\n"
        "objectstore.backend = file\n"
        "log.level = ERROR\n"
    )
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
