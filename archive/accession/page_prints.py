"""Pages that look alike, found by prints of all scanned pages held (R31).

A print is 512 bits (`ingest.reading.likeness`). Copies differ in some thirty of them, other
captures of one form in fifty and more. Sixteen bands of 24 bits are indexed, so that a
look-up stays fast at a million pages: of a copy at least one band is the same with a chance
of more than 99 in 100, of any other page with one of 1 in 10 000.
"""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import insert, select, union_all
from sqlalchemy.orm import Session

from archive.database.tables_cases import Case, PageBand, PagePrint
from archive.reference.prints import BITS, NEAR, Likeness, band_keys, distance

_AT_ONCE = 20  # pages of one band


def seen_elsewhere(
    session: Session, case_no: str, prints: Mapping[tuple[int, int], int]
) -> Iterator[Likeness]:
    """Yield the pages, by material and place in it, that look like a page of another case.

    One other page is named for each.
    """
    for (material_no, page), print_ in prints.items():
        match = _other(session, case_no, print_)
        if match is not None:
            yield Likeness(material_no, page, *match)


def _other(session: Session, case_no: str, print_: int) -> tuple[str, int] | None:
    """Return case and material of the first page found that looks like this one, or None.

    Read band by band and some at a time: a page that every second case holds, such as a printed
    form, would otherwise bring all of them.
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
            select(PagePrint.bits, PagePrint.material_no, Case.case_no)
            .join(Case, Case.id == PagePrint.case_id)
            .where(
                PagePrint.id.in_({id_ for ids in bands.values() for id_ in ids}),
                Case.case_no != case_no,
            )
            .order_by(PagePrint.id)
        )
        for bits, material_no, other in session.execute(query) if bands else ():
            if distance(int.from_bytes(bits), print_) <= NEAR:
                return other, material_no
        read = {key: max(ids) for key, ids in bands.items() if len(ids) == _AT_ONCE}
    return None


def keep_prints(session: Session, case_id: int, prints: Mapping[tuple[int, int], int]) -> None:
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
