"""The same volume by bare library calls and nothing else: what our own chain is compared with, in
the same run.
"""

import hashlib
import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import typst
from PIL import Image, TiffImagePlugin
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko.stamp import StaticStampStyle
from pyhanko_certvalidator import ValidationContext

from archive.compile.pdfa import Declaration, declare, srgb_icc
from archive.compile.prove import PdfAProver
from archive.reference.vocabulary import SignatureLevel
from archive.signing.validation import TrustAnchors
from tests.bench.cases import Original

_Name, _Dict = pikepdf.Name, pikepdf.Dictionary
_A4 = (595, 842)


class Clock:
    """CPU seconds of this process by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add the CPU time of the block."""
        before = time.process_time()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - before


def make_bare(
    files: tuple[Original, ...],
    compiler: typst.Compiler,
    sheet_data: str,
    *,
    signer: Any,
    timestamper: Any,
    trust: TrustAnchors,
    level: SignatureLevel,
    seal_art: Path,
    prover: PdfAProver,
    out: Path,
    clock: Clock,
) -> int:
    """Make, sign, prove and write one volume; returns its pages."""
    with clock.step("sheets"):
        sheets = compiler.compile(
            sys_inputs={"data": sheet_data}, format="pdf", pdf_standards="a-2u"
        )
    with clock.step("build"):
        unsigned = _built(files, sheets)
        for original in files:
            if original.path.endswith(".pdf"):
                prover.failures(original.data)  # a foreign PDF must be judged before it is copied
    with clock.step("sign"):
        signed = _signed(unsigned, signer, timestamper, trust, level, seal_art)
    with clock.step("prove"):
        if prover.failures(signed):
            raise ValueError("the bare volume is not PDF/A-2u")
        context = ValidationContext(
            trust_roots=list(trust.roots),
            other_certs=list(trust.others),
            crls=list(trust.crls),
            allow_fetching=False,
        )
        reader = PdfFileReader(io.BytesIO(signed))
        status = validate_pdf_signature(reader.embedded_regular_signatures[0], context, context)
        stamps = [
            validate_pdf_timestamp(stamp, context) for stamp in reader.embedded_timestamp_signatures
        ]
        if not (status.bottom_line and all(stamp.valid and stamp.trusted for stamp in stamps)):
            raise ValueError("the bare signature does not hold")
        with pypdfium2.PdfDocument(signed) as opened:
            pages = len(opened)
    with clock.step("store"):
        hashlib.sha256(signed).hexdigest()
        for data in (signed, *(original.data for original in files)):
            hashlib.new("sm3", data).hexdigest()
        with out.open("wb") as handle:
            handle.write(signed)
            os.fsync(handle.fileno())
    return pages


def _built(files: tuple[Original, ...], sheets: bytes) -> bytes:
    with pikepdf.new() as pdf, pikepdf.open(io.BytesIO(sheets)) as own:
        pdf.pages.extend(own.pages)
        for original in files:
            if original.path.endswith(".pdf"):
                with pikepdf.open(io.BytesIO(original.data)) as foreign:
                    pdf.pages.extend(foreign.pages)
            else:
                for image in _images(pdf, original):
                    _page(pdf, image)
        declare(pdf, Declaration("bare", datetime(2026, 1, 1, tzinfo=UTC), "bare"), srgb_icc())
        result = io.BytesIO()
        pdf.save(result, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        return result.getvalue()


def _images(pdf: pikepdf.Pdf, original: Original) -> Iterator[pikepdf.Stream]:
    with Image.open(io.BytesIO(original.data)) as image:
        width, height, mode = image.width, image.height, image.mode
        if original.path.endswith(".jpg"):
            space = _Name.DeviceRGB if mode == "RGB" else _Name.DeviceGray
            yield _image(
                pdf,
                original.data,
                width,
                height,
                Filter=_Name.DCTDecode,
                ColorSpace=space,
                BitsPerComponent=8,
            )
        elif original.path.endswith(".png"):
            parms = _Dict(Predictor=15, Colors=1, BitsPerComponent=8, Columns=width)
            yield _image(
                pdf,
                _idat(original.data),
                width,
                height,
                Filter=_Name.FlateDecode,
                DecodeParms=parms,
                ColorSpace=_Name.DeviceGray,
                BitsPerComponent=8,
            )
        elif isinstance(image, TiffImagePlugin.TiffImageFile):
            for frame in range(original.pages):
                image.seek(frame)
                at, length = image.tag_v2[273][0], image.tag_v2[279][0]
                parms = _Dict(
                    K=-1, Columns=image.width, Rows=image.height, BlackIs1=image.tag_v2[262] == 1
                )
                yield _image(
                    pdf,
                    original.data[at : at + length],
                    image.width,
                    image.height,
                    Filter=_Name.CCITTFaxDecode,
                    DecodeParms=parms,
                    ColorSpace=_Name.DeviceGray,
                    BitsPerComponent=1,
                )


def _idat(png: bytes) -> bytes:
    at, pieces = 8, []
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] == b"IDAT":
            pieces.append(png[at + 8 : at + 8 + length])
        at += length + 12
    return b"".join(pieces)


def _image(pdf: pikepdf.Pdf, data: bytes, width: int, height: int, **more: Any) -> pikepdf.Stream:
    return pikepdf.Stream(
        pdf, data, Type=_Name.XObject, Subtype=_Name.Image, Width=width, Height=height, **more
    )


def _page(pdf: pikepdf.Pdf, image: pikepdf.Stream) -> None:
    entry = _Dict(
        Type=_Name.Page,
        MediaBox=pikepdf.Array([0, 0, *_A4]),
        Resources=_Dict(XObject=_Dict(Im0=image)),
        Contents=pdf.make_stream(f"q {_A4[0]} 0 0 {_A4[1]} 0 0 cm /Im0 Do Q".encode("ascii")),
    )
    pdf.pages.append(pikepdf.Page(pdf.make_indirect(entry)))


def _signed(
    unsigned: bytes,
    signer: Any,
    timestamper: Any,
    trust: TrustAnchors,
    level: SignatureLevel,
    art: Path,
) -> bytes:
    lasting = level is SignatureLevel.B_LTA
    context = ValidationContext(
        trust_roots=list(trust.roots),
        other_certs=list(trust.others),
        crls=list(trust.crls),
        allow_fetching=False,
    )
    metadata = PdfSignatureMetadata(
        field_name="Seal",
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        embed_validation_info=lasting,
        use_pades_lta=lasting,
        validation_context=context if lasting else None,
    )
    pdf_signer = PdfSigner(
        metadata,
        signer,
        timestamper=timestamper if level is not SignatureLevel.B_B else None,
        stamp_style=StaticStampStyle.from_pdf_file(
            str(art), border_width=0, background_opacity=1.0
        ),
        new_field_spec=SigFieldSpec("Seal", on_page=0, box=(390, 128, 509, 247)),
    )
    return bytes(
        pdf_signer.sign_pdf(
            IncrementalPdfFileWriter(io.BytesIO(unsigned)), bytes_reserved=16384
        ).getbuffer()
    )
