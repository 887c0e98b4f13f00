"""GD-1 authenticity: the checks whether what is stated is consistent and possible.

It must agree with itself, with the evidence of its fetch and with the time at which it can
have been.
"""

import unicodedata
from collections.abc import Iterator
from datetime import datetime, timedelta

from archive.inspection.course import seal_is_of_an_approval
from archive.inspection.subject import CAPTURED, LookedFile, Subject
from archive.reference import citizen_id
from archive.reference.case_facts import Material, Person
from archive.reference.findings import Finding, finding
from archive.reference.glyphs import undrawn
from archive.reference.local_time import LOCAL_TIME
from archive.reference.vocabulary import ForeignSignature, Node, Series, SourceKind

_CLOCKS, _ZONES, _LONG_BEFORE = timedelta(minutes=5), timedelta(days=1), timedelta(days=30)
_OLDEST = 120
_MOST_POINTS = 20
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
    """Return the extension of a file name in lower case, empty when there is none."""
    return (
        path.rpartition("/")[2].lower().rpartition(".")[2] if "." in path.rpartition("/")[2] else ""
    )


def fetched_as_proven(subject: Subject) -> Iterator[Finding]:
    """Check that the file that was fetched is the one that the evidence names (GD-1-1).

    Another file beside it has no evidence. Of an OFD with its rendition the OFD was fetched; of
    several files the first.
    """
    for material in subject.facts.materials:
        digest = material.source_ref.sha256 if material.source_ref else None
        files = [file for file in subject.files_of(material) if file.look]
        if not digest or not files:
            continue
        ofd = [file for file in files if _type(file) == "application/ofd"]
        if (ofd or files)[0].sha256 != digest:
            yield finding("GD-1-1", f"material {material.no}", material=material.no)
        elif material.source is SourceKind.SHARED_CERT and any(
            file.sha256 != digest for file in (ofd or files)
        ):
            yield finding("EVIDENCE_PARTIAL", f"material {material.no}", material=material.no)


def fetch_has_evidence(subject: Subject) -> Iterator[Finding]:
    """Check that a shared certificate has the evidence of its fetch (R17).

    It states where, when and under which id the certificate was fetched.
    """
    for material in subject.facts.materials:
        if material.source is SourceKind.SHARED_CERT and material.source_ref is None:
            yield finding("NO_EVIDENCE", f"material {material.no}", material=material.no)


def fetched_is_as_signed(subject: Subject) -> Iterator[Finding]:
    """Check for documents that were changed after their issuer signed them (R31).

    Each file is judged at intake, whichever way it came, beside what its source says of the
    fetch. They are shown to a person; the bytes are kept as they came.
    """
    for material in subject.facts.materials:
        stated = material.source_ref.signature if material.source_ref else None
        signatures = {look.signature for _, look, _ in subject.numbered(material)} | {stated}
        if ForeignSignature.BROKEN in signatures:
            yield finding("CERT_SIGNATURE", f"material {material.no}", material=material.no)


def id_numbers_hold(subject: Subject) -> Iterator[Finding]:
    """Check ID numbers by GB 11643 (R29).

    A person who settles from abroad may have none yet. Today is the local day: a child may be
    registered at one in the morning.
    """
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
    """Check that no person is older than 120 years or born after the case was closed (R36)."""
    year, closed = (
        subject.now.astimezone(LOCAL_TIME).year,
        subject.facts.completed_at.astimezone(LOCAL_TIME).date(),
    )
    for place, person in _persons(subject):
        born = citizen_id.birth_date(person.id_number or "")
        if born and year - born.year > _OLDEST:
            yield finding("PERSON_AGE", f"case.json:{place}.id_number")
        if born and born > closed:
            yield finding("GD-1-5", f"case.json:{place}.id_number", why="出生日期晚于办结日期")


def _persons(subject: Subject) -> Iterator[tuple[str, Person]]:
    """Yield the place in case.json and the person, the applicant first."""
    yield "applicant", subject.facts.applicant
    for index, person in enumerate(subject.facts.subjects):
        yield f"subjects[{index}]", person


def times_can_be(subject: Subject) -> Iterator[Finding]:
    """Check that capture, fetch and seal are not in the future (GD-1-5).

    A proof is also not scanned at the window long before the case came to it. A few minutes
    between two clocks are no fault.
    """
    received = min(event.at for event in subject.facts.process)
    latest = subject.now + _CLOCKS
    for material in subject.facts.materials:
        if material.captured_at and material.captured_at > latest:
            yield finding("GD-1-5", f"material {material.no}", why="采集时间晚于现在")
        if (
            material.source is SourceKind.SCANNED_PROOF
            and material.captured_at
            and received - material.captured_at > _LONG_BEFORE
        ):
            yield finding("GD-1-5", f"material {material.no}", why="采集时间远早于收件时间")
        if material.source_ref and material.source_ref.fetched_at > latest:
            yield finding("GD-1-5", f"material {material.no}", why="调取时间晚于现在")
    for index, use in enumerate(subject.facts.seal_uses):
        if use.at > latest:
            yield finding("GD-1-5", f"case.json:seal_uses[{index}]", why="用章时间晚于现在")


