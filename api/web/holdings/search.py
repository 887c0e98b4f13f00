"""检索. Sent by POST, because what is typed may be a name or an ID number, and neither belongs in an address, a history or a log."""

from typing import Any

from fastapi import APIRouter, Request, Response
from markupsafe import Markup, escape

from api.http.search import look_up
from api.web.shell.page import At, PageRoute, Posted, Seated, WebApp
from api.web.shell.scope import note_look
from archive.administration.policy import Act
from archive.audit.acts import JournalAct
from archive.database.engine import reading, writing
from archive.reference.vocabulary import Series
from archive.usage.reading_room import ReferenceData
from search.index import SearchResult, Sort
from search.query import parse
from search.snippets import Snippet

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_FACETS = {
    "series": ("卷目", "卷目"),
    "year": ("年度", "年度"),
    "receive_org": ("收件单位", "收件"),
    "district": ("旗区", "旗区"),
}
_MOST = 8


@router.get("/search")
def search_page(request: Request, desk: At, seat: Seated) -> Response:
    """Nothing typed yet."""
    seat.require(Act.SEARCH)
    return desk.page(
        request, seat, "search.html", q="", sort=Sort.RELEVANCE, found=None, hits=[], facets=[]
    )


@router.post("/search")
def search(request: Request, desk: At, seat: Seated, form: Posted) -> Response:
    """Hits in the reader's own scope, masked. Journalled with what came of it, not with what was typed."""
    seat.require(Act.SEARCH)
    query = f"{form.get('q', '').strip()} {form.get('add', '')}".strip()
    sort = Sort(form["sort"]) if form.get("sort") in set(Sort) else Sort.RELEVANCE
    room = ReferenceData(desk.runtime.organisations, desk.runtime.catalogue)
    with reading(desk.runtime.engine) as session:
        tree, after = parse(query, desk.words), form.get("after") or None
        found = look_up(
            session,
            desk.search.search,
            tree,
            seat.reader,
            room,
            sort=sort,
            limit=20,
            after=after,
            facets=tuple(_FACETS),
        )
    with writing(desk.runtime.engine) as session:
        note_look(
            session, seat, JournalAct.SEARCH, "index", total=found.total, shown=len(found.hits)
        )
    hits = [(hit, marked(hit.snippet)) for hit in found.hits]
    return desk.page(
        request,
        seat,
        "search.html",
        q=query,
        sort=sort,
        found=found,
        hits=hits,
        facets=_facets(desk, found),
    )


def marked(snippet: Snippet) -> Markup:
    """The snippet with what was looked for marked; everything in it is escaped."""
    parts, place = [], 0
    for start, end in snippet.marks:
        parts += [
            escape(snippet.text[place:start]),
            Markup("<mark>"),
            escape(snippet.text[start:end]),
            Markup("</mark>"),
        ]
        place = end
    return Markup("").join([*parts, escape(snippet.text[place:])])


def _facets(desk: WebApp, found: SearchResult) -> list[dict[str, Any]]:
    """Counts, each with what is added to the query to keep only these."""
    shown = []
    for name, (heading, prefix) in _FACETS.items():
        rows = []
        for value, count in found.facets.get(name, ())[:_MOST]:
            text = (
                Series(value).label
                if name == "series"
                else desk.org(value)
                if name in {"receive_org", "district"}
                else value
            )
            rows.append({"text": text, "count": count, "add": f"{prefix}:{text}"})
        if len(rows) > 1:
            shown.append({"heading": heading, "rows": rows})
    return shown
