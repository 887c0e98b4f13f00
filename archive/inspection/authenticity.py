"""GD-1 authenticity: what is stated agrees with itself, with the evidence of its fetch and with the time at which it can have been."""

import unicodedata
from collections.abc import Iterator
from datetime import timedelta

from archive import citizen_id
from archive.arrangement import LOCAL_TIME
from archive.case_facts import Person
from archive.findings import Finding, finding
from archive.inspection.subject import LookedFile, Subject
from archive.vocabulary import ForeignSignature, Node, Series, SourceKind

_CLOCKS = timedelta(minutes=5)
_OLDEST = 120
_EXTENSIONS = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "jpe": "image/jpeg",
    "jfif": "image/jpeg",
    "png": "image/png",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "pdf": "application/pdf",
    "ofd": "application/ofd",
}
KNOWN_EXTENSIONS = frozenset(_EXTENSIONS)


def extension(path: str) -> str:
    """What a name claims to be, in lower case; empty when it claims nothing."""
    return path.rpartition("/")[2].lower().rpartition(".")[2] if "." in path.rpartition("/")[2] else ""


def fetched_as_proven(subject: Subject) -> Iterator[Finding]:
    """GD-1-1: the file that was fetched is the one that the evidence names; another file beside it has no evidence.

    Of an OFD with its rendition the OFD was fetched; of several files the first.
    """
    for material in subject.facts.materials:
        digest = material.source_ref.sha256 if material.source_ref else None
        files = [one for one in subject.files_of(material) if one.look]
        if not digest or not files:
            continue
        ofd = [one for one in files if _type(one) == "application/ofd"]
        if (ofd or files)[0].sha256 != digest:
            yield finding("GD-1-1", f"material {material.no}", material=material.no)
        elif material.source is SourceKind.SHARED_CERT and any(one.sha256 != digest for one in (ofd or files)):
            yield finding("EVIDENCE_PARTIAL", f"material {material.no}", material=material.no)


def fetch_has_evidence(subject: Subject) -> Iterator[Finding]:
    """R17: a shared certificate says where, when and under which id it was fetched."""
    for material in subject.facts.materials:
        if material.source is SourceKind.SHARED_CERT and material.source_ref is None:
            yield finding("NO_EVIDENCE", f"material {material.no}", material=material.no)


def fetched_is_as_signed(subject: Subject) -> Iterator[Finding]:
    """R31: a certificate that was changed after its issuer signed it is shown to a person; the bytes are kept as they came."""
    for material in subject.facts.materials:
        if material.source_ref and material.source_ref.signature is ForeignSignature.BROKEN:
            yield finding("CERT_SIGNATURE", f"material {material.no}", material=material.no)


def id_numbers_hold(subject: Subject) -> Iterator[Finding]:
    """R29: numbers by GB 11643; who settles from abroad may have none yet. Today is the local day: a child may be registered at one in the morning."""
    today = subject.now.astimezone(LOCAL_TIME).date()
    for place, person in _persons(subject):
        if person.id_number:
            fault = citizen_id.check(person.id_number, today)
            if fault:
                yield finding("ID_INVALID", f"case.json:{place}.id_number", why=fault.label)
    settling = subject.item is not None and subject.item.series is Series.SY
    if not subject.facts.applicant.id_number and not settling:
        yield finding("ID_INVALID", "case.json:applicant.id_number", why="未填写")


def ages_can_be(subject: Subject) -> Iterator[Finding]:
    """R36: nobody is older than the oldest."""
    year = subject.now.astimezone(LOCAL_TIME).year
    for place, person in _persons(subject):
        born = citizen_id.birth_date(person.id_number or "")
        if born and year - born.year > _OLDEST:
            yield finding("PERSON_AGE", f"case.json:{place}.id_number")


def born_before_the_case(subject: Subject) -> Iterator[Finding]:
    """R36: nobody is named in a case that was taken in before he was born."""
    received = min(event.at for event in subject.facts.process).astimezone(LOCAL_TIME).date()
    for place, person in _persons(subject):
        born = citizen_id.birth_date(person.id_number or "")
        if born and born > received:
            yield finding("BORN_AFTER", f"case.json:{place}.id_number")


def _persons(subject: Subject) -> Iterator[tuple[str, Person]]:
    yield "applicant", subject.facts.applicant
    for index, one in enumerate(subject.facts.subjects):
        yield f"subjects[{index}]", one


def times_can_be(subject: Subject) -> Iterator[Finding]:
    """GD-1-5: nothing was captured, fetched or sealed later than now. A few minutes between two clocks are no fault."""
    latest = subject.now + _CLOCKS
    for material in subject.facts.materials:
        if material.captured_at and material.captured_at > latest:
            yield finding("GD-1-5", f"material {material.no}", why="采集时间晚于现在")
        if material.source_ref and material.source_ref.fetched_at > latest:
            yield finding("GD-1-5", f"material {material.no}", why="调取时间晚于现在")
    for index, use in enumerate(subject.facts.seal_uses):
        if use.at > latest:
            yield finding("GD-1-5", f"case.json:seal_uses[{index}]", why="用章时间晚于现在")


def sealed_after_approval(subject: Subject) -> Iterator[Finding]:
    """R11: a seal is used when its case is approved, not before."""
    approved = [event.at for event in subject.facts.process if event.node is Node.APPROVE]
    for index, use in enumerate(subject.facts.seal_uses):
        if approved and use.at < min(approved):
            yield finding("SEAL_EARLY", f"case.json:seal_uses[{index}]")


def characters_are_common(subject: Subject) -> Iterator[Finding]:
    """GD-1-6: private-use, invisible and reordering characters in names; rare characters of Unicode are none of these."""
    texts = [("申报人", subject.facts.applicant.name), *(("被办理人", one.name) for one in subject.facts.subjects)]
    texts += [("材料名称", one.type) for one in subject.facts.materials]
    for place in sorted({place for place, text in texts if any(unicodedata.category(char) in {"Co", "Cf", "Zl", "Zp"} for char in text)}):
        yield finding("GD-1-6", "case.json", what=place)


def names_match_content(subject: Subject) -> Iterator[Finding]:
    """GD-1-10: what a file's name claims is what it is."""
    for material in subject.facts.materials:
        if any((claimed := _EXTENSIONS.get(extension(one.path))) and claimed != _type(one) for one in subject.sound_files_of(material)):
            yield finding("FORMAT_MISMATCH", f"material {material.no}", material=material.no)


def images_differ(subject: Subject) -> Iterator[Finding]:
    """R31: no image stands for two pages of one case. Blank pages are alike and are not pictures; of a PDF only a scanned one is compared, whole."""
    seen: dict[str, int] = {}
    for material in subject.facts.materials:
        scanned = material.source in {SourceKind.SCANNED_PROOF, SourceKind.ONLINE_APPLICATION}
        for one, look, _ in subject.numbered(material):
            whole = (one.sha256,) if scanned and look.media_type == "application/pdf" and len(look.blank) < look.pages else ()
            for picture in (*look.pictures, *whole):
                if picture in seen:
                    yield finding("DUPLICATE_SCAN", f"material {material.no}", material=material.no, other=seen[picture])
                seen.setdefault(picture, material.no)


def _type(one: LookedFile) -> str | None:
    return one.look.media_type if one.look else None
