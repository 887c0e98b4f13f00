"""检索: search within the user's scope.

Sent by POST: what is typed may be a name or an ID number, and neither may enter an address, a
history or a log.
"""

from typing import Any

from fastapi import APIRouter, Request, Response
from markupsafe import Markup, escape

from api.http.daily import counted, limits_of
from api.http.search import journal_search, look_up, query_of
from api.web.shell.page import LoggedIn, PageRoute, Posted, Web, WebApp
from api.web.shell.scope import context_of
from archive.administration.daily_use import Shown
from archive.administration.policy import Act
from archive.database.engine import reading
from archive.paper.listing import paper_lines
from archive.reference.vocabulary import Series
from search.index import SearchResult, Sort
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
def search_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw the empty form."""
    user.require(Act.SEARCH)
    return web.page(
        request, user, "search.html", q="", sort=Sort.RELEVANCE, results=None, hits=[], facets=[]
    )


@router.post("/search")
def search(request: Request, web: Web, user: LoggedIn, form: Posted) -> Response:
    """Draw the hits in the user's scope, masked.

    Journalled with how many there were, not with what was typed.
    """
    user.require(Act.SEARCH)
    query = f"{form.get('q', '').strip()} {form.get('add', '')}".strip()
    sort = Sort(form["sort"]) if form.get("sort") in set(Sort) else Sort.RELEVANCE
    with reading(web.runtime.engine) as session:
        tree, after = query_of(query, web.words, user.reader), form.get("after") or None
        results = look_up(
            session,
            web.search.search,
            tree,
            user.reader,
            web.reference,
            sort=sort,
            limit=20,
            after=after,
            facets=tuple(_FACETS),
        )
    with counted(web.runtime, user.reader, Shown.LOOKS) as session:
        limits = limits_of(web.runtime.settings, user.reader)
        journal_search(session, user.reader, context_of(user), tree, results, limits)
    with reading(web.runtime.engine) as session:
        lines = paper_lines(session, {hit.code for hit in results.hits})
    hits = [(hit, marked(hit.snippet), lines.get(hit.code, [])) for hit in results.hits]
    return web.page(
        request,
        user,
        "search.html",
        q=query,
        sort=sort,
        results=results,
        hits=hits,
        facets=_facets(web, results),
    )


def marked(snippet: Snippet) -> Markup:
    """Return the snippet with the matches marked; everything in it is escaped."""
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


def _facets(web: WebApp, results: SearchResult) -> list[dict[str, Any]]:
    """Return the counts, each with what is added to the query to keep only these."""
    shown = []
    for name, (heading, prefix) in _FACETS.items():
        rows = []
        for value, count in results.facets.get(name, ())[:_MOST]:
            text = (
                Series(value).label
                if name == "series"
                else web.org(value)
                if name in {"receive_org", "district"}
                else value
            )
            rows.append({"text": text, "count": count, "add": f"{prefix}:{text}"})
        if len(rows) > 1:
            shown.append({"heading": heading, "rows": rows})
    return shown
