"""核对: two pages that a finding takes for one, side by side and marked (R31)."""

import re
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.web.arrangement.checks import LOOK, open_revision
from api.web.shell.page import LoggedIn, PageRoute, RefusedError, Web
from api.web.shell.scope import image_response, mark_of, reach_of
from archive.accession.page_prints import original_of
from archive.administration.policy import Denial
from archive.database.engine import reading
from archive.finding_aids.disclosure import disclosed
from archive.reference.objects import blob_key
from archive.usage.check_room import open_check
from archive.usage.looks import find_look

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_PAIR = re.compile(r"(\d+)\.(\d+)-(\d+)\.(\d+)")


@router.get("/checks/{case_no}/pairs/{number}.jpg")
def pair_image(
    web: Web, user: LoggedIn, case_no: str, number: int, look: Annotated[int, Query(ge=1)]
) -> Response:
    """Return the two pages of a finding with a watermark, given the user's own look."""
    with reading(web.runtime.engine) as session:
        case = open_check(session, user.reader, case_no, web.reference).case
        seen = find_look(session, user.reader, look, case_no, (LOOK,))
        revision = open_revision(session, case)
        # As the page numbers them; of a match that is not the user's to know no page is left.
        findings = disclosed(session, reach_of(web, user), revision.findings)
        entry = findings[number] if 0 <= number < len(findings) else {}
        named = _PAIR.fullmatch(str(entry.get("pair", "")))
        if named is None:
            raise RefusedError(Denial.NOT_HERE)
        no, page, other, other_page = map(int, named.groups())
        first = original_of(session, case_no, (no, page))
        second = original_of(session, entry.get("other_case") or case_no, (other, other_page))
    if first is None or second is None:
        raise RefusedError(Denial.NOT_HERE)
    store = web.runtime.store

    def load(sha256: str) -> bytes:
        """Return an original, read against its digest."""
        return store.read(blob_key(sha256), sha256=sha256)

    return image_response(web.images.pair((first, second), load, mark=mark_of(web, user, seen)))
