"""The issuer of the demo's shared certificates.

It signs some of them, as a certificate library does; one of them is altered afterwards.
"""

import io
from functools import cache
from pathlib import Path

import pikepdf
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign import PdfSignatureMetadata, SimpleSigner
from pyhanko.sign.signers import sign_pdf

from archive.signing.demo_pki import ensure_demo_pki

_ISSUER = "CERT"


def make_issuer(folder: Path) -> Path:
    """Return the PEM file of the issuer's root.

    The issuer's keys are created in `folder/issuer` at first use.
    """
    return ensure_demo_pki(folder / "issuer", {_ISSUER: "演示电子证照中心"}).root_pem


@cache
def _signer(folder: Path) -> SimpleSigner:
    pki = ensure_demo_pki(folder / "issuer", {_ISSUER: "演示电子证照中心"})
    signer = SimpleSigner.load_pkcs12(str(pki.pkcs12_of(_ISSUER)), passphrase=pki.passphrase)
    if signer is None:
        raise FileNotFoundError(_ISSUER)
    return signer


def signed(folder: Path, data: bytes) -> bytes:
    """Return the certificate with its issuer's signature.

    One that the signer cannot read (restricted, damaged) is returned unchanged.
    """
    try:
        writer = IncrementalPdfFileWriter(io.BytesIO(data))
        if writer.prev.encrypted:
            return data
        return bytes(
            sign_pdf(
                writer,
                PdfSignatureMetadata(field_name="Issuer", md_algorithm="sha256"),
                _signer(folder),
            ).getvalue()
        )
    except PdfError:
        return data


def readable(data: bytes) -> bytes:
    """Return the same certificate without restrictions or damage, so that it can be signed."""
    with pikepdf.open(io.BytesIO(data)) as opened:
        out = io.BytesIO()
        opened.save(out)
    return out.getvalue()


def altered(data: bytes) -> bytes:
    """Return the same certificate with one byte changed that no reader shows.

    The byte is in the comment after the header; the signature covers it.
    """
    at = data.index(b"\n", data.index(b"%PDF-")) + 3
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
