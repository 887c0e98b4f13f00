"""A package's facts, files and catalogue held against each other; everything wrong is a finding, none is silent (submission.md)."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from archive import citizen_id
from archive.case_facts import CaseFacts, CaseOrgs, Grant, ItemRef, Material, PaperRef, Person, ProcessEvent, SealUse, SourceRef
from archive.errors import ArchiveError
from archive.findings import Finding, finding, worst
from archive.organisations import Organisations
from archive.service_items import Catalogue, ServiceItem, required_materials, snapshot
from archive.vocabulary import FormKind, Mode, Node, Outcome, SourceKind
from ingest.bag import Bag
from ingest.formats import identify, look

_HOME = (Node.RECEIVE, Node.ACCEPT, Node.REVIEW, Node.APPROVE, Node.ISSUE)
_CITYWIDE = (Node.RECEIVE, Node.TRANSFER, Node.ACCEPT, Node.REVIEW, Node.APPROVE, Node.FEEDBACK, Node.ISSUE)

_PARTS = (CaseOrgs, Grant, ItemRef, PaperRef, Person, ProcessEvent, SealUse, SourceRef)
_ITEM = re.compile(r"[A-Z]{2}[0-9]{2}")
_FIELDS = frozenset(name for one in (CaseFacts, Material, *_PARTS) for name in one.model_fields)


@dataclass(frozen=True, slots=True)
class SubmittedFile:
    """One file of a material, identified and counted."""

    material_no: int
    path: str
    sha256: str
    size: int
    media_type: str
    pages: int
    data: bytes

    def read(self) -> bytes:
        """The untouched bytes."""
        return self.data


@dataclass(frozen=True, slots=True)
class Submission:
    """A package as inspected. `facts` is None when case.json could not be understood."""

    facts: CaseFacts | None
    snapshot: dict[str, Any]
    components: tuple[SubmittedFile, ...]
    findings: tuple[Finding, ...]

    @property
    def outcome(self) -> Outcome | None:
        """The gravest of the findings."""
        return worst(self.findings)


def inspect_submission(bag: Bag, catalogue: Catalogue, organisations: Organisations, *, now: datetime) -> Submission:
    """Inspect a bag; never raises for its content."""
    if worst(bag.findings) is Outcome.REFUSE and "case.json" not in bag.payload:
        return Submission(None, {}, (), bag.findings)
    try:
        facts = CaseFacts.model_validate_json(bag.payload.get("case.json", b""))
    except (ValidationError, ValueError, RecursionError) as error:
        return Submission(None, {}, (), (*bag.findings, *_schema(error)))
    files, found = _files(bag, facts)
    found = [*bag.findings, *found, *_persons(facts, now), *_process(facts, now)]
    if facts.supplement:
        found.append(finding("SUPPLEMENT_PENDING", "case.json:supplement"))
    known, taken = _known_item(catalogue, facts)
    if known is None:
        found.append(
            finding("ITEM_UNKNOWN", "case.json:item", item=facts.item.code if _ITEM.fullmatch(facts.item.code) else "（编码格式有误）")
        )
    else:
        found += _item(facts, known, taken)
    found += [finding("ORG_UNKNOWN", f"case.json:orgs.{place}") for place, code in facts.orgs if code not in organisations]
    found += [
        finding("ORG_UNKNOWN", f"case.json:process[{index}].org")
        for index, event in enumerate(facts.process)
        if event.org not in organisations
    ]
    return Submission(facts, taken, tuple(files), tuple(found))


def _schema(error: Exception) -> list[Finding]:
    """Place and kind of what is wrong; the value itself may be personal and is not repeated."""
    if not isinstance(error, ValidationError):
        return [finding("SCHEMA", "case.json", why="无法解析")]
    wrong = error.errors(include_url=False, include_context=False, include_input=False)[:20]
    return [finding("SCHEMA", "case.json:" + ".".join(_known_part(part) for part in one["loc"]), why=one["type"]) for one in wrong]


def _known_part(part: int | str) -> str:
    # A key of the package's own making may hold a name or a number; only the names of our own fields are repeated.
    return str(part) if isinstance(part, int) or part in _FIELDS else "（未知字段）"


def _known_item(catalogue: Catalogue, facts: CaseFacts) -> tuple[ServiceItem | None, dict[str, Any]]:
    try:
        item = catalogue.enabled(facts.item.code, facts.item.version)
    except ArchiveError:
        return None, {}
    return item, snapshot(item)


def _files(bag: Bag, facts: CaseFacts) -> tuple[list[SubmittedFile], list[Finding]]:
    files: list[SubmittedFile] = []
    found: list[Finding] = []
    named = [path for material in facts.materials for path in material.files]
    found += [finding("EXTRA_FILE", "data") for _ in sorted(bag.payload.keys() - {*named, "case.json"})[:1]]
    if len(named) != len(set(named)) or len({one.no for one in facts.materials}) != len(facts.materials):
        found.append(finding("SCHEMA", "case.json:materials", why="重复的件号或文件"))
    for material in facts.materials:
        mine, wrong = _material(bag, material)
        files += mine
        found += wrong
    return files, found


def _material(bag: Bag, material: Material) -> tuple[list[SubmittedFile], list[Finding]]:
    place = f"material {material.no}"
    if material.form is not None:
        wrong = material.source is not SourceKind.SYSTEM_FORM or material.files
        return [], [finding("SCHEMA", place, why="电子表单不应另附文件")] if wrong else []
    files: list[SubmittedFile] = []
    found: list[Finding] = []
    counted = 0
    for path in material.files:
        data = bag.payload.get(path)
        if data is None:
            found.append(finding("FILE_MISSING", place, material=material.no))
            continue
        media_type = identify(data)
        if media_type is None:
            # Named as something we take, it is a broken one; the person needs another word than for a foreign format.
            known = path.lower().endswith((".jpg", ".jpeg", ".png", ".tif", ".tiff", ".pdf", ".ofd"))
            found.append(finding("GD-3-4" if known else "FORMAT_UNKNOWN", place, material=material.no))
            continue
        seen = look(data, media_type)
        if seen.fault:
            found.append(finding(seen.fault, place, material=material.no))
            continue
        found += [
            finding("BLANK_PAGE", place, material=material.no, page=counted + page)
            for page in seen.blank
            if counted + page not in material.blank_pages
        ]
        found += [finding("LOW_RESOLUTION", place, material=material.no, page=counted + page) for page in seen.coarse]
        counted += seen.pages
        files.append(SubmittedFile(material.no, path, hashlib.sha256(data).hexdigest(), len(data), media_type, seen.pages, data))
    found += _counted(material, files, counted, broken=len(files) != len(material.files))
    return files, found


def _counted(material: Material, files: list[SubmittedFile], counted: int, *, broken: bool) -> Iterator[Finding]:
    place = f"material {material.no}"
    if counted != material.pages and not broken:
        yield finding("GD-2-7", place, material=material.no, declared=material.pages, counted=counted)
    ref = material.source_ref
    if ref and ref.sha256 and files and ref.sha256 not in {one.sha256 for one in files}:
        yield finding("GD-1-1", place, material=material.no)
    if material.source is SourceKind.SHARED_CERT and ref is None:
        yield finding("NO_EVIDENCE", place, material=material.no)


def _item(facts: CaseFacts, item: ServiceItem, taken: dict[str, Any]) -> Iterator[Finding]:
    if item.mode is Mode.HOME_ONLY and facts.citywide:
        yield finding("MODE_VIOLATION", "case.json:orgs.receive", item=item.code)
    present = {one.type for one in facts.materials}
    for one in required_materials(taken):
        if one.name not in present:
            yield finding("GD-2-9", "case.json:materials", material=one.name)
    forms = {one.form for one in facts.materials if one.source is SourceKind.SYSTEM_FORM}
    for kind in (FormKind.RECEIPT, FormKind.APPROVAL):
        if kind not in forms and kind.label in present:
            yield finding("FORM_NOT_SYSTEM", "case.json:materials", material=kind.label)
    if facts.citywide and facts.grant is None:
        yield finding("NO_GRANT", "case.json:grant")


def _persons(facts: CaseFacts, now: datetime) -> Iterator[Finding]:
    persons = [("applicant", facts.applicant), *((f"subjects[{index}]", one) for index, one in enumerate(facts.subjects))]
    for place, person in persons:
        if person.id_number:
            fault = citizen_id.check(person.id_number, now.date())
            if fault:
                yield finding("ID_INVALID", f"case.json:{place}.id_number", why=fault)
    if not facts.applicant.id_number:
        yield finding("ID_INVALID", "case.json:applicant.id_number", why="MISSING")


def _process(facts: CaseFacts, now: datetime) -> Iterator[Finding]:
    nodes = [event.node for event in facts.process]
    needed = _CITYWIDE if facts.citywide else _HOME
    missing = [node.label for node in needed if node not in nodes]
    if missing:
        yield finding("GD-2-5", "case.json:process", why=f"缺少{'、'.join(missing)}")
    order = [_CITYWIDE.index(node) for node in nodes]
    if order != sorted(order):
        yield finding("GD-2-5", "case.json:process", why="环节顺序颠倒")
    times = [event.at for event in facts.process]
    if times != sorted(times) or times[-1] > now:
        yield finding("GD-2-5", "case.json:process", why="时间颠倒或晚于现在")
    if any(not event.actor_no for event in facts.process):
        yield finding("GD-2-5", "case.json:process", why="缺少办理人")
    receivers = {event.actor_no for event in facts.process if event.node is Node.RECEIVE}
    if facts.citywide and receivers & {event.actor_no for event in facts.process if event.node is Node.APPROVE}:
        yield finding("SAME_PERSON", "case.json:process")
