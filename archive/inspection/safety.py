"""GD-4 safety: the check that nothing in a package can harm those who open it."""

from collections.abc import Iterator

from archive.inspection.subject import Subject
from archive.reference.findings import Finding, finding


def files_are_harmless(subject: Subject) -> Iterator[Finding]:
    """Check for bombs, scripts, programs and two formats in one file (GD-4-2).

    Files that killed the process that read them are included (guard.md).
    """
    for material in subject.facts.materials:
        for file in subject.files_of(material):
            if file.look and file.look.fault == "FILE_UNSAFE":
                yield finding(
                    "FILE_UNSAFE",
                    f"material {material.no}",
                    material=material.no,
                    why=file.look.why,
                )
