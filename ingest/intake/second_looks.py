"""Second looks at pages that look alike, of one case or of two cases.

Prints name the candidates; the two pages are then laid over each other in the sandbox, and only
what is one page is a finding (R31). What cannot be looked at again remains a doubt.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from archive.accession.page_prints import original_of, seen_elsewhere
from archive.database.engine import reading
from archive.inspection.subject import Subject
from archive.reference.case_facts import CaseFacts
from archive.reference.objects import blob_key
from archive.reference.prints import Likeness, PageCopy, Place, Sameness, candidates
from ingest.reading.sandbox import compare_pages
from storage.blobs import BlobStore
from storage.errors import StorageError

if TYPE_CHECKING:
    from ingest.intake.submission import Submission

_MOST = 120
"""The most second looks at pages of one case, and at pages of others: more are for a person."""

Looks = Mapping[Likeness, Sameness]
PageBytes = tuple[Callable[[], bytes], int]
"""What reads a file, and a page of it, from 1."""


def sameness(first: PageBytes, second: PageBytes) -> Sameness:
    """Return whether two pages are one; COPY where they cannot be laid over each other."""
    answer = compare_pages(first[0](), first[1], second[0](), second[1])
    return Sameness(json.loads(answer)["sameness"]) if answer else Sameness.COPY


def copies_within(subject: Subject, read: Callable[[str], bytes]) -> tuple[PageCopy, ...]:
    """Return the pages of a case that are copies of an earlier page.

    `read` gives the bytes of a file by its path.
    """
    copies: list[PageCopy] = []
    for looks, (place, other) in enumerate(candidates(subject.views())):
        if any(copy.place == place for copy in copies):
            continue
        verdict = _looked(subject, read, place, other) if looks < _MOST else Sameness.COPY
        if verdict is not Sameness.DIFFERENT:
            copies.append(PageCopy(place, other, verdict))
    return tuple(copies)


def _looked(subject: Subject, read: Callable[[str], bytes], place: Place, other: Place) -> Sameness:
    first, second = subject.located(other), subject.located(place)
    if first is None or second is None:
        return Sameness.COPY
    return sameness(
        (lambda: read(first[0].path), first[1]), (lambda: read(second[0].path), second[1])
    )


def second_looks(
    engine: Engine, store: BlobStore, facts: CaseFacts, submission: "Submission", known: Looks
) -> Looks:
    """Return what is known of the pages of other cases that look like pages of this one.

    Adds to what was `known` before. Held outside any transaction: drawing takes its time.
    """
    with reading(engine) as session:
        pairs = [
            (
                copy,
                original_of(session, copy.other_case_no, (copy.other_material_no, copy.other_page)),
            )
            for copy in seen_elsewhere(session, facts.case_no, submission.ways)
            if copy not in known
        ]
    looks = dict(known)
    looks |= dict.fromkeys((copy for copy, _ in pairs), Sameness.COPY)
    for copy, original in pairs[:_MOST]:
        page = submission.page((copy.material_no, copy.page))
        if page is not None and original is not None:
            sha256, number = original
            try:
                data = store.read(blob_key(sha256), sha256=sha256)
            except StorageError:  # the scrub reports it; the doubt remains
                continue
            looks[copy] = sameness((partial(bytes, data), number), page)
    return looks