def pictures_are_of_their_time(subject: Subject) -> Iterator[Finding]:
    """Check that no device touched a page after the case was closed (GD-1-5, R31).

    Devices are camera, scanner and editor; where a page was captured after closing, the time of
    capture counts. What they write has no zone, and their clocks are seldom set: a day is
    allowed. A clock that was never set lies in the past and proves nothing.
    """
    facts, now = subject.facts, subject.now.astimezone(LOCAL_TIME).replace(tzinfo=None)
    for material in facts.materials:
        stated = (
            max(facts.completed_at, material.captured_at or facts.completed_at)
            .astimezone(LOCAL_TIME)
            .replace(tzinfo=None)
        )
        latest = (now if facts.supplement else min(stated, now)) + _ZONES
        for _, look, before in subject.numbered(material):
            for page, at in look.taken:
                if datetime.fromisoformat(at) > latest:
                    yield finding(
                        "GD-1-5",
                        f"material {material.no}",
                        why=f"第 {before + page} 页的拍摄或修改时间晚于办结时间",
                    )


def sealed_after_approval(subject: Subject) -> Iterator[Finding]:
    """Check that a seal was used when its case was approved, not before (R11)."""
    approved = [event.at for event in subject.facts.process if event.node is Node.APPROVE]
    for index, use in enumerate(subject.facts.seal_uses):
        if approved and use.at < min(approved) and seal_is_of_an_approval(use):
            yield finding("SEAL_EARLY", f"case.json:seal_uses[{index}]")


def characters_are_common(subject: Subject) -> Iterator[Finding]:
    """Check names for private-use, invisible and reordering characters (GD-1-6).

    Rare characters of Unicode are none of these.
    """
    texts = [
        ("申报人", subject.facts.applicant.name),
        *(("被办理人", person.name) for person in subject.facts.subjects),
    ]
    texts += [("材料名称", material.type) for material in subject.facts.materials]
    for place in sorted(
        {
            place
            for place, text in texts
            if any(unicodedata.category(char) in {"Co", "Cf", "Zl", "Zp"} for char in text)
        }
    ):
        yield finding("GD-1-6", "case.json", what=place)


def characters_can_be_drawn(subject: Subject) -> Iterator[Finding]:
    """Check that a font has every character that the sheets will show (GD-1-6).

    A code point in the place of a character of somebody's name is not that name.
    """
    facts = subject.facts
    persons = (facts.applicant, *facts.subjects)
    places = {
        "姓名": [person.name for person in persons],
        "人员信息": [
            text
            for person in persons
            for text in (person.id_number, person.phone, person.relation)
            if text
        ],
        "材料名称": [material.type for material in facts.materials],
        "办理过程": [f"{event.actor}{event.actor_no}{event.opinion}" for event in facts.process],
        "退回与结局": [
            f"{row.actor}{row.reason}{row.basis or ''}{row.remedy or ''}{''.join(row.materials)}"
            for row in facts.returns
        ],
        "核验、签名和用章": [
            *(f"{row.device or ''}{row.reason or ''}" for row in facts.identity_checks),
            *(row.device for row in facts.signatures),
            *(f"{use.seal or ''}{use.purpose or ''}" for use in facts.seal_uses),
        ],
        "调取凭据": [
            f"{material.source_ref.system}{material.source_ref.id}"
            for material in facts.materials
            if material.source_ref
        ],
        "电子表单": [
            f"{key}{value}"
            for material in facts.materials
            for key, value in (material.data or {}).items()
        ],
    }
    for what, texts in places.items():
        points = undrawn(texts)
        if points:
            shown = "、".join(points[:_MOST_POINTS])
            yield finding("GLYPH_MISSING", "case.json", what=what, points=shown)


def names_match_content(subject: Subject) -> Iterator[Finding]:
    """Check that files are of the format that their names claim (GD-1-10)."""
    for material in subject.facts.materials:
        if any(
            (claimed := _EXTENSIONS.get(extension(file.path))) and claimed != _type(file)
            for file in subject.sound_files_of(material)
        ):
            yield finding("FORMAT_MISMATCH", f"material {material.no}", material=material.no)


def images_differ(subject: Subject) -> Iterator[Finding]:
    """Check that no image stands for two pages of one case (R31).

    Blank pages are alike and are not pictures; of a PDF only a scanned one is compared, whole. Of
    a captured page and a certificate the captured one is named: it can be captured again.
    """
    seen: dict[str, Material] = {}
    for material in subject.facts.materials:
        scanned = material.source in CAPTURED
        for file, look, _ in subject.numbered(material):
            whole = (
                (file.sha256,)
                if scanned and look.media_type == "application/pdf" and len(look.blank) < look.pages
                else ()
            )
            for picture in (*look.pictures, *whole):
                if picture in seen:
                    pair = (material, seen[picture])
                    named, other = pair if scanned or pair[1].source not in CAPTURED else pair[::-1]
                    yield finding(
                        "DUPLICATE_SCAN",
                        f"material {named.no}",
                        material=named.no,
                        other=other.no,
                    )
                seen.setdefault(picture, material)


def pages_are_no_copies(subject: Subject) -> Iterator[Finding]:
    """Check for pages made from another by scaling, darkening or compressing it again (R31).

    Also by scanning it again, or turning it; what only looks alike was looked at again before
    (`ingest.reading.second_look`). The very same image is found by `images_differ`.
    """
    exact = {
        (material.no, before + page): picture
        for material in subject.facts.materials
        for file, look, before in subject.numbered(material)
        for (page, _), picture in zip(
            look.prints, look.pictures or (file.sha256,) * len(look.prints), strict=False
        )
    }
    named: set[tuple[int, int]] = set()
    for copy in subject.copies:
        (no, page), (other, other_page) = copy.place, copy.other
        if copy.place in named or exact.get(copy.place) == exact.get(copy.other):
            continue
        named.add(copy.place)
        yield finding(
            "NEAR_COPY",
            f"material {no}",
            material=no,
            page=page,
            other=other,
            other_page=other_page,
        )


def _type(file: LookedFile) -> str | None:
    """Return the media type that was found in a file, or None."""
    return file.look.media_type if file.look else None
