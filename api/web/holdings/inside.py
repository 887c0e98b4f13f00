"""在本册中查找: the places of a word in an opened volume.

The word comes by POST and is kept nowhere: not in an address, a log or the journal.
"""

from fastapi import APIRouter, Request, Response

from api.http.daily import counted
from api.web.shell.forms import number_of
from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, Web
from api.web.shell.scope import look_again
from archive.administration.daily_use import Shown
from archive.audit.acts import JournalAct
from archive.database.engine import reading
from archive.recognition.page_texts import texts_of_volume
from archive.reference.case_facts import CaseFacts
from archive.usage.looks import AccessContext
from archive.usage.reading_room import journal_opened, read_volume
from archive.usage.redaction import names_of
from search.inside import Inside, find_inside

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.post("/volumes/{code}/v{number}/find")
def find_page(
    request: Request, web: Web, user: LoggedIn, form: Posted, code: str, number: int
) -> Response:
    """Draw the places by page, given the number of the user's look at the pages.

    The search is journalled with that number and with how many places there were.
    """
    number_of_look = number_of(form.get("look", ""))
    if number_of_look is None:
        raise BadFormError("查找须从已打开的册开始。", "请重新打开本册。")
    runtime, typed = web.runtime, form.get("q", "").strip()
    with reading(runtime.engine) as session:
        opened, seen = look_again(
            web, session, user, number_of_look, code, (JournalAct.VIEW_PAGES,), number=number
        )
        read = (
            texts_of_volume(
                session,
                runtime.store,
                opened.volume,
                opened.version,
                runtime.catalogue,
                runtime.organisations,
            )
            if opened.version
            else {}
        )
    names = names_of(CaseFacts.model_validate(opened.case.facts))
    places: Inside = web.images.with_volume(
        opened.digest or "",
        lambda: read_volume(runtime.store, opened),
        lambda document: find_inside(document, typed, read, names),
    )
    with counted(runtime, user.reader, Shown.LOOKS) as session:
        journal_opened(
            session,
            user.reader,
            opened,
            AccessContext(seen.purpose, seen.usage),
            what=JournalAct.FIND_INSIDE,
            look=seen.number,
            places=places.total,
        )
    return web.page(request, user, "inside.html", hits=places, typed=bool(typed))
