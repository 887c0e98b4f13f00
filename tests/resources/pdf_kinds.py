"""PDFs as other programs write them: form fields, annotations, page boxes, layers, fonts.

Each page bears the line `Case 1` in Helvetica at (72, 700) unless told; what a file is for stands
in its docstring.
"""

import io
from collections.abc import Callable, Sequence

import pikepdf
from pikepdf import Array, Dictionary, Name, String

from tests.resources.documents import pdf

Change = Callable[[pikepdf.Pdf], None]
HELVETICA = Dictionary(
    Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, Encoding=Name.WinAnsiEncoding
)


def changed(*changes: Change, pages: int = 1) -> bytes:
    """A PDF with these changes, in this order."""

    def change(document: pikepdf.Pdf) -> None:
        for step in changes:
            step(document)

    return pdf(change, pages=pages, text="Case")


def text_field(value: str, rect: Sequence[float], **entries: object) -> Dictionary:
    """A field without appearance, filled as by a program that writes values only."""
    return Dictionary(
        {
            "/Type": Name.Annot,
            "/Subtype": Name.Widget,
            "/FT": Name.Tx,
            "/F": 4,
            "/DA": String("/Helv 12 Tf 0 g"),
            "/Rect": Array(list(rect)),
            "/T": String(f"f{rect[1]}"),
            "/V": String(value),
            **{f"/{key}": entry for key, entry in entries.items()},
        }
    )


def form(*fields: Dictionary, stale: bool = False) -> bytes:
    """A form with these fields on its first page."""

    def change(document: pikepdf.Pdf) -> None:
        widgets = Array([document.make_indirect(field) for field in fields])
        document.pages[0].obj.Annots = widgets
        document.Root.AcroForm = Dictionary(
            Fields=widgets, DR=Dictionary(Font=Dictionary(Helv=HELVETICA)), NeedAppearances=stale
        )

    return changed(change)


def appearance(document: pikepdf.Pdf, content: bytes, box: Sequence[float]) -> pikepdf.Stream:
    """A form that draws something, with Helvetica as `/Helv`."""
    return document.make_stream(
        content,
        Type=Name.XObject,
        Subtype=Name.Form,
        BBox=Array(list(box)),
        Resources=Dictionary(Font=Dictionary(Helv=HELVETICA)),
    )


def stale_form(value: str, shown: str) -> bytes:
    """A field whose appearance shows `shown`, in a form that asks to draw the values anew."""

    def change(document: pikepdf.Pdf) -> None:
        field = text_field(value, (72, 600, 372, 622))
        look = f"/Tx BMC q BT /Helv 12 Tf 2 6 Td ({shown}) Tj ET Q EMC".encode()
        field.AP = Dictionary(N=appearance(document, look, (0, 0, 300, 22)))
        document.pages[0].obj.Annots = Array([document.make_indirect(field)])
        document.Root.AcroForm = Dictionary(
            Fields=document.pages[0].obj.Annots, NeedAppearances=True
        )

    return changed(change)


def radio(chosen: str, names: Sequence[str], *, drawn: bool) -> bytes:
    """A group of boxes in a row from (72, 600), 40 points apart; `chosen` is the group's value.

    The boxes bring appearances of their states, or none and no state either.
    """

    def change(document: pikepdf.Pdf) -> None:
        parent = document.make_indirect(
            Dictionary(FT=Name.Btn, Ff=1 << 15, T=String("r"), V=Name(f"/{chosen}"))
        )
        kids = []
        for at, name in enumerate(names):
            kid = Dictionary(
                Type=Name.Annot,
                Subtype=Name.Widget,
                Parent=parent,
                F=4,
                Rect=Array([72 + 40 * at, 600, 92 + 40 * at, 620]),
                MK=Dictionary(CA=String("l")),
            )
            if drawn:
                on = appearance(document, b"0 0 1 rg 4 4 12 12 re f", (0, 0, 20, 20))
                off = appearance(document, b"", (0, 0, 20, 20))
                kid.AP = Dictionary(N=Dictionary({f"/{name}": on, "/Off": off}))
            kids.append(document.make_indirect(kid))
        parent.Kids = Array(kids)
        document.pages[0].obj.Annots = Array(kids)
        document.Root.AcroForm = Dictionary(Fields=Array([parent]))

    return changed(change)


