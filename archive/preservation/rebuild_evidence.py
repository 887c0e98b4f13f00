"""The rebuild of what is recorded beside cases and volumes.

Deliveries that were not taken over, prints and texts of pages, and the scrubs' checks.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
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
from storage.blobs import BlobStore, Stat
from storage.errors import StorageError, StoreUnavailableError

DELIVERIES = "deliveries/"


def restore_prints(session: Session, case_id: int, fields: Mapping[str, Any]) -> bool:
    """Keep the prints of an accession record; return False when it has none.

    A record from before prints were in it has none.
    """
    if "prints" not in fields:
        return False
    keep_prints(
        session,
        case_id,
        {(row["material"], row["page"]): int(row["bits"], 16) for row in fields["prints"]},
    )
    return True


def read_records(
    store: BlobStore, prefix: str, faults: list[str]
) -> Iterator[tuple[Stat, dict[str, Any]]]:
    """Yield the JSON objects under a prefix; add to `faults` those that can't be read.

    Raises StoreUnavailableError: a rebuild of half a bucket would be taken for the whole.
    """
    for stat in store.list(prefix):
        try:
            fields = json.loads(store.read(stat.key))
        except StoreUnavailableError:
            raise
        except (StorageError, ValueError) as error:
            faults.append(f"{stat.key}：无法读取（{type(error).__name__}），已略过")
            continue
        if not isinstance(fields, dict):
            faults.append(f"{stat.key}：不是记录，已略过")
            continue
        yield stat, fields


def restore_deliveries(session: Session, store: BlobStore, faults: list[str]) -> int:
    """Add refused and repeated deliveries, each with its findings; return how many.

    A refused package itself lies under its prefix still.
    """
    count = 0
    for _, fields in read_records(store, DELIVERIES, faults):
        session.add(
            Delivery(
                **{
                    name: fields[name]
                    for name in (
                        "bag",
                        "case_no",
                        "sender",
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


def restore_fixity(session: Session, store: BlobStore, faults: list[str]) -> int:
    """Add what the scrubs found; return how many checks.

    Only runs that came to an end have written their checks.
    """
    query = select(Volume.code, VolumeVersion.version, VolumeVersion.id).join(
        VolumeVersion, VolumeVersion.volume_id == Volume.id
    )
    ids = {f"{code}/v{version}": version_id for code, version, version_id in session.execute(query)}
    checks = [
        check for _, fields in read_records(store, REPORTS, faults) for check in fields["looks"]
    ]
    known = {json.dumps(check, sort_keys=True): check for check in checks}.values()
    count = 0
    for check in sorted(known, key=lambda check: str(check["checked_at"])):
        subject = check.pop("subject")
        # Of a version that is not in the bucket any more, or not yet: `rebuild` reports it where it
        # files versions.
        if subject is not None and subject not in ids:
            continue
        at = datetime.fromisoformat(check.pop("checked_at"))
        session.add(FixityCheck(**check, volume_version_id=ids.get(subject or ""), checked_at=at))
        count += 1
    return count


def restore_texts(
    session: Session, store: BlobStore, entries: Iterable[JournalEntry], faults: list[str]
) -> int:
    """Add what OCR read of every file that is held; return how many pages.

    The journal says when it was read, as far as it was anchored, else: now.
    """
    read_at = {
        json.loads(entry.detail)["text"]: datetime.fromisoformat(entry.at)
        for entry in entries
        if entry.act == JournalAct.RECOGNISE
    }
    files = set(session.scalars(select(Component.sha256).distinct()))
    texts: dict[tuple[str, int], tuple[str, PageText]] = {}
    for stat in store.list("blobs/"):
        if stat.media_type != "application/json":
            continue
        try:
            text = PageText.from_json(store.read(stat.key))
        except StoreUnavailableError:
            raise
        except StorageError as error:
            faults.append(f"{stat.key}：无法读取（{type(error).__name__}），已略过")
            continue
        except (ValueError, KeyError, TypeError):
            continue  # an original that happens to be JSON
        # Of two readings, of which a kill left one without its row, the journal names the one that
        # counts.
        place = (text.sha256, text.page)
        if text.sha256 in files and (stat.sha256 in read_at or place not in texts):
            texts[place] = (stat.sha256, text)
    now = database_now(session)
    for (sha256, page), (digest, text) in texts.items():
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
    return len(texts)


def evidence_facts(session: Session) -> dict[str, Any]:
    """Return what two databases must agree in, by name."""
    facts: dict[str, Any] = {}
    prints = select(Case.case_no, PagePrint.material_no, PagePrint.page, PagePrint.bits).join(
        Case, Case.id == PagePrint.case_id
    )
    pages = Counter(
        (f"{case_no}/{material}/{page}", bits.hex())
        for case_no, material, page, bits in session.execute(prints)
    )
    facts |= {f"页面指纹 {page} {bits[:12]}": count for (page, bits), count in pages.items()}
    deliveries = select(
        Delivery.content_digest, Delivery.outcome, Delivery.quarantine_prefix, Delivery.received_at
    )
    delivered = Counter(
        (f"{digest[:12]} {outcome} {at.isoformat()}", prefix)
        for digest, outcome, prefix, at in session.execute(deliveries)
    )
    facts |= {f"送达 {name}": (prefix, count) for (name, prefix), count in delivered.items()}
    checks = select(
        FixityCheck.store, FixityCheck.cycle, FixityCheck.outcome, func.count()
    ).group_by(FixityCheck.store, FixityCheck.cycle, FixityCheck.outcome)
    texts = select(RecognisedPage).where(RecognisedPage.text_sha256.is_not(None))
    facts |= {
        f"页面文字 {text.sha256[:12]}/{text.page}": (
            text.text_sha256,
            text.characters,
            text.confidence,
        )
        for text in session.scalars(texts)
    }
    return facts | {
        f"巡检 {store} 第 {cycle} 轮 {outcome}": count
        for store, cycle, outcome, count in session.execute(checks)
    }
