"""What the tests of sealing share: a real page with real art, and a sealer made in one line."""

from datetime import datetime
from functools import cache
from io import BytesIO
from pathlib import Path

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.generic_cms import extract_tst_data_iter
from pylopdf_fonts_zh_cn import sans_path
from typst import Compiler, Fonts

from archive.compile.prove import SHEET_TITLES
from archive.compile.seal_art import seal_pdf
from archive.reference.vocabulary import SignatureLevel
from archive.signing.seal import Sealed, Sealer, load_pkcs12
from archive.signing.validation import TrustAnchors
from tests.support.pki import PASSPHRASE, Authority, Issued, write_pkcs12


@cache
def page() -> bytes:
    fonts = Fonts(include_system_fonts=False, font_paths=[Path(sans_path()).parent])
    source = '#set text(font: "Noto Sans SC", fallback: false)\n' + " ".join(SHEET_TITLES)
    return bytes(
        Compiler(source.encode(), font_paths=fonts).compile(format="pdf", pdf_standards="a-2u")
    )


def sealer_of(
    folder: Path,
    authority: Authority,
    issued: Issued,
    *,
    trust: TrustAnchors | None = None,
    level: SignatureLevel = SignatureLevel.B_B,
    tsa: TimeStamper | None = None,
) -> Sealer:
    path = write_pkcs12(folder / "J602.p12", issued, authority.root)
    return Sealer(load_pkcs12(path, PASSPHRASE), trust or authority.trust(), level, tsa)


def seal(sealer: Sealer, pdf: bytes | None = None, at: datetime | None = None) -> Sealed:
    return sealer.seal(
        pdf or page(),
        appearance_pdf=seal_pdf("锡林郭勒盟公安局", demo=True),
        page=0,
        box=(350, 600, 470, 720),
        reason="归档",
        at=at,
    )


def has_stamps(pdf: bytes) -> bool:
    reader = PdfFileReader(BytesIO(pdf))
    inside = any(
        list(extract_tst_data_iter(signature.signer_info, signed=False))
        for signature in reader.embedded_regular_signatures
    )
    return inside or bool(reader.embedded_timestamp_signatures)