def box(name: str, **entries: object) -> Dictionary:
    """A tick box at (72, 600), whose value is its state `name`, without appearance."""
    return Dictionary(
        {
            "/Type": Name.Annot,
            "/Subtype": Name.Widget,
            "/FT": Name.Btn,
            "/F": 4,
            "/Rect": Array([72, 600, 92, 620]),
            "/T": String("c"),
            "/V": Name(f"/{name}"),
            **{f"/{key}": entry for key, entry in entries.items()},
        }
    )


def choice(value: object, options: Array, flags: int = 0, **entries: object) -> Dictionary:
    """A choice at (72, 540), 60 points high, without appearance."""
    return Dictionary(
        {
            "/Type": Name.Annot,
            "/Subtype": Name.Widget,
            "/FT": Name.Ch,
            "/Ff": flags,
            "/F": 4,
            "/DA": String("/Helv 12 Tf 0 g"),
            "/Rect": Array([72, 540, 272, 600]),
            "/T": String("ch"),
            "/V": value,
            "/Opt": options,
            **{f"/{key}": entry for key, entry in entries.items()},
        }
    )


def annotated(subtype: str, rect: Sequence[float], **entries: object) -> bytes:
    """An annotation without appearance on the first page."""

    def change(document: pikepdf.Pdf) -> None:
        document.pages[0].obj.Annots = Array([annotation(subtype, rect, **entries)])

    return changed(change)


def annotation(subtype: str, rect: Sequence[float], **entries: object) -> Dictionary:
    """An annotation without appearance, printed and red unless told."""
    return Dictionary(
        {
            "/Type": Name.Annot,
            "/Subtype": Name(f"/{subtype}"),
            "/F": 4,
            "/C": Array([1, 0, 0]),
            "/Rect": Array(list(rect)),
            **{f"/{key}": entry for key, entry in entries.items()},
        }
    )


def boxed(**entries: object) -> bytes:
    """A page with these entries: boxes, turn, unit."""

    def change(document: pikepdf.Pdf) -> None:
        for key, entry in entries.items():
            document.pages[0].obj[f"/{key}"] = entry

    return changed(change)


def strip(width: float, height: float) -> bytes:
    """A page of these points that is black but for its edge."""

    def change(document: pikepdf.Pdf) -> None:
        page = document.pages[0].obj
        page.MediaBox = Array([0, 0, width, height])
        page.Contents = document.make_stream(
            f"{width / 6} {height / 6} {width * 2 / 3} {height * 2 / 3} re f".encode()
        )

    return changed(change)


def layered(config: Callable[[list[pikepdf.Object]], Dictionary], *, member: bool = False) -> bytes:
    """Two layers: `Shown` in the first, `Secret` in the second and a red square with it.

    With `member` what is secret hangs on a membership of the second layer instead.
    """

    def change(document: pikepdf.Pdf) -> None:
        groups = [
            document.make_indirect(Dictionary(Type=Name.OCG, Name=String(name)))
            for name in ("first", "second")
        ]
        document.Root.OCProperties = Dictionary(OCGs=Array(groups), D=config(groups))
        page = document.pages[0].obj
        secret = groups[1]
        if member:
            secret = document.make_indirect(
                Dictionary(Type=Name.OCMD, OCGs=Array([groups[1]]), P=Name.AllOn)
            )
        square = appearance(document, b"1 0 0 rg 100 300 200 100 re f", (0, 0, 595, 842))
        square.OC = secret
        page.Resources.Properties = Dictionary(A=groups[0], B=secret)
        page.Resources.XObject = Dictionary(X=square)
        page.Contents = document.make_stream(
            b"/OC /A BDC BT /F1 24 Tf 72 700 Td (Shown) Tj ET EMC "
            b"/OC /B BDC q 2 0 0 2 0 0 cm BT /F1 24 Tf 36 200 Td (Secret) Tj ET Q "
            b"/X Do 0 0 300 300 re f EMC BT /F1 24 Tf 72 600 Td (After) Tj ET"
        )

    return changed(change)


def lettered(base: str, subtype: str = "TrueType", **entries: object) -> bytes:
    """A line in a simple font that is not embedded; `base` is its name as PDF writes it."""

    def change(document: pikepdf.Pdf) -> None:
        document.pages[0].obj.Resources.Font.F1 = Dictionary(
            {
                "/Type": Name.Font,
                "/Subtype": Name(f"/{subtype}"),
                "/BaseFont": pikepdf.Object.parse(f"/{base}".encode()),
                "/Encoding": Name.WinAnsiEncoding,
                **{f"/{key}": entry for key, entry in entries.items()},
            }
        )

    return changed(change)


