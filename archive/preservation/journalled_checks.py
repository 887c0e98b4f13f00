"""The acts at 核对 (confirmed, returned, asked, remarked, replaced) as the journal has them."""

from collections.abc import Mapping
from typing import Any

from archive.audit.acts import JournalAct
from archive.database.tables_audit import JournalEntry
from archive.preservation.disk_map import DiskMap
from archive.reference.check_terms import CheckKind

RESTORED_CHECKS = frozenset({CheckKind.CONFIRM, CheckKind.RETURN})
"""The acts at 核对 that come back with a rebuild: those that decide."""
_DECIDED = {"org": "org", "codes": "codes", "reason": "reason"}
_CHECKS: Mapping[JournalAct, tuple[CheckKind, Mapping[str, str]]] = {
    JournalAct.CONFIRM: (CheckKind.CONFIRM, _DECIDED),
    JournalAct.RETURN_CASE: (
        CheckKind.RETURN,
        {**_DECIDED, "again": "to_account", "again_org": "to_org"},
    ),
    JournalAct.ASK_CHECK: (
        CheckKind.ASK,
        {"org": "org", "to": "to_account", "to_org": "to_org"},
    ),
    JournalAct.CHECK_REMARK: (CheckKind.REMARK, {"org": "org"}),
    JournalAct.REPLACE_PAGE: (
        CheckKind.REPLACE,
        {"org": "org", "material": "material_no", "file": "page"},
    ),
}
"""The kind of each act at 核对, and which column each field of its entry sets."""


def enter_check(
    checks: DiskMap, counts: DiskMap, entry: JournalEntry, detail: Mapping[str, Any]
) -> None:
    """Add an act, counted within its revision and kind, with what its entry says of it."""
    kind, named = _CHECKS[JournalAct(entry.act)]
    key = (entry.subject, int(detail.get("revision", 1)), kind)
    counts.add(key)
    fields = {column: detail[name] for name, column in named.items() if name in detail}
    checks[*key, counts.get(key)] = {"account": entry.actor, **fields}


def keep_restored(checks: DiskMap) -> None:
    """Drop the acts that do not come back with a rebuild."""
    for key in checks:
        if key[2] not in RESTORED_CHECKS:
            checks.remove(key)
