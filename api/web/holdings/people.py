"""一人一档: a person's records across series, under an address that says nothing.

It is opened from a volume or from a search by the whole number, never by a number in an address.
"""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from api.http.daily import counted, limits_of, within_limits
from api.http.search import query_of
from api.web.holdings.hits import kept_of
from api.web.shell.forms import number_of
from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, User, Web, WebApp
from api.web.shell.scope import note_look
from archive.administration import daily_use
from archive.administration.daily_use import Shown
from archive.administration.kept_views import ViewKind, body_of, find_view, keep_view
from archive.administration.policy import Act
from archive.audit.acts import JournalAct
from archive.database.engine import reading
from archive.finding_aids.people import people_in, records_of
from archive.reference.citizen_id import mask, mask_name
from archive.usage.reading_room import open_volume
from search.tree import BlindLookup, Lookup

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.post("/people")
def open_person(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Keep whom the user looks for, and lead to the page; the number is counted as asked for."""
    user.require(Act.SEARCH)
    most = limits_of(web.runtime.settings, user.reader).numbers
    with within_limits(web.runtime, user.reader) as session:
        name, number = (
            _searched(web, session, user, form["of"])
            if form.get("of")
            else _named(web, session, user, form)
        )
        daily_use.count(session, user.reader.account, Shown.NUMBERS, most)
        body = {"name": name, "number": number}
        token = keep_view(session, user.reader.account, ViewKind.PERSON, body)
    return RedirectResponse(f"/people/{token}", 303)


def _searched(web: WebApp, session: Session, user: User, token: str) -> tuple[str, str]:
    """Return the number of a kept search that asks for one whole number alone."""
    view = find_view(session, user.reader.account, ViewKind.SEARCH, token)
    tree = query_of(kept_of(view).query, web.words, user.reader)
    if not is_one_person(tree):
        raise BadFormError("一人一档须按一个完整的公民身份号码汇集。", "请检索完整的号码。")
    return "", tree.value if isinstance(tree, BlindLookup) else ""


def is_one_person(tree: object) -> bool:
    """Say whether a query asks for one whole ID number and nothing else."""
    return isinstance(tree, BlindLookup) and tree.kind is Lookup.ID_NUMBER


def _named(web: WebApp, session: Session, user: User, form: dict[str, str]) -> tuple[str, str]:
    """Return name and number of a person of a volume that the user may see."""
    code, place = form.get("volume", ""), number_of(form.get("person", ""))
    opened = open_volume(session, user.reader, Act.VIEW, code, web.reference)
    people = people_in(opened.case.facts)
    if place is None or not 0 <= place < len(people) or not people[place][1]:
        raise BadFormError("此人没有登记公民身份号码，不能汇集。", "请按姓名检索。")
    return people[place]


@router.get("/people/{token}")
def person_page(request: Request, web: Web, user: LoggedIn, token: str) -> Response:
    """Draw the timeline of a person, masked; each look is journalled with what it showed."""
    user.require(Act.SEARCH)
    with reading(web.runtime.engine) as session:
        person = body_of(find_view(session, user.reader.account, ViewKind.PERSON, token))
    with counted(web.runtime, user.reader, Shown.LOOKS) as session:
        rows = records_of(session, user.reader, person["number"], web.reference)
        shown = [row.code or row.case_no for row in rows]
        note_look(session, user, JournalAct.VIEW_PERSON, "people", shown=shown)
    return web.page(
        request,
        user,
        "person.html",
        name=mask_name(person["name"]),
        number=mask(person["number"]),
        rows=rows,
        series=len({row.series for row in rows}),
    )
