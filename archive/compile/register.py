"""The register of a period (卷目登记表): its own signed PDF/A in the bucket.

It lists the digests of its volumes.

    registers/<fonds>/<series>/<period>/r<n>/<digest>-register.pdf
                                            /register.json   <- written last

`register.json` holds the same rows for programs, and the digest of the PDF.

The same volumes make no second register; a volume that comes later, or a further version, makes
the next one. None is ever changed.
"""

import json
from collections.abc import Sequence
from typing import Any

from archive.arrangement.periods import Term
from archive.compile.context import CompileContext
from archive.compile.sealed_document import Sealing, sealed_document
from archive.database.engine import database_now, reading
from archive.reference.errors import ConflictError
from archive.reference.local_time import LOCAL_TIME
from archive.reference.organisations import fonds_unit
from storage.digest import sha256_hex
from storage.errors import KeyTakenError


def make_register(
    context: CompileContext, term: Term, rows: Sequence[dict[str, Any]]
) -> tuple[str, str] | None:
    """Return key and digest of the register that lists these rows.

    That is the newest register when it lists them already, else a new one. None without rows.
    Raises NotProvedError when the register is no sound PDF/A or its seal does not hold,
    ConflictError when another node was first.
    """
    if not rows:
        return None
    folder = f"registers/{term.fonds}/{term.series}/{term.period}"
    records = [
        stat.key for stat in context.store.list(f"{folder}/") if stat.key.endswith("/register.json")
    ]
    newest = max(records, key=lambda record_key: int(record_key.split("/")[-2][1:]), default=None)
    if newest is not None:
        known = json.loads(context.store.read(newest))
        if known["rows"] == list(rows):
            return f"{newest.rpartition('/')[0]}/{known['sha256'][:16]}-register.pdf", known[
                "sha256"
            ]
    key = f"{folder}/r{len(records) + 1}"
    pdf = _sealed(context, term, rows)
    record = {
        "spec": "register/1",
        "fonds": term.fonds,
        "series": str(term.series),
        "period": term.period,
        "sha256": sha256_hex(pdf),
    }
    text = (
        json.dumps({**record, "rows": list(rows)}, ensure_ascii=False, indent=1) + "\n"
    ).encode()
    # Named by its digest: a node that was killed before the record leaves a file that no record
    # names and that blocks no other.
    path = f"{key}/{record['sha256'][:16]}-register.pdf"
    context.store.put_new(path, pdf, media_type="application/pdf")
    try:
        context.store.put_new(f"{key}/register.json", text, media_type="application/json")
    except KeyTakenError:
        raise ConflictError(
            "另一进程已写入该期间的卷目登记表。", "请再次运行，将以已写入的为准。"
        ) from None
    return path, str(record["sha256"])


def _sealed(context: CompileContext, term: Term, rows: Sequence[dict[str, Any]]) -> bytes:
    unit = fonds_unit(context.organisations, term.fonds)
    with reading(context.engine) as session:
        today = database_now(session).astimezone(LOCAL_TIME).date().isoformat()
    data = {
        "title": f"{unit.name}{term.series.label}卷目登记表（{term.period}）",
        "fonds_name": unit.name,
        "fonds_no": term.fonds,
        "series_label": term.series.label,
        "period": term.period,
        "made_on": today,
        "demo": context.demo,
        "rows": list(rows),
    }
    return sealed_document(
        context, "register.typ", data, Sealing(term.fonds, unit.name, "卷目登记", "卷目登记表")
    )
