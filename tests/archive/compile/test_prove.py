import io

import typst

from archive.compile.prove import SHEET_TITLES, PdfAProver, missing_sheets


def pdf_of(text: str) -> bytes:
    """A PDF/A-2u page in the fonts that the sheets use."""
    import pylopdf_fonts_zh_cn

    fonts = typst.Fonts(include_system_fonts=False, font_paths=[pylopdf_fonts_zh_cn.sans_path().parent])
    source = f'#set text(font: "Noto Sans SC", fallback: false)\n{text}'
    return typst.Compiler(io.BytesIO(source.encode()).getvalue(), font_paths=fonts).compile(format="pdf", pdf_standards="a-2u")


def test_a_sheet_whose_title_is_not_text_is_missed_although_the_file_is_pdfa() -> None:
    blank = pdf_of("#rect()")
    assert PdfAProver("2u").failures(blank) == {}
    assert missing_sheets(blank) == list(SHEET_TITLES)


def test_a_volume_with_all_its_sheets_misses_none() -> None:
    assert missing_sheets(pdf_of(" ".join(SHEET_TITLES))) == []


def test_what_is_no_pdf_fails_and_does_not_raise() -> None:
    assert PdfAProver("2u").failures(b"garbage")
