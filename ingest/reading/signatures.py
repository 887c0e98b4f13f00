"""Validation of the signature of a fetched certificate (R17).

The result is kept, and the bytes stay untouched. This module runs in the child of
`ingest.reading.sandbox`.
"""

import hashlib
import io
import logging
import struct

from asn1crypto import pem, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel, SuspiciousModification
from pyhanko.sign.validation import EmbeddedPdfSignature, validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from archive.reference.vocabulary import ForeignSignature

# What they tell of a document that fails names its holder.
for _name in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)
_LENGTH = struct.Struct("<I")
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_DIGESTS = {"1.2.156.10197.1.401": "sm3"}
_GRAVEST = (
    ForeignSignature.BROKEN,
    ForeignSignature.UNREADABLE,
    ForeignSignature.UNTRUSTED,
    ForeignSignature.VALID,
)


def answer(asked: bytes) -> bytes:
    """Return a ForeignSignature as bytes.

    The request is the length of the trusted certificates (PEM), these, then the PDF.
    """
    end = _LENGTH.size + _LENGTH.unpack_from(asked)[0]
    return _checked(asked[end:], asked[_LENGTH.size : end]).encode()


def state_of(data: bytes, roots: bytes = b"") -> ForeignSignature:
    """Return the state of the signatures of a PDF.

    BROKEN is said of bytes that were changed after they were signed: the digest differs, or a
    later revision changes more than signatures, time-stamps and form fields may. What cannot be
    judged, as by an algorithm that is not known, is UNREADABLE. A PDF without the byte range
    that every signature has is NONE without being parsed.
    """
    if b"/ByteRange" not in data:
        return ForeignSignature.NONE
    return _checked(data, roots)


def _checked(data: bytes, roots: bytes) -> ForeignSignature:
    try:
        signatures = PdfFileReader(io.BytesIO(data), strict=False).embedded_regular_signatures
    except Exception:  # noqa: BLE001 - a foreign PDF: whatever the reader says
        return ForeignSignature.UNREADABLE
    if not signatures:
        return ForeignSignature.NONE
    states = {_state(signature, roots) for signature in signatures}
    return next(state for state in _GRAVEST if state in states)


def _state(signature: EmbeddedPdfSignature, roots: bytes) -> ForeignSignature:
    try:
        trusted = [x509.Certificate.load(der) for _, _, der in pem.unarmor(roots, multiple=True)]
    except ValueError:
        trusted = []
    try:
        context = ValidationContext(
            trust_roots=trusted, allow_fetching=False, revocation_mode="soft-fail"
        )
        status = validate_pdf_signature(signature, context)
    except Exception:  # noqa: BLE001 - as above
        return ForeignSignature.UNREADABLE if _untouched(signature) else ForeignSignature.BROKEN
    if not (status.intact and status.valid) or _changed(status):
        return ForeignSignature.BROKEN
    return ForeignSignature.VALID if status.trusted else ForeignSignature.UNTRUSTED


def _changed(status: PdfSignatureStatus) -> bool:
    """Return whether a later revision changes what was signed."""
    return (
        status.modification_level is ModificationLevel.OTHER
        or not status.docmdp_ok
        or status.coverage is SignatureCoverageLevel.UNCLEAR
    )


def _untouched(signature: EmbeddedPdfSignature) -> bool:
    """Return whether the bytes are as they were signed, by digest and revisions alone.

    The signature itself may be of an algorithm that is not known, such as SM2.
    """
    try:
        signature.compute_integrity_info()  # type: ignore[no-untyped-call]
        if isinstance(signature.diff_result, SuspiciousModification):
            return False
        info = signature.signer_info
        method = _DIGESTS.get(info["digest_algorithm"]["algorithm"].dotted) or (
            info["digest_algorithm"]["algorithm"].native
        )
        stated = next(
            attribute["values"][0].native
            for attribute in info["signed_attrs"]
            if attribute["type"].dotted == _MESSAGE_DIGEST
        )
        digest = hashlib.new(method)
        reader = signature.reader.stream
        for start, length in _ranges(signature):
            reader.seek(start)
            digest.update(reader.read(length))
        return bool(digest.digest() == stated)
    except Exception:  # noqa: BLE001 - as above; what cannot be read proves no change
        return True


def _ranges(signature: EmbeddedPdfSignature) -> list[tuple[int, int]]:
    numbers = [int(number) for number in signature.byte_range]
    return list(zip(numbers[::2], numbers[1::2], strict=True))
