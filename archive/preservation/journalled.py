"""What must be there by the journal's account: its entries, folded into one state (I12).

Rows are held to it by `reconcile`. An entry says what it set; one of an archive from before entries
said so says less, and what it does not say is not compared.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.tables_audit import JournalEntry

STEPS = ("COMPILED", "SIGNED", "PROVED", "STORED", "COMMITTED")


@dataclass(slots=True)
class Accepted:
    """A revision as it was taken over: digest of its content, state, record in the bucket."""

    content: str | None
    state: str | None
    record: str | None


@dataclass(slots=True)
class Journalled:
    """The state that the journal accounts for; each field is named after what it knows."""

    revisions: dict[tuple[str, int], Accepted] = field(default_factory=dict)
    confirmed: set[tuple[str, int]] = field(default_factory=set)
    numbers: dict[str, str] = field(default_factory=dict)
    places: dict[str, list[Any]] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    renewals_unnamed: bool = False
    steps: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    rebuilt: dict[str, str] = field(default_factory=dict)
    unanchored: set[str] = field(default_factory=set)
    void: dict[str, str] = field(default_factory=dict)
    alarmed: set[str] = field(default_factory=set)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    changes: dict[int, dict[str, Any]] = field(default_factory=dict)
    logins: dict[str, dict[str, Any]] = field(default_factory=dict)
    logged_in_unnamed: set[str] = field(default_factory=set)
    requests: dict[int, dict[str, Any]] = field(default_factory=dict)
    copies: set[str] = field(default_factory=set)
    orders: dict[str, dict[tuple[int, int], tuple[int, Any]]] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    configured: dict[str, int] = field(default_factory=dict)
    size: int = 0


def fold(session: Session) -> Journalled:
    """Return the state that the entries account for, read in one pass."""
    state = Journalled()
    for entry in journal.entries(session):
        state.size = entry.seq
        read = _READERS.get(entry.act)
        if read is not None:
            detail = json.loads(entry.detail)
            if isinstance(detail, dict):
                read(state, entry, detail)
    return state


Reader = Callable[[Journalled, JournalEntry, dict[str, Any]], None]


def _accession(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    state.revisions[entry.subject, detail.get("revision", 1)] = Accepted(
        detail.get("content"), detail.get("state"), detail.get("record")
    )


def _confirm(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    state.confirmed.add((entry.subject, detail.get("revision", 1)))


def _freeze(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    if "numbers" not in detail:
        state.begun.add(entry.subject)
    places = detail.get("places", [])
    for position, (code, case_no) in enumerate(detail.get("numbers", [])):
        state.numbers[code] = case_no
        state.begun.add(f"{code}/v1")
        if position < len(places):
            state.places[code] = places[position]


def _renew(state: Journalled, _entry: JournalEntry, detail: dict[str, Any]) -> None:
    state.renewals_unnamed |= "versions" not in detail
    state.begun.update(detail.get("versions", ()))


def _step(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    state.steps[entry.subject, entry.act] = detail


def _void(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    state.void[entry.subject] = str(detail.get("reason"))


def _alarm(state: Journalled, entry: JournalEntry, _detail: dict[str, Any]) -> None:
    state.alarmed.add(entry.subject)


def _account(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    """Set what an act on an account sets."""
    account = state.accounts.setdefault(entry.subject, {})
    account |= {name: detail[name] for name in ("role", "org", "kind", "scopes") if name in detail}
    act = JournalAct(entry.act)
    if act is JournalAct.PROPOSE_ACCOUNT:
        account |= {"state": "PROPOSED", "proposed_by": entry.actor, "approved_by": None}
    elif act is JournalAct.APPROVE_ACCOUNT:
        account |= {"state": "ACTIVE", "approved_by": entry.actor}
    elif act in (JournalAct.REFUSE_ACCOUNT, JournalAct.DISABLE_ACCOUNT):
        account["state"] = "DISABLED"
    elif "verifier" in detail:
        account["verifier"] = detail["verifier"]
    else:  # a secret set before entries said which
        account.pop("verifier", None)


def _change(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    """Set what a change of an account, submitted or decided, sets."""
    change = state.changes.setdefault(detail.get("number", 0), {})
    if entry.act == JournalAct.PROPOSE_CHANGE:
        change |= {"login": entry.subject, "kind": detail.get("kind"), "state": "PROPOSED"}
        change |= {"wanted": {key: detail[key] for key in ("org", "role") if key in detail}}
        change["proposed_by"] = entry.actor
        return
    change |= {"state": detail.get("state"), "decided_by": entry.actor}
    if detail.get("state") == "APPROVED":
        account = state.accounts.setdefault(entry.subject, {})
        account |= change.get("wanted", {})
        account |= {name: detail[name] for name in ("org", "role") if name in detail}
        by_kind = {"ENABLE": "ACTIVE", "DISABLE": "DISABLED"}
        if fresh := detail.get("account_state", by_kind.get(str(change.get("kind")))):
            account["state"] = fresh


def _login(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    if "login" in detail:
        state.logins[detail["login"]] = {**detail, "account": entry.subject}
    else:
        state.logged_in_unnamed.add(entry.subject)


def _request(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    """Set what an act on a request for use sets."""
    number = int(str(detail.get("number", "LY-0")).rpartition("-")[2])
    request = state.requests.setdefault(number, {})
    act = JournalAct(entry.act)
    if act is JournalAct.REQUEST_USE:
        request |= {"account": entry.actor, "code": entry.subject, "state": "REQUESTED"}
    elif act is JournalAct.DECIDE_USE:
        request |= {"state": detail.get("state"), "decided_by": entry.actor}
    elif act is JournalAct.WITHDRAW_USE:
        request["state"] = "WITHDRAWN"
    elif "ends_at" not in detail:  # ended before entries said when
        request.pop("ends_at", None)
    names = ("org", "scope", "capacity", "days", "ends_at")
    request |= {name: detail[name] for name in names if name in detail}


def _certify(state: Journalled, _entry: JournalEntry, detail: dict[str, Any]) -> None:
    state.copies.add(str(detail.get("sha256")))


def _order(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    place = (detail.get("revision", 1), detail.get("material", 0))
    state.orders.setdefault(entry.subject, {})[place] = (
        detail.get("edition", 0),
        detail.get("leaves"),
    )


def _refused(state: Journalled, _entry: JournalEntry, detail: dict[str, Any]) -> None:
    content = str(detail.get("content"))
    state.refused[content] = state.refused.get(content, 0) + 1


def _configured(state: Journalled, entry: JournalEntry, detail: dict[str, Any]) -> None:
    for key in detail.get("items", [f"{entry.subject}={detail.get('digitised')}"]):
        state.configured[key] = state.configured.get(key, 0) + 1


def _rebuild(state: Journalled, _entry: JournalEntry, detail: dict[str, Any]) -> None:
    """Begin anew where a database was made of the bucket.

    What is in no bucket did not come back; what came back from it alone is named by the entry.
    """
    for gone in (state.accounts, state.changes, state.logins, state.requests, state.configured):
        gone.clear()
    state.copies.clear()
    kept = {name: step for (name, act), step in state.steps.items() if act == "COMMITTED"}
    state.steps = {(name, "COMMITTED"): step for name, step in kept.items()}
    state.rebuilt |= {name: str(step.get("inventory")) for name, step in kept.items()}
    restored = detail.get("restored", {})
    for case_no, revision, content, status, record in restored.get("revisions", []):
        state.revisions[case_no, revision] = Accepted(content, status, record)
        state.confirmed.discard((case_no, revision))
    for code, case_no, place in restored.get("numbers", []):
        state.numbers[code], state.places[code] = case_no, place
    for name, inventory in restored.get("versions", []):
        state.rebuilt[name] = inventory
        state.unanchored.add(name)
    state.begun = {*state.rebuilt, *(f"{code}/v1" for code in state.numbers)}


_READERS: Mapping[str, Reader] = {
    JournalAct.ACCESSION: _accession,
    JournalAct.SUPPLEMENT: _accession,
    JournalAct.CONFIRM: _confirm,
    JournalAct.FREEZE: _freeze,
    JournalAct.RENEW: _renew,
    **dict.fromkeys(STEPS, _step),
    JournalAct.VOID: _void,
    JournalAct.ALARM: _alarm,
    JournalAct.PROPOSE_ACCOUNT: _account,
    JournalAct.APPROVE_ACCOUNT: _account,
    JournalAct.REFUSE_ACCOUNT: _account,
    JournalAct.DISABLE_ACCOUNT: _account,
    JournalAct.SET_PASSWORD: _account,
    JournalAct.PROPOSE_CHANGE: _change,
    JournalAct.DECIDE_CHANGE: _change,
    JournalAct.LOGIN: _login,
    JournalAct.REQUEST_USE: _request,
    JournalAct.DECIDE_USE: _request,
    JournalAct.WITHDRAW_USE: _request,
    JournalAct.END_USE: _request,
    JournalAct.CERTIFY: _certify,
    JournalAct.PAGE_ORDER: _order,
    JournalAct.QUARANTINE: _refused,
    JournalAct.IMPORT_ITEM: _configured,
    JournalAct.SWITCH_ORGANISATION: _configured,
    JournalAct.REBUILD: _rebuild,
}
