"""在本册中查找: the places of a word in an opened volume.

The word comes by POST and is kept nowhere: not in an address, a log or the journal.
"""

from fastapi import APIRouter, Request, Response

from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, Web
from api.web.shell.scope import note_look, open_volume, require_look
from archive.administration.policy import Act
from archive.audit.acts import JournalAct
from archive.database.engine import reading, writing
from archive.recognition.page_texts import texts_of_volume
from archive.reference.case_facts import CaseFacts
from search.inside import Inside, find_inside

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.post("/volumes/{code}/v{number}/find")
def find_page(
    request: Request, web: Web, user: LoggedIn, form: Posted, code: str, number: int
) -> Response:
    """Draw the places by page, given the number of the user's look at the pages.

    The search is journalled with that number and with how many places there were.
    """
    look = form.get("look", "")
    if not look.isdecimal():
        raise BadFormError("查找须从已打开的册开始。", "请重新打开本册。")
    runtime, typed = web.runtime, form.get("q", "").strip()
    with reading(runtime.engine) as session:
        usage = require_look(session, user, int(look), code, (JournalAct.VIEW_PAGES,))
        opened = open_volume(web, session, user, Act.VIEW_PAGES, code, number, usage)
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
    facts = CaseFacts.model_validate(opened.case.facts)
    names = {person.name for person in (facts.applicant, *facts.subjects)}
    digest = opened.version.sha256 if opened.version and opened.version.sha256 else ""
    key = f"{opened.prefix}/volume.pdf"
    places: Inside = web.images.with_volume(
        digest,
        lambda: runtime.store.read(key, sha256=digest),
        lambda document: find_inside(document, typed, read, names),
    )
    with writing(runtime.engine) as session:
        note_look(
            session,
            user,
            JournalAct.FIND_INSIDE,
            code,
            version=number,
            look=int(look),
            places=places.total,
            usage=opened.usage,
        )
    return web.page(request, user, "inside.html", found=places, typed=bool(typed))
