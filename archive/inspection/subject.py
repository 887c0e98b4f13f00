"""What is inspected: the facts of a case, its item, and what a look into each of its files gave."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from archive.reference.case_facts import CaseFacts, Material
from archive.reference.organisations import Organisations
from archive.reference.service_items import ServiceItem
from archive.reference.vocabulary import SourceKind

CAPTURED = frozenset({SourceKind.SCANNED_PROOF, SourceKind.ONLINE_APPLICATION})
"""What somebody scanned or photographed, so that it can be a false, a poor or a second picture."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look into a file gave; pages count from 1.

    `fault` is the code of a finding, `why` its reason in our own words. `pictures` are digests of the decoded pages that are not blank, so
    that the same image is known under another name or other metadata. `prints` are pages with what a copy of them is known by, in hex. `flags` are codes of findings that do not stop the look.
    `unclear` are pages with the code of what makes them hard to read, `texts` pages with their text layer, `taken` pages with the latest time that
    the camera or the scanner wrote into them, local and without a zone.
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


@dataclass(frozen=True, slots=True)
class LookedFile:
    """One file that case.json names, as it was found; `look` is None when the package does not hold it."""

    material_no: int
    path: str
    sha256: str
    size: int
    look: Look | None


@dataclass(frozen=True, slots=True)
class Subject:
    """A case as the checks see it. `item` is None when the catalogue does not have it; `strays` are the digests of payload files that nobody names."""

    facts: CaseFacts
    item: ServiceItem | None
    snapshot: Mapping[str, Any]
    organisations: Organisations
    files: tuple[LookedFile, ...]
    now: datetime
    strays: tuple[str, ...] = ()
    _by_material: dict[int, list[LookedFile]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        for one in self.files:
            self._by_material.setdefault(one.material_no, []).append(one)

    def files_of(self, material: Material) -> tuple[LookedFile, ...]:
        """The files of one material in the order of case.json."""
        return tuple(self._by_material.get(material.no, ()))

    def sound_files_of(self, material: Material) -> tuple[LookedFile, ...]:
        """Those of them that could be opened."""
        return tuple(
            one
            for one in self.files_of(material)
            if one.look and one.look.media_type and not one.look.fault
        )

    def complete(self, material: Material) -> bool:
        """Whether every file of a material could be opened, so that its pages can be counted."""
        return len(self.sound_files_of(material)) == len(material.files)

    def numbered(self, material: Material) -> Iterator[tuple[LookedFile, Look, int]]:
        """The sound files of a material, each with the number of pages before it."""
        before = 0
        for one in self.sound_files_of(material):
            if one.look:
                yield one, one.look, before
                before += one.look.pages

    def prints(self) -> dict[tuple[int, int], int]:
        """The prints of what was scanned or sent in, by material and page. A certificate fetched twice is the same by right."""
        return {
            (material.no, before + page): int(bits, 16)
            for material in self.facts.materials
            if material.source in CAPTURED
            for _, look, before in self.numbered(material)
            for page, bits in look.prints
        }
