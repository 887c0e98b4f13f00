"""Inspection of a package: facts, examined files and findings.

The checks themselves are in `archive.inspection`; this module gives them their subject.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from archive.inspection.subject import Look, LookedFile, Subject
from archive.inspection.table import Phase, all_findings, inspect
from archive.reference.case_facts import (
    CaseFacts,
    CaseGrant,
    CaseOrgs,
    ItemRef,
    Material,
    PaperRef,
    Person,
    ProcessEvent,
    SealUse,
    SourceRef,
)
from archive.reference.errors import ArchiveError
from archive.reference.findings import Finding, finding, worst
from archive.reference.organisations import Organisations
from archive.reference.prints import PageViews, Place
from archive.reference.service_items import Catalogue, ServiceItem, snapshot
from archive.reference.vocabulary import Outcome
from ingest.errors import PackageChangedError
from ingest.intake.second_looks import PageBytes, copies_within
from ingest.package.bag import Bag
from ingest.package.payload import PayloadFile
from ingest.reading.sandbox import examine_file

_PARTS = (CaseOrgs, CaseGrant, ItemRef, PaperRef, Person, ProcessEvent, SealUse, SourceRef)
_ITEM = re.compile(r"[A-Z]{2}[0-9]{2}")
_FIELDS = frozenset(name for model in (CaseFacts, Material, *_PARTS) for name in model.model_fields)
_MAX_FACTS = 8 << 20


@dataclass(frozen=True, slots=True)
class SubmittedFile:
    """One file of a material, identified and counted.

    Its bytes stay in the package until they are taken over.
    """

    material_no: int
    path: str
    sha256: str
    size: int
    media_type: str
    pages: int
    file: PayloadFile

    def read(self) -> bytes:
        """Return the untouched bytes.

        Raises PackageChangedError when they are no longer those that were inspected.
        """
        return self.file.read()


@dataclass(frozen=True, slots=True)
class Submission:
    """A package as inspected.

    `facts` is None when case.json could not be understood; `views` are keyed by material and
    page, for `archive.accession.page_prints`.
    """

    facts: CaseFacts | None
    snapshot: dict[str, Any]
    components: tuple[SubmittedFile, ...]
    findings: tuple[Finding, ...]
    views: Mapping[Place, PageViews] = field(default_factory=dict)

    @property
    def prints(self) -> dict[Place, int]:
        """Return the print of each scanned page as it lies, as it is kept."""
        return {place: views.print_ for place, views in self.views.items()}

    @property
    def ways(self) -> dict[Place, tuple[int, ...]]:
        """Return the prints of each scanned page for every way that it may lie."""
        return {place: views.ways for place, views in self.views.items()}

    def page(self, place: Place) -> PageBytes | None:
        """Return the bytes of a page of a material, or None when there is none."""
        no, page = place
        for component in self.components:
            if component.material_no != no:
                continue
            if page <= component.pages:
                return component.read, page
            page -= component.pages
        return None

    @property
    def outcome(self) -> Outcome | None:
        """Return the gravest outcome of the findings."""
        return worst(self.findings)


def inspect_submission(
    bag: Bag, catalogue: Catalogue, organisations: Organisations, *, now: datetime
) -> Submission:
    """Return the submission that a bag holds; never raises for its content.

    Raises SandboxError when this machine cannot open files.
    """
    if worst(bag.findings) is Outcome.REFUSE and "case.json" not in bag.payload:
        return Submission(None, {}, (), bag.findings)
    try:
        facts, faults = _facts(bag)
        if facts is None:
            return Submission(None, {}, (), (*bag.findings, *faults))
        files = tuple(_examined(bag, facts))
    except PackageChangedError:
        return _changed(bag)
    item, item_snapshot = _known_item(catalogue, facts)
    named = {path for material in facts.materials for path in material.files} | {"case.json"}
    strays = tuple(file.sha256 for path, file in sorted(bag.payload.items()) if path not in named)
    subject = Subject(facts, item, item_snapshot, organisations, files, now, strays)
    try:
        copies = copies_within(subject, lambda path: bag.payload[path].read())
    except PackageChangedError:
        return _changed(bag)
    subject = replace(subject, copies=copies)
    findings = [*bag.findings, *_item(facts, item), *all_findings(inspect(subject, Phase.GD))]
    if facts.supplement:
        findings.append(finding("SUPPLEMENT", "case.json:supplement"))
    return Submission(
        facts,
        item_snapshot,
        tuple(_components(bag, files)),
        tuple(dict.fromkeys(findings)),
        subject.views(),
    )


def _changed(bag: Bag) -> Submission:
    # Another process still writes into it; the other packages of the batch are inspected.
    return Submission(
        None, {}, (), (*bag.findings, finding("BAG_INVALID", "bag", why="检测期间被改动"))
    )


def _facts(bag: Bag) -> tuple[CaseFacts | None, list[Finding]]:
    case = bag.payload.get("case.json")
    if case is None:
        return None, [finding("SCHEMA", "case.json", why="缺少 case.json")]
    if case.size > _MAX_FACTS:
        return None, [finding("SCHEMA", "case.json", why="文件过大")]
    try:
        text = case.read()
        json.loads(text, object_pairs_hook=_unique_keys)
        return CaseFacts.model_validate_json(text), []
    except (ValidationError, ValueError, RecursionError) as error:
        return None, _schema(error)


def _unique_keys(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    # Of a repeated key one reader takes the first value and another the last: two cases in one
    # file.
    pairs = list(pairs)
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice")
    return fields


def _schema(error: Exception) -> list[Finding]:
    """Return findings with place and kind of what is wrong.

    The value itself may be personal and is not repeated.
    """
    if not isinstance(error, ValidationError):
        return [finding("SCHEMA", "case.json", why="无法解析")]
    details = error.errors(include_url=False, include_context=False, include_input=False)[:20]
    return [
        finding(
            "SCHEMA",
            "case.json:" + ".".join(_known_part(part) for part in detail["loc"]),
            why=detail["type"],
        )
        for detail in details
    ]


def _known_part(part: int | str) -> str:
    # A key that the package invented may hold a name or a number; only the names of our own
    # fields are repeated.
    return str(part) if isinstance(part, int) or part in _FIELDS else "（未知字段）"


def _known_item(
    catalogue: Catalogue, facts: CaseFacts
) -> tuple[ServiceItem | None, dict[str, Any]]:
    try:
        item = catalogue.enabled(facts.item.code, facts.item.version)
    except ArchiveError:
        return None, {}
    return item, snapshot(item)


def _item(facts: CaseFacts, item: ServiceItem | None) -> list[Finding]:
    if item is not None:
        return []
    code = facts.item.code if _ITEM.fullmatch(facts.item.code) else "（编码格式有误）"
    return [finding("ITEM_UNKNOWN", "case.json:item", item=code)]


def _examined(bag: Bag, facts: CaseFacts) -> Iterable[LookedFile]:
    reports: dict[str, Look] = {}
    for material in facts.materials:
        for path in material.files if material.form is None else ():
            file = bag.payload.get(path)
            if file is None:
                yield LookedFile(material.no, path, "", 0, None)
                continue
            if path not in reports:
                reports[path] = examine_file(file)
            yield LookedFile(material.no, path, file.sha256, file.size, reports[path])


def _components(bag: Bag, files: Iterable[LookedFile]) -> Iterable[SubmittedFile]:
    for file in files:
        if file.look and file.look.media_type and not file.look.fault:
            yield SubmittedFile(
                file.material_no,
                file.path,
                file.sha256,
                file.size,
                file.look.media_type,
                file.look.pages,
                bag.payload[file.path],
            )
