"""Scans become pages without a changed pixel."""

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pikepdf
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageOps

from archive.compile.colour import fit_for_pdfa, plain_cmyk_icc
from archive.compile.footer import STRIP
from archive.compile.pdfa import Declaration, declare, saved, srgb_icc
from archive.compile.scans import image_pages
from archive.reference.compile_errors import (
    CompileError,
    TooLargeError,
    UnreadableError,
    UnsupportedError,
)


def drawing(mode: str = "RGB", size: tuple[int, int] = (600, 400)) -> Image.Image:
    picture = Image.new("RGB", size, (250, 240, 230))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, size[0] // 3, size[1] // 4), fill=(200, 0, 0))
    pen.rectangle((size[0] // 2, size[1] // 2, size[0] - 1, size[1] - 1), fill=(0, 90, 200))
    return picture.convert(mode)


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


KEPT: list[pikepdf.Pdf] = []  # an object of a PDF lives only as long as the PDF


def images(pdf: pikepdf.Pdf) -> list[pikepdf.Object]:
    KEPT[:] = [*KEPT[-1:], pdf]
    return [page.obj.Resources.XObject.Im0 for page in pdf.pages]


def proven(pdf: pikepdf.Pdf) -> bytes:
    declare(pdf, Declaration("扫描件", datetime(2026, 1, 1, tzinfo=UTC), "test"), srgb_icc())
    return saved(pdf)


def test_a_jpeg_goes_in_byte_for_byte() -> None:
    data = encoded(drawing(), "JPEG", dpi=(200, 200))
    assert images(image_pages(data, "image/jpeg"))[0].read_raw_bytes() == data


def test_the_rows_of_a_plain_png_go_in_as_they_are() -> None:
    data = encoded(drawing(), "PNG")
    assert images(image_pages(data, "image/png"))[0].read_raw_bytes() in data


def test_a_single_strip_group_4_tiff_goes_in_as_it_is() -> None:
    data = encoded(drawing("1"), "TIFF", compression="group4", tiffinfo={278: 400})
    image = images(image_pages(data, "image/tiff"))[0]
    assert image.Filter == "/CCITTFaxDecode"
    assert image.read_raw_bytes() in data


def test_every_page_of_a_tiff_becomes_a_page() -> None:
    more = [drawing("1", (300, 500)), drawing("1", (200, 200))]
    data = encoded(
        drawing("1", (2000, 3000)), "TIFF", compression="group4", save_all=True, append_images=more
    )
    pictures = images(image_pages(data, "image/tiff"))
    assert [(int(picture.Width), int(picture.Height)) for picture in pictures] == [
        (2000, 3000),
        (300, 500),
        (200, 200),
    ]


@pytest.mark.parametrize(
    ("mode", "kind", "options"),
    [
        ("RGB", "PNG", {}),
        ("L", "PNG", {}),
        ("P", "PNG", {}),
        ("1", "PNG", {}),
        ("RGB", "TIFF", {"compression": "tiff_lzw"}),
        ("L", "TIFF", {"compression": "tiff_deflate"}),
        ("1", "TIFF", {"compression": "group4"}),
        ("1", "TIFF", {"compression": "tiff_lzw"}),
        ("CMYK", "TIFF", {"compression": "raw"}),
    ],
)
def test_no_pixel_changes(mode: str, kind: str, options: dict[str, Any]) -> None:
    picture = drawing(mode, (1200, 900))
    pdf = image_pages(encoded(picture, kind, **options), f"image/{kind.lower()}")
    again = pikepdf.PdfImage(images(pdf)[0]).as_pil_image()
    if mode == "CMYK":
        assert images(pdf)[0].read_bytes() == picture.tobytes()
    else:
        assert ImageChops.difference(again.convert("RGB"), picture.convert("RGB")).getbbox() is None


def test_what_is_transparent_is_laid_on_white() -> None:
    picture = drawing("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    image = images(image_pages(encoded(picture, "PNG"), "image/png"))[0]
    paper = Image.new("RGBA", picture.size, "white")
    laid = Image.alpha_composite(paper, picture).convert("RGB")
    difference = ImageChops.difference(pikepdf.PdfImage(image).as_pil_image(), laid)
    assert max(high for _, high in difference.getextrema()) <= 1
    assert "/SMask" not in image


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photograph_stands_upright_and_as_a_person_turned_it(
    orientation: int, turn: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(drawing(), "JPEG", exif=exif.tobytes(), dpi=(200, 200), quality=95)
    pdf = image_pages(data, "image/jpeg", {1: turn})
    assert images(pdf)[0].read_raw_bytes() == data
    shown = pypdfium2.PdfDocument(saved(pdf))[0].render(scale=200 / 72).to_pil().convert("RGB")
    shown = shown.crop(
        ImageOps.invert(shown).point(lambda value: 255 if value > 3 else 0).getbbox()
    )
    upright = (
        ImageOps.exif_transpose(Image.open(BytesIO(data)))
        .convert("RGB")
        .rotate(-turn, expand=True)
        .resize(shown.size)
    )
    worst = ImageChops.difference(shown.resize((12, 12)), upright.resize((12, 12))).getextrema()
    assert max(high for _, high in worst) < 90


@settings(max_examples=40, deadline=None)
@given(
    width=st.integers(1, 900),
    height=st.integers(1, 900),
    dpi=st.sampled_from([1, 72, 100, 200, 300, 600, 9999]),
)
def test_the_picture_always_fits_an_a4_page_above_the_foot_strip(
    width: int, height: int, dpi: int
) -> None:
    pdf = image_pages(
        encoded(Image.new("L", (width, height), 9), "PNG", dpi=(dpi, dpi)), "image/png"
    )
    page = pdf.pages[0]
    assert sorted(round(float(side)) for side in page.mediabox[2:]) == [595, 842]
    wide, _, _, high, left, bottom = (
        float(value) for value in page.obj.Contents.read_bytes().split()[1:7]
    )
    assert bottom >= STRIP - 0.01
    assert left >= -0.01
    assert left + wide <= float(page.mediabox[2]) + 0.01
    assert bottom + high <= float(page.mediabox[3]) + 0.01


@pytest.mark.parametrize(
    ("kind", "options"), [("JPEG", {}), ("PNG", {}), ("TIFF", {"compression": "tiff_lzw"})]
)
def test_a_cut_file_is_refused(kind: str, options: dict[str, Any]) -> None:
    data = encoded(drawing(size=(900, 900)), kind, **options)
    for part in (0.1, 0.5, 0.95):
        with pytest.raises(UnreadableError):
            image_pages(data[: int(len(data) * part)], f"image/{kind.lower()}")


@settings(max_examples=60, deadline=None)
@given(
    data=st.binary(max_size=300), kind=st.sampled_from(["image/jpeg", "image/png", "image/tiff"])
)
def test_garbage_is_refused_with_a_known_error(data: bytes, kind: str) -> None:
    with pytest.raises(CompileError):
        image_pages(data, kind)


def test_a_decompression_bomb_is_refused() -> None:
    with pytest.raises(TooLargeError):
        image_pages(encoded(Image.new("1", (20_000, 20_000)), "PNG"), "image/png")


def test_a_format_that_pdf_does_not_know_is_refused() -> None:
    with pytest.raises(UnsupportedError) as caught:
        image_pages(b"GIF89a", "image/gif")
    assert caught.value.code == "UNSUPPORTED"


def test_an_adobe_cmyk_jpeg_keeps_its_colours() -> None:
    pdf = image_pages(encoded(drawing("CMYK"), "JPEG", dpi=(200, 200), quality=95), "image/jpeg")
    assert [int(value) for value in images(pdf)[0].Decode] == [1, 0] * 4
    assert fit_for_pdfa(plain_cmyk_icc(), 4)
    shown = pypdfium2.PdfDocument(saved(pdf))[0].render(scale=200 / 72).to_pil().convert("RGB")
    assert (
        max(
            abs(a - b)
            for a, b in zip(
                shown.getpixel((shown.width // 2 - 250, shown.height // 2 - 220)),
                (200, 0, 0),
                strict=True,
            )
        )
        < 60
    )


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpegs_pass_as_pdfa_2u(mode: str, prove: Any) -> None:
    assert prove(proven(image_pages(encoded(drawing(mode), "JPEG"), "image/jpeg"))) == {}


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA", "LA"])
def test_pngs_pass_as_pdfa_2u(mode: str, prove: Any) -> None:
    assert prove(proven(image_pages(encoded(drawing(mode), "PNG"), "image/png"))) == {}
