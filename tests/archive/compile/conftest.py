"""The real validator, and small real inputs made on the spot."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pikepdf
import pylopdf_fonts_zh_cn
import pytest
import typst

Prove = Callable[[bytes], dict[str, int]]


@pytest.fixture(scope="session")
def prove() -> Prove:
    module = pytest.importorskip("archive.compile.prove", reason="the prover is not built")
    prover = module.PdfAProver()

    def failures(data: bytes) -> dict[str, int]:
        return dict(prover.failures(data))

    return failures


@pytest.fixture(scope="session")
def typeset() -> Callable[[str], bytes]:
    fonts = typst.Fonts(
        include_system_fonts=False, font_paths=[Path(pylopdf_fonts_zh_cn.sans_path()).parent]
    )

    def build(source: str) -> bytes:
        return typst.compile(
            f'#set text(font: "Noto Sans SC")\n{source}'.encode(),
            font_paths=fonts,
            pdf_standards="a-2u",
        )

    return build


@pytest.fixture(scope="session")
def unembedded() -> Callable[..., bytes]:
    """A PDF whose Chinese font is not embedded, as old office systems write them."""

    def build(text: str, rotate: int = 0, origin: tuple[int, int] = (0, 0)) -> bytes:
        pdf = pikepdf.new()
        pdf.add_blank_page(page_size=(595, 842))
        page = pdf.pages[0].obj
        x, y = origin
        page.MediaBox = pikepdf.Array([x, y, x + 595, y + 842])
        page.Rotate = rotate
        descendant = pikepdf.Dictionary(
            Type=pikepdf.Name.Font,
            Subtype=pikepdf.Name.CIDFontType0,
            BaseFont=pikepdf.Name("/STSong-Light"),
            CIDSystemInfo=pikepdf.Dictionary(
                Registry=pikepdf.String("Adobe"), Ordering=pikepdf.String("GB1"), Supplement=4
            ),
            FontDescriptor=pikepdf.Dictionary(
                Type=pikepdf.Name.FontDescriptor,
                FontName=pikepdf.Name("/STSong-Light"),
                Flags=6,
                FontBBox=pikepdf.Array([-25, -254, 1000, 880]),
                ItalicAngle=0,
                Ascent=880,
                Descent=-120,
                CapHeight=880,
                StemV=93,
            ),
        )
        font = pikepdf.Dictionary(
            Type=pikepdf.Name.Font,
            Subtype=pikepdf.Name.Type0,
            BaseFont=pikepdf.Name("/STSong-Light"),
            Encoding=pikepdf.Name("/UniGB-UCS2-H"),
            DescendantFonts=pikepdf.Array([descendant]),
        )
        page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=pdf.make_indirect(font)))
        page.Contents = pdf.make_stream(
            f"BT /F1 20 Tf {x + 100} {y + 700} Td <{text.encode('utf-16-be').hex()}> Tj ET".encode()
        )
        out = BytesIO()
        pdf.save(out)
        return out.getvalue()

    return build
