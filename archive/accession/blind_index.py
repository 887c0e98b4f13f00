"""The blind index: which cases name an ID or telephone number.

Numbers are found by keyed digests; no number stands in it in plain. Look-ups hold while keys
are changed.
"""

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
    """Yield kind and value of each number of these persons."""
    for person in people:
        if person.id_number:
            number = person.id_number.upper()
            yield ID_NUMBER, number
            if len(number) == _ID_LENGTH:
                yield ID_ENDS, number[:6] + number[-4:]
        if person.phone:
            yield PHONE, person.phone


def numbers_in(facts: CaseFacts) -> set[tuple[str, str]]:
    """Return kind and value of each number by which a case is found."""
    return set(_numbers((facts.applicant, *facts.subjects)))


def remember(session: Session, case: Case) -> None:
    """Replace the entries of a case by those of its current facts.

    Without keys there is no blind index, and nothing is written.
    """
    ring = fresh_keys(session)
    if ring is None:
        return
    facts = CaseFacts.model_validate(case.facts)
    session.execute(delete(BlindEntry).where(BlindEntry.case_id == case.id))
    entries = {(kind, ring.digest(kind, value)) for kind, value in numbers_in(facts)}
    session.add_all(
        BlindEntry(case_id=case.id, kind=kind, digest=digest, key=ring.blind)
        for kind, digest in sorted(entries)
    )
    session.flush()


def cases_naming(session: Session, kind: str, value: str) -> set[int]:
    """Return the ids of cases that name this number, under whichever key."""
    query = select(BlindEntry.case_id).where(BlindEntry.kind == kind)
    ring = fresh_keys(session)
    while ring is not None:
        cases = set(session.scalars(query.where(BlindEntry.digest.in_(ring.digests(kind, value)))))
        # A key that was added during the query may have been in use before it: query again.
        before, ring = ring, fresh_keys(session)
        if ring is not None and ring.blinds.keys() == before.blinds.keys():
            return cases
    return set()


def volumes_naming(session: Session, kind: str, value: str) -> set[int]:
    """Return the ids of volumes whose case names this number, under whichever key."""
    cases = cases_naming(session, kind, value)
    return set(session.scalars(select(Volume.id).where(Volume.case_id.in_(cases))))
