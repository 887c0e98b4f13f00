"""Accession records that are lost, made anew from the packages that were made of them."""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from archive.database.tables_audit import JournalEntry
from archive.preservation.rebuild_volumes import Package
from archive.reference.service_items import Catalogue, snapshot
from storage.digest import sha256_hex

_ORIGINALS = "originals/"


def lost_records(
    entries: Sequence[JournalEntry],
    packages: Sequence[Package],
    known: Collection[str],
    facts_known: Collection[str],
    catalogue: Catalogue,
) -> Iterator[dict[str, Any]]:
    """Yield the fields of a record for each package whose own record is gone.

    `known` are the digests of contents with a record, `facts_known` their facts as sorted JSON.
    What the package does not hold, the prints of pages, is left out. The digest of the content
    comes from the journal, else it is that of the facts.
    """
    done = set(facts_known)
    for package in packages:
        facts = json.dumps(package.facts, sort_keys=True)
        if facts in done:
            continue
        done.add(facts)
        case_no = package.facts["case_no"]
        contents = [
            json.loads(entry.detail).get("content")
            for entry in entries
            if entry.act in ("ACCESSION", "SUPPLEMENT") and entry.subject == case_no
        ]
        lost = [content for content in contents if content and content not in known]
        item = package.facts["item"]
        yield {
            "case_no": case_no,
            "bag": case_no,
            "content_digest": lost[0] if lost else sha256_hex(facts.encode()),
            "facts": package.facts,
            "snapshot": snapshot(catalogue.get(item["code"], item["version"])),
            "objects": _objects(package),
            "findings": package.inspection["findings"],
            "accepted_at": package.inspection["inspected_at"],
        }


def _objects(package: Package) -> list[dict[str, Any]]:
    """Return the originals of a package as an accession record lists them."""
    owners = {
        path: material for material in package.facts["materials"] for path in material["files"]
    }
    objects = []
    for item in package.inventory.objects:
        if not item.path.startswith(_ORIGINALS):
            continue
        path = item.path.removeprefix(_ORIGINALS)
        owner = owners.get(path, {"no": 0, "pages": 1, "files": ()})
        objects.append(
            {
                "material_no": owner["no"],
                "path": path,
                "sha256": item.sha256,
                "size": item.size,
                "media_type": item.media_type,
                "pages": owner["pages"] if len(owner["files"]) == 1 else 1,
            }
        )
    return objects
