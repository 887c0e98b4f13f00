"""Pages that look alike, found by prints of all scanned pages held (R31).

A print is 512 bits (`ingest.reading.likeness`). Copies differ in some thirty of them, other
captures of one form in fifty and more. Sixteen bands of 24 bits are indexed, so that a
look-up stays fast at a million pages: of a copy at least one band is the same with a chance
of more than 99 in 100, of any other page with one of 1 in 10 000.
"""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import insert, select, union_all
from sqlalchemy.orm import Session

from archive.database.tables_cases import Case, Component, PageBand, PagePrint
from archive.reference.prints import BITS, NEAR, Likeness, Place, band_keys, distance

_AT_ONCE = 20  # pages of one band
_CANDIDATES = 4  # materials of other cases that are looked at again for a page


def seen_elsewhere(
    session: Session, case_no: str, pages: Mapping[Place, Sequence[int]]
) -> Iterator[Likeness]:
    """Yield the pages of other cases that a page, by material and place in it, looks like.

    `pages` are the prints of each page, one for each way that it may lie. Of every material of
    another case the likest page is named, the likest first, and of very many some.
    """
    for (material_no, page), ways in pages.items():
        near: dict[tuple[str, int], tuple[int, int]] = {}
        for print_ in ways:
            for apart, other, material, other_page in _others(session, case_no, print_):
                known = near.get((other, material))
                if known is None or apart < known[0]:
                    near[other, material] = (apart, other_page)
        ordered = sorted(near.items(), key=lambda entry: entry[1])
        for (other, material), (_, other_page) in ordered[:_CANDIDATES]:
            yield Likeness(material_no, page, other, material, other_page)


def original_of(session: Session, case_no: str, place: Place) -> tuple[str, int] | None:
    """Return digest of the original that holds a page of a material, and the page within it.

    None when the case has no such page. The newest revision that has it counts.
    """
    no, page = place
    rows = session.execute(
        select(Component.revision, Component.sha256, Component.pages)
        .join(Case, Case.id == Component.case_id)
        .where(Case.case_no == case_no, Component.material_no == no)
        .order_by(Component.revision.desc(), Component.id)
    )
    before: dict[int, int] = {}
    for revision, sha256, pages in rows:
        within = page - before.get(revision, 0)
        if 0 < within <= pages:
            return str(sha256), within
        before[revision] = before.get(revision, 0) + pages
    return None


def _others(session: Session, case_no: str, print_: int) -> Iterator[tuple[int, str, int, int]]:
    """Yield distance, case, material and page of pages that look like this one.

    Read band by band and some at a time: a page that every second case holds, such as a printed
    form, would otherwise bring all of them. It ends with the first round that has some.
    """
    read = dict.fromkeys(band_keys(print_), 0)
    while read:
        parts = [
            select(PageBand.key, PageBand.print_id)
            .where(PageBand.key == key, PageBand.print_id > last)
            .order_by(PageBand.print_id)
            .limit(_AT_ONCE)
            .subquery()
            for key, last in read.items()
        ]
        bands: dict[int, list[int]] = {}
        for key, print_id in session.execute(union_all(*(select(part) for part in parts))):
            bands.setdefault(key, []).append(print_id)
        query = (
            select(PagePrint.bits, PagePrint.material_no, PagePrint.page, Case.case_no)
            .join(Case, Case.id == PagePrint.case_id)
            .where(
                PagePrint.id.in_({id_ for ids in bands.values() for id_ in ids}),
                Case.case_no != case_no,
            )
            .order_by(PagePrint.id)
        )
        near = [
            (apart, other, material_no, page)
            for bits, material_no, page, other in (session.execute(query) if bands else ())
            if (apart := distance(int.from_bytes(bits), print_)) <= NEAR
        ]
        if near:
            yield from near
            return
        read = {key: max(ids) for key, ids in bands.items() if len(ids) == _AT_ONCE}


def keep_prints(session: Session, case_id: int, prints: Mapping[Place, int]) -> None:
    """Write the prints of a case that is taken over."""
    rows = [
        PagePrint(
            case_id=case_id, material_no=material_no, page=page, bits=print_.to_bytes(BITS // 8)
        )
        for (material_no, page), print_ in prints.items()
    ]
    session.add_all(rows)
    session.flush()
    bands: Sequence[dict[str, int]] = [
        {"key": key, "print_id": row.id}
        for row, print_ in zip(rows, prints.values(), strict=True)
        for key in band_keys(print_)
    ]
    if bands:
        session.execute(insert(PageBand), bands)
