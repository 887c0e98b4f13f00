"""GD-3 usability: the checks that files open, last, and can be read by a person."""

from collections.abc import Iterator

from archive.inspection.authenticity import KNOWN_EXTENSIONS, extension
from archive.inspection.subject import CAPTURED, EMPTY, Subject
from archive.reference.findings import Finding, finding
from archive.reference.vocabulary import MaterialKind

_PLAIN_FAULTS, _DAMAGED = {"GD-3-4", "ENCRYPTED", "OFD_INVALID"}, "IMAGE_DAMAGED"


def formats_are_accepted(subject: Subject) -> Iterator[Finding]:
    """Check that a file is of a format that the archive keeps (GD-3-3).

    A file with the extension of such a format is a broken one, and is reported as such, unless
    its content names another format.
    """
    for material in subject.facts.materials:
        for file in subject.files_of(material):
            look = file.look
            if look and (
                look.fault == "FORMAT_UNKNOWN" or (not look.media_type and not look.fault)
            ):
                broken = extension(file.path) in KNOWN_EXTENSIONS and not look.why
                yield finding(
                    "GD-3-4" if broken or look.why == EMPTY else "FORMAT_UNKNOWN",
                    f"material {material.no}",
                    material=material.no,
                    why=_clause(look.why),
                )


def files_open(subject: Subject) -> Iterator[Finding]:
    """Check that a file opens to its end, without a password (GD-3-4)."""
    for material in subject.facts.materials:
        for file in subject.files_of(material):
            if file.look and file.look.fault in _PLAIN_FAULTS:
                yield finding(
                    file.look.fault,
                    f"material {material.no}",
                    material=material.no,
                    why=_clause(file.look.why),
                )


def pictures_are_whole(subject: Subject) -> Iterator[Finding]:
    """Check that no decoder complains of an image that it shows nevertheless (R32)."""
    for material in subject.facts.materials:
        if any(_DAMAGED in look.flags for _, look, _ in subject.numbered(material)):
            yield finding(_DAMAGED, f"material {material.no}", material=material.no)


def _clause(why: str) -> str:
    """Return a reason as the end of a sentence that may stand without it."""
    return f"：{why.rstrip('。')}" if why else ""


def ofd_has_a_rendition(subject: Subject) -> Iterator[Finding]:
    """Check that an OFD comes with a PDF or image (submission.md).

    The OFD is kept as it is; people see its rendition.
    """
    for material in subject.facts.materials:
        types = {look.media_type for _, look, _ in subject.numbered(material)}
        if types == {"application/ofd"} and subject.complete(material):
            yield finding("OFD_NO_RENDITION", f"material {material.no}", material=material.no)


def rendition_is_whole(subject: Subject) -> Iterator[Finding]:
    """Check that a rendition has as many pages as the OFD that it stands for (GD-3-3)."""
    for material in subject.facts.materials:
        looks = [look for _, look, _ in subject.numbered(material)]
        own, shown = sum(look.own_pages for look in looks), sum(look.pages for look in looks)
        if own and shown and own != shown and subject.complete(material):
            yield finding(
                "OFD_PAGES",
                f"material {material.no}",
                material=material.no,
                own=own,
                shown=shown,
            )


def pages_are_fine_enough(subject: Subject) -> Iterator[Finding]:
    """Check the resolution from the pixels, whatever the tag says (DA/T 31-2017 9.4).

    A page of a booklet is half as large as a sheet: half the pixels are as fine.
    """
    for material in subject.facts.materials:
        booklet = subject.kind_of(material) is MaterialKind.BOOKLET
        for _, look, before in subject.numbered(material):
            for page in look.coarsest if booklet else look.coarse:
                yield finding(
                    "LOW_RESOLUTION",
                    f"material {material.no}",
                    material=material.no,
                    page=before + page,
                )


def pages_can_be_read(subject: Subject) -> Iterator[Finding]:
    """Check that no page is too dark, blurred or cut off (DA/T 31-2017 10.5.1).

    Only captured pages are checked, since only they can be captured again.
    """
    for material in subject.facts.materials:
        for _, look, before in subject.numbered(material):
            for page, code in look.unclear if material.source in CAPTURED else ():
                yield finding(
                    code, f"material {material.no}", material=material.no, page=before + page
                )


def pages_can_be_made(subject: Subject) -> Iterator[Finding]:
    """Check that the pages of a PDF can stand in a volume as they are (R19)."""
    for material in subject.facts.materials:
        for file in subject.files_of(material):
            if file.look and file.look.fault == "PAGES_LOST":
                yield finding(
                    "PAGES_LOST",
                    f"material {material.no}",
                    material=material.no,
                    why=file.look.why,
                )


def fonts_are_there(subject: Subject) -> Iterator[Finding]:
    """Check that a PDF brings its fonts along, or names some that ours stands for (GD-3-3)."""
    for material in subject.facts.materials:
        fonts = {font for _, look, _ in subject.numbered(material) for font in look.fonts}
        for font in sorted(fonts):
            yield finding(
                "FONT_MISSING", f"material {material.no}", material=material.no, font=font
            )


def notes_are_told(subject: Subject) -> Iterator[Finding]:
    """Check for notes in a PDF whose text its pages do not show (GD-2-8).

    The text may name a person: it stands in the process record and not in the finding.
    """
    for material in subject.facts.materials:
        for _, look, before in subject.numbered(material):
            for page in look.remarks:
                yield finding(
                    "PDF_REMARK",
                    f"material {material.no}",
                    material=material.no,
                    page=before + page,
                )


def everything_will_be_shown(subject: Subject) -> Iterator[Finding]:
    """Check for what a PDF carries beside its pages (GD-2-8).

    It will not be in the volume, and people are told so.
    """
    for material in subject.facts.materials:
        for code in sorted(
            {flag for _, look, _ in subject.numbered(material) for flag in look.flags} - {_DAMAGED}
        ):
            yield finding(code, f"material {material.no}", material=material.no)
