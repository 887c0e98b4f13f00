"""The issuer of the demo's shared certificates: signs some of them, as a certificate library does, and lets one be altered afterwards."""

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
    """Make the issuer's keys in `folder/issuer` at first use; gives the PEM file of its root."""
    return ensure_demo_pki(folder / "issuer", {_ISSUER: "演示电子证照中心"}).root_pem


@cache
def _signer(folder: Path) -> SimpleSigner:
    pki = ensure_demo_pki(folder / "issuer", {_ISSUER: "演示电子证照中心"})
    made = SimpleSigner.load_pkcs12(str(pki.pkcs12_of(_ISSUER)), passphrase=pki.passphrase)
    if made is None:
        raise FileNotFoundError(_ISSUER)
    return made


def signed(folder: Path, data: bytes) -> bytes:
    """The certificate with its issuer's signature; one that the signer cannot read (restricted, damaged) stays as it is."""
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
    """The same certificate without restrictions or damage, so that it can be signed."""
    with pikepdf.open(io.BytesIO(data)) as opened:
        made = io.BytesIO()
        opened.save(made)
    return made.getvalue()


def altered(data: bytes) -> bytes:
    """The same certificate with one byte changed that no reader shows, in the comment behind the header; the signature covers it."""
    at = data.index(b"\n", data.index(b"%PDF-")) + 3
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
