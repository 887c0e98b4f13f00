"""PDF and OFD files as they come in, sound and hostile; what each is stands in README.md."""

import base64
import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pikepdf
from pikepdf import Array, Dictionary, Name, String

from api.demo import born_digital, certificate_seal
from tests.resources.images import jpeg


def pdf(
    change: Callable[[pikepdf.Pdf], None] | None = None,
    *,
    pages: int = 1,
    text: str = "Certificate",
    **options: object,
) -> bytes:
    """A PDF with a line of text on each page, changed as told."""
    document = pikepdf.new()
    for number in range(pages):
        page = document.add_blank_page(page_size=(595, 842))
        font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
        page.obj.Resources = Dictionary(Font=Dictionary(F1=font))
        page.obj.Contents = document.make_stream(
            f"BT /F1 24 Tf 72 700 Td ({text} {number}) Tj ET".encode()
        )
    if change:
        change(document)
    out = io.BytesIO()
    document.save(out, **options)
    return out.getvalue()


def misnumbered_pdf() -> bytes:
    """Two pages that say that they are the first and the third of three."""
    return born_digital.numbered("说明", ("由申请人提交。",), (1, 3), 3)


def foreign_pdf() -> bytes:
    """A certificate of somebody who is not of the case."""
    return born_digital.without_fonts(
        "居民身份证", ("姓名：别某", "公民身份号码：150602199101010013")
    )


def scanned_pdf(picture: bytes, size: tuple[int, int]) -> bytes:
    """An A4 page that is all one JPEG, as office scanners write it."""
    document = pikepdf.new()
    page = document.add_blank_page(page_size=(595, 842))
    image = document.make_stream(
        picture,
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=size[0],
        Height=size[1],
        BitsPerComponent=8,
        ColorSpace=Name.DeviceRGB,
        Filter=Name.DCTDecode,
    )
    page.obj.Resources = Dictionary(XObject=Dictionary(S=image))
    page.obj.Contents = document.make_stream(b"q 595 0 0 842 0 0 cm /S Do Q")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def blank_page_pdf() -> bytes:
    """Two pages; on the second is nothing."""
    return pdf(lambda document: document.add_blank_page(page_size=(595, 842)))


