"""The text of scanned pages, as OCR read it: lines with their boxes, kept in the store by content; and what pages of a case or a volume say."""

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
from archive.jobs.leases import all_recorded
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
_SOME = 400  # digests in one question: SQLite takes a limited number of values


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its text, how sure the engine is (0 to 1), and its corners from the upper left clockwise, in ten-thousandths of the upright page."""

    text: str
    confidence: float
    corners: tuple[int, int, int, int, int, int, int, int]

    def along(self) -> Iterator[tuple[str, float, float]]:
        """The characters, each with the shares of the line's length at which it begins and ends: the engine tells lines, not characters.

        Letters and digits are half as wide as ideographs, and so is a mark at the end, whose ink ends there.
        """
        widths = [0.5 if ord(one) < _NARROW else 1.0 for one in self.text]
        if self.text and self.text[-1] in _HALF_EMPTY:
            widths[-1] = 0.5
        total, at = sum(widths) or 1.0, 0.0
        for character, width in zip(self.text, widths, strict=True):
            yield character, at / total, (at + width) / total
            at += width


@dataclass(frozen=True, slots=True)
class PageText:
    """What was read on one page. `whole` says that the page of a PDF was drawn and read, not a picture."""

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
        """The lines, from above."""
        return "\n".join(one.text for one in self.lines)

    def measure(self) -> tuple[int, float]:
        """How many characters were read, and how sure the engine was of one of them."""
        letters = sum(len(one.text) for one in self.lines)
        sure = (
            sum(one.confidence * len(one.text) for one in self.lines) / letters if letters else 1.0
        )
        return letters, round(sure, 4)

    def to_json(self) -> bytes:
        """The derivative as it is kept: same reading, same bytes."""
        return (
            json.dumps({"spec": SPEC, **asdict(self)}, ensure_ascii=False, sort_keys=True) + "\n"
        ).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "PageText":
        """Read a derivative. Raises ValueError or KeyError for what is none."""
        row = json.loads(data)
        if row.pop("spec") != SPEC:
            raise ValueError("not a page text")
        lines = tuple(
            Line(one["text"], one["confidence"], tuple(one["corners"])) for one in row.pop("lines")
        )
        return cls(**row, lines=lines)


def texts_of(
    session: Session, store: BlobStore, digests: Iterable[str], *, before: datetime | None = None
) -> dict[tuple[str, int], PageText]:
    """The texts there are of these files, by digest and page (from 1); `before` leaves out what was read later, so that a plan stays what it was.

    A text whose bytes are missing or changed is left out: it can be read again, and the page itself is the record.
    """
    wanted, found = sorted(set(digests)), {}
    for at in range(0, len(wanted), _SOME):
        query = select(RecognisedPage).where(
            RecognisedPage.sha256.in_(wanted[at : at + _SOME]),
            RecognisedPage.text_sha256.is_not(None),
        )
        if before is not None:
            query = query.where(RecognisedPage.recognised_at <= before)
        for row in session.scalars(query):
            text = _read(store, row.text_sha256 or "")
            if text is not None:
                found[row.sha256, row.page] = text
    return found


def _read(store: BlobStore, digest: str) -> PageText | None:
    try:
        return PageText.from_json(store.read(blob_key(digest), sha256=digest))
    except (MissingError, DigestMismatchError):
        return None


def texts_of_case(
    session: Session, store: BlobStore, case_no: str, revision: int | None = None
) -> dict[tuple[int, int], PageText]:
    """What the scanned pages of a case say, by material and page (from 1, in the order of case.json); newest usable revision unless one is named.

    Pages that are not read yet, or are born digital, are not in it. For checks of page order and of names (R31, R32).
    """
    case = session.scalars(select(Case).where(Case.case_no == case_no)).first()
    if case is None:
        return {}
    held = session.scalars(
        select(CaseRevision).filter_by(case_id=case.id, revision=revision or case.revision)
    ).first()
    if held is None:
        return {}
    rows = {
        row.path: row
        for row in session.scalars(
            select(Component).filter_by(case_id=case.id, revision=held.revision)
        )
    }
    texts = texts_of(session, store, (row.sha256 for row in rows.values()))
    found: dict[tuple[int, int], PageText] = {}
    for material in CaseFacts.model_validate(held.facts).materials:
        before = 0
        for row in (rows[path] for path in material.files if path in rows):
            found |= {
                (material.no, before + page): texts[row.sha256, page]
                for page in _pages(row.pages)
                if (row.sha256, page) in texts
            }
            before += max(row.pages, 1)
    return found


def texts_of_volume(
    session: Session,
    store: BlobStore,
    volume: Volume,
    version: VolumeVersion,
    catalogue: Catalogue,
    organisations: Organisations,
) -> Mapping[int, PageText]:
    """What was read on the pages of one version of a volume, by page of the volume; also what came after it was sealed."""
    held = session.scalars(
        select(Component)
        .filter_by(case_id=volume.case_id, revision=version.case_revision)
        .order_by(Component.path)
    ).all()
    texts = texts_of(session, store, (row.sha256 for row in held))
    contents = all_recorded(session, version).get(VolumeState.COMPILED, {}).get("contents", [])
    if not texts or not contents:
        return {}
    from archive.arrangement.plan import plan_volume  # noqa: PLC0415 - loads the typesetter, which few who ask here need

    revision = session.scalars(
        select(CaseRevision).filter_by(case_id=volume.case_id, revision=version.case_revision)
    ).one()
    facts = CaseFacts.model_validate(revision.facts)
    objects = [
        OriginalObject(one.material_no, one.path, one.sha256, one.size, one.media_type, one.pages)
        for one in held
    ]
    item = catalogue.get(facts.item.code, facts.item.version)
    orders = orders_of(session, volume.case_id, version.case_revision)
    plan = plan_volume(facts, item, ArchivalCode.parse(volume.code), objects, organisations, orders)
    starts = {one["no"]: one["page"] for one in contents}
    found: dict[int, PageText] = {}
    for planned in plan.items:
        leaves = planned.leaves or [
            Leaf(file, page)
            for file, one in enumerate(planned.objects, 1)
            for page in _pages(one.pages)
        ]
        for place, leaf in enumerate(leaves if planned.form is None else ()):
            key = (planned.objects[leaf.file - 1].sha256, leaf.page)
            # What was read on a page that lay the wrong way is no text of it.
            if key in texts and not leaf.turn:
                found[starts[planned.no] + place] = texts[key]
    return found


def _pages(count: int) -> range:
    return range(1, max(count, 1) + 1)
