"""Hits of a search that is kept: what a page draws, and where a volume stands among them."""

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape
from sqlalchemy.orm import Session

from api.web.shell.page import User, WebApp
from archive.administration.kept_views import ViewKind, body_of, find_view
from archive.database.tables_desk import KeptView
from archive.paper.listing import paper_lines
from archive.reference.errors import NotFoundError
from archive.reference.vocabulary import Series
from search.index import Hit, SearchResult, Sort
from search.snippets import Snippet

SIZES = (20, 50, 100)
_FACETS = {
    "series": ("卷目", "卷目"),
    "year": ("年度", "年度"),
    "receive_org": ("收件单位", "收件"),
    "district": ("旗区", "旗区"),
}
_MOST = 8


@dataclass(frozen=True, slots=True)
class Kept:
    """A search as it is kept: what was typed, the order, the hits on a page."""

    query: str
    sort: Sort
    size: int

    def body(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return {"query": self.query, "sort": str(self.sort), "size": self.size}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a volume stands among the hits: its number, and the addresses around it.

    `back` is the page of hits that it is on; an address is "" at an end.
    """

    token: str
    number: int
    total: int
    previous: str
    next: str
    back: str


def kept_of(view: KeptView) -> Kept:
    """Return the search that a view holds."""
    body = body_of(view)
    return Kept(body["query"], Sort(body["sort"]), body["size"])


def remember_page(view: KeptView, page: int, results: SearchResult) -> None:
    """Note in a view the 档号 on a page, and the mark by which the following one begins."""
    pages = list(view.pages) or [{"after": None}]
    codes = [hit.code for hit in results.hits]
    pages[page - 1] = {**pages[page - 1], "codes": codes, "total": results.total}
    if results.next and page == len(pages):
        pages.append({"after": results.next})
    view.pages = pages


def place_of(session: Session, user: User, token: str, code: str) -> Place | None:
    """Return where a volume stands among the hits of a kept search of the user's own.

    None when the search is not kept any more, or did not show it.
    """
    try:
        view = find_view(session, user.reader.account, ViewKind.SEARCH, token)
    except NotFoundError:
        return None
    shown = [
        (code_, page) for page, row in enumerate(view.pages, 1) for code_ in row.get("codes", ())
    ]
    at = next((place for place, (shown_code, _) in enumerate(shown) if shown_code == code), None)
    if at is None:
        return None

    def address(place: int) -> str:
        if 0 <= place < len(shown):
            return f"/volumes/{shown[place][0]}?hits={token}"
        following = shown[-1][1] + 1
        more = place > 0 and len(view.pages) >= following
        return f"/search/{token}?page={following}" if more else ""

    back = f"/search/{token}?page={shown[at][1]}"
    total = view.pages[shown[at][1] - 1]["total"]
    return Place(token, at + 1, total, address(at - 1), address(at + 1), back)


def drawn_hits(session: Session, results: SearchResult) -> list[tuple[Hit, Markup, list[str]]]:
    """Return the hits of a page, each with its marked snippet and where its paper is."""
    lines = paper_lines(session, {hit.code for hit in results.hits})
    return [(hit, marked(hit.snippet), lines.get(hit.code, [])) for hit in results.hits]


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


def facets_of(web: WebApp, results: SearchResult) -> list[dict[str, Any]]:
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