def _packed(start: bytes, times: int) -> bytes:
    """A stream of `times` x 16 MB of spaces: one block repeated, which is quick; the checksum is
    wrong, which no reader of bombs lives to see.
    """
    packer = zlib.compressobj(9)
    head = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(b" " * (1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + block * times + packer.flush()


def flate_bomb_pdf() -> bytes:
    """A page whose content unpacks, twice, to 8 GB of spaces."""

    def change(document: pikepdf.Pdf) -> None:
        packed = zlib.compress(_packed(b" ", 512), 9)
        document.pages[0].obj.Contents = pikepdf.Stream(
            document, packed, Filter=Array([Name.FlateDecode, Name.FlateDecode])
        )

    return pdf(change, compress_streams=False)


def endless_page_pdf() -> bytes:
    """A page of two kilobytes that draws a million million squares: forms within forms."""

    def change(document: pikepdf.Pdf) -> None:
        form = document.make_indirect(_form(document, b"0 0 9 9 re f " * 10, None))
        for _ in range(11):
            form = document.make_indirect(_form(document, b"/F Do " * 10, form))
        document.pages[0].obj.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(F=form))
        document.pages[0].obj.Contents = pikepdf.Stream(document, b"/F Do")

    return pdf(change)


def _form(document: pikepdf.Pdf, content: bytes, inner: pikepdf.Object | None) -> pikepdf.Stream:
    return pikepdf.Stream(
        document,
        content,
        Type=Name.XObject,
        Subtype=Name.Form,
        BBox=Array([0, 0, 100, 100]),
        Resources=pikepdf.Dictionary(
            {} if inner is None else {"/XObject": pikepdf.Dictionary(F=inner)}
        ),
    )


def object_stream_bomb_pdf() -> bytes:
    """An object stream that says of itself to hold few objects and unpacks to 4 GB."""
    packed = _packed(b"3 0 4 10 ", 256)
    out = bytearray(b"%PDF-1.5\n1 0 obj\n<</Type/Catalog/Pages 3 0 R>>\nendobj\n")
    at = len(out)
    out += (
        b"2 0 obj\n<</Type/ObjStm/N 2/First 9/Filter/FlateDecode/Length %d>>stream\n" % len(packed)
        + packed
        + b"\nendstream\nendobj\n"
    )
    table = b"".join(
        bytes(row)
        for row in (
            [0, 0, 0, 0],
            [1, 0, 9, 0],
            [1, at >> 8, at & 255, 0],
            [2, 0, 2, 0],
            [2, 0, 2, 1],
        )
    )
    start = len(out)
    out += (
        b"5 0 obj\n<</Type/XRef/Size 5/W[1 2 1]/Root 1 0 R/Length %d>>stream\n" % len(table)
        + table
        + b"\nendstream\nendobj\n"
    )
    return bytes(out) + b"startxref\n%d\n%%%%EOF" % start


def cyclic_pdf() -> bytes:
    """Its page tree contains itself."""

    def change(document: pikepdf.Pdf) -> None:
        document.Root.Pages.Kids = Array([document.Root.Pages, document.Root.Pages])
        document.Root.Pages.Count = 2

    return pdf(change)


def million_pages_pdf() -> bytes:
    """One page, named a million times through six levels of ten."""

    def change(document: pikepdf.Pdf) -> None:
        kids, count = document.pages[0].obj, 1
        for _ in range(6):
            count *= 10
            node = document.make_indirect(
                Dictionary(Type=Name.Pages, Kids=Array([kids] * 10), Count=count)
            )
            kids = node
        document.Root.Pages = kids

    return pdf(change)


def _action(kind: Name, **more: object) -> Callable[[pikepdf.Pdf], None]:
    def change(document: pikepdf.Pdf) -> None:
        document.Root.OpenAction = Dictionary(Type=Name.Action, S=kind, **more)

    return change


def script_pdf() -> bytes:
    """Runs JavaScript when it is opened."""
    return pdf(_action(Name.JavaScript, JS=String("app.alert(1)")))


def hidden_script_pdf() -> bytes:
    """The same, its name written with escapes."""
    return script_pdf().replace(b"/JavaScript", b"/J#61va#53cript")


def launch_pdf() -> bytes:
    """Starts a program."""
    return pdf(_action(Name.Launch, F=String("cmd.exe")))


def _attached(name: str, data: bytes) -> bytes:
    def change(document: pikepdf.Pdf) -> None:
        document.attachments[name] = data

    return pdf(change)


def program_pdf() -> bytes:
    """Carries a Windows program."""
    return _attached("a.txt", b"MZ\x90\x00" + bytes(200))


def attachment_pdf() -> bytes:
    """Carries a text file."""
    return _attached("a.txt", b"hello")


def xfa_pdf() -> bytes:
    """A dynamic form."""

    def change(document: pikepdf.Pdf) -> None:
        document.Root.AcroForm = Dictionary(Fields=Array(), XFA=document.make_stream(b"<xdp/>"))

    return pdf(change)


def locked_pdf() -> bytes:
    """Needs a password to be opened."""
    return pdf(encryption=pikepdf.Encryption(user="secret", owner="secret"))


def owner_locked_pdf() -> bytes:
    """Opens for anyone; only the rights are restricted."""
    return pdf(text="Owner", encryption=pikepdf.Encryption(user="", owner="secret"))


def broken_xref_pdf() -> bytes:
    """Its table of objects is out of place, as mail gateways leave it."""
    return pdf(text="Xref").replace(b"startxref\n", b"startxref\n9")


def pdf_zip() -> bytes:
    """A PDF for one reader and a zip for another."""
    return pdf() + zipped({"a.exe": b"MZ"})


def jpeg_pdf() -> bytes:
    """A JPEG with a PDF in its comment."""
    whole = jpeg()
    return whole[:2] + b"\xff\xfe\x00\x12%PDF-1.7\n%%EOF\n\n" + whole[2:]


def html_pdf() -> bytes:
    """A page of HTML before the PDF."""
    return b"<html><script>1</script></html>\n" + pdf()


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


_OFD = '<ofd:{0} xmlns:ofd="http://www.ofdspec.org/2016">{1}</ofd:{0}>'


def ofd(
    pages: int = 1, *, encoding: str = "UTF-8", root: str = "Doc_0/Document.xml", **more: bytes
) -> bytes:
    """An OFD with so many empty pages, its XML in this encoding."""

    def xml(name: str, body: str) -> bytes:
        head = f'<?xml version="1.0" encoding="{encoding}"?>'
        return (head + _OFD.format(name, body)).encode(encoding)

    listed = "".join(
        f'<ofd:Page ID="{at}" BaseLoc="Pages/Page_{at}/Content.xml"/>' for at in range(pages)
    )
    members = {
        "OFD.xml": xml("OFD", f"<ofd:DocBody><ofd:DocRoot>{root}</ofd:DocRoot></ofd:DocBody>"),
        "Doc_0/Document.xml": xml("Document", f"<ofd:Pages>{listed}</ofd:Pages>"),
    }
    members |= {f"Doc_0/Pages/Page_{at}/Content.xml": xml("Page", "") for at in range(pages)}
    return zipped(members | {name.replace("_xml", ".xml"): data for name, data in more.items()})


def lost_ofd() -> bytes:
    """Its DocRoot points nowhere."""
    return ofd(root="Doc_9/Document.xml")


def signed_ofd(*, changed: bool) -> bytes:
    """An OFD whose signature lists a page with its SM3; the page is another when changed."""
    page = zipfile.ZipFile(io.BytesIO(ofd())).read("Doc_0/Pages/Page_0/Content.xml")
    value = base64.b64encode(hashlib.new("sm3", page).digest()).decode()
    listed = (
        '<ofd:References CheckMethod="1.2.156.10197.1.401">'
        '<ofd:Reference FileRef="/Doc_0/Pages/Page_0/Content.xml">'
        f"<ofd:CheckValue>{value}</ofd:CheckValue></ofd:Reference></ofd:References>"
    )
    parts = {"Doc_0/Signs/Sign_0/Signature.xml": _OFD.format("Signature", listed).encode()}
    if changed:
        parts["Doc_0/Pages/Page_0/Content.xml"] = page.replace(b"></", b"><ofd:Content/></")
    return ofd(**parts)


def signed_then_changed_pdf(folder: Path) -> bytes:
    """A certificate that was changed in a later revision after its issuer signed it."""
    certificate_seal.make_issuer(folder)
    return certificate_seal.altered(certificate_seal.signed(folder, pdf()))


def entity_ofd() -> bytes:
    """Its XML declares entities, a billion laughs."""
    return ofd(Extra_xml=b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;">]><a>&c;</a>')


def bomb_ofd() -> bytes:
    """A picture in it unpacks to 300 MB."""
    return ofd(picture=bytes(300 << 20))


def cut_ofd() -> bytes:
    """A byte of a member is changed, so that its checksum is wrong."""
    whole = bytearray(ofd())
    whole[60] ^= 0xFF
    return bytes(whole)


def not_quite_ofd() -> bytes:
    """A zip that merely speaks of OFD.xml."""
    return zipped({"note.txt": b"OFD.xml"})
