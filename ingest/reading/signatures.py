"""The signature that a fetched certificate brings: its result is kept, the bytes stay untouched (R17). Runs in the child of `ingest.sandbox`."""

import io
import struct

from asn1crypto import pem, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from archive.reference.vocabulary import ForeignSignature

_LENGTH = struct.Struct("<I")


def answer(asked: bytes) -> bytes:
    """What is asked: the length of the PEM certificates of those whom we believe, these, then the PDF. The answer is a ForeignSignature."""
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
        found = [validate_pdf_signature(one, context) for one in signatures]
    except Exception:  # noqa: BLE001 - as above
        return ForeignSignature.BROKEN
    if not all(one.intact and one.valid for one in found):
        return ForeignSignature.BROKEN
    return (
        ForeignSignature.VALID if all(one.trusted for one in found) else ForeignSignature.UNTRUSTED
    )
