"""What is inspected: the facts of a case, its item, and what reading its files gave."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from archive.reference.case_facts import CaseFacts, Material
from archive.reference.findings import Finding, answered
from archive.reference.organisations import Organisations
from archive.reference.prints import PageCopy, PageViews, Place, page_views
from archive.reference.service_items import ServiceItem
from archive.reference.vocabulary import MaterialKind, SourceKind

CAPTURED = frozenset({SourceKind.SCANNED_PROOF, SourceKind.ONLINE_APPLICATION})
"""Sources that somebody scanned or photographed: pictures may be false, poor or doubled."""
_PHOTO = re.compile("照片|相片|证件照|登记照|半身照|免冠")
_BOOKLET = re.compile("户口簿|户口本|护照|旅行证|通行证|结婚证|离婚证|居住证|身份证|港澳|回乡证")


EMPTY = "空文件"
"""Why a file of no bytes cannot be read."""


@dataclass(frozen=True, slots=True)
class Look:
    """What reading a file gave; pages count from 1.

    `fault` is the code of a finding, `why` its reason in our own words. `pictures` are digests of
    the decoded pages that are not blank, so that the same image is known under another name or
    other metadata. `prints` are pages with the print by which a copy of them is known, in hex.
    `flags` are codes of findings that do not stop the reading. `unclear` are pages with the code
    of what makes them hard to read, `texts` pages with their text layer, `taken` pages with the
    latest time that the camera or the scanner wrote into them, local and without a zone. `fonts`
    are names of fonts that a PDF does not bring along and whose letters ours may not match;
    `remarks` are pages with notes whose text the page does not show. `signature` is
    the ForeignSignature of a document that bears one, else empty. `own_pages` are those of an
    OFD, which has no `pages`: they are not shown, its rendition is. `views`
    are pages with their prints seen otherwise (`archive.reference.prints.PageViews`), packed.
    `coarse` are pages too coarse for A4, `coarsest` of them those too coarse for half its size.
    """

    media_type: str | None
    pages: int = 0
    blank: tuple[int, ...] = ()
    coarse: tuple[int, ...] = ()
    fault: str | None = None
    why: str = ""
    pictures: tuple[str, ...] = ()
    prints: tuple[tuple[int, str], ...] = ()
    flags: tuple[str, ...] = ()
    unclear: tuple[tuple[int, str], ...] = ()
    texts: tuple[tuple[int, str], ...] = ()
    taken: tuple[tuple[int, str], ...] = ()
    signature: str = ""
    own_pages: int = 0
    fonts: tuple[str, ...] = ()
    remarks: tuple[int, ...] = ()
    views: tuple[tuple[int, str], ...] = ()
    coarsest: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LookedFile:
    """A file that case.json names; `look` is None when the package does not hold it."""

    material_no: int
    path: str
    sha256: str
    size: int
    look: Look | None


@dataclass(frozen=True, slots=True)
class Subject:
    """A case as the checks read it.

    `item` is None when the catalogue does not have it; `strays` are the digests of payload files
    that case.json does not name; `copies` are pages that a second look found to be one.
    """

    facts: CaseFacts
    item: ServiceItem | None
    snapshot: Mapping[str, Any]
    organisations: Organisations
    files: tuple[LookedFile, ...]
    now: datetime
    strays: tuple[str, ...] = ()
    copies: tuple[PageCopy, ...] = ()
    _by_material: Mapping[int, tuple[LookedFile, ...]] = field(
        init=False, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        by_material: dict[int, tuple[LookedFile, ...]] = {}
        for file in self.files:
            by_material[file.material_no] = (*by_material.get(file.material_no, ()), file)
        object.__setattr__(self, "_by_material", MappingProxyType(by_material))

    def files_of(self, material: Material) -> tuple[LookedFile, ...]:
        """Return the files of a material in the order of case.json."""
        return self._by_material.get(material.no, ())

    def sound_files_of(self, material: Material) -> tuple[LookedFile, ...]:
        """Return the files of a material that could be opened."""
        return tuple(
            file
            for file in self.files_of(material)
            if file.look and file.look.media_type and not file.look.fault
        )

    def complete(self, material: Material) -> bool:
        """Return whether every file of a material could be opened.

        Only then can its pages be counted.
        """
        return len(self.sound_files_of(material)) == len(material.files)

    def numbered(self, material: Material) -> Iterator[tuple[LookedFile, Look, int]]:
        """Yield the sound files of a material, each with the number of pages before it."""
        before = 0
        for file in self.sound_files_of(material):
            if file.look:
                yield file, file.look, before
                before += file.look.pages

    def kind_of(self, material: Material) -> MaterialKind:
        """Return what a material is, by its form, its name and what its files hold."""
        if material.form is not None:
            return MaterialKind.FORM
        if _PHOTO.search(material.type):
            return MaterialKind.PHOTO
        if _BOOKLET.search(material.type):
            return MaterialKind.BOOKLET
        texts = any(look.texts for _, look, _ in self.numbered(material))
        return MaterialKind.DOCUMENT if texts else MaterialKind.PAPER

    def answered(self, entry: Finding) -> Finding:
        """Return a finding with what can be done about the material that it is about."""
        material = next(
            (row for row in self.facts.materials if entry.place == f"material {row.no}"), None
        )
        return answered(entry, material.source, self.kind_of(material)) if material else entry

    def views(self) -> dict[Place, PageViews]:
        """Return the prints of what was scanned or sent in, by material and page.

        Shared certificates are left out: one that is fetched twice is rightly the same.
        """
        return {
            (material.no, before + page): page_views(int(bits, 16), dict(look.views).get(page, ""))
            for material in self.facts.materials
            if material.source in CAPTURED
            for _, look, before in self.numbered(material)
            for page, bits in look.prints
        }

    def located(self, place: Place) -> tuple[LookedFile, int] | None:
        """Return the file that holds a page of a material, and the page within it."""
        no, page = place
        material = next((row for row in self.facts.materials if row.no == no), None)
        return next(
            (
                (file, page - before)
                for file, look, before in (self.numbered(material) if material else ())
                if 0 < page - before <= look.pages
            ),
            None,
        )
