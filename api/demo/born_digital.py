"""PDFs as other systems write them: with and without fonts, forms, restricted, damaged.

They are built by hand, since no library writes such faults.
"""

import io
from pathlib import Path

import pikepdf
import pylopdf_fonts_zh_cn
import typst

_Name, _Dict = pikepdf.Name, pikepdf.Dictionary
_FONTS: list[typst.Fonts] = []

_CERTIFICATE = """
#set document(date: none)
#set page(paper: "a4", margin: 22mm, fill: rgb("#fdfcf6"))
#set text(font: "Noto Serif SC", size: 11pt, lang: "zh")
#let input = json(bytes(sys.inputs.page))
#align(center)[#text(20pt, weight: "bold", tracking: 3pt)[#input.heading]]
#v(4mm)
#line(length: 100%, stroke: 1.2pt + rgb("#8c2f2f"))
#v(6mm)
#for line in input.lines [#line #v(3mm)]
#v(1fr)
#align(right)[#text(9pt, fill: rgb("#666"))[电子证照 · #input.issuer · 演示，非真实证照]]
"""


def with_fonts(page_json: str) -> bytes:
    """Return an e-certificate with embedded fonts.

    `page_json` holds heading, lines and issuer.
    """
    if not _FONTS:
        _FONTS.append(
            typst.Fonts(
                include_system_fonts=False,
                font_paths=[Path(pylopdf_fonts_zh_cn.sans_path()).parent],
            )
        )
    return typst.compile(
        _CERTIFICATE.encode(), font_paths=_FONTS[0], sys_inputs={"page": page_json}
    )


def without_fonts(heading: str, lines: tuple[str, ...]) -> bytes:
    """Return a page in STSong-Light that is not embedded, as old office systems write them."""
    pdf = pikepdf.new()
    _page(pdf, heading, lines)
    return _saved(pdf)


def numbered(heading: str, lines: tuple[str, ...], numbers: tuple[int, ...], total: int) -> bytes:
    """Return a document whose pages bear these numbers at their foot.

    Office systems print page numbers in this way.
    """
    pdf = pikepdf.new()
    for number in numbers:
        _page(pdf, heading, (*lines, f"登记事项之{number}"), f"第 {number} 页 共 {total} 页")
    return _saved(pdf)


def with_form(heading: str, fields: tuple[tuple[str, str], ...]) -> bytes:
    """Return an application whose answers stand in form fields without appearance.

    Portals write them in this way.
    """
    pdf = pikepdf.new()
    page = _page(pdf, heading, tuple(label for label, _ in fields), "第 1 页 共 1 页")
    helvetica = pdf.make_indirect(
        _Dict(Type=_Name.Font, Subtype=_Name.Type1, BaseFont=_Name.Helvetica)
    )
    widgets = [
        pdf.make_indirect(
            _Dict(
                Type=_Name.Annot,
                Subtype=_Name.Widget,
                FT=_Name.Tx,
                T=pikepdf.String(f"field{row}"),
                V=pikepdf.String(value),
                DA=pikepdf.String("/Helv 12 Tf 0 g"),
                Rect=pikepdf.Array([250, 692 - 26 * row, 520, 710 - 26 * row]),
                F=4,
            )
        )
        for row, (_, value) in enumerate(fields)
    ]
    page.Annots = pikepdf.Array(widgets)
    resources = _Dict(Font=_Dict(Helv=helvetica))
    pdf.Root.AcroForm = _Dict(
        Fields=pikepdf.Array(widgets),
        DR=resources,
        NeedAppearances=True,
        DA=pikepdf.String("/Helv 12 Tf 0 g"),
    )
    return _saved(pdf)


def restricted(data: bytes) -> bytes:
    """Return the same PDF, opening freely but restricted by an owner's password."""
    return _encrypted(data, "")


def locked(data: bytes) -> bytes:
    """Return the same PDF, which opens with a password only."""
    return _encrypted(data, "demo-user")


def with_damaged_xref(data: bytes) -> bytes:
    """Return the same PDF with a cross-reference offset that points nowhere.

    Every object is still there.
    """
    head, _, _ = data.rpartition(b"startxref")
    return head + b"startxref\n7\n%%EOF\n"


def _encrypted(data: bytes, user: str) -> bytes:
    with pikepdf.open(io.BytesIO(data)) as pdf:
        out = io.BytesIO()
        # RC4 keys stem from the file's own id, AES keys are random: only RC4 gives the same bytes
        # for the same seed.
        pdf.save(
            out,
            encryption=pikepdf.Encryption(
                owner="demo-owner", user=user, R=3, aes=False, metadata=False
            ),
            deterministic_id=False,
            static_id=True,
        )
        return out.getvalue()


def _saved(pdf: pikepdf.Pdf) -> bytes:
    out = io.BytesIO()
    pdf.save(out, static_id=True)
    return out.getvalue()


def _page(
    pdf: pikepdf.Pdf, heading: str, lines: tuple[str, ...], foot: str = ""
) -> pikepdf.Dictionary:
    font = pdf.make_indirect(_song())
    shown = [
        _show(20, 170, 770, heading),
        *(_show(12, 72, 697 - 26 * row, line) for row, line in enumerate(lines)),
    ]
    shown += [_show(10, 250, 40, foot)] if foot else []
    page = _Dict(
        Type=_Name.Page,
        MediaBox=pikepdf.Array([0, 0, 595, 842]),
        Resources=_Dict(Font=_Dict(F1=font)),
        Contents=pdf.make_stream("\n".join(shown).encode("ascii")),
    )
    pdf.pages.append(pikepdf.Page(pdf.make_indirect(page)))
    return pdf.pages[-1].obj


def _show(size: int, x: int, y: int, text: str) -> str:
    # UCS-2 has no rare characters: such systems write a black square in their place.
    known = "".join(char if ord(char) < 0x10000 else "■" for char in text)
    return f"BT /F1 {size} Tf {x} {y} Td <{known.encode('utf-16-be').hex()}> Tj ET"


def _song() -> pikepdf.Dictionary:
    descriptor = _Dict(
        Type=_Name.FontDescriptor,
        FontName=_Name("/STSong-Light"),
        Flags=6,
        FontBBox=pikepdf.Array([-25, -254, 1000, 880]),
        ItalicAngle=0,
        Ascent=880,
        Descent=-120,
        CapHeight=880,
        StemV=93,
    )
    descendant = _Dict(
        Type=_Name.Font,
        Subtype=_Name.CIDFontType0,
        BaseFont=_Name("/STSong-Light"),
        CIDSystemInfo=_Dict(
            Registry=pikepdf.String("Adobe"), Ordering=pikepdf.String("GB1"), Supplement=4
        ),
        FontDescriptor=descriptor,
        W=pikepdf.Array([1, 95, 500]),
    )
    return _Dict(
        Type=_Name.Font,
        Subtype=_Name.Type0,
        BaseFont=_Name("/STSong-Light"),
        Encoding=_Name("/UniGB-UCS2-H"),
        DescendantFonts=pikepdf.Array([descendant]),
    )
