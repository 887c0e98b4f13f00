"""The part of `archive.rebuild` that stands beside cases and volumes: deliveries that were not taken over, prints and texts of pages, the scrubs."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.accession.page_prints import keep_prints
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case, Component, Delivery, PagePrint
from archive.database.tables_preservation import FixityCheck
from archive.database.tables_recognition import RecognisedPage
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.preservation.fixity import REPORTS
from archive.recognition.page_texts import PageText
from storage.blobs import BlobStore

DELIVERIES = "deliveries/"


def bring_prints(session: Session, case_id: int, fields: Mapping[str, Any]) -> bool:
    """Keep the prints that an accession record holds; False for one from before they were in it."""
    if "prints" not in fields:
        return False
    keep_prints(
        session,
        case_id,
        {(one["material"], one["page"]): int(one["bits"], 16) for one in fields["prints"]},
    )
    return True


def bring_deliveries(session: Session, store: BlobStore) -> int:
    """Refused and repeated deliveries, each with its findings; returns how many. A refused package itself lies under its prefix still."""
    count = 0
    for one in store.list(DELIVERIES):
        fields = json.loads(store.read(one.key))
        session.add(
            Delivery(
                **{
                    name: fields[name]
                    for name in (
                        "bag",
                        "case_no",
                        "content_digest",
                        "outcome",
                        "findings",
                        "quarantine_prefix",
                    )
                },
                received_at=datetime.fromisoformat(fields["received_at"]),
            )
        )
        count += 1
    return count


def bring_fixity(session: Session, store: BlobStore) -> int:
    """What the scrubs found, as far as their runs came to an end; returns how many looks."""
    query = select(Volume.code, VolumeVersion.version, VolumeVersion.id).join(
        VolumeVersion, VolumeVersion.volume_id == Volume.id
    )
    ids = {f"{code}/v{version}": version_id for code, version, version_id in session.execute(query)}
    looks = [
        look for one in store.list(REPORTS) for look in json.loads(store.read(one.key))["looks"]
    ]
    known = {json.dumps(one, sort_keys=True): one for one in looks}.values()
    count = 0
    for one in sorted(known, key=lambda look: str(look["checked_at"])):
        subject = one.pop("subject")
        if subject is not None and subject not in ids:
            continue  # of a version that is not in the bucket any more, or not yet: `rebuild` says so where it files versions
        at = datetime.fromisoformat(one.pop("checked_at"))
        session.add(FixityCheck(**one, volume_version_id=ids.get(subject or ""), checked_at=at))
        count += 1
    return count


def bring_texts(session: Session, store: BlobStore, entries: Iterable[JournalEntry]) -> int:
    """What OCR read, of every file that is held; returns how many pages. When it was read says the journal, as far as it was anchored, else: now."""
    read_at = {
        json.loads(one.detail)["text"]: datetime.fromisoformat(one.at)
        for one in entries
        if one.act == JournalAct.RECOGNISE
    }
    held = set(session.scalars(select(Component.sha256).distinct()))
    found: dict[tuple[str, int], tuple[str, PageText]] = {}
    for one in store.list("blobs/"):
        if one.media_type != "application/json":
            continue
        try:
            text = PageText.from_json(store.read(one.key))
        except (ValueError, KeyError, TypeError):
            continue  # an original that happens to be JSON
        # Of two readings, of which a kill left one without its row, the journal knows the one that counts.
        if text.sha256 in held and (one.sha256 in read_at or (text.sha256, text.page) not in found):
            found[text.sha256, text.page] = (one.sha256, text)
    now = database_now(session)
    for (sha256, page), (digest, text) in found.items():
        row = RecognisedPage(
            sha256=sha256,
            page=page,
            text_sha256=digest,
            engine=text.engine,
            engine_version=text.engine_version,
        )
        row.characters, row.confidence = text.measure()
        row.recognised_at = read_at.get(digest, now)
        session.add(row)
    return len(found)


def beside_facts(session: Session) -> dict[str, Any]:
    """What two databases must agree in, by name."""
    found: dict[str, Any] = {}
    prints = select(Case.case_no, PagePrint.material_no, PagePrint.page, PagePrint.bits).join(
        Case, Case.id == PagePrint.case_id
    )
    pages = Counter(
        (f"{case_no}/{material}/{page}", bits.hex())
        for case_no, material, page, bits in session.execute(prints)
    )
    found |= {f"页面指纹 {page} {bits[:12]}": count for (page, bits), count in pages.items()}
    deliveries = select(
        Delivery.content_digest, Delivery.outcome, Delivery.quarantine_prefix, Delivery.received_at
    )
    told = Counter(
        (f"{digest[:12]} {outcome} {at.isoformat()}", prefix)
        for digest, outcome, prefix, at in session.execute(deliveries)
    )
    found |= {f"送达 {name}": (prefix, count) for (name, prefix), count in told.items()}
    checks = select(
        FixityCheck.store, FixityCheck.cycle, FixityCheck.outcome, func.count()
    ).group_by(FixityCheck.store, FixityCheck.cycle, FixityCheck.outcome)
    texts = select(RecognisedPage).where(RecognisedPage.text_sha256.is_not(None))
    found |= {
        f"页面文字 {one.sha256[:12]}/{one.page}": (one.text_sha256, one.characters, one.confidence)
        for one in session.scalars(texts)
    }
    return found | {
        f"巡检 {store} 第 {cycle} 轮 {outcome}": count
        for store, cycle, outcome, count in session.execute(checks)
    }
