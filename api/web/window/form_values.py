"""The forms of a case with their fields, and the act that fills one in."""

from collections.abc import Mapping

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from api.http.window import act_at_window
from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, Web
from archive.administration.policy import Act
from archive.reference.vocabulary import FormKind, Series
from ingest.window.decide import Asked
from ingest.window.form_fields import FormField, fields_of
from ingest.window.offers import DeskCase, forms_of
from ingest.window.refusals import RefusedActError
from ingest.window.state import Paper
from ingest.window.terms import WindowAct

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_PREFIX = "f-"
_Filled = tuple[Paper, list[tuple[FormField, str]], str]


def fillable(desk: DeskCase) -> list[_Filled]:
    """Return the forms that may be filled in now: fields with their values, and further lines.

    The receipt states what came in and has none.
    """
    if desk.offer(WindowAct.FILL_FORM) is None:
        return []
    fields = fields_of(Series(desk.state.opening.item["series"]))
    labels = {field.label for field in fields}
    rows = []
    for paper in forms_of(desk.state):
        if paper.stated["form"] == FormKind.RECEIPT:
            continue
        data = {label: str(value) for label, value in (paper.stated.get("data") or {}).items()}
        values = [(field, data.get(field.label, "")) for field in fields]
        further = [f"{label}：{text}" for label, text in data.items() if label not in labels]
        rows.append((paper, values, "\n".join(further)))
    return rows


@router.post("/window/{case_no}/forms/{material}")
def fill_in(web: Web, user: LoggedIn, form: Posted, case_no: str, material: int) -> Response:
    """Fill in a form; a value that does not fit is said at its field, and all stays typed."""
    user.require(Act.HANDLE)
    if not form.get("key"):
        raise BadFormError("页面已过期，未作任何更改。", "请刷新页面后重新操作。")
    seen = form.get("seen", "")
    data = {"no": material, "data": _values(form)}
    asked = Asked(
        WindowAct.FILL_FORM, form["key"][:64], int(seen) if seen.isdecimal() else None, data
    )
    try:
        act_at_window(web.runtime, user.reader, case_no, asked)
    except RefusedActError as fault:
        fault.field = f"{_PREFIX}{fault.field}" if fault.field else ""
        raise
    return RedirectResponse(f"/window/{case_no}#fields", 303)


def _values(form: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a form: those with a name of their own, and a line for each other."""
    values = {
        name.removeprefix(_PREFIX): text.strip()
        for name, text in form.items()
        if name.startswith(_PREFIX)
    }
    rows = (
        line.replace(":", "：", 1).partition("：")
        for line in form.get("lines", "").splitlines()
        if line.strip()
    )
    return values | {label.strip(): value.strip() for label, _, value in rows if label.strip()}
