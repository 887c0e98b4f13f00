"""Fields in doubt: what a certificate states beside what the forms of a case state (R31).

A finding repeats nothing of a text. Who checks the case is to see both values, so the text is
read again, where a finding says that the two differ.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.database.tables_cases import Component
from archive.inspection.wording import people_in
from archive.recognition.page_texts import PageText
from archive.reference.case_facts import CaseFacts
from archive.reference.local_time import LOCAL_TIME
from archive.reference.objects import blob_key
from ingest.package.payload import PayloadFile
from ingest.reading.sandbox import examine_file
from storage.blobs import BlobStore

_CODE = "CERT_TEXT"
_LABELS = {"姓名": "申报人", "公民身份号码": "公民身份号码"}
Texts = Mapping[tuple[str, int], PageText]


@dataclass(frozen=True, slots=True)
class Doubt:
    """A field of the forms that a certificate states otherwise.

    `label` is that of the form, `what` that of the certificate `material`.
    """

    material: int
    what: str
    label: str
    in_form: str
    in_certificate: str


def doubts_of(
    store: BlobStore,
    facts: CaseFacts,
    findings: Sequence[Mapping[str, Any]],
    components: Sequence[Component],
    texts: Texts,
    *,
    now: datetime,
) -> tuple[Doubt, ...]:
    """Return the fields in doubt of a case; `texts` are what was recognised on its scans."""
    today = now.astimezone(LOCAL_TIME).date()
    stated = {"姓名": facts.applicant.name, "公民身份号码": facts.applicant.id_number or ""}
    doubts = []
    for no, labels in _in_doubt(findings).items():
        text = _text_of(store, [row for row in components if row.material_no == no], texts)
        names, numbers = people_in(text, today)
        for what, values in (("姓名", names), ("公民身份号码", numbers)):
            if what in labels and values:
                shown = "、".join(sorted(values))
                doubts.append(Doubt(no, what, _LABELS[what], stated[what], shown))
    return tuple(doubts)


def _in_doubt(findings: Sequence[Mapping[str, Any]]) -> dict[int, set[str]]:
    """Return what differs by material, from the findings."""
    places: dict[int, set[str]] = {}
    for row in findings:
        number = row["place"].rpartition(" ")[2]
        if row["code"] == _CODE and number.isdecimal():
            found_labels = {label for label in _LABELS if label in row["message"]}
            places.setdefault(int(number), set()).update(found_labels)
    return places


def _text_of(store: BlobStore, components: Sequence[Component], texts: Texts) -> str:
    """Return the text of the files of a material: its own layer, else what was recognised."""
    lines = []
    with tempfile.TemporaryDirectory(prefix="yice-doubts-") as folder:
        for row in components:
            (Path(folder) / "object").write_bytes(
                store.read(blob_key(row.sha256), sha256=row.sha256)
            )
            look = examine_file(PayloadFile(Path(folder), "object", row.size))
            lines += [text for _, text in look.texts] if look else []
            for page in range(1, max(row.pages, 1) + 1):
                recognised = texts.get((row.sha256, page))
                lines += [line.text for line in recognised.lines] if recognised else []
    return "\n".join(lines)
