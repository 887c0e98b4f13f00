"""GD-2 integrity: the checks that nothing is missing.

The item, the facts and the count of pages say what must be there.
"""

import unicodedata
from collections.abc import Callable, Iterator

from archive.inspection.subject import Subject
from archive.reference.case_facts import CaseFacts
from archive.reference.findings import Finding, finding
from archive.reference.form_fields import contradictions
from archive.reference.service_items import (
    due_materials,
    is_due,
    is_looked_into,
    missing_investigation,
    snapshot_materials,
)
from archive.reference.vocabulary import Channel, FormKind, Mode, SourceKind

_MOST_STRAYS = 20
"""At most so many stray files are reported one by one; more of them say nothing more."""
_LONGEST_HEADING = 20


def files_are_there(subject: Subject) -> Iterator[Finding]:
    """Check that every file that case.json names lies in the package (GD-2-11)."""
    for material in subject.facts.materials:
        if any(file.look is None for file in subject.files_of(material)):
            yield finding("FILE_MISSING", f"material {material.no}", material=material.no)


def files_are_named(subject: Subject) -> Iterator[Finding]:
    """Check that case.json names every file of the package (GD-2-1).

    A file name may be personal: the finding holds the digest, by which the manifest finds the
    file too.
    """
    for number, digest in enumerate(subject.strays[:_MOST_STRAYS], 1):
        yield finding("EXTRA_FILE", f"data#{number}", digest=digest[:12])


def numbers_are_unique(subject: Subject) -> Iterator[Finding]:
    """Check that a number names one material and a file belongs to one place (GD-1-8)."""
    materials = subject.facts.materials
    named = [
        unicodedata.normalize("NFC", path.replace("\\", "/"))
        for material in materials
        for path in material.files
    ]
    if len(named) != len(set(named)) or len({material.no for material in materials}) != len(
        materials
    ):
        yield finding("SCHEMA", "case.json:materials", why="重复的件号或文件")


def forms_bring_no_files(subject: Subject) -> Iterator[Finding]:
    """Check that a form comes without files (submission.md).

    A form is rendered from its data by the archive; a file beside it would be a second truth.
    """
    for material in subject.facts.materials:
        if material.form is not None and (
            material.source is not SourceKind.SYSTEM_FORM or material.files
        ):
            yield finding("SCHEMA", f"material {material.no}", why="电子表单不应另附文件")


def forms_state_the_facts(subject: Subject) -> Iterator[Finding]:
    """Check that no form states another person, case or office under a label of ours (R9).

    Such a form would be sealed against the facts. Of lesser facts those of the case are shown.
    """
    name = subject.item.name if subject.item else subject.facts.item.code
    for material in subject.facts.materials:
        if material.form is None:
            continue
        for row in contradictions(material, subject.facts, name, subject.organisations):
            yield finding(
                "FORM_FACTS" if row.of_identity else "FORM_FACTS_SHOWN",
                f"material {material.no}",
                material=material.no,
                label=row.label,
            )


def pages_are_as_declared(subject: Subject) -> Iterator[Finding]:
    """Check that the pages of files are as many as the window declared (GD-2-7, R32)."""
    for material in subject.facts.materials:
        if material.form is not None or not subject.complete(material):
            continue
        counted = sum(look.pages for _, look, _ in subject.numbered(material))
        only_ofd = bool(material.files) and all(
            look.media_type == "application/ofd" for _, look, _ in subject.numbered(material)
        )
        if counted != material.pages and not only_ofd:
            yield finding(
                "GD-2-7",
                f"material {material.no}",
                material=material.no,
                declared=material.pages,
                counted=counted,
            )


def blank_pages_are_confirmed(subject: Subject) -> Iterator[Finding]:
    """Check that the window declares as blank every blank page, and no other page (R32).

    A blank page that is not declared may be a page that was missed.
    """
    for material in subject.facts.materials:
        place, declared = f"material {material.no}", set(material.blank_pages)
        if any(page > material.pages for page in declared):
            yield finding("SCHEMA", place, why="空白页号超出页数")
        pages = list(subject.numbered(material))
        blank = {before + page for _, look, before in pages for page in look.blank}
        for page in sorted(blank - declared):
            yield finding("BLANK_PAGE", place, material=material.no, page=page)
        counted = sum(look.pages for _, look, _ in pages)
        for page in sorted(page for page in declared - blank if page <= counted):
            yield finding("BLANK_NOT_BLANK", place, material=material.no, page=page)


