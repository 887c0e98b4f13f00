"""The papers that a request for use needs, by capacity and scope (R24, standards.md §3.6)."""

from collections.abc import Iterable

from archive.administration.policy import Capacity, UseScope


def papers_missing(capacity: Capacity, scope: UseScope, papers: Iterable[str]) -> tuple[str, ...]:
    """Return the papers that are still to be brought for this scope.

    That is the smallest rest of the sets that would do; empty when one is complete.
    """
    brought = frozenset(papers)
    sets = [
        needed
        for needed in capacity.papers
        if scope.needs_paper is None or scope.needs_paper in needed
    ]
    if scope.needs_paper is None:
        # A set made for another scope, such as the court's order, is good for that one only.
        special = {other.needs_paper for other in capacity.scopes if other.needs_paper}
        sets = [needed for needed in sets if not special & set(needed)]
    missing = [tuple(paper for paper in needed if paper not in brought) for needed in sets]
    return min(missing, key=len, default=())
