"""检索: search within the user's scope, under an address that says nothing.

Sent by POST: what is typed may be a name or an ID number, and neither may enter an address, a
history or a log. It is kept on the server for the session, and the answer leads to `/search/<id>`:
Back works, pages go both ways, and the reading room knows the hit before and after.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from api.http.daily import counted, limits_of, within_limits
from api.http.saved_searches import SearchToSave
from api.http.search import count_each_number, doubts_of, journal_search, look_up, query_of
from api.web.holdings.hits import SIZES, Kept, drawn_hits, facets_of, kept_of, remember_page
from api.web.holdings.people import is_one_person
from api.web.holdings.scanned import address_of_code
from api.web.shell.forms import number_of, read_form
from api.web.shell.lists import Lists, csv_of
from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, User, Web, WebApp
from api.web.shell.scope import context_of
from archive.administration.daily_use import Shown
from archive.administration.kept_views import ViewKind, find_view, keep_view
from archive.administration.policy import Act
from archive.audit.acts import JournalAct
from archive.database.engine import reading, writing
from archive.usage import saved_searches as saved
from archive.usage.looks import journal_look
from search.index import SearchResult, Sort
from search.tree import Node

router = APIRouter(route_class=PageRoute, include_in_schema=False)
FACETS = ("series", "year", "receive_org", "district")
_EXPORTED, _AT_ONCE = 1000, 100
PageNumber = Annotated[int, Query(ge=1, le=10_000)]
_SAVED = {"name": "名称", "query": "检索式", "sort": "请选择排序。"}


@router.get("/search")
def search_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw the empty form, and the searches that the user saved."""
    user.require(Act.SEARCH)
    with reading(web.runtime.engine) as session:
        rows = saved.saved_searches(session, user.reader)
    empty = Kept("", Sort.RELEVANCE, SIZES[0])
    return web.page(request, user, "search.html", kept=empty, results=None, saved=rows, doubts=())


@router.post("/search")
def search(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Keep what was typed, or open what a scanner typed, and lead to its address.

    Numbers are counted here, once for each search; each look at its hits when they are drawn.
    """
    user.require(Act.SEARCH)
    kept = _typed(web, user, form)
    opened = address_of_code(web, user, kept.query)
    if opened is not None:
        return RedirectResponse(opened, 303)
    tree = query_of(kept.query, web.words, user.reader)
    limits = limits_of(web.runtime.settings, user.reader)
    with within_limits(web.runtime, user.reader) as session:
        count_each_number(session, user.reader, tree, limits)
        token = keep_view(session, user.reader.account, ViewKind.SEARCH, kept.body())
    return RedirectResponse(f"/search/{token}", 303)


def _typed(web: WebApp, user: User, form: dict[str, str]) -> Kept:
    """Return the search that a form states: typed, narrowed, or saved before."""
    number = number_of(form.get("saved", ""))
    if number is not None:
        with reading(web.runtime.engine) as session:
            row = saved.find_saved(session, user.reader, number)
            return Kept(row.query, Sort(row.sort), SIZES[0])
    query = f"{form.get('q', '').strip()} {form.get('add', '')}".strip()
    sort = Sort(form["sort"]) if form.get("sort") in set(Sort) else Sort.RELEVANCE
    size = number_of(form.get("size", "")) or SIZES[0]
    return Kept(query, sort, size if size in SIZES else SIZES[0])


@router.get("/search/{token}")
def results_page(
    request: Request,
    web: Web,
    user: LoggedIn,
    asked: Lists,
    token: str,
    page: PageNumber = 1,
) -> Response:
    """Draw a page of the hits in the user's scope, masked.

    Journalled with how many there were, not with what was typed.
    """
    user.require(Act.SEARCH)
    with reading(web.runtime.engine) as session:
        view = find_view(session, user.reader.account, ViewKind.SEARCH, token)
        kept, marks = kept_of(view), [row["after"] for row in view.pages] or [None]
    tree = query_of(kept.query, web.words, user.reader)
    if asked.csv:
        return _exported(web, user, kept, tree)
    page = min(page, len(marks))
    with reading(web.runtime.engine) as session:
        results = _look_up(web, session, user, kept, tree, marks[page - 1], kept.size)
        rows = saved.saved_searches(session, user.reader)
    with counted(web.runtime, user.reader, Shown.LOOKS) as session:
        journal_search(session, user.reader, context_of(user), results)
        view = find_view(session, user.reader.account, ViewKind.SEARCH, token)
        remember_page(view, page, results)
    with reading(web.runtime.engine) as session:
        hits = drawn_hits(session, results)
    return web.page(
        request,
        user,
        "search.html",
        kept=kept,
        results=results,
        saved=rows,
        hits=hits,
        token=token,
        number=page,
        doubts=doubts_of(tree),
        person=is_one_person(tree) and results.total > 0,
        facets=facets_of(web, results),
    )


def _look_up(
    web: WebApp,
    session: Session,
    user: User,
    kept: Kept,
    tree: Node,
    after: str | None,
    limit: int,
) -> SearchResult:
    return look_up(
        session,
        web.search.search,
        tree,
        user.reader,
        web.reference,
        sort=kept.sort,
        limit=limit,
        after=after,
        facets=FACETS,
    )


def _exported(web: WebApp, user: User, kept: Kept, tree: Node) -> Response:
    """Export at most a thousand hits, masked as the page shows them; a hundred are one look."""
    rows: list[dict[str, object]] = []
    after: str | None = None
    while len(rows) < _EXPORTED:
        with counted(web.runtime, user.reader, Shown.LOOKS) as session:
            results = _look_up(web, session, user, kept, tree, after, _AT_ONCE)
            journal_search(session, user.reader, context_of(user), results)
        rows += [
            {
                "code": hit.code,
                "case_no": hit.case_no,
                "title": hit.title,
                "receive": web.org(hit.receive_org),
                "domicile": web.org(hit.domicile_org),
                "completed": hit.completed_on,
            }
            for hit in results.hits
        ]
        after = results.next
        if after is None:
            break
    with writing(web.runtime.engine) as session:
        journal_look(
            session,
            user.reader,
            JournalAct.EXPORT_LIST,
            "search",
            context_of(user),
            rows=len(rows),
        )
    return csv_of("检索结果", _COLUMNS, rows)


_COLUMNS = {
    "code": "档号",
    "case_no": "办件编号",
    "title": "题名",
    "receive": "收件单位",
    "domicile": "户籍地单位",
    "completed": "办结日期",
}


@router.post("/searches")
def save(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Save the search of a page under a name of the user's own."""
    user.require(Act.SEARCH)
    token = form.get("of", "")
    with writing(web.runtime.engine) as session:
        kept = kept_of(find_view(session, user.reader.account, ViewKind.SEARCH, token))
        values = {"name": form.get("name", "").strip(), "query": kept.query, "sort": kept.sort}
        wanted = read_form(SearchToSave, values, _SAVED)
        saved.save_search(session, user.reader, **wanted.model_dump())
    return RedirectResponse(f"/search/{token}", 303)


@router.post("/searches/{number}/drop")
def drop(web: Web, user: LoggedIn, _form: Posted, number: str) -> Response:
    """Delete a saved search of the user's own."""
    whole = number_of(number)
    if whole is None:
        raise BadFormError("没有这项保存的检索。", "请刷新页面后核对。")
    with writing(web.runtime.engine) as session:
        saved.drop_search(session, user.reader, whole)
    return RedirectResponse("/search", 303)
