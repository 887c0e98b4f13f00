"""GD-3 usability: every file opens, is of a format that lasts, and can be read by a person."""

from collections.abc import Iterator

from archive.inspection.authenticity import KNOWN_EXTENSIONS, extension
from archive.inspection.subject import CAPTURED, Subject
from archive.reference.findings import Finding, finding

_PLAIN_FAULTS = {"GD-3-4", "ENCRYPTED"}


def formats_are_accepted(subject: Subject) -> Iterator[Finding]:
    """GD-3-3: a file is of a format that the archive keeps. Named as one of them it is a broken one, and the person needs another word."""
    for material in subject.facts.materials:
        for one in subject.files_of(material):
            if one.look and one.look.media_type is None and not one.look.fault:
                known = extension(one.path) in KNOWN_EXTENSIONS
                yield finding(
                    "GD-3-4" if known else "FORMAT_UNKNOWN",
                    f"material {material.no}",
                    material=material.no,
                )


def files_open(subject: Subject) -> Iterator[Finding]:
    """GD-3-4: a file opens to its end, without a password."""
    for material in subject.facts.materials:
        for one in subject.files_of(material):
            if one.look and one.look.fault in _PLAIN_FAULTS:
                yield finding(one.look.fault, f"material {material.no}", material=material.no)


def ofd_has_a_rendition(subject: Subject) -> Iterator[Finding]:
    """An OFD is kept as it is; what people see is the PDF or image beside it (submission.md)."""
    for material in subject.facts.materials:
        types = {look.media_type for _, look, _ in subject.numbered(material)}
        if types == {"application/ofd"} and subject.complete(material):
            yield finding("OFD_NO_RENDITION", f"material {material.no}", material=material.no)


def pages_are_fine_enough(subject: Subject) -> Iterator[Finding]:
    """DA/T 31-2017 9.4: resolution from the pixels, whatever the tag says."""
    for material in subject.facts.materials:
        for _, look, before in subject.numbered(material):
            for page in look.coarse:
                yield finding(
                    "LOW_RESOLUTION",
                    f"material {material.no}",
                    material=material.no,
                    page=before + page,
                )


def pages_can_be_read(subject: Subject) -> Iterator[Finding]:
    """DA/T 31-2017 10.5.1: no page is too dark, blurred or cut off. Only what was captured can be captured again."""
    for material in subject.facts.materials:
        for _, look, before in subject.numbered(material):
            for page, code in look.unclear if material.source in CAPTURED else ():
                yield finding(
                    code, f"material {material.no}", material=material.no, page=before + page
                )


def everything_will_be_shown(subject: Subject) -> Iterator[Finding]:
    """GD-2-8: what a PDF carries beside its pages will not be in the volume, and people are told."""
    for material in subject.facts.materials:
        for code in sorted(
            {flag for _, look, _ in subject.numbered(material) for flag in look.flags}
        ):
            yield finding(code, f"material {material.no}", material=material.no)
