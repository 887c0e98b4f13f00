"""Inspection of a package: facts, examined files and findings.

The checks themselves are in `archive.inspection`; this module gives them their subject.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from archive.inspection.subject import Look, LookedFile, Subject
from archive.inspection.table import Phase, all_findings, inspect
from archive.reference.case_facts import CaseFacts
from archive.reference.errors import ArchiveError
from archive.reference.findings import Finding, finding, worst
from archive.reference.organisations import Organisations
from archive.reference.prints import PageViews, Place
from archive.reference.service_items import Catalogue, ServiceItem, snapshot
from archive.reference.vocabulary import Outcome
from ingest.errors import PackageChangedError
from ingest.intake.facts import read_facts
from ingest.intake.second_looks import PageBytes, copies_within
from ingest.package.bag import Bag
from ingest.package.payload import PayloadFile
from ingest.reading.sandbox import examine_file

_ITEM = re.compile(r"[A-Z]{2}[0-9]{2}")


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
        facts, faults = read_facts(bag)
        if facts is None:
            return Submission(None, {}, (), (*bag.findings, *faults))
        files = tuple(_examined(bag, facts))
    except PackageChangedError:
        return _changed(bag)
    item, item_snapshot = _known_item(catalogue, facts)
    named = {_key(path) for material in facts.materials for path in material.files}
    named.add("case.json")
    strays = tuple(file.sha256 for path, file in sorted(bag.payload.items()) if path not in named)
    subject = Subject(facts, item, item_snapshot, organisations, files, now, strays)
    try:
        copies = copies_within(subject, lambda path: bag.payload[_key(path)].read())
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
            file = bag.payload.get(_key(path))
            if file is None:
                yield LookedFile(material.no, path, "", 0, None)
                continue
            if path not in reports:
                reports[path] = examine_file(file)
            yield LookedFile(material.no, path, file.sha256, file.size, reports[path])


def _key(path: str) -> str:
    """Return a path of case.json as the payload is keyed.

    It is composed, and a backslash, which no name in a bag has, is a slash of Windows.
    """
    return unicodedata.normalize("NFC", path.replace("\\", "/"))


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
                bag.payload[_key(file.path)],
            )
