"""Documents of a template, sealed by a fonds and proved before they count: PDF/A-2u."""

import io
from collections.abc import Mapping
from dataclasses import dataclass

import pikepdf

from archive.compile.context import CompileContext
from archive.compile.seal_art import seal_pdf
from archive.compile.sheets import compile_template
from archive.reference.compile_errors import NotProvedError
from archive.signing.validation import read_signature

FOOT_BOX = (400, 40, 519, 159)
"""Where the seal goes on the last page, whose foot the template leaves free; points."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """Who seals: the fonds and the name on the stamp; why; and what people call the document.

    `box` is the place of the stamp: left, bottom, right, top in points.
    """

    fonds: str
    unit: str
    reason: str
    name: str
    box: tuple[int, int, int, int] = FOOT_BOX


def sealed_document(
    context: CompileContext, template: str, data: Mapping[str, object], sealing: Sealing
) -> bytes:
    """Return a document sealed at the foot of its last page.

    Raises NotProvedError when it is no sound PDF/A or its seal does not hold.
    """
    sealed = context.sealer_for(sealing.fonds).seal(
        _rewritten(compile_template(template, data)),
        appearance_pdf=seal_pdf(sealing.unit, context.demo),
        page=-1,
        box=sealing.box,
        reason=sealing.reason,
        at=None,
    )
    signature, failures = (
        read_signature(sealed.pdf, context.trust),
        context.prover.failures(sealed.pdf),
    )
    if failures or not (signature.valid and signature.covers_whole_document):
        raise NotProvedError(f"{sealing.name}的证明未通过。", "请运行 yice verify 并联系管理员。")
    return sealed.pdf


def count_pages(pdf: bytes) -> int:
    """Return how many pages a document has."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        return len(opened.pages)


def _rewritten(pdf: bytes) -> bytes:
    """Return the PDF rewritten by qpdf; before the seal, never after.

    Typst writes some objects without the line ends that ISO 19005-2 6.1.9 asks for; qpdf writes
    them all.
    """
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        opened.save(out, deterministic_id=True)
    return out.getvalue()