def numbered_glyphs(text: str, *, table: bool) -> bytes:
    """A line in a font that is not embedded, in glyph numbers, as word processors write it.

    With a table of characters its text is known, without one nobody knows it.
    """

    def change(document: pikepdf.Pdf) -> None:
        codes = [4000 + 7 * at for at in range(len(text))]
        font = Dictionary(
            Type=Name.Font,
            Subtype=Name.Type0,
            BaseFont=Name.SimSun,
            Encoding=Name("/Identity-H"),
            DescendantFonts=Array(
                [
                    Dictionary(
                        Type=Name.Font,
                        Subtype=Name.CIDFontType2,
                        BaseFont=Name.SimSun,
                        CIDToGIDMap=Name.Identity,
                        DW=1000,
                        CIDSystemInfo=Dictionary(
                            Registry=String("Adobe"), Ordering=String("Identity"), Supplement=0
                        ),
                        FontDescriptor=Dictionary(
                            Type=Name.FontDescriptor,
                            FontName=Name.SimSun,
                            Flags=4,
                            FontBBox=Array([0, -200, 1000, 900]),
                            ItalicAngle=0,
                            Ascent=859,
                            Descent=-141,
                            CapHeight=700,
                            StemV=80,
                        ),
                    )
                ]
            ),
        )
        if table:
            rows = "\n".join(
                f"<{code:04X}> <{char.encode('utf-16-be').hex()}>"
                for code, char in zip(codes, text, strict=True)
            )
            font.ToUnicode = document.make_stream(
                (
                    "/CIDInit /ProcSet findresource begin 12 dict begin begincmap "
                    "/CMapName /X def /CMapType 2 def 1 begincodespacerange <0000> <FFFF> "
                    f"endcodespacerange {len(codes)} beginbfchar\n{rows}\nendbfchar endcmap "
                    "CMapName currentdict /CMap defineresource pop end end"
                ).encode()
            )
        page = document.pages[0].obj
        page.Resources.Font.F1 = font
        shown = "".join(f"{code:04X}" for code in codes)
        page.Contents = document.make_stream(f"BT /F1 20 Tf 72 700 Td <{shown}> Tj ET".encode())

    return changed(change)


def portfolio() -> bytes:
    """A collection of files whose only page is a cover."""

    def change(document: pikepdf.Pdf) -> None:
        document.attachments["a.txt"] = b"hello"
        document.Root.Collection = Dictionary(Type=Name.Collection, View=Name.D)

    return changed(change)


def one_page(content: bytes) -> bytes:
    """A page with this content only; `/F1` is Helvetica."""

    def change(document: pikepdf.Pdf) -> None:
        document.pages[0].obj.Contents = document.make_stream(content)

    return changed(change)


def many_blends(count: int) -> bytes:
    """A page of a kilobyte that blends so many layers of its whole size, one upon the other."""

    def change(document: pikepdf.Pdf) -> None:
        page = document.pages[0].obj
        layer = document.make_stream(
            b"0.99 g 0 0 595 842 re f",
            Type=Name.XObject,
            Subtype=Name.Form,
            BBox=Array([0, 0, 595, 842]),
            Group=Dictionary(S=Name.Transparency, I=True),
        )
        page.Resources.XObject = Dictionary(F=layer)
        page.Resources.ExtGState = Dictionary(
            G=Dictionary(Type=Name.ExtGState, BM=Name.Multiply, ca=0.99)
        )
        page.Contents = document.make_stream(
            b"/G gs " + b"/F Do " * count + b"BT /F1 24 Tf 72 700 Td (Case) Tj ET"
        )

    return changed(change)


def certificate_encrypted() -> bytes:
    """Opens with the key of a certificate only."""
    document = pikepdf.Pdf.new()
    document.add_blank_page(page_size=(595, 842))
    out = io.BytesIO()
    document.save(out, encryption=pikepdf.Encryption(user="a", owner="b"))
    return out.getvalue().replace(b"/Filter /Standard", b"/Filter /Adobe.PubSec")
