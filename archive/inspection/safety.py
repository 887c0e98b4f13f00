"""GD-4 safety: nothing that a package brings can harm who opens it."""

from collections.abc import Iterator

from archive.inspection.subject import Subject
from archive.reference.findings import Finding, finding


def files_are_harmless(subject: Subject) -> Iterator[Finding]:
    """GD-4-2: bombs, scripts, programs, two formats in one, and whatever killed the process that looked at it (guard.md)."""
    for material in subject.facts.materials:
        for one in subject.files_of(material):
            if one.look and one.look.fault == "FILE_UNSAFE":
                yield finding(
                    "FILE_UNSAFE", f"material {material.no}", material=material.no, why=one.look.why
                )
