"""The blind index: which cases name an ID or telephone number, found without the number standing anywhere; and the change of keys."""

from collections.abc import Iterator, Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive.database.encryption import fresh_keys
from archive.database.tables_cases import BlindEntry, Case
from archive.database.tables_volumes import Volume
from archive.reference.case_facts import CaseFacts, Person

ID_NUMBER, ID_ENDS, PHONE = "ID_NUMBER", "ID_ENDS", "PHONE"
_ID_LENGTH = 18


def _numbers(people: Sequence[Person]) -> Iterator[tuple[str, str]]:
    for one in people:
        if one.id_number:
            number = one.id_number.upper()
            yield ID_NUMBER, number
            if len(number) == _ID_LENGTH:
                yield ID_ENDS, number[:6] + number[-4:]
        if one.phone:
            yield PHONE, one.phone


def remember(session: Session, case: Case) -> None:
    """Enter the numbers of a case in the place of those it had. Without keys there is no blind index."""
    ring = fresh_keys(session)
    if ring is None:
        return
    facts = CaseFacts.model_validate(case.facts)
    session.execute(delete(BlindEntry).where(BlindEntry.case_id == case.id))
    found = {
        (kind, ring.digest(kind, value))
        for kind, value in _numbers((facts.applicant, *facts.subjects))
    }
    session.add_all(
        BlindEntry(case_id=case.id, kind=kind, digest=digest, key=ring.blind)
        for kind, digest in sorted(found)
    )
    session.flush()


def volumes_naming(session: Session, kind: str, value: str) -> set[int]:
    """The volumes whose case names this number, under whichever key its entry stands."""
    query = (
        select(Volume.id)
        .join(BlindEntry, BlindEntry.case_id == Volume.case_id)
        .where(BlindEntry.kind == kind)
    )
    ring = fresh_keys(session)
    while ring is not None:
        found = set(session.scalars(query.where(BlindEntry.digest.in_(ring.digests(kind, value)))))
        # A key that came while we asked may have been put to use before we asked: ask again with it.
        before, ring = ring, fresh_keys(session)
        if ring is not None and ring.blinds.keys() == before.blinds.keys():
            return found
    return set()