def required_materials_are_there(subject: Subject) -> Iterator[Finding]:
    """Check for every material that the item's version requires (GD-2-9).

    It may require a material without condition, or under one that the facts fulfil (R30).
    """
    if subject.item is None:
        return
    present = {material.type for material in subject.facts.materials}
    due = [*due_materials(subject.snapshot, subject.facts.ending)]
    due += [
        requirement
        for requirement in snapshot_materials(subject.snapshot)
        if requirement.condition in _CONDITIONS
        and is_due(requirement, subject.facts.ending)
        and _CONDITIONS[requirement.condition](subject.facts)
    ]
    for requirement in due:
        if requirement.name not in present:
            yield finding("GD-2-9", "case.json:materials", material=requirement.name)


def _parents_differ(facts: CaseFacts) -> bool:
    """Return whether forms state both parents' ethnic groups, and two different ones."""
    stated: dict[str, str] = {}
    for material in facts.materials:
        for key, value in (material.data or {}).items():
            for parent in ("父亲", "母亲"):
                if key in {f"{parent}民族", f"{parent}民族成份"} and value:
                    stated[parent] = str(value).strip().removesuffix("族")
    return len(stated) == len(("父亲", "母亲")) and stated["父亲"] != stated["母亲"]


_CONDITIONS: dict[str | None, Callable[[CaseFacts], bool]] = {"父母民族不同的": _parents_differ}


def investigation_is_there(subject: Subject) -> Iterator[Finding]:
    """Check for comparison and visit in items that need an investigation (MPS §9, R15).

    What counts as either, and by which names, stands in the catalogue
    (`archive/reference/data/investigations.json`). The name of a material is not all that
    speaks: so do the labels that a form of another kind fills in, and a document's heading.
    """
    if not is_looked_into(subject.facts.ending):
        return
    for kind in missing_investigation(subject.item, _titles(subject)) if subject.item else ():
        yield finding("INVESTIGATION_MISSING", "case.json:materials", what=kind.label)


def _titles(subject: Subject) -> Iterator[str]:
    """Yield the names of materials, labels that are filled in, and headings of documents."""
    for material in subject.facts.materials:
        yield material.type
        if material.form is FormKind.OTHER:
            yield from (label for label, value in (material.data or {}).items() if value)
        for _, look, _ in subject.numbered(material):
            for _, text in look.texts:
                heading = next((line for line in text.splitlines() if line.strip()), "")
                yield heading if len(heading.strip()) <= _LONGEST_HEADING else ""


def forms_come_from_the_system(subject: Subject) -> Iterator[Finding]:
    """Check that 收件单 and 审批表 are the system's own, never a scan (R9)."""
    ours = [
        material
        for material in subject.facts.materials
        if material.source is SourceKind.SYSTEM_FORM
    ]
    for kind in (FormKind.RECEIPT, FormKind.APPROVAL):
        foreign = any(
            material.type == kind.label and material.source is not SourceKind.SYSTEM_FORM
            for material in subject.facts.materials
        )
        if foreign and not any(
            material.form is kind or material.type == kind.label for material in ours
        ):
            yield finding("FORM_NOT_SYSTEM", "case.json:materials", material=kind.label)


def sources_are_as_listed(subject: Subject) -> Iterator[Finding]:
    """Check that a material comes from a source that the item lists (R17).

    What the applicant sent online may stand for any of them.
    """
    if subject.item is None:
        return
    allowed = {
        requirement.name: set(requirement.sources)
        for requirement in snapshot_materials(subject.snapshot)
    }
    online = subject.item.online or subject.facts.channel is Channel.ONLINE
    for material in subject.facts.materials:
        usual = allowed.get(material.type, {material.source}) | (
            {SourceKind.ONLINE_APPLICATION} if online else set()
        )
        if material.source not in usual:
            yield finding("SOURCE_UNUSUAL", f"material {material.no}", material=material.no)


def item_may_be_received_here(subject: Subject) -> Iterator[Finding]:
    """Check that an item of 原籍办 is received at home (R4)."""
    if subject.item and subject.item.mode is Mode.HOME_ONLY and subject.facts.citywide:
        yield finding("MODE_VIOLATION", "case.json:orgs.receive", item=subject.item.code)


def organisations_are_known(subject: Subject) -> Iterator[Finding]:
    """Check that every organisation named is one of the city's (R7)."""
    facts = subject.facts
    named = [(f"orgs.{place}", code) for place, code in facts.orgs]
    named += [(f"process[{index}].org", event.org) for index, event in enumerate(facts.process)]
    named += [
        (f"seal_uses[{index}].seal_owner", use.seal_owner)
        for index, use in enumerate(facts.seal_uses)
    ]
    named += [
        (f"seal_uses[{index}].caller", use.caller) for index, use in enumerate(facts.seal_uses)
    ]
    if facts.grant:
        named += [("grant.grantor", facts.grant.grantor), ("grant.grantee", facts.grant.grantee)]
    for place, code in named:
        if code not in subject.organisations:
            yield finding("ORG_UNKNOWN", f"case.json:{place}")
