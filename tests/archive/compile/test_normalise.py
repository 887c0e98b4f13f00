"""Foreign PDFs come in whole or not at all."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pikepdf
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.compile.footer import STRIP
from archive.compile.normalise import Normalised, normalise_pdf
from archive.reference.compile_errors import (
    CompileError,
    ContentLostError,
    EncryptedError,
    NotConformingError,
    UnreadableError,
)
from tests.support.confined import in_process


def normalised_with(data: bytes, prove: Any) -> Normalised:
    return normalise_pdf(data, {}, in_process, prove)


def conforms(_: bytes) -> dict[str, int]:
    return {}


def never(_: bytes) -> dict[str, int]:
    return {"6.1-1 refused": 1}


def only_redrawn(data: bytes) -> dict[str, int]:
    with pikepdf.open(BytesIO(data)) as pdf:
        return {} if "/Im0" in pdf.pages[0].obj.Resources.XObject else {"6.2.11.4.1-1 fonts": 1}


def text_of(data: bytes, page: int = 0) -> str:
    return "".join(pypdfium2.PdfDocument(data)[page].get_textpage().get_text_range().split())


def written(pdf: pikepdf.Pdf, **options: Any) -> bytes:
    out = BytesIO()
    pdf.save(out, **options)
    return out.getvalue()


def test_a_sound_pdf_is_copied(typeset: Callable[[str], bytes], prove: Any) -> None:
    normalised = normalised_with(typeset("申请书 #pagebreak() 第二页"), prove)
    assert (normalised.route, normalised.pages) == ("copied", 2)
    assert text_of(normalised.pdf) == "申请书"
    assert prove(normalised.pdf) == {}


def test_a_pdf_without_its_chinese_font_keeps_its_text(
    unembedded: Callable[..., bytes], prove: Any
) -> None:
    normalised = normalised_with(unembedded("户口迁移证明 ABC"), prove)
    assert normalised.route == "raster"
    assert text_of(normalised.pdf) == "户口迁移证明ABC"
    assert prove(normalised.pdf) == {}


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_rotation_and_origin_do_not_change_what_is_seen(
    rotate: int, unembedded: Callable[..., bytes]
) -> None:
    data = unembedded("户口迁移证明", rotate, (100, -50))
    normalised = normalised_with(data, conforms)
    before = pypdfium2.PdfDocument(data)[0].render(scale=1).to_pil().convert("L")
    after = pypdfium2.PdfDocument(normalised.pdf)[0].render(scale=1).to_pil().convert("L")
    assert after.width == before.width
    assert after.height == pytest.approx(before.height + STRIP, abs=1.5)
    assert before.point(lambda v: 255 - v).getbbox() == pytest.approx(
        after.point(lambda v: 255 - v).getbbox(), abs=2
    )


def test_the_redrawn_text_stands_where_it_stood(unembedded: Callable[..., bytes]) -> None:
    normalised = normalised_with(unembedded("户"), only_redrawn)
    box = pypdfium2.PdfDocument(normalised.pdf)[0].get_textpage().get_charbox(0)
    assert box[0] == pytest.approx(100, abs=3)
    assert box[1] == pytest.approx(700 + STRIP, abs=6)


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.7\n%%EOF"])
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        normalised_with(data, conforms)


@settings(max_examples=25, deadline=None)
@given(part=st.floats(0, 0.97))
def test_a_cut_pdf_never_comes_in(part: float, typeset: Callable[[str], bytes]) -> None:
    data = typeset("申请书 #pagebreak() 第二页")
    with pytest.raises(CompileError):
        normalised_with(data[: int(len(data) * part)], conforms)


def test_a_password_is_reported_and_permissions_are_not_an_obstacle(
    typeset: Callable[[str], bytes],
) -> None:
    with pikepdf.open(BytesIO(typeset("申请书"))) as pdf:
        locked = written(pdf, encryption=pikepdf.Encryption(user="a", owner="b"))
        restricted = written(pdf, encryption=pikepdf.Encryption(user="", owner="b"))
    with pytest.raises(EncryptedError) as caught:
        normalised_with(locked, conforms)
    assert caught.value.code == "ENCRYPTED"
    normalised = normalised_with(restricted, conforms)
    assert text_of(normalised.pdf) == "申请书"
    with pikepdf.open(BytesIO(normalised.pdf)) as pdf:
        assert not pdf.is_encrypted


def test_scripts_attachments_and_annotations_stay_behind(
    typeset: Callable[[str], bytes], prove: Any
) -> None:
    with pikepdf.open(BytesIO(typeset("申请书"))) as pdf:
        pdf.Root.OpenAction = pikepdf.Dictionary(
            S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert(1)")
        )
        pdf.attachments["a.txt"] = b"hidden"
        link = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Link,
            Rect=pikepdf.Array([0, 0, 9, 9]),
            A=pikepdf.Dictionary(S=pikepdf.Name.Launch, F=pikepdf.String("x.exe")),
        )
        pdf.pages[0].obj.Annots = pikepdf.Array([link])
        data = written(pdf)
    normalised = normalised_with(data, prove)
    assert normalised.route == "copied"
    assert any("附有 1 个文件" in note for note in normalised.notes)
    with pikepdf.open(BytesIO(normalised.pdf)) as pdf:
        assert "/OpenAction" not in pdf.Root
        assert "/Annots" not in pdf.pages[0].obj
        assert not len(pdf.attachments)
    for trace in (b"app.alert", b"x.exe", b"hidden"):
        assert trace not in normalised.pdf


def test_the_value_of_a_form_field_becomes_page_content(prove: Any) -> None:
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=(300, 300))
    helvetica = pdf.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
        )
    )
    field = pdf.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Widget,
            FT=pikepdf.Name.Tx,
            T=pikepdf.String("f"),
            V=pikepdf.String("FILLED"),
            DA=pikepdf.String("/Helv 12 Tf 0 g"),
            Rect=pikepdf.Array([50, 200, 200, 230]),
            F=4,
        )
    )
    pdf.pages[0].obj.Annots = pikepdf.Array([field])
    resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(Helv=helvetica))
    pdf.Root.AcroForm = pikepdf.Dictionary(
        Fields=pikepdf.Array([field]),
        DR=resources,
        NeedAppearances=True,
        DA=pikepdf.String("/Helv 12 Tf 0 g"),
    )
    normalised = normalised_with(written(pdf), prove)
    assert "FILLED" in text_of(normalised.pdf)
    assert "表单域已固化为页面内容。" in normalised.notes


def test_a_file_that_no_route_makes_conforming_is_refused(typeset: Callable[[str], bytes]) -> None:
    with pytest.raises(NotConformingError):
        normalised_with(typeset("申请书"), never)


def test_text_that_leaves_no_ink_is_not_passed_as_kept(unembedded: Callable[..., bytes]) -> None:
    with pikepdf.open(BytesIO(unembedded("户口迁移证明"))) as pdf:
        pdf.pages[0].obj.Contents = pdf.make_stream(
            pdf.pages[0].obj.Contents.read_bytes() + b" 1 g 0 0 595 842 re f"
        )
        data = written(pdf)
    with pytest.raises(ContentLostError):
        normalised_with(data, only_redrawn)


def test_a_font_that_is_not_embedded_is_drawn_with_our_own_and_not_as_boxes(
    unembedded: Callable[..., bytes],
) -> None:
    """On a machine without any Chinese font PDFium drew the same empty box for every character,
    which has ink too.
    """

    def ink(text: str) -> bytes:
        page = pypdfium2.PdfDocument(normalised_with(unembedded(text), only_redrawn).pdf)[0]
        return bytes(page.render(scale=1).to_pil().convert("L").tobytes())

    assert ink("户口") != ink("迁移")
