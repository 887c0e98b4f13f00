"""Validation of the signature of a fetched certificate (R17).

The result is kept, and the bytes stay untouched. This module runs in the child of
`ingest.reading.sandbox`.
"""

import io
import struct

from asn1crypto import pem, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from archive.reference.vocabulary import ForeignSignature

_LENGTH = struct.Struct("<I")


def answer(asked: bytes) -> bytes:
    """Return a ForeignSignature as bytes.

    The request is the length of the trusted certificates (PEM), these, then the PDF.
    """
    end = _LENGTH.size + _LENGTH.unpack_from(asked)[0]
    return _checked(asked[end:], asked[_LENGTH.size : end]).encode()


def _checked(data: bytes, roots: bytes) -> ForeignSignature:
    try:
        signatures = PdfFileReader(io.BytesIO(data), strict=False).embedded_regular_signatures
    except Exception:  # noqa: BLE001 - a foreign PDF breaks the reader in ways that it does not declare
        return ForeignSignature.UNREADABLE
    if not signatures:
        return ForeignSignature.NONE
    try:
        trusted = (
            [x509.Certificate.load(der) for _, _, der in pem.unarmor(roots, multiple=True)]
            if roots
            else []
        )
        context = ValidationContext(
            trust_roots=trusted, allow_fetching=False, revocation_mode="soft-fail"
        )
        statuses = [validate_pdf_signature(signature, context) for signature in signatures]
    except Exception:  # noqa: BLE001 - as above
        return ForeignSignature.BROKEN
    if not all(status.intact and status.valid for status in statuses):
        return ForeignSignature.BROKEN
    return (
        ForeignSignature.VALID
        if all(status.trusted for status in statuses)
        else ForeignSignature.UNTRUSTED
    )
