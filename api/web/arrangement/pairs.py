"""核对: two pages that a finding takes for one, side by side, marked where they differ (R31)."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session

from api.web.arrangement.checks import LOOK, open_revision
from api.web.shell.page import LoggedIn, PageRoute, RefusedError, User, Web, WebApp
from api.web.shell.scope import case_for, image_response, mark_of, reach_of
from archive.accession.page_prints import original_of
from archive.administration.policy import Act, Denial
from archive.database.engine import reading
from archive.finding_aids.cases import states_of_cases
from archive.reference.objects import blob_key
from archive.usage.looks import find_look

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_PAIR = re.compile(r"(\d+)\.(\d+)-(\d+)\.(\d+)")


def _may_see(web: WebApp, session: Session, user: User, entry: Mapping[str, Any]) -> bool:
    """Return whether both pages are the user's to see: a page of another case may not be."""
    other = entry.get("other_case")
    return not other or bool(list(states_of_cases(session, reach_of(web, user), [other])))


@router.get("/checks/{case_no}/pairs/{number}.jpg")
def pair_image(
    web: Web, user: LoggedIn, case_no: str, number: int, look: Annotated[int, Query(ge=1)]
) -> Response:
    """Return the two pages of a finding with a watermark, given the user's own look."""
    with reading(web.runtime.engine) as session:
        case = case_for(web, session, user, Act.CONFIRM, case_no)
        seen = find_look(session, user.reader, look, case_no, (LOOK,))
        findings = open_revision(session, case).findings
        entry = findings[number] if 0 <= number < len(findings) else {}
        named = _PAIR.fullmatch(str(entry.get("pair", "")))
        if named is None or not _may_see(web, session, user, entry):
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
