"""GD-2 integrity: nothing that the item, the facts or the count of pages asks for is missing."""

from collections.abc import Callable, Iterable, Iterator

from archive.inspection.subject import Subject
from archive.reference.case_facts import CaseFacts
from archive.reference.findings import Finding, finding
from archive.reference.service_items import ServiceItem, required_materials, snapshot_materials
from archive.reference.vocabulary import Channel, FormKind, Mode, Series, SourceKind

_TOLD = 20
"""Of so many strays each is told; more of them say nothing more."""
_COMPARED = ("比对", "指纹", "人像")
_VISITED = ("走访", "调查", "谈话")
_INVESTIGATED_ITEMS = frozenset({"BG02", "BG03", "BG04", "BG06", "BG07"})


def files_are_there(subject: Subject) -> Iterator[Finding]:
    """GD-2-11: every file that case.json names lies in the package."""
    for material in subject.facts.materials:
        if any(one.look is None for one in subject.files_of(material)):
            yield finding("FILE_MISSING", f"material {material.no}", material=material.no)


def files_are_named(subject: Subject) -> Iterator[Finding]:
    """GD-2-1: and nothing lies there that case.json does not name. A name may be personal: the digest, as the manifest has it, finds the file too."""
    for number, digest in enumerate(subject.strays[:_TOLD], 1):
        yield finding("EXTRA_FILE", f"data#{number}", digest=digest[:12])


def numbers_are_unique(subject: Subject) -> Iterator[Finding]:
    """GD-1-8: one number, one material; one file, one place."""
    materials = subject.facts.materials
    named = [path for material in materials for path in material.files]
    if len(named) != len(set(named)) or len({one.no for one in materials}) != len(materials):
        yield finding("SCHEMA", "case.json:materials", why="重复的件号或文件")


def forms_bring_no_files(subject: Subject) -> Iterator[Finding]:
    """A form is rendered from its data by the archive; a file beside it would be a second truth (submission.md)."""
    for material in subject.facts.materials:
        if material.form is not None and (
            material.source is not SourceKind.SYSTEM_FORM or material.files
        ):
            yield finding("SCHEMA", f"material {material.no}", why="电子表单不应另附文件")


def pages_are_as_declared(subject: Subject) -> Iterator[Finding]:
    """GD-2-7: pages counted from the files are the pages that the window declared (R32)."""
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
    """R32: a blank page is a page that was missed unless the window says that it is blank; and says so of blank pages only."""
    for material in subject.facts.materials:
        place, declared = f"material {material.no}", set(material.blank_pages)
        if any(page > material.pages for page in declared):
            yield finding("SCHEMA", place, why="空白页号超出页数")
        pages = list(subject.numbered(material))
        found = {before + page for _, look, before in pages for page in look.blank}
        for page in sorted(found - declared):
            yield finding("BLANK_PAGE", place, material=material.no, page=page)
        counted = sum(look.pages for _, look, _ in pages)
        for page in sorted(page for page in declared - found if page <= counted):
            yield finding("BLANK_NOT_BLANK", place, material=material.no, page=page)


def required_materials_are_there(subject: Subject) -> Iterator[Finding]:
    """GD-2-9: every material that the item's version asks for without condition, or under one that the facts fulfil (R30)."""
    if subject.item is None:
        return
    present = {one.type for one in subject.facts.materials}
    due = [*required_materials(subject.snapshot)]
    due += [
        one
        for one in snapshot_materials(subject.snapshot)
        if one.condition in _CONDITIONS and _CONDITIONS[one.condition](subject.facts)
    ]
    for one in due:
        if one.name not in present:
            yield finding("GD-2-9", "case.json:materials", material=one.name)


def _parents_differ(facts: CaseFacts) -> bool:
    """父母民族不同的, where a form states both; where none does nobody can tell."""
    stated: dict[str, str] = {}
    for material in facts.materials:
        for key, value in (material.data or {}).items():
            for parent in ("父亲", "母亲"):
                if key in {f"{parent}民族", f"{parent}民族成份"} and value:
                    stated[parent] = str(value).strip().removesuffix("族")
    return len(stated) == len(("父亲", "母亲")) and stated["父亲"] != stated["母亲"]


_CONDITIONS: dict[str | None, Callable[[CaseFacts], bool]] = {"父母民族不同的": _parents_differ}


def investigation_is_there(subject: Subject) -> Iterator[Finding]:
    """MPS §9: 补录、恢复、改名、改性别、更正出生日期和号码 need a comparison of face or prints and the record of a visit.

    What the item itself names is required by GD-2-9. Under which name the rest comes no list says, so a person decides when none of the names fits.
    """
    item = subject.item
    for what in (
        missing_investigation(item, [one.type for one in subject.facts.materials]) if item else ()
    ):
        yield finding("INVESTIGATION_MISSING", "case.json:materials", what=what)


def missing_investigation(item: ServiceItem, names: Iterable[str]) -> tuple[str, ...]:
    """What of comparison and visit is not among materials of these names, where the item needs them."""
    if item.series not in {Series.BL, Series.HF} and item.code not in _INVESTIGATED_ITEMS:
        return ()
    present = "、".join(names)
    return tuple(
        what
        for what, words in (("人像指纹比对材料", _COMPARED), ("走访调查材料", _VISITED))
        if not any(word in present for word in words)
    )


def forms_come_from_the_system(subject: Subject) -> Iterator[Finding]:
    """R9: 收件单 and 审批表 are the system's own, never a scan."""
    ours = [one for one in subject.facts.materials if one.source is SourceKind.SYSTEM_FORM]
    for kind in (FormKind.RECEIPT, FormKind.APPROVAL):
        foreign = any(
            one.type == kind.label and one.source is not SourceKind.SYSTEM_FORM
            for one in subject.facts.materials
        )
        if foreign and not any(one.form is kind or one.type == kind.label for one in ours):
            yield finding("FORM_NOT_SYSTEM", "case.json:materials", material=kind.label)


def sources_are_as_listed(subject: Subject) -> Iterator[Finding]:
    """R17: a material comes from where the item says; what the applicant sent online may stand for any of them."""
    if subject.item is None:
        return
    allowed = {one.name: set(one.sources) for one in snapshot_materials(subject.snapshot)}
    online = subject.item.online or subject.facts.channel is Channel.ONLINE
    for material in subject.facts.materials:
        usual = allowed.get(material.type, {material.source}) | (
            {SourceKind.ONLINE_APPLICATION} if online else set()
        )
        if material.source not in usual:
            yield finding("SOURCE_UNUSUAL", f"material {material.no}", material=material.no)


def item_may_be_received_here(subject: Subject) -> Iterator[Finding]:
    """R4: an item of 原籍办 is received at home only."""
    if subject.item and subject.item.mode is Mode.HOME_ONLY and subject.facts.citywide:
        yield finding("MODE_VIOLATION", "case.json:orgs.receive", item=subject.item.code)


def organisations_are_known(subject: Subject) -> Iterator[Finding]:
    """R7: every organisation named is one of the city's."""
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
