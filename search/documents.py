"""What the index holds: one document for a volume (R33, R41).

It holds the facts of the volume and the text of each page. One document for each page would be
found no better and ten times slower: a phrase that stands on most pages then has ten times as
many places to prove. On which pages it stands is looked up in the few volumes that are shown.

No ID number and no telephone number is in a document: page texts are masked before they come
here, and look-ups by such a number go through the blind index of the database. Names are in it in
plain, since they are what people look for; hits show them masked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pypdfium2 as pdfium
from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.policy import scope_of
from archive.arrangement.filing import volume_title
from archive.compile.pdfium import PDFIUM_LOCK
from archive.database.tables_cases import Case
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.recognition.page_texts import texts_of_volume
from archive.reference.case_facts import CaseFacts
from archive.reference.codes import ArchivalCode, storage_prefix
from archive.reference.local_time import LOCAL_TIME
from archive.reference.masking import mask_numbers
from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import Series, SourceKind, VolumeState
from search.analysis import GAP
from storage.blobs import BlobStore
from storage.errors import DigestMismatchError, MissingError

_EPOCH = date(1850, 1, 1)
_VOLUME_BITS = 35
_TERMS = ("D10", "D30", "Y")
_FIRST_YEAR, _YEARS, _NUMBERS = 1900, 200, 1_000_000


@dataclass(frozen=True, slots=True)
class Document:
    """The index document of a volume.

    `head` are its facts in words, `pages` the texts of those pages that have any, by page number.
    `scope` are the codes of the organisations whose readers may find it. Free text is looked for
    in head and pages.
    """

    volume_id: int
    version: int
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
    head: str
    pages: tuple[tuple[int, str], ...]
    scope: tuple[str, ...]

    @property
    def date_key(self) -> int:
        """Return the sort key of the day of completion, then of the id.

        No two volumes share it. Below 2^64.
        """
        return (max((self.completed_on - _EPOCH).days, 0) << _VOLUME_BITS) | self.volume_id

    @property
    def code_key(self) -> int:
        """Return the sort key of the 档号; no two volumes share it. Below 2^64."""
        return _code_key(self.code)


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


def _letters(series: str) -> int:
    return (ord(series[0]) - ord("A")) * 26 + ord(series[1]) - ord("A")


def load_document(
    session: Session,
    store: BlobStore,
    volume_id: int,
    catalogue: Catalogue,
    organisations: Organisations,
) -> Document | None:
    """Return the document of the newest committed version of a volume.

    None when it has no such version, or is void. A volume whose bytes are missing or changed is
    found by its facts alone: `yice verify` reports its fault.
    """
    row = session.execute(
        select(Volume, VolumeVersion, Case)
        .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
        .join(Case, Case.id == Volume.case_id)
        .where(
            Volume.id == volume_id,
            VolumeVersion.state == VolumeState.COMMITTED,
            Volume.void_reason.is_(None),
        )
        .order_by(VolumeVersion.version.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    volume, version, case = row
    key = f"{storage_prefix(ArchivalCode.parse(volume.code), version.version)}/volume.pdf"
    try:
        texts = page_texts(store.read(key, sha256=version.sha256))
    except (MissingError, DigestMismatchError, pdfium.PdfiumError):
        texts = []
    read = texts_of_volume(session, store, volume, version, catalogue, organisations)
    texts = [
        with_reading(text, read[page].text) if page in read else text
        for page, text in enumerate(texts, 1)
    ]
    return document_of(volume, version.version, case, texts, catalogue, organisations)


def page_texts(pdf: bytes) -> list[str]:
    """Return the text of each page, in order; empty for a page that is only an image."""
    with PDFIUM_LOCK, pdfium.PdfDocument(pdf) as document:
        return [_page_text(document, index) for index in range(len(document))]


def with_reading(text: str, read: str) -> str:
    """Return a page's text with what OCR read on it.

    The reading is left out when it lies under the page already: it came before the volume was
    sealed.
    """
    return text if "".join(read.split()) in "".join(text.split()) else GAP.join((text, read))


def _page_text(document: pdfium.PdfDocument, index: int) -> str:
    # Closed here and not by the collector, which may run in another thread.
    page = document[index]
    words = page.get_textpage()
    text: str = words.get_text_range()
    words.close()
    page.close()
    return text


def document_of(
    volume: Volume,
    version: int,
    case: Case,
    texts: Sequence[str],
    catalogue: Catalogue,
    organisations: Organisations,
) -> Document:
    """Return the document of a volume whose pages carry these texts."""
    facts = CaseFacts.model_validate(case.facts)
    item = catalogue.get(case.item_code, case.item_version)
    names = tuple(dict.fromkeys(person.name for person in (facts.applicant, *facts.subjects)))
    title = volume_title(facts, item, organisations)
    orgs = tuple(
        dict.fromkeys((volume.filing_org, case.receive_org, case.accept_org, case.domicile_org))
    )
    labels = (
        item.name,
        Series(volume.series).label,
        *(organisations.get(org).name for org in orgs),
    )
    return Document(
        volume_id=volume.id,
        version=version,
        code=volume.code,
        case_no=case.case_no,
        item=case.item_code,
        series=volume.series,
        fonds=volume.fonds,
        year=volume.year,
        receive_org=case.receive_org,
        domicile_org=case.domicile_org,
        district=organisations.district_of(volume.filing_org).code,
        sources=tuple(sorted({str(SourceKind(material.source)) for material in facts.materials})),
        completed_on=volume.completed_at.astimezone(LOCAL_TIME).date(),
        names=names,
        title=title,
        head=mask_numbers(GAP.join((title, *names, volume.code, case.case_no, *labels))),
        pages=tuple(
            (page, mask_numbers(text)) for page, text in enumerate(texts, 1) if text.strip()
        ),
        scope=scope_of((*orgs, *((volume.cross_org,) if volume.cross_org else ())), organisations),
    )
