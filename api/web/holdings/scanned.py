"""What a scanner types into the search box: the code of a cover or label is opened."""

from api.http.daily import counted
from api.http.search import journal_opening
from api.web.shell.page import User, WebApp
from api.web.shell.scope import context_of
from archive.administration.daily_use import Shown
from archive.administration.policy import Act
from archive.database.tables_paper import PaperBox, PaperItem
from archive.database.tables_volumes import Volume
from archive.paper.access import Keeper
from archive.paper.codes import CodeFault, PaperCodeKind, ScannedCode, read_code
from archive.paper.moves import last_move
from archive.usage.reading_room import visible_volume

_SHEET = "YICE/1 CASE "


def address_of_code(web: WebApp, user: User, typed: str) -> str | None:
    """Return the address of what a code names; None for other text, and what is not in reach.

    A case number alone is searched for, as it may be the beginning of one.
    """
    scanned = read_code(typed)
    if isinstance(scanned, CodeFault):
        return None
    if scanned.kind is PaperCodeKind.CASE and not typed.strip().upper().startswith(_SHEET):
        return None
    if scanned.kind in (PaperCodeKind.VOLUME, PaperCodeKind.CASE, PaperCodeKind.ITEM):
        return _volume(web, user, scanned)
    return _paper(web, user, scanned)


def _volume(web: WebApp, user: User, scanned: ScannedCode) -> str | None:
    """Return the address of the volume, journalled as a search that showed it alone."""
    with counted(web.runtime, user.reader, Shown.LOOKS) as session:
        name = scanned.text
        if scanned.kind is PaperCodeKind.ITEM:
            item = session.get(PaperItem, scanned.number)
            volume = session.get(Volume, item.volume_id) if item else None
            name = volume.code if volume else ""
        code = visible_volume(session, user.reader, name, web.reference)
        if code:
            journal_opening(session, user.reader, context_of(user), [code])
    return f"/volumes/{code}" if code else None


def _paper(web: WebApp, user: User, scanned: ScannedCode) -> str | None:
    """Return the page of a label of paper, for who may see paper."""
    if not user.may(Act.VIEW_PAPER):
        return None
    if scanned.kind is PaperCodeKind.BOX:
        keeper = Keeper(user.reader, web.runtime.organisations)
        with counted(web.runtime, user.reader, Shown.LOOKS) as session:
            box = session.get(PaperBox, scanned.number)
            move = last_move(session, box) if box else None
            return f"/paper/boxes/{scanned.number}" if move and keeper.reaches(move.org) else None
    return {
        PaperCodeKind.PLACE: "/paper/places",
        PaperCodeKind.LOAN: "/paper/loans",
        PaperCodeKind.STOCKTAKE: f"/paper/stocktakes/{scanned.number}",
        PaperCodeKind.HANDOVER: f"/paper/handovers/{scanned.number}",
    }.get(scanned.kind)
