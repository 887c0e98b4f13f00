"""The acts, seals and grants of the window as the journal has them: a digest for each row."""

from typing import Any, Protocol

from archive.audit.acts import JournalAct
from archive.database.tables_audit import JournalEntry
from archive.preservation.disk_map import DiskMap

_KINDS = {
    JournalAct.WINDOW_SEAL.value: "seal",
    JournalAct.WINDOW_GRANT.value: "grant",
    JournalAct.WINDOW_REGISTER.value: "registration",
}


class _HasWindow(Protocol):
    window: DiskMap


def enter_window(state: _HasWindow, entry: JournalEntry, detail: dict[str, Any]) -> None:
    """Add what an entry says of a row: an act by case and number, others by their number."""
    if entry.act == JournalAct.WINDOW_GRANT_END:
        state.window.update(("grant", entry.subject), ended_at=detail.get("at"))
        return
    key: tuple[str | int, ...] = ("act", entry.subject, int(detail.get("seq", 0)))
    if entry.act != JournalAct.WINDOW_ACT:
        key = (_KINDS[entry.act], entry.subject)
    state.window[key] = {"digest": detail.get("digest"), "account": entry.actor}
