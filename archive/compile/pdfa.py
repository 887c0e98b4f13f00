"""The marks by which a PDF declares itself PDF/A-2u.

They are XMP, document information and output intent (ISO 19005-2 6.2.3, 6.6).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from io import BytesIO
from xml.sax.saxutils import escape

import pikepdf
from PIL import ImageCms

NAMESPACE = "urn:yice:volume:1#"
_XMP_ID = "W5M0MpCehiHzreSzNTczkc9d"


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a file says of itself.

    `created` must be aware; `properties` maps a name of our namespace to (value, description).
    """

    title: str
    created: datetime
    producer: str
    identifier: str | None = None
    properties: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@cache
def srgb_icc() -> bytes:
    """Return the sRGB profile as bytes, always the same.

    The library writes the moment of creation into it, which is replaced by a fixed date.
    """
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes([0x07, 0xE8, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])  # 2024-01-01T00:00:00
    profile[84:100] = bytes(16)  # the profile's own MD5: zero means "not computed"
    return bytes(profile)


def declare(pdf: pikepdf.Pdf, declaration: Declaration, icc: bytes) -> None:
    """Add XMP, a docinfo that agrees with it, output intent and language to a new document."""
    packet = pdf.make_stream(
        _xmp(declaration), Type=pikepdf.Name.Metadata, Subtype=pikepdf.Name.XML
    )
    pdf.Root.Metadata = packet
    profile = pdf.make_stream(icc, N=3)
    intent = pikepdf.Dictionary(
        Type=pikepdf.Name.OutputIntent,
        S=pikepdf.Name.GTS_PDFA1,
        OutputConditionIdentifier=pikepdf.String("sRGB"),
        Info=pikepdf.String("sRGB IEC61966-2.1"),
        DestOutputProfile=profile,
    )
    pdf.Root.OutputIntents = pikepdf.Array([pdf.make_indirect(intent)])
    pdf.Root.Lang = pikepdf.String("zh-CN")
    info = pikepdf.Dictionary(
        Title=pikepdf.String(declaration.title),
        Producer=pikepdf.String(declaration.producer),
        CreationDate=pikepdf.String(_pdf_date(declaration.created)),
        ModDate=pikepdf.String(_pdf_date(declaration.created)),
    )
    pdf.trailer.Info = pdf.make_indirect(info)


def saved(pdf: pikepdf.Pdf) -> bytes:
    """Return a document as bytes, written the way every file of the archive is written.

    With object streams, not linearized, with a reproducible ID.
    """
    out = BytesIO()
    pdf.save(
        out,
        object_stream_mode=pikepdf.ObjectStreamMode.generate,
        linearize=False,
        deterministic_id=True,
        fix_metadata_version=False,
        min_version="1.7",
    )
    return out.getvalue()


def _pdf_date(moment: datetime) -> str:
    offset = moment.strftime("%z")
    return f"D:{moment:%Y%m%d%H%M%S}{offset[:3]}'{offset[3:5]}'"


def _xmp(declaration: Declaration) -> bytes:
    date = declaration.created.isoformat(timespec="seconds")
    identifier = (
        f"<dc:identifier>{escape(declaration.identifier)}</dc:identifier>"
        if declaration.identifier
        else ""
    )
    own = "".join(
        f"<yice:{name}>{escape(value)}</yice:{name}>"
        for name, (value, _) in declaration.properties.items()
    )
    return f"""<?xpacket begin="\ufeff" id="{_XMP_ID}"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">\
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"\
 xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:pdf="http://ns.adobe.com/pdf/1.3/" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"\
 xmlns:yice="{NAMESPACE}">
<pdfaid:part>2</pdfaid:part><pdfaid:conformance>U</pdfaid:conformance>
<dc:format>application/pdf</dc:format>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{escape(declaration.title)}</rdf:li>\
</rdf:Alt></dc:title>
<dc:date><rdf:Seq><rdf:li>{date}</rdf:li></rdf:Seq></dc:date>{identifier}
<xmp:CreateDate>{date}</xmp:CreateDate><xmp:ModifyDate>{date}</xmp:ModifyDate>
<pdf:Producer>{escape(declaration.producer)}</pdf:Producer>
{own}</rdf:Description>
{_extension(declaration.properties)}</rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>""".encode()


def _extension(properties: Mapping[str, tuple[str, str]]) -> str:
    """Return the description of our own properties.

    ISO 19005-2 6.6.2.3 demands one of every schema that it does not predefine.
    """
    if not properties:
        return ""
    rows = "".join(
        f'<rdf:li rdf:parseType="Resource"><pdfaProperty:name>{name}</pdfaProperty:name>'
        f"<pdfaProperty:valueType>Text</pdfaProperty:valueType>"
        f"<pdfaProperty:category>external</pdfaProperty:category>"
        f"<pdfaProperty:description>{escape(text)}</pdfaProperty:description></rdf:li>"
        for name, (_, text) in properties.items()
    )
    return f"""<rdf:Description rdf:about=""
 xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"\
 xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">\
<pdfaSchema:schema>Archival volume</pdfaSchema:schema>
<pdfaSchema:namespaceURI>{NAMESPACE}</pdfaSchema:namespaceURI>\
<pdfaSchema:prefix>yice</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq>{rows}</rdf:Seq></pdfaSchema:property>\
</rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>
"""
