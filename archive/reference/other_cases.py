"""Findings about a second case, as those may know them who may not see that case.

A package with a stranger's number must not bring out what is recorded of that person elsewhere,
on a screen, in an answer, or in a volume that another organisation reads.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from archive.reference.findings import finding


def other_cases(findings: Iterable[Mapping[str, str]]) -> set[str]:
    """Return the numbers of the second cases that findings are about."""
    return {row["other_case"] for row in findings if row.get("other_case")}


def without_cases(
    findings: Sequence[Mapping[str, str]], hidden: Collection[str]
) -> list[dict[str, str]]:
    """Return findings in which nothing is left of these cases.

    Neither which case nor in what the two match: only that another organisation decides. Several
    of them are one.
    """
    general = finding("MATCHES_ELSEWHERE", "case.json").public()
    rows = [general if row.get("other_case", "") in hidden else dict(row) for row in findings]
    return [row for place, row in enumerate(rows) if row not in rows[:place]]


def sealed_findings(
    findings: Sequence[Mapping[str, str]], orgs: Iterable[str]
) -> list[dict[str, str]]:
    """Return findings as a volume of these organisations carries them for good.

    Each of them reads the volume, so it names a second case only where that one is theirs by its
    number. It depends on nothing but its arguments: a volume that is compiled again is the same.
    """
    readers = set(orgs)
    numbers = other_cases(findings)
    named = {number for number in numbers if readers == {number.partition("-")[0]}}
    return without_cases(findings, numbers - named)
