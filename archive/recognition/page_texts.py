"""Texts of scanned pages as OCR read them: lines with boxes, kept in the store by content.

Also the texts of the pages of a case or of a volume.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.arrangement.page_order import Leaf, orders_of
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.database.tables_recognition import RecognisedPage
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs.version_steps import all_recorded
from archive.reference.case_facts import CaseFacts
from archive.reference.codes import ArchivalCode
from archive.reference.objects import OriginalObject, blob_key
from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import VolumeState
from storage.blobs import BlobStore
from storage.errors import DigestMismatchError, MissingError

SPEC = "page-text/1"
_NARROW = 0x2000
_HALF_EMPTY = "。，、；：！？"
_BATCH = 400  # digests in one query: SQLite takes a limited number of values


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text.

    `confidence` is 0 to 1; `corners` run from the upper left clockwise, in ten-thousandths of the
    upright page.
    """

    text: str
    confidence: float
    corners: tuple[int, int, int, int, int, int, int, int]

    def along(self) -> Iterator[tuple[str, float, float]]:
        """Yield each character with the shares of the line's length at which it begins and ends.

        The engine reports lines, not characters. Letters and digits are half as wide as ideographs,
        and so is a mark at the end, whose ink ends there.
        """
        widths = [0.5 if ord(character) < _NARROW else 1.0 for character in self.text]
        if self.text and self.text[-1] in _HALF_EMPTY:
            widths[-1] = 0.5
        total, at = sum(widths) or 1.0, 0.0
        for character, width in zip(self.text, widths, strict=True):
            yield character, at / total, (at + width) / total
            at += width


@dataclass(frozen=True, slots=True)
class PageText:
    """The text that was read on one page.

    `whole` says that the page of a PDF was drawn and read, not a picture.
    """

    sha256: str
    page: int
    whole: bool
    width: int
    height: int
    engine: str
    engine_version: str
    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        """Return the lines from the top, joined by newlines."""
        return "\n".join(line.text for line in self.lines)

    def measure(self) -> tuple[int, float]:
        """Return the number of characters and the mean confidence of a character."""
        letters = sum(len(line.text) for line in self.lines)
        sure = (
            sum(line.confidence * len(line.text) for line in self.lines) / letters
            if letters
            else 1.0
        )
        return letters, round(sure, 4)

    def to_json(self) -> bytes:
        """Return the derivative as it is kept: the same reading gives the same bytes."""
        return (
            json.dumps({"spec": SPEC, **asdict(self)}, ensure_ascii=False, sort_keys=True) + "\n"
        ).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "PageText":
        """Return the text of a derivative. Raises ValueError or KeyError for other data."""
        row = json.loads(data)
        if row.pop("spec") != SPEC:
            raise ValueError("not a page text")
        lines = tuple(
            Line(line["text"], line["confidence"], tuple(line["corners"]))
            for line in row.pop("lines")
        )
        return cls(**row, lines=lines)


def texts_of(
    session: Session, store: BlobStore, digests: Iterable[str], *, before: datetime | None = None
) -> dict[tuple[str, int], PageText]:
    """Return the texts there are of these files, by digest and page (from 1).

    `before` leaves out what was read later, so that a plan stays what it was. A text whose bytes
    are missing or changed is left out: it can be read again, and the page itself is the record.
    """
    wanted, texts = sorted(set(digests)), {}
    for at in range(0, len(wanted), _BATCH):
        query = select(RecognisedPage).where(
            RecognisedPage.sha256.in_(wanted[at : at + _BATCH]),
            RecognisedPage.text_sha256.is_not(None),
        )
        if before is not None:
            query = query.where(RecognisedPage.recognised_at <= before)
        for row in session.scalars(query):
            text = _read(store, row.text_sha256 or "")
            if text is not None:
                texts[row.sha256, row.page] = text
    return texts


def _read(store: BlobStore, digest: str) -> PageText | None:
    """Return the text with this digest, or None when its bytes are missing or changed."""
    try:
        return PageText.from_json(store.read(blob_key(digest), sha256=digest))
    except (MissingError, DigestMismatchError):
        return None


def texts_of_case(
    session: Session, store: BlobStore, case_no: str, revision: int | None = None
) -> dict[tuple[int, int], PageText]:
    """Return the texts of the scanned pages of a case, by material and page (from 1).

    Materials are in the order of case.json; the newest usable revision unless one is named.
    Pages that are not read yet, or are born digital, are left out. For checks of page order and
    of names (R31, R32).
    """
    case = session.scalars(select(Case).where(Case.case_no == case_no)).first()
    if case is None:
        return {}
    case_revision = session.scalars(
        select(CaseRevision).filter_by(case_id=case.id, revision=revision or case.revision)
    ).first()
    if case_revision is None:
        return {}
    rows = {
        row.path: row
        for row in session.scalars(
            select(Component).filter_by(case_id=case.id, revision=case_revision.revision)
        )
    }
    texts = texts_of(session, store, (row.sha256 for row in rows.values()))
    by_page: dict[tuple[int, int], PageText] = {}
    for material in CaseFacts.model_validate(case_revision.facts).materials:
        before = 0
        for row in (rows[path] for path in material.files if path in rows):
            by_page |= {
                (material.no, before + page): texts[row.sha256, page]
                for page in _pages(row.pages)
                if (row.sha256, page) in texts
            }
            before += max(row.pages, 1)
    return by_page


def texts_of_volume(
    session: Session,
    store: BlobStore,
    volume: Volume,
    version: VolumeVersion,
    catalogue: Catalogue,
    organisations: Organisations,
) -> Mapping[int, PageText]:
    """Return what was read on the pages of one version of a volume, by page of the volume.

    Texts that were read after the version was sealed are included.
    """
    components = session.scalars(
        select(Component)
        .filter_by(case_id=volume.case_id, revision=version.case_revision)
        .order_by(Component.path)
    ).all()
    texts = texts_of(session, store, (row.sha256 for row in components))
    contents = all_recorded(session, version).get(VolumeState.COMPILED, {}).get("contents", [])
    if not texts or not contents:
        return {}
    # It loads the typesetter, which few callers of this module need.
    from archive.arrangement.plan import plan_volume  # noqa: PLC0415

    revision = session.scalars(
        select(CaseRevision).filter_by(case_id=volume.case_id, revision=version.case_revision)
    ).one()
    facts = CaseFacts.model_validate(revision.facts)
    objects = [
        OriginalObject(
            component.material_no,
            component.path,
            component.sha256,
            component.size,
            component.media_type,
            component.pages,
        )
        for component in components
    ]
    item = catalogue.get(facts.item.code, facts.item.version)
    orders = orders_of(session, volume.case_id, version.case_revision)
    plan = plan_volume(facts, item, ArchivalCode.parse(volume.code), objects, organisations, orders)
    starts = {item["no"]: item["page"] for item in contents}
    by_page: dict[int, PageText] = {}
    for planned in plan.items:
        leaves = planned.leaves or [
            Leaf(file, page)
            for file, original in enumerate(planned.objects, 1)
            for page in _pages(original.pages)
        ]
        for place, leaf in enumerate(leaves if planned.form is None else ()):
            key = (planned.objects[leaf.file - 1].sha256, leaf.page)
            # Text that was read on a page in the wrong orientation is not its text.
            if key in texts and not leaf.turn:
                by_page[starts[planned.no] + place] = texts[key]
    return by_page


def _pages(count: int) -> range:
    """Return the page numbers of a file, at least page 1."""
    return range(1, max(count, 1) + 1)
