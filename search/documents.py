"""What the index holds: one document for a volume, and one for each of its pages that carries text (R33, R41).

No ID number and no telephone number is in a document: page texts are masked before they come here, and look-ups by such a number go
through the blind index of the database. Names are in it in plain, since they are what people look for; hits show them masked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import pypdfium2 as pdfium
from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.access import scope_of
from archive.arrangement import LOCAL_TIME, volume_title
from archive.case_facts import CaseFacts
from archive.codes import ArchivalCode, storage_prefix
from archive.masking import mask_numbers
from archive.models import Case, Volume, VolumeVersion
from archive.organisations import Organisations
from archive.page_texts import texts_of_volume
from archive.pdfium import ALONE
from archive.service_items import Catalogue
from archive.vocabulary import Series, SourceKind
from search.analysis import GAP
from storage.blobs import BlobStore
from storage.errors import DigestMismatchError, MissingError

MAX_PAGE = 1365
"""Texts of later pages of one volume stand under this page: page numbers are part of 64-bit sort keys."""

_EPOCH = date(1850, 1, 1)
_PAGE_BITS, _VOLUME_BITS = 12, 35
_TERMS = ("D10", "D30", "Y")
_FIRST_YEAR, _YEARS, _NUMBERS, _PAGES = 1900, 200, 1_000_000, MAX_PAGE + 1


@dataclass(frozen=True, slots=True)
class Document:
    """A volume (`page` 0) or one of its pages. `texts` is how many of its pages have a document, the same on all of them.

    `scope` are the codes of the organisations whose readers may find it. `text` is what free text is looked for in.
    """

    volume_id: int
    version: int
    page: int
    texts: int
    code: str
    case_no: str
    item: str
    series: str
    fonds: str
    year: int
    receive_org: str
    domicile_org: str
    district: str
    sources: tuple[str, ...]
    completed_on: date
    names: tuple[str, ...]
    title: str
    text: str
    scope: tuple[str, ...]

    @property
    def uid(self) -> int:
        """One number for one document, growing with the volume's id and the page."""
        return self.volume_id << _PAGE_BITS | self.page

    @property
    def date_key(self) -> int:
        """Sorts by day of completion, then by `uid`; no two documents share it. Below 2^64."""
        return (max((self.completed_on - _EPOCH).days, 0) << (_VOLUME_BITS + _PAGE_BITS)) | self.uid

    @property
    def code_key(self) -> int:
        """Sorts by 档号, then by page; no two documents share it. Below 2^64."""
        return _code_key(self.code) * _PAGES + self.page


@lru_cache(1024)  # all pages of a volume ask the same
def _code_key(text: str) -> int:
    code = ArchivalCode.parse(text)
    key = (ord(code.fonds[0]) - ord("A")) * 1000 + int(code.fonds[1:])
    for value, size in (
        (_letters(code.series.value), 26 * 26),
        (min(max(code.year - _FIRST_YEAR, 0), _YEARS - 1), _YEARS),
        (_TERMS.index(code.term.value), len(_TERMS)),
        (code.number, _NUMBERS),
    ):
        key = key * size + value
    return key


def volume_and_page(date_key: int) -> tuple[int, int]:
    """Which volume and page a `date_key` is of."""
    uid = date_key & ((1 << (_VOLUME_BITS + _PAGE_BITS)) - 1)
    return uid >> _PAGE_BITS, uid & ((1 << _PAGE_BITS) - 1)


def _letters(series: str) -> int:
    return (ord(series[0]) - ord("A")) * 26 + ord(series[1]) - ord("A")


def load_documents(
    session: Session, store: BlobStore, volume_id: int, catalogue: Catalogue, organisations: Organisations
) -> list[Document]:
    """The documents of the newest committed version of a volume; none when it has none, or is void.

    A volume whose bytes are missing or changed is found by its facts alone: its fault is the business of `yice verify`.
    """
    found = session.execute(
        select(Volume, VolumeVersion, Case)
        .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
        .join(Case, Case.id == Volume.case_id)
        .where(Volume.id == volume_id, VolumeVersion.state == "COMMITTED", Volume.void_reason.is_(None))
        .order_by(VolumeVersion.version.desc())
        .limit(1)
    ).first()
    if found is None:
        return []
    volume, version, case = found
    key = f"{storage_prefix(ArchivalCode.parse(volume.code), version.version)}/volume.pdf"
    try:
        texts = page_texts(store.read(key, sha256=version.sha256))
    except (MissingError, DigestMismatchError, pdfium.PdfiumError):
        texts = []
    read = texts_of_volume(session, store, volume, version, catalogue, organisations)
    texts = [with_reading(text, read[page].text) if page in read else text for page, text in enumerate(texts, 1)]
    return documents_of(volume, version.version, case, texts, catalogue, organisations)


def page_texts(pdf: bytes) -> list[str]:
    """The text of each page, in order; empty for a page that is only an image."""
    with ALONE, pdfium.PdfDocument(pdf) as document:
        return [_page_text(document, index) for index in range(len(document))]


def with_reading(text: str, read: str) -> str:
    """A page's text with what OCR read on it, unless that lies under the page already: it came before the volume was sealed."""
    return text if "".join(read.split()) in "".join(text.split()) else GAP.join((text, read))


def _page_text(document: pdfium.PdfDocument, index: int) -> str:
    # Closed here and not by the collector, which may run in another thread.
    page = document[index]
    words = page.get_textpage()
    text: str = words.get_text_range()
    words.close()
    page.close()
    return text


def documents_of(
    volume: Volume, version: int, case: Case, texts: Sequence[str], catalogue: Catalogue, organisations: Organisations
) -> list[Document]:
    """The document of the volume and those of its pages with text."""
    facts = CaseFacts.model_validate(case.facts)
    item = catalogue.get(case.item_code, case.item_version)
    names = tuple(dict.fromkeys(one.name for one in (facts.applicant, *facts.subjects)))
    title = volume_title(facts, item, organisations)
    orgs = tuple(dict.fromkeys((volume.filing_org, case.receive_org, case.accept_org, case.domicile_org)))
    labels = (item.name, Series(volume.series).label, *(organisations.get(one).name for one in orgs))
    pages = _numbered([mask_numbers(text) for text in texts])

    def document(page: int, text: str) -> Document:
        return Document(
            volume_id=volume.id,
            version=version,
            page=page,
            texts=len(pages),
            code=volume.code,
            case_no=case.case_no,
            item=case.item_code,
            series=volume.series,
            fonds=volume.fonds,
            year=volume.year,
            receive_org=case.receive_org,
            domicile_org=case.domicile_org,
            district=organisations.district_of(volume.filing_org).code,
            sources=tuple(sorted({str(SourceKind(one.source)) for one in facts.materials})),
            completed_on=volume.completed_at.astimezone(LOCAL_TIME).date(),
            names=names,
            title=title,
            text=text,
            scope=scope_of((*orgs, *((volume.cross_org,) if volume.cross_org else ())), organisations),
        )

    head = GAP.join((title, *names, volume.code, case.case_no, *labels))
    return [document(0, mask_numbers(head)), *(document(page, text) for page, text in pages)]


def _numbered(texts: Sequence[str]) -> list[tuple[int, str]]:
    """Page numbers from 1 beside the texts that are not empty; what lies past the last page number there is joined to it."""
    numbered = [(page, text) for page, text in enumerate(texts, 1) if text.strip()]
    kept = [one for one in numbered if one[0] < MAX_PAGE]
    rest = [text for page, text in numbered if page >= MAX_PAGE]
    return [*kept, (MAX_PAGE, GAP.join(rest))] if rest else kept
