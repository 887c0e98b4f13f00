"""A form of a case as a picture, as the volume will show it, with what is in doubt marked."""

from collections.abc import Mapping
from io import BytesIO

import pypdfium2

from archive.arrangement.plan import FormSheet
from archive.compile.pdfium import PDFIUM_LOCK
from archive.compile.sheets import compile_template
from archive.compile.signature_art import form_data

_QUALITY = 88


def form_picture(form: FormSheet, case_no: str, doubts: Mapping[str, str], width: int) -> bytes:
    """Return a form as JPEG of a width in pixels; however long it is, it is one picture.

    `doubts` are what certificates state otherwise, by the label of the field.
    """
    fields = {"form": {**form_data(form), "doubts": dict(doubts)}, "code": "未赋号"}
    pdf = compile_template("form.typ", {**fields, "case_no": case_no})
    with PDFIUM_LOCK:
        document = pypdfium2.PdfDocument(pdf)
        sheet = document[0]
        picture = sheet.render(scale=width / sheet.get_width()).to_pil().convert("RGB")
        document.close()
    out = BytesIO()
    picture.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
