"""The shelf that a ledger names: by its code, or by its names from the room down."""

import re
import unicodedata
from collections.abc import MutableMapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables_paper import PaperPlace
from archive.paper.access import Keeper
from archive.paper.codes import PaperCodeKind, ScannedCode, read_code
from archive.paper.ledger_rows import LedgerColumn, RowFault
from archive.paper.places import shelf_used
from archive.reference.paper_terms import PlaceKind

_BETWEEN = re.compile(r"[\s·・•/\\>,,、|-]+")


def find_shelf(
    session: Session,
    keeper: Keeper,
    org: str,
    texts: set[str],
    spine_mm: int,
    planned: MutableMapping[int, int],
) -> tuple[int | None, RowFault | None]:
    """Return the shelf that the rows of one new box name, or what is wrong with it.

    `planned` are the millimetres that new boxes of the ledger take of each shelf; this one's are
    added.
    """
    if len(texts) > 1:
        return None, _fault("同一盒写了不同的库位。", "请核对实物，同一盒各行填写一致。")
    place = _shelf(session, keeper, org, next(iter(texts)))
    if place is None:
        return None, _fault(
            "没有这一层库位。",
            "请照“库房·列·节·层”填写，或填架签上的数字；没有的请先在库房页新建。",
        )
    planned[place.id] += spine_mm
    if shelf_used(session, place.id) + planned[place.id] > place.width_mm:
        return None, _fault("这一层放不下这一盒。", "请换一层，或核对该层的宽度。")
    return place.id, None


def _shelf(session: Session, keeper: Keeper, org: str, text: str) -> PaperPlace | None:
    code = read_code(text, {PaperCodeKind.PLACE})
    if isinstance(code, ScannedCode):
        place = session.get(PaperPlace, code.number)
        return place if place and place.kind == PlaceKind.SHELF and place.org == org else None
    place = None
    names = [name for name in _BETWEEN.split(unicodedata.normalize("NFKC", text)) if name]
    for name in names:
        above = (
            PaperPlace.parent_id == place.id
            if place
            else PaperPlace.parent_id.is_(None) & (PaperPlace.org == org)
        )
        place = session.scalars(select(PaperPlace).where(above, PaperPlace.name == name)).first()
        if place is None:
            return None
    within = place is not None and place.kind == PlaceKind.SHELF and keeper.reaches(place.org)
    return place if within else None


def _fault(message: str, action: str) -> RowFault:
    return RowFault(LedgerColumn.PLACE.label, message, action)
